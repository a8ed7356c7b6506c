"""The lens and skipped blocks beside whole passes with plain hooks, and beside numpy by hand."""

from __future__ import annotations

import copy
import signal

import numpy as np
import pytest
import torch

import residyn as rd
from families import FAMILIES, HYBRIDS, LAYERS, spelling_tokenizer
from naive_teleport import TEXT, divergence, hook_count, loaded, naive_path
from residyn.errors import DataError, Interrupted, ModelError, UsageError
from residyn.model.check import find_sites
from residyn.model.loading import language_model
from residyn.model.outputs import experiment, lens, outputs
from residyn.model.outputs.distributions import compared, final_of
from residyn.model.teleport.shared import cache_argument

# Soft cap, scales of logits, a head with a bias, tied ones, a projection, and mixers with a state.
QUICK = ("llama", "gpt2", "gemma2", "cohere", "granite", "phi", "opt-post-norm", "falcon-h1", "mamba")
OTHERS = sorted({*FAMILIES, *HYBRIDS} - {*QUICK})


def shares(logits: np.ndarray) -> np.ndarray:
    found = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return found / found.sum(axis=-1, keepdims=True)


def ids_of(model) -> list[int]:
    return model.tokenizer(TEXT).input_ids


def last_of(tensor: torch.Tensor, n: int) -> torch.Tensor:
    return tensor.reshape(n, -1)[-1]


def with_block(model, layer: int, made) -> np.ndarray:
    """Logits of the last token of a whole pass, in which a block leaves `made(entered, left)` at that token."""
    sites = find_sites(model)
    block = model.module.get_submodule(sites.blocks)[layer]
    ids, entered = ids_of(model), {}

    def before(_, args, kwargs):
        entered["state"] = last_of(args[0] if args else kwargs["hidden_states"], len(ids)).clone()

    def after(_, args, output):
        stream = (output[0] if isinstance(output, tuple) else output).clone()
        last = stream.view(len(ids), -1)
        last[-1] = made(entered["state"], last[-1].clone())
        return (stream, *output[1:]) if isinstance(output, tuple) else stream

    handles = [
        block.register_forward_pre_hook(before, with_kwargs=True),
        block.register_forward_hook(after),
    ]
    try:
        with torch.no_grad():
            whole = language_model(model)[0]
            return whole(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].double().numpy()
    finally:
        for handle in handles:
            handle.remove()


def without_block(model, layer: int, states: list[np.ndarray]) -> np.ndarray:
    """Logits of the last token of a whole pass, in which its state is the same before and behind a block."""
    blocks = model.module.get_submodule(find_sites(model).blocks)
    if model.module.config.model_type != "minimax":
        return with_block(model, layer, lambda entered, _: entered)
    # Here the state is not what enters a block, but what the block's first norm makes of it.
    state = torch.from_numpy(states[2 * layer])
    if layer == LAYERS - 1:
        return with_block(model, layer, lambda _, left: state.to(left))

    def put(_, args, output):
        changed = output.clone()
        last_of(changed, changed.shape[1]).copy_(state)
        return changed

    handle = blocks[layer + 1].input_layernorm.register_forward_hook(put)
    try:
        return with_block(model, layer, lambda _, left: left)
    finally:
        handle.remove()


def assert_like_whole_passes(name: str) -> None:
    model = loaded(name)
    before = hook_count(model)
    found = outputs(model, TEXT, progress=False)
    states, own = naive_path(model, ids_of(model))
    assert found.attrs["proof_error"] <= 1e-5
    for place, state in enumerate(states):
        seen = with_block(model, LAYERS - 1, lambda _, left, state=state: torch.from_numpy(state).to(left))
        q = shares(seen)
        np.testing.assert_allclose(found.lens_kl[0, place], divergence(own, seen), rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(found.lens_entropy[0, place], -(q * np.log(q)).sum(), rtol=1e-4)
        assert found.lens_token[0, place] == seen.argmax()
    for layer in range(LAYERS):
        seen = without_block(model, layer, states)
        np.testing.assert_allclose(found.skip_kl[0, layer], divergence(own, seen), rtol=2e-3, atol=2e-6)
    assert hook_count(model) == before
    assert not any("forward" in vars(module) for module in model.head.owner.modules())


@pytest.mark.parametrize("name", QUICK)
def test_lens_and_skips_are_those_of_whole_passes(name):
    assert_like_whole_passes(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_lens_and_skips_of_every_other_family_are_too(name):
    assert_like_whole_passes(name)


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen3-moe"])
def test_two_blocks_in_the_other_order_are_the_step_of_a_model_whose_blocks_are(name):
    """The last token beside the cache of those before it, in a model whose list of blocks has two exchanged."""
    model = loaded(name)
    whole, ids = model.head.owner, torch.tensor([ids_of(model)])
    blocks = model.module.get_submodule(find_sites(model).blocks)
    found = outputs(model, TEXT, progress=False)
    own = naive_path(model, ids_of(model))[1]
    for layer in range(LAYERS - 1):
        order = list(range(LAYERS))
        order[layer], order[layer + 1] = layer + 1, layer
        plain = list(blocks)
        with torch.no_grad():
            filled = whole(input_ids=ids[:, :-1], use_cache=True)
            cache = next(filled[name] for name in ("cache", "past_key_values") if name in filled)
            try:
                for place, other in enumerate(order):
                    blocks[place] = plain[other]
                seen = whole(input_ids=ids[:, -1:], use_cache=True, **{cache_argument(whole): cache}).logits[0, -1]
            finally:
                for place, block in enumerate(plain):
                    blocks[place] = block
        wanted = divergence(own, seen.double().numpy())
        assert wanted > 1e-4
        np.testing.assert_allclose(found.swap_kl[0, layer], wanted, rtol=2e-3)
    assert np.isnan(found.swap_kl[0, -1])


def test_the_lens_is_numpy_by_hand():
    model = loaded("llama")
    whole, states = model.head.owner, naive_path(model, ids_of(model))[0].astype(np.float64)
    gain, head = (
        tensor.double().numpy() for tensor in (whole.model.norm.weight, whole.get_output_embeddings().weight)
    )
    flat = states / np.sqrt((states**2).mean(axis=1, keepdims=True) + whole.config.rms_norm_eps)
    q = shares((flat * gain) @ head.T)
    p = shares(naive_path(model, ids_of(model))[1])
    found = outputs(model, TEXT, next_tokens=[7], skips=0, seed=3, progress=False)
    np.testing.assert_allclose(found.lens_kl[0], (p * np.log(p / q)).sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(found.lens_entropy[0], -(q * np.log(q)).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.lens_loss[0], -np.log(q[:, 7]), rtol=1e-5)
    np.testing.assert_allclose(found.final_loss[0], -np.log(p[7]), rtol=1e-5)
    np.testing.assert_allclose(found.final_entropy[0], -(p * np.log(p)).sum(), rtol=1e-5)
    other = q[:, np.random.default_rng(3).permutation(len(p))]
    np.testing.assert_allclose(found.lens_exchanged_kl[0], (p * np.log(p / other)).sum(axis=1), rtol=1e-4)
    assert found.lens_token[0].values.tolist() == q.argmax(axis=1).tolist()
    assert np.isnan(found.skip_kl).all()


def test_a_head_that_is_the_identity_shows_the_states_themselves():
    model = loaded("llama", tie_word_embeddings=False)
    whole = copy.deepcopy(model.head.owner)
    whole.model.norm = torch.nn.Identity().eval()
    whole.lm_head.weight.zero_()
    whole.lm_head.weight[:32] = torch.eye(32)
    identity = rd.load_model(whole, spelling_tokenizer())
    states, own = naive_path(identity, ids_of(identity))
    q = shares(np.pad(states.astype(np.float64), ((0, 0), (0, 64))))
    p = shares(own)
    found = outputs(identity, TEXT, skips=0, progress=False)
    np.testing.assert_allclose(found.lens_kl[0], (p * np.log(p / q)).sum(axis=1), rtol=1e-4)


def test_a_token_settles_where_it_is_the_models_from_there_on():
    texts = ["The quick brown fox.", "Over there", "No lazy dog", "It rains.", "(a, b)"]
    found = outputs(loaded("gpt2"), texts, skips=0, progress=False)
    for one in range(len(texts)):
        agrees = (found.lens_token[one] == found.final_token[one]).values
        first = next((s for s in range(len(agrees)) if agrees[s:].all()), len(agrees))
        assert found.settling_depth[one] == pytest.approx(first / len(agrees))
        assert found.lens_agreement[one].values.tolist() == agrees.tolist()
        assert found.lens_settled[one].values.tolist() == [s >= first for s in range(len(agrees))]
    assert len(np.unique(found.settling_depth)) > 1


def test_losses_without_a_block_are_those_of_the_token_that_came_next():
    model = loaded("llama")
    found = outputs(model, [TEXT, TEXT], next_tokens=[11, None], progress=False)
    own = naive_path(model, ids_of(model))[1]
    seen = with_block(model, 1, lambda entered, _: entered)
    wanted = np.log(shares(own)[11]) - np.log(shares(seen)[11])
    np.testing.assert_allclose(found.skip_loss_change[0, 1], wanted, rtol=2e-3)
    assert found.skip_loss_change[1].isnull().all()
    assert found.lens_loss[1].isnull().all()


def test_words_that_a_model_rules_out_take_no_part():
    """As where a vocabulary is padded, and its rows are masked."""
    model = loaded("llama", tie_word_embeddings=False)
    whole = copy.deepcopy(model.head.owner)

    def masked(_, args, output):
        output = output.clone()
        output[..., 90:] = -torch.inf
        return output

    whole.lm_head.register_forward_hook(masked)
    found = outputs(rd.load_model(whole, spelling_tokenizer()), TEXT, skips=0, progress=False)
    states, own = naive_path(model, ids_of(model))
    p = shares(own[:90])
    seen = with_block(model, LAYERS - 1, lambda _, left: torch.from_numpy(states[2]).to(left))[:90]
    np.testing.assert_allclose(found.lens_kl[0, 2], divergence(own[:90], seen), rtol=1e-4)
    np.testing.assert_allclose(found.final_entropy[0], -(p * np.log(p)).sum(), rtol=1e-5)
    assert np.isposinf(found.lens_exchanged_kl).all()


def test_what_only_the_lens_rules_out_is_infinitely_far():
    own = torch.tensor([0.0, 1.0, 2.0])
    rows = torch.tensor([[0.0, 1.0, 2.0], [0.0, -torch.inf, 2.0]])
    found = compared(final_of(own, 1), [rows], None)
    assert found["kl"].tolist() == [0.0, np.inf]
    assert np.isposinf(found["loss"][1])
    np.testing.assert_allclose(found["entropy"][1], np.log(1 + np.exp(2)) - 2 * np.exp(2) / (1 + np.exp(2)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_narrow_formats_the_last_state_is_the_models_own_to_rounding(dtype):
    wide = loaded("gemma2")
    whole = copy.deepcopy(wide.head.owner).to(dtype)
    narrow = rd.load_model(whole, spelling_tokenizer())
    found = outputs(narrow, TEXT, progress=False)
    assert found.attrs["proof_error"] <= 8 * torch.finfo(dtype).eps
    wanted = outputs(wide, TEXT, progress=False)
    np.testing.assert_allclose(found.lens_kl, wanted.lens_kl, rtol=0.1, atol=0.05)
    np.testing.assert_allclose(found.skip_kl, wanted.skip_kl, rtol=0.2, atol=0.05)


@pytest.mark.parametrize("where", ["behind the norm", "in the norm"])
def test_a_model_whose_outputs_do_not_depend_on_the_last_state_alone_is_refused(where):
    whole = copy.deepcopy(loaded("llama").head.owner)

    def by_place(_, args, output):
        return output + 0.01 * torch.arange(output.shape[1])[None, :, None]

    def by_mean(_, args, output):
        return output - 0.01 * args[0].mean(dim=1, keepdim=True)

    whole.model.norm.register_forward_hook(by_place if where == "behind the norm" else by_mean)
    with pytest.raises(ModelError, match=r"logit lens of .* cannot be trusted.*differ from the model's own"):
        outputs(rd.load_model(whole, spelling_tokenizer()), TEXT, skips=0, progress=False)


@pytest.mark.parametrize("bug", ["the norm is left out", "the state is another", "the stream is scaled"])
def test_a_planted_lens_is_refused(bug, monkeypatch):
    plain = lens.bypass

    def planted(root, paths, instead, forms):
        def other(index, stream):
            state = instead(index, stream)
            if bug == "the state is another":
                return state + 1e-3 * state.roll(1, -1)
            return state * (1 + 1e-3 * torch.sign(state)) if bug == "the stream is scaled" else state

        return plain(root, paths, other, forms)

    whole = copy.deepcopy(loaded("llama").head.owner)
    if bug == "the norm is left out":
        calls = []
        norm = whole.model.norm.forward
        whole.model.norm.forward = lambda state: calls.append(1) or (norm(state) if len(calls) < 2 else state)
    monkeypatch.setattr(lens, "bypass", planted)
    with pytest.raises(ModelError, match="cannot be trusted"):
        outputs(rd.load_model(whole, spelling_tokenizer()), TEXT, skips=0, progress=False)


def test_rows_are_the_same_however_many_go_together():
    model = loaded("mixtral")
    opened = lens.Lens(model.head.owner, model.module, find_sites(model))
    read = opened.read(ids_of(model))
    together, alone = (torch.cat(list(opened.logits(read.states, read, memory))) for memory in (2**27, 1))
    assert len(list(opened.logits(read.states, read, 1))) == len(read.states)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_a_model_in_memory_without_a_head_is_refused_in_words():
    base = copy.deepcopy(loaded("llama", tie_word_embeddings=False).head.owner.model)
    with pytest.raises(ModelError, match=r"take the head of .* not at hand: .*lm_head.*AutoModelForCausalLM"):
        outputs(rd.load_model(base, spelling_tokenizer()), TEXT, progress=False)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"skips": -1}, UsageError, "skips is a number of texts"),
        ({"skips": True}, UsageError, "skips is a number of texts"),
        ({"seed": -1}, UsageError, "seed is a whole number"),
        ({"labels": [1, 2]}, UsageError, "a label for each of 1 texts"),
        ({"next_tokens": [1, 2]}, UsageError, "a next token, or None, for each of 1"),
        ({"next_tokens": [96]}, UsageError, "an id among the model's 96 words"),
    ],
)
def test_bad_input_is_told(options, error, said):
    with pytest.raises(error, match=said):
        outputs(loaded("llama"), TEXT, progress=False, **options)


def test_logits_that_are_not_finite_are_told():
    whole = copy.deepcopy(loaded("llama", tie_word_embeddings=False).head.owner)
    model = rd.load_model(whole, spelling_tokenizer())
    whole.lm_head.weight[3] = torch.nan
    with pytest.raises(DataError, match="logits of LlamaForCausalLM are not finite"):
        outputs(model, TEXT, progress=False)


def test_an_interrupted_call_goes_on_with_the_texts_that_it_lacks(tmp_path, monkeypatch):
    model, texts = loaded("gpt2"), ["The quick brown fox.", "Over there", "No lazy dog"]
    whole = outputs(model, texts, progress=False)
    plain, done = experiment.measured, []

    def measured(*args, **options):
        done.append(args[2].input_ids)
        if len(done) == 2:
            signal.raise_signal(signal.SIGINT)
        return plain(*args, **options)

    monkeypatch.setattr(experiment, "measured", measured)
    with pytest.raises(Interrupted, match="outputs of 2 of 3 texts are in"):
        outputs(model, texts, out=tmp_path / "kept", progress=False)
    again = outputs(model, texts, out=tmp_path / "kept", progress=False)
    assert len(done) == len(set(done)) == 3
    assert again.identical(whole)
    next((tmp_path / "kept").glob("*.npz")).write_bytes(b"torn")
    assert outputs(model, texts, out=tmp_path / "kept", progress=False).identical(whole)
    assert len(done) == 4
