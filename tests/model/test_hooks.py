from __future__ import annotations

import pytest
import torch

from families import LAYERS, UNITS, build
from residyn.errors import ModelError
from residyn.model.hooks import Tap, collect, read, run


def hook_count(model) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_the_tensors_are_those_of_the_pass(token_ids):
    model = build("llama")
    ours = collect(model, [Tap(f"layers.{i}", "input") for i in range(LAYERS)], token_ids)
    theirs = run(model, token_ids, output_hidden_states=True).hidden_states
    assert [x.shape for x in ours] == [(2, 11, UNITS)] * LAYERS
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs[:LAYERS], strict=True))


def test_nothing_is_left_behind_and_the_pass_is_unchanged(token_ids):
    model = build("gpt2")
    before = hook_count(model)
    control = run(model, token_ids).last_hidden_state
    with read(model, [Tap("h.0", "input"), Tap("h.1", "output")], lambda i, x: None):
        watched = run(model, token_ids).last_hidden_state
    assert torch.equal(control, watched)
    assert hook_count(model) == before


def test_an_error_inside_a_hook_lets_go(token_ids):
    model = build("llama")
    before = hook_count(model)
    control = run(model, token_ids).last_hidden_state

    def fail(index, tensor):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), read(model, [Tap("layers.1", "input")], fail):
        run(model, token_ids)
    assert hook_count(model) == before
    assert torch.equal(control, run(model, token_ids).last_hidden_state)


def test_a_hook_that_cannot_be_placed_takes_the_others_with_it():
    model = build("llama")
    before = hook_count(model)
    with (
        pytest.raises(ModelError, match=r"no module 'layers\.9'"),
        read(model, [Tap("layers.0", "input"), Tap("layers.9", "input")], lambda i, x: None),
    ):
        pass
    assert hook_count(model) == before


def test_the_pass_stops_after_the_last_tap(token_ids):
    model = build("llama")
    reached = []
    handle = model.layers[2].mlp.register_forward_hook(lambda *_: reached.append("mlp"))
    taps = [Tap("layers.2.post_attention_layernorm", "input"), Tap("layers.0", "input")]
    with read(model, taps, lambda i, x: None, stop=True):
        assert run(model, token_ids) is None
        assert run(model, token_ids) is None
    handle.remove()
    assert reached == []


def test_a_tap_that_is_never_reached_is_named(token_ids):
    model = build("llama")
    model.layers[1].spare = torch.nn.Linear(2, 2)
    with pytest.raises(ModelError, match=r"never reached the input of layers\.1\.spare"):
        collect(model, [Tap("layers.0", "input"), Tap("layers.1.spare", "input")], token_ids)


def test_copies_survive_an_addition_in_place(token_ids):
    """Falcon adds attention's output to the MLP's output in place, after the hook has seen it."""
    model = build("falcon-parallel")
    with_hook = collect(model, [Tap("h.0.mlp", "output")], token_ids)[0]
    entering = collect(model, [Tap("h.0.mlp", "input")], token_ids)[0]
    with torch.inference_mode():
        alone = model.h[0].mlp(entering)
    torch.testing.assert_close(with_hook, alone, rtol=1e-6, atol=1e-7)
