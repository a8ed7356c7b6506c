"""What teleports return, and what they refuse to return."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import residyn as rd
from naive import relative_error
from naive_teleport import (
    TEXT,
    assert_like_naive,
    hook_count,
    in_full,
    loaded,
    naive_path,
    places,
    quietly,
    vectors,
)
from residyn.errors import ModelError
from residyn.model import hooks
from residyn.model.teleport import teleport


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", ["llama", "mistral", "gpt2"])
def test_either_attention_shares_a_prefix(name, attention):
    model = loaded(name, attn_implementation=attention)
    assert model.attention == attention
    jumps = teleport(model, TEXT, vectors(2), places(name))
    assert jumps.attrs["path"] == "shared prefix"
    assert_like_naive(jumps, model, TEXT, vectors(2))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "olmo2"])
def test_a_write_that_misses_the_skip_path_is_refused(monkeypatch, name, full):
    """What three tools ship: a hook that returns a new tensor to the norm before the MLP."""

    def half_written(root, taps, change):
        def replaced(index, arguments):
            name = next(iter(arguments))
            arguments[name] = arguments[name].clone()
            change(index, arguments[name])

        return hooks.rewrite(root, [tap.module for tap in taps], replaced)

    model = loaded(name)
    monkeypatch.setattr("residyn.model.teleport.passes.hooks.write", half_written)
    # A block's input reaches its skip path either way.
    quietly(in_full(model) if full else model, TEXT, vectors(2), "1.attn")
    with pytest.raises(ModelError, match="next state = target"):
        quietly(in_full(model) if full else model, TEXT, vectors(2), "1.mlp")


@pytest.mark.parametrize("full", [False, True])
def test_small_passes_give_the_numbers_of_one_large_pass(full):
    model = in_full(loaded("llama")) if full else loaded("llama")
    to = vectors(7)
    at = ["0.attn", "2.mlp", "0.mlp"]
    large, small, again = (quietly(model, TEXT, to, at, memory=m) for m in (2**28, 40_000, 40_000))
    reached = np.isfinite(large.states.values).all(axis=-1)
    assert relative_error(small.states.values[reached], large.states.values[reached]) <= 1e-5
    np.testing.assert_allclose(small.kl, large.kl, rtol=1e-5)
    assert small.identical(again)


def test_memory_bounds_the_rows_of_a_pass():
    model, sizes = loaded("llama"), []
    handle = model.module.layers[2].register_forward_hook(lambda _, args, output: sizes.append(output.shape[1]))
    quietly(model, TEXT, vectors(9), "0.attn", memory=40_000)
    handle.remove()
    assert len(sizes) > 3
    assert max(sizes[2:]) < 9


def test_rows_do_not_depend_on_what_else_is_in_the_pass():
    model, to = loaded("qwen3"), vectors(6)
    together = teleport(model, TEXT, to, [0, "1.mlp"])
    alone = teleport(model, TEXT, to[4:5], "1.mlp")
    ours, theirs = together.states[0, 1, 4, :3].values, alone.states[0, 0, 0, :3].values
    assert relative_error(ours, theirs) <= 1e-6


def test_keeping_the_rest_adds_to_the_state():
    model, delta = loaded("llama"), vectors(3)
    kept = teleport(model, TEXT, delta, ["0.mlp", "1.attn"], residual="keep")
    states = kept.control.sel(sublayer=kept.injected.values)[0].values[:, None] + delta
    dropped = teleport(model, TEXT, states, ["0.mlp", "1.attn"])
    assert relative_error(kept.states[..., :4, :].values, dropped.states[..., :4, :].values) <= 1e-6
    assert relative_error(kept.states[0, :, :, 0].values, states) <= 1e-6
    assert kept.attrs["residual"] == "keep"


def test_targets_of_their_own_for_each_place_and_host():
    model = loaded("llama")
    to = vectors(2, 2, 3)
    texts = ["One fish.", "Two fish, longer."]
    jumps = teleport(model, texts, to, ["1.mlp", 0])
    assert jumps.states.dims == ("host", "injected", "target", "step", "unit")
    assert relative_error(jumps.states[:, :, :, 0].values, to) == 0.0
    for host, text in enumerate(texts):
        alone = teleport(model, text, to[host], ["1.mlp", 0])
        assert relative_error(jumps.states[host, :, :, :3].values, alone.states[0, :, :, :3].values) <= 1e-6
    shared = teleport(model, texts, to[0], ["1.mlp", 0])
    assert relative_error(shared.states[1, :, :, 0].values, to[0]) == 0.0


def test_labels_and_the_callers_coordinates():
    model = loaded("llama")
    to = xr.DataArray(
        vectors(4, 2, 2),
        dims=("target", "injected", "host", "unit"),
        coords={
            "pc1": ("target", [1.0, 2.0, 3.0, 4.0]),
            "radius": (("target", "host"), np.arange(8.0).reshape(4, 2)),
            "injected": ["0.attn", "2.mlp"],
        },
    )
    jumps = teleport(model, ["One fish.", "Two fish."], to, [0, "2.mlp"], steps=3)
    assert jumps.pc1.values.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert np.array_equal(jumps.radius.transpose("target", "host"), np.arange(8.0).reshape(4, 2))
    wanted = to.transpose("host", "injected", "target", "unit").values
    assert np.array_equal(jumps.states[:, :, :, 0].values, wanted)
    assert jumps.step_sublayer.values.tolist() == [["0.attn", "0.mlp", "1.attn", "1.mlp"], ["2.mlp", "", "", ""]]
    assert jumps.sublayer.values.tolist() == ["0.attn", "0.mlp", "1.attn", "1.mlp", "2.attn", "2.mlp"]
    assert jumps.injected_layer.values.tolist() == [0, 2]
    assert jumps.injected_site.values.tolist() == ["attn", "mlp"]
    assert {"model", "residual", "path", "position", "n_rows", "checks", "fingerprint", "residyn_version"} <= set(
        jumps.attrs
    )
    assert jumps.attrs["n_rows"] == 16
    assert jumps.states.dtype == np.float32


def test_a_position_cuts_the_host_there():
    model, to = loaded("mistral"), vectors(2)
    inside = teleport(model, TEXT, to, "1.mlp", position=8)
    cut = teleport(model, TEXT[:9], to, "1.mlp")
    assert np.array_equal(inside.states, cut.states, equal_nan=True)
    assert int(inside.n_tokens[0]) == 9
    from_end = teleport(model, TEXT, to, "1.mlp", position=8 - len(TEXT))
    assert np.array_equal(from_end.states, cut.states, equal_nan=True)


def test_samples_are_hosts_as_they_are():
    model, to = loaded("llama"), vectors(2)
    samples = rd.tokenize_texts(rd.read_texts([TEXT], min_chars=0), model.tokenizer)
    assert np.array_equal(
        teleport(model, samples, to, 1).states, teleport(model, TEXT, to, 1).states, equal_nan=True
    )


def test_progress_counts_targets():
    told = []
    teleport(loaded("llama"), ["One.", "Two."], vectors(3), [0, 1], progress=lambda *counts: told.append(counts))
    assert told == [(3, 12), (6, 12), (9, 12), (12, 12)]


def test_hooks_are_gone_after_an_exception_and_the_model_is_unchanged():
    model = loaded("llama")
    ids = model.tokenizer(TEXT).input_ids
    before, control = hook_count(model), naive_path(model, ids)

    def fail(done, total):
        raise ZeroDivisionError

    for one in (model, in_full(model)):
        with pytest.raises(ZeroDivisionError):
            quietly(one, TEXT, vectors(2), [0, "1.mlp"], progress=fail)
        handle = model.module.layers[2].mlp.register_forward_pre_hook(lambda *_: 1 / 0)
        with pytest.raises(ModelError, match="ZeroDivisionError"):
            quietly(one, TEXT, vectors(2), [0, "1.mlp"])
        handle.remove()
    assert hook_count(model) == before
    assert all(np.array_equal(a, b) for a, b in zip(control, naive_path(model, ids), strict=True))


@pytest.mark.parametrize("full", [False, True])
def test_what_a_block_gave_stays_what_it_gave(full):
    """Whoever keeps the output of the block before must not find the target there."""
    model, kept = loaded("llama"), []
    handle = model.module.layers[0].register_forward_hook(lambda _, args, output: kept.append(output))
    quietly(in_full(model) if full else model, TEXT, vectors(2), 1)
    handle.remove()
    last = kept[-1][:, -1] if full else kept[-1][0]
    control = kept[-2][:, -1]
    assert len(last) == (3 if full else 1)
    assert float((last - control).norm(dim=-1).max() / control.norm()) <= 1e-6


def test_low_precision_is_proved_by_its_own_rounding():
    entry = loaded("llama")
    module = entry.head.owner
    coarse = rd.load_model(type(module)(module.config).to(torch.bfloat16).eval(), entry.tokenizer)
    coarse.head.owner.load_state_dict(module.state_dict())
    jumps = teleport(coarse, TEXT, vectors(2), ["1.attn", "1.mlp"])
    fine = teleport(entry, TEXT, vectors(2), ["1.attn", "1.mlp"])
    assert jumps.attrs["path"] == "shared prefix"
    assert jumps.attrs["capture_dtype"] == "bfloat16"
    error = relative_error(jumps.states[..., :3, :].values, fine.states[..., :3, :].values)
    assert 1e-4 < error < 5e-2


def test_without_a_head_there_is_no_prediction_and_it_is_said():
    whole = loaded("llama")
    bare = rd.load_model(whole.module, whole.tokenizer)
    jumps, wanted = (teleport(model, TEXT, vectors(2), [0, "2.mlp"]) for model in (bare, whole))
    assert np.isnan(jumps.kl).all()
    assert "top1_changed" not in jumps
    assert jumps.attrs["no_head"] == "the model's files hold no lm_head.weight"
    assert "no_head" not in wanted.attrs
    assert np.array_equal(jumps.states, wanted.states, equal_nan=True)
    assert np.array_equal(jumps.control, wanted.control)


@pytest.mark.assets
def test_the_built_in_model_teleports_like_whole_passes():
    model = rd.load_model("smollm2-135m")
    text = "I'm sorry, Dave. I'm afraid I can't do that."
    to = np.random.default_rng(0).normal(scale=3.0, size=(2, 576)).astype(np.float32)
    jumps = teleport(model, text, to, [7, "15.mlp", 29])
    assert jumps.attrs["path"] == "shared prefix"
    assert_like_naive(jumps, model, text, to)
    assert jumps.step_sublayer[2].values.tolist()[:3] == ["29.attn", "29.mlp", ""]
