from __future__ import annotations

import functools
import json

import pytest
import torch
from transformers import AutoConfig, AutoModel

from families import BY_STRUCTURE, FAMILIES, HYBRIDS, LAYERS, REFUSED, build, known, like_loaded
from residyn.errors import ModelError
from residyn.model.check import check_model, find_sites
from residyn.model.discovery import discover_sites
from residyn.model.hooks import collect, run, taps_of
from residyn.model.layout import Layout
from residyn.sitemap import SiteMap

EVERY = FAMILIES | HYBRIDS


@pytest.fixture(params=sorted(EVERY))
def family(request) -> str:
    return request.param


def test_every_probe_passes_to_one_in_a_hundred_thousand(family, loaded):
    check = check_model(loaded)
    assert check.how == "table"
    assert check.passed
    assert {probe.name.split()[0] for probe in check.probes} == {
        "identity",
        "parity",
        "repetition",
        "causality",
        "batching",
        "padding",
    }
    for probe in check.probes:
        assert probe.status == "pass", probe
        assert 0 <= probe.error <= 1e-5, probe


def test_states_are_named_by_what_they_enter(family, loaded):
    assert [tuple(place) for place in find_sites(loaded).sublayers] == EVERY[family].labels


def test_states_at_block_inputs_are_hugging_faces(family, loaded, token_ids):
    sites = find_sites(loaded)
    blocks = [f"{sites.blocks}.{layer}" for layer in range(LAYERS)]
    at_input = [(place, site.layer) for place, site in enumerate(sites.sites) if site.module in blocks]
    assert len(at_input) == (0 if family == "minimax" else LAYERS)
    states = collect(loaded.module, taps_of(sites.sites), token_ids)
    theirs = run(loaded.module, token_ids, output_hidden_states=True, return_dict=True).hidden_states
    # Mamba's begin with what leaves the first block.
    theirs = (states[0], *theirs) if theirs[0].ne(states[0]).any() and "mamba" in family else theirs
    for place, layer in at_input:
        reference = theirs[layer]
        torch.testing.assert_close(states[place], reference, rtol=0, atol=1e-5 * float(reference.abs().max()))


def test_structure_finds_what_the_table_says(family, loaded, token_ids):
    table = find_sites(loaded)
    found = discover_sites(loaded.module, loaded.module.config, token_ids)
    assert found.arrangement == table.arrangement
    assert found.sublayers == table.sublayers
    for mine, theirs in zip(found.sites, table.sites, strict=True):
        assert (mine.kept, dict(mine.added)) == (theirs.kept, dict(theirs.added))
        assert bool(mine.norm) == bool(theirs.norm)
    expected = collect(loaded.module, taps_of(table.sites), token_ids)
    for a, b in zip(collect(loaded.module, taps_of(found.sites), token_ids), expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        # The input of Gemma-2's post_attention_layernorm is attention's output, not the stream.
        (
            "gemma2",
            Layout("layers", "post_attention_layernorm", "post_feedforward_layernorm", "post_attention_layernorm"),
        ),
        # Without the residual multiplier Granite's writes are 4.5 times too large.
        ("granite", Layout("layers", "self_attn", "mlp", "post_attention_layernorm")),
        # A parallel block read as a sequential one would give the same state twice: r = 1.
        ("gptj", Layout("h", "attn", "mlp", "ln_1")),
        # OLMo-2 normalises what attention writes: the raw output is not what is added.
        ("olmo2", Layout("layers", "self_attn", "mlp", "mlp")),
        # A sequential block read as a parallel one.
        ("gpt-neox-sequential", Layout("layers", "attention", "attention")),
        # Falcon-H1's mixers add with factors, which are not 1.
        ("falcon-h1", Layout("layers", "mamba + self_attn", "feed_forward", "pre_ff_layernorm")),
        # Only one of the two that write.
        ("falcon-h1", Layout("layers", "mamba * ssm_out_multiplier", "feed_forward", "pre_ff_layernorm")),
        # Granite's shared MLP writes beside the experts.
        (
            "granite-moe-shared",
            Layout(
                "layers", "self_attn", "block_sparse_moe", "post_attention_layernorm", scale="residual_multiplier"
            ),
        ),
        # MiniMax multiplies the stream too.
        (
            "minimax",
            Layout(
                "layers",
                "self_attn * attn_beta_factor",
                "mlp * mlp_beta_factor",
                pre_norm=("input_layernorm", "post_attention_layernorm"),
            ),
        ),
        # What Zamba's shared attention gives is read by its Mamba, and not added to the stream.
        ("zamba", Layout("layers", "mamba | linear")),
        # OPT-350m normalises the stream itself.
        ("opt-post-norm", Layout("decoder.layers", "self_attn", "fc2", "final_layer_norm")),
    ],
)
def test_a_wrong_map_is_refused(name, layout):
    loaded = like_loaded(build(name), name)
    assert not check_model(loaded, layout).passed
    with pytest.raises(ModelError, match=r"identity .* failed.*Wanted.*came"):
        find_sites(loaded, layout)


def test_a_users_map_is_used():
    loaded = like_loaded(build("llama"), "mine")
    check = check_model(loaded, Layout("layers", "self_attn", "mlp", "post_attention_layernorm"))
    assert (check.how, check.passed) == ("user", True)


def outputs_of(module, tokens, parts):
    """What modules returned in one pass, by plain hooks of the test's own."""
    kept = {}

    def keep(name, _, args, output):
        kept[name] = (output[0] if isinstance(output, tuple) else output).clone()

    handles = [part.register_forward_hook(functools.partial(keep, name)) for name, part in parts.items()]
    with torch.no_grad():
        module(input_ids=tokens, use_cache=False)
    for handle in handles:
        handle.remove()
    return kept


def test_states_of_falcon_h1_are_those_of_hooks_of_the_test_s_own(token_ids):
    """The state before the MLP is what enters the layer, plus both mixers times the config's own factors."""
    model, options = build("falcon-h1"), HYBRIDS["falcon-h1"].options
    ssm, attention = options["ssm_out_multiplier"], options["attention_out_multiplier"]
    sites = find_sites(like_loaded(model, "falcon-h1"))
    states = collect(model, taps_of(sites.sites), token_ids)
    for layer, block in enumerate(model.layers):
        kept = outputs_of(model, token_ids, {"mamba": block.mamba, "attn": block.self_attn})
        entered, before_mlp = states[2 * layer], states[2 * layer + 1]
        written = kept["mamba"] * ssm + kept["attn"] * attention
        torch.testing.assert_close(before_mlp, entered + written, rtol=0, atol=1e-5)
        # Two-sided: without the factors it is another state.
        assert float((before_mlp - entered - kept["mamba"] - kept["attn"]).abs().max()) > 1e-2


def test_a_write_is_said_in_words(token_ids):
    """A sum, a factor by number and by attribute, one of two modules, and the stream's own factor."""
    model = build("minimax")
    said = Layout(
        "layers",
        "self_attn * attn_beta_factor + stream * attn_alpha_factor",
        "missing | mlp * 0.8 + stream * 1.25",
        pre_norm=("input_layernorm", "post_attention_layernorm"),
    )
    loaded = like_loaded(model, "minimax")
    assert find_sites(loaded, said) == find_sites(loaded)
    for attn, wrong in (
        ("self_attn * nothing", "'nothing' should be a number"),
        ("a | b", "no module 'a' or 'b'"),
    ):
        with pytest.raises(ModelError, match=wrong):
            find_sites(loaded, Layout("layers", attn, "mlp", "post_attention_layernorm"))


def test_names_that_the_model_lacks_are_said():
    loaded = like_loaded(build("llama"), "mine")
    with pytest.raises(ModelError, match=r"LlamaDecoderLayer has no module 'norm_2'.*It has self_attn"):
        find_sites(loaded, Layout("layers", "self_attn", "mlp", "norm_2"))
    with pytest.raises(ModelError, match="its list of layers"):
        find_sites(loaded, Layout("norm", "self_attn", "mlp"))


_SMALL = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def needed(name, entry):
    return pytest.param(name, marks=pytest.mark.skipif(not known(entry), reason="not in this transformers"))


@pytest.mark.parametrize("name", [needed(*each) for each in BY_STRUCTURE.items()])
def test_families_the_table_does_not_know_are_found_by_structure(name):
    check = check_model(like_loaded(build(name), name))
    assert check.how == "structure"
    assert [tuple(place) for place in check.sites.sublayers] == BY_STRUCTURE[name].labels
    assert check.passed, check.probes


@pytest.mark.parametrize("name", [needed(name, entry) for name, (entry, _) in REFUSED.items()])
def test_families_that_cannot_be_read_are_refused_with_why_and_no_impossible_advice(name):
    with pytest.raises(ModelError) as caught:
        find_sites(like_loaded(build(name), name))
    said = str(caught.value)
    assert REFUSED[name][1] in said
    assert "cannot be read yet" in said
    assert "Give a map of sites" not in said


def test_structure_is_found_in_a_coarse_number_format_too():
    model = build("glm4").to(torch.bfloat16)
    check = check_model(like_loaded(model, "glm4 in bfloat16"))
    assert check.how == "structure"
    assert all(factor == 1.0 for site in check.sites.sites for _, factor in site.added)
    assert check.passed, check.probes


def test_a_model_that_sees_the_future_is_refused():
    config = AutoConfig.for_model(
        "bert", vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48
    )
    module = AutoModel.from_config(config).eval()
    with pytest.raises(ModelError, match=r"causality failed.*no map of sites helps"):
        find_sites(like_loaded(module, "bert"))


def test_low_precision_says_what_it_cannot_resolve_and_passes_the_rest():
    model = build("llama").to(torch.bfloat16)
    check = check_model(like_loaded(model, "llama in bfloat16"))
    assert check.passed, check.probes


def test_a_map_survives_its_json():
    sites = find_sites(like_loaded(build("opt-post-norm"), "opt"))
    assert SiteMap.from_json(sites.to_json()) == sites


def test_a_wrong_map_is_refused_in_low_precision_too():
    """Where some writes drown in the rounding of a large stream, the others still tell."""
    model = build("llama")
    with torch.no_grad():
        model.embed_tokens.weight[::2] *= 400
    loaded = like_loaded(model.to(torch.bfloat16), "large")
    find_sites(loaded)
    with pytest.raises(ModelError, match=r"identity \(attn\) failed"):
        find_sites(loaded, Layout("layers", "self_attn", "mlp", "input_layernorm"))


@pytest.mark.parametrize("layers", [1, 3])
def test_states_that_are_no_numbers_fail_every_probe(layers):
    config = AutoConfig.for_model("llama", **{**_SMALL, "num_hidden_layers": layers})
    module = AutoModel.from_config(config).float().eval()
    for layer in module.layers:
        layer.input_layernorm.variance_epsilon = float("nan")
    loaded = like_loaded(module, "broken")
    check = check_model(loaded)
    assert not check.passed
    told = check.describe()
    assert told["passed"] is False
    # Attention's write is NaN at every layer, so all that is read after it is; before the first, nothing is.
    passed = {probe["name"] for probe in told["probes"] if probe["status"] == "pass"}
    assert passed == ({"parity"} if layers == 1 else set())
    json.dumps(told, allow_nan=False)
    with pytest.raises(ModelError, match=r"states of broken are not finite.*Look for an epsilon"):
        find_sites(loaded)


def test_what_cannot_be_told_is_not_passed():
    model = build("llama")
    with torch.no_grad():
        model.embed_tokens.weight.mul_(1e6)
    check = check_model(like_loaded(model.to(torch.bfloat16), "huge"))
    assert "unresolved" in {probe.status for probe in check.probes}
    assert not check.passed


def test_where_every_write_drowns_nothing_is_trusted():
    model = build("llama")
    with torch.no_grad():
        model.embed_tokens.weight.mul_(1e6)
    loaded = like_loaded(model.to(torch.bfloat16), "huge")
    with pytest.raises(ModelError, match="take float32"):
        find_sites(loaded, Layout("layers", "self_attn", "mlp", "input_layernorm"))
