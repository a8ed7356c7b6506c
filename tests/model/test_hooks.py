from __future__ import annotations

import pytest
import torch

from families import LAYERS, UNITS, build
from residyn.errors import ModelError
from residyn.model.hooks import Tap, collect, read, rewrite, run, write


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


def written(value: float):
    def change(index, tensor):
        tensor[..., -1, :] = value

    return change


def test_what_is_written_before_the_mlp_reaches_its_skip_path(token_ids):
    model = build("llama")
    mid = Tap("layers.1.post_attention_layernorm", "input")
    with write(model, [mid], written(0.5)):
        found = collect(model, [mid, Tap("layers.1.mlp", "output"), Tap("layers.1", "output")], token_ids)
    moved, wrote, after = (tensor[:, -1] for tensor in found)
    assert torch.equal(moved, torch.full_like(moved, 0.5))
    assert torch.equal(after, moved + wrote)
    untouched = collect(model, [Tap("layers.1", "output")], token_ids)[0]
    assert torch.equal(found[2][:, :-1], untouched[:, :-1])
    assert not torch.allclose(after, untouched[:, -1])


def test_outputs_are_written_too(token_ids):
    model = build("opt-post-norm")
    norm = Tap("decoder.layers.0.self_attn_layer_norm", "output")
    with write(model, [norm], written(0.5)):
        moved = collect(model, [norm], token_ids)[0]
    assert torch.equal(moved[:, -1], torch.full_like(moved[:, -1], 0.5))


def test_nothing_stays_written_and_an_error_lets_go(token_ids):
    model = build("gpt2")
    before, control = hook_count(model), run(model, token_ids).last_hidden_state
    with write(model, [Tap("h.1", "input")], written(0.5)):
        assert not torch.equal(run(model, token_ids).last_hidden_state, control)
    assert torch.equal(run(model, token_ids).last_hidden_state, control)

    def fail(*_):
        raise ZeroDivisionError

    for hooked in (write(model, [Tap("h.1", "input")], fail), rewrite(model, ["h.0"], fail)):
        with pytest.raises(ZeroDivisionError), hooked:
            run(model, token_ids)
        assert hook_count(model) == before


def test_a_place_without_a_tensor_cannot_be_written(token_ids):
    model = build("llama")

    class Nothing(torch.nn.Module):
        def forward(self, *args, **kwargs):
            return None

    model.layers[1].mlp = Nothing()
    with (
        pytest.raises(ModelError, match=r"No tensor was found at the output of layers\.1\.mlp"),
        write(model, [Tap("layers.1.mlp", "output")], written(0.0)),
    ):
        run(model, token_ids)


@pytest.mark.parametrize("name", ["llama", "bloom", "falcon", "gptj"])
def test_a_blocks_arguments_are_known_by_name_and_can_be_replaced(name, token_ids):
    """Among them what a block takes by **kwargs; and those that are left alone change nothing."""
    model = build(name)
    path = "layers" if name == "llama" else "h"
    control = run(model, token_ids).last_hidden_state
    seen = []

    def look(index, arguments):
        seen.append((index, next(iter(arguments)), set(arguments)))

    with rewrite(model, [f"{path}.0", f"{path}.2"], look):
        assert torch.equal(run(model, token_ids).last_hidden_state, control)
    assert [(index, first) for index, first, _ in seen] == [(0, "hidden_states"), (1, "hidden_states")]
    assert all("attention_mask" in names and "kwargs" not in names for _, _, names in seen)

    def replace(index, arguments):
        arguments["hidden_states"] = torch.zeros_like(arguments["hidden_states"])

    with rewrite(model, [f"{path}.1"], replace):
        entering = collect(model, [Tap(f"{path}.1", "input")], token_ids)[0]
    assert not entering.any()
