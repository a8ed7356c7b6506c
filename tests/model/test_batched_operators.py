"""Operators in the places of torch's own, beside these: values, derivatives and derivatives of derivatives."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from naive import relative_error
from naive_teleport import TEXT, loaded
from residyn.model.check import find_sites
from residyn.model.jacobians import batched
from residyn.model.jacobians import maps as of_maps
from residyn.model.jacobians.batched import Batched
from residyn.model.jacobians.maps import local_maps
from residyn.model.jacobians.step import token_step

HEADS, SHARED, TOKENS, WIDTH = 6, 2, 5, 4


def derivatives(result: torch.Tensor, start: torch.Tensor) -> list[torch.Tensor]:
    """Of many vectors at once, and of these derivatives by the vectors and by the start."""
    ways = torch.randn(7, *result.shape, dtype=result.dtype, generator=torch.Generator().manual_seed(1))
    (first,) = torch.autograd.grad(result, start, ways, is_grads_batched=True, retain_graph=True)
    cotangent = torch.zeros_like(result, requires_grad=True)
    (pulled,) = torch.autograd.grad(result, start, cotangent, create_graph=True)
    along = torch.linspace(-1, 1, start.numel(), dtype=start.dtype).reshape(start.shape)
    (forward,) = torch.autograd.grad(pulled, cotangent, along, retain_graph=True)
    return [result.detach(), first, forward]


def attention(start: torch.Tensor, *, moving: bool, mask=None, **options) -> torch.Tensor:
    """One query beside a cache; the keys of the cache depend on the start where they are `moving`."""
    drawn = torch.Generator().manual_seed(0)

    def rows(heads: int, tokens: int) -> torch.Tensor:
        return torch.randn(1, heads, tokens, WIDTH, dtype=torch.float64, generator=drawn)

    query = rows(HEADS, 1) * start + start
    past = [rows(SHARED, TOKENS - 1) + (start if moving else 0) for _ in range(2)]
    key, value = (torch.cat([before, rows(SHARED, 1) * start], dim=2) for before in past)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True, **options)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize(
    "mask",
    [
        None,
        torch.tensor([True, False, True, True, True]).reshape(1, 1, 1, TOKENS),
        torch.linspace(-2, 1, HEADS * TOKENS, dtype=torch.float64).reshape(1, HEADS, 1, TOKENS),
    ],
    ids=["no mask", "left out", "by head"],
)
def test_attention_of_one_token_is_torch_s(moving, mask):
    start = torch.linspace(0.2, 1, WIDTH, dtype=torch.float64, requires_grad=True)
    for options in ({}, {"scale": 0.7}):
        with sdpa_kernel(SDPBackend.MATH):
            wanted = derivatives(attention(start, moving=moving, mask=mask, **options), start)
        with sdpa_kernel(SDPBackend.MATH), Batched(lambda: start):
            made = attention(start, moving=moving, mask=mask, **options)
        for ours, plain in zip(derivatives(made, start), wanted, strict=True):
            np.testing.assert_allclose(ours, plain, rtol=1e-10, atol=1e-12)


def test_keys_that_move_are_noticed():
    """Without the look at them their derivative would be lost."""
    start = torch.linspace(0.2, 1, WIDTH, dtype=torch.float64, requires_grad=True)
    assert batched._is_fixed(torch.ones(3), start)
    assert batched._is_fixed(torch.cat([torch.ones(2, WIDTH, dtype=torch.float64), start[None]])[:-1], start)
    assert not batched._is_fixed(torch.cat([1e-6 * start[None], start[None]])[:-1], start)


@pytest.mark.parametrize(
    "operator", [functional.silu, lambda x: functional.softmax(x, -1), lambda x: x.softmax(0)]
)
def test_activations_are_torch_s(operator):
    start = torch.linspace(-30, 30, 24, dtype=torch.float64).reshape(4, 6).requires_grad_()
    wanted = derivatives(operator(start), start)
    with Batched(lambda: start):
        made = operator(start)
    for ours, plain in zip(derivatives(made, start), wanted, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-9, atol=1e-13)


def test_softmax_keeps_its_type_and_what_is_left_out():
    start = torch.tensor([0.5, -np.inf, 2.0], requires_grad=True)
    with Batched(lambda: start):
        made = functional.softmax(start, dim=-1, dtype=torch.float64)
    assert made.dtype == torch.float64
    torch.testing.assert_close(made, functional.softmax(start, dim=-1, dtype=torch.float64))


@pytest.mark.parametrize("name", ["llama", "gemma2", "mixtral"])
def test_maps_are_those_of_torch_s_own_operators(name, monkeypatch):
    model = loaded(name)
    step = token_step(model.module, find_sites(model), model.tokenizer(TEXT).input_ids)
    taken, plain = [], Batched._attention

    def counted(self, *args, **kwargs):
        found = plain(self, *args, **kwargs)
        taken.append(found is not NotImplemented)
        return found

    monkeypatch.setattr(Batched, "_attention", counted)
    ours = [one.matrix() for one in local_maps(step, 2**20)]
    # Where attention is torch's, every layer's is taken.
    assert all(taken)
    assert bool(taken) == (name != "gemma2")
    monkeypatch.setattr(of_maps, "Batched", lambda entering: nullcontext())
    for one, other in zip(ours, local_maps(step, 2**20), strict=True):
        assert relative_error(one, other.matrix()) <= 1e-5
