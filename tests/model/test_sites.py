from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoConfig, AutoModel

from families import FAMILIES, HYBRIDS, LAYERS, build
from residyn.errors import ModelError
from residyn.model.check import check_model, find_sites, taps_of
from residyn.model.discovery import discover_sites
from residyn.model.hooks import collect, run
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
    for mine, known in zip(found.sites, table.sites, strict=True):
        assert (mine.kept, dict(mine.added)) == (known.kept, dict(known.added))
        assert bool(mine.norm) == bool(known.norm)
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
        # OPT-350m normalises the stream itself.
        ("opt-post-norm", Layout("decoder.layers", "self_attn", "fc2", "final_layer_norm")),
    ],
)
def test_a_wrong_map_is_refused(name, layout):
    loaded = SimpleNamespace(module=build(name), name=name, context=64)
    assert not check_model(loaded, layout).passed
    with pytest.raises(ModelError, match=r"identity .* failed.*Wanted.*came"):
        find_sites(loaded, layout)


def test_a_users_map_is_used():
    loaded = SimpleNamespace(module=build("llama"), name="mine", context=64)
    check = check_model(loaded, Layout("layers", "self_attn", "mlp", "post_attention_layernorm"))
    assert (check.how, check.passed) == ("user", True)


def test_names_that_the_model_lacks_are_said():
    loaded = SimpleNamespace(module=build("llama"), name="mine", context=64)
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


@pytest.mark.parametrize(
    ("model_type", "extra", "arrangement"),
    [
        ("glm4", {}, "sequential"),
        ("starcoder2", {}, "sequential"),
        ("nemotron", {}, "sequential"),
        ("olmo3", {}, "sequential"),
        ("exaone4", {}, "sequential"),
        ("cohere2", {}, "parallel"),
        ("xglm", {"d_model": 32, "attention_heads": 4, "num_layers": 3, "ffn_dim": 48}, "sequential"),
        ("biogpt", {"num_key_value_heads": 4}, "sequential"),
    ],
)
def test_families_the_table_does_not_know_are_found_by_structure(model_type, extra, arrangement):
    config = AutoConfig.for_model(model_type, **{**_SMALL, **extra})
    torch.manual_seed(0)
    module = AutoModel.from_config(config).float().eval()
    check = check_model(SimpleNamespace(module=module, name=model_type, context=64))
    assert check.how == "structure"
    assert check.sites.arrangement == arrangement
    assert check.passed, check.probes


def test_a_model_that_sees_the_future_is_refused():
    config = AutoConfig.for_model(
        "bert", vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48
    )
    module = AutoModel.from_config(config).eval()
    with pytest.raises(ModelError, match="causality failed"):
        find_sites(SimpleNamespace(module=module, name="bert", context=64))


def test_low_precision_says_what_it_cannot_resolve_and_passes_the_rest():
    model = build("llama").to(torch.bfloat16)
    check = check_model(SimpleNamespace(module=model, name="llama in bfloat16", context=64))
    assert check.passed, check.probes


def test_a_map_survives_its_json():
    sites = find_sites(SimpleNamespace(module=build("opt-post-norm"), name="opt", context=64))
    assert SiteMap.from_json(sites.to_json()) == sites


def test_a_wrong_map_is_refused_in_low_precision_too():
    """Where some writes drown in the rounding of a large stream, the others still tell."""
    model = build("llama")
    with torch.no_grad():
        model.embed_tokens.weight[::2] *= 400
    loaded = SimpleNamespace(module=model.to(torch.bfloat16), name="large", context=64)
    find_sites(loaded)
    with pytest.raises(ModelError, match=r"identity \(attn\) failed"):
        find_sites(loaded, Layout("layers", "self_attn", "mlp", "input_layernorm"))


@pytest.mark.parametrize("layers", [1, 3])
def test_states_that_are_no_numbers_fail_every_probe(layers):
    config = AutoConfig.for_model("llama", **{**_SMALL, "num_hidden_layers": layers})
    module = AutoModel.from_config(config).float().eval()
    for layer in module.layers:
        layer.input_layernorm.variance_epsilon = float("nan")
    loaded = SimpleNamespace(module=module, name="broken", context=64)
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
    check = check_model(SimpleNamespace(module=model.to(torch.bfloat16), name="huge", context=64))
    assert "unresolved" in {probe.status for probe in check.probes}
    assert not check.passed


def test_where_every_write_drowns_nothing_is_trusted():
    model = build("llama")
    with torch.no_grad():
        model.embed_tokens.weight.mul_(1e6)
    loaded = SimpleNamespace(module=model.to(torch.bfloat16), name="huge", context=64)
    with pytest.raises(ModelError, match="take float32"):
        find_sites(loaded, Layout("layers", "self_attn", "mlp", "input_layernorm"))
