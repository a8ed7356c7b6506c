"""Operators that torch differentiates for many vectors at once, in the places of some that it does one by one.

They are put there while a pass is recorded: SiLU, softmax, and the attention of one token. Values are the same to
rounding, and so are derivatives of any order. What is not known here is left as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")
"""Of torch's `scaled_dot_product_attention`, in their order."""
_DIMENSIONS = 4
"""Of the queries, keys and values of attention: text, head, token, unit."""


class Batched(TorchFunctionMode):
    """While it is active, operators that are known here are computed by those whose derivatives are batched.

    `entering` returns the variable that the part of the pass in hand begins with, or None.
    """

    def __init__(self, entering: Callable[[], torch.Tensor | None]) -> None:
        super().__init__()
        self.entering = entering
        self.appended: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        found = NotImplemented
        if func is functional.silu:
            found = _silu(*args, **kwargs)
        elif func in (functional.softmax, torch.softmax, torch.Tensor.softmax):
            found = _softmax(*args, **kwargs)
        elif func is functional.scaled_dot_product_attention:
            found = self._attention(*args, **kwargs)
        made = func(*args, **kwargs) if found is NotImplemented else found
        if func is torch.cat and args and made.requires_grad:
            # Kept with what was made, so that no other takes its id.
            self.appended[id(made)] = made, args[0][-1]
        return made

    def _last(self, tensor: torch.Tensor) -> torch.Tensor:
        """The last token's row (head, 1, unit) of keys or values: what a cache appended, where that is known.

        The derivative of a slice fills all of what it was cut from with zeros.
        """
        _, appended = self.appended.get(id(tensor), (None, tensor))
        if appended.shape != (*tensor.shape[:2], 1, tensor.shape[3]):
            appended = tensor[:, :, -1:]
        return appended.reshape(tensor.shape[1], 1, tensor.shape[3])

    def _attention(self, *args: Any, **kwargs: Any) -> Any:
        """softmax(q Kᵀ) V of one query whose keys and values are fixed but for the last token's.

        Of the others no derivative is made: they are as many as the text has tokens, for each vector and head.
        """
        given = {**dict(zip(_ARGUMENTS, args, strict=False)), **kwargs}
        query, key, value = (given[name] for name in _ARGUMENTS[:3])
        attn_mask, scale = given.get("attn_mask"), given.get("scale")
        start = self.entering()
        one = query.dim() == key.dim() == value.dim() == _DIMENSIONS and query.shape[0] == query.shape[2] == 1
        if not one or start is None or not query.requires_grad:
            return NotImplemented
        if given.get("is_causal") or given.get("dropout_p"):
            return NotImplemented
        heads, shared, width = query.shape[1], key.shape[1], query.shape[3]
        before = key[0, :, :-1], value[0, :, :-1]
        if heads % shared or not all(_is_fixed(tensor, start) for tensor in before):
            return NotImplemented
        keys, values = (tensor.detach() for tensor in before)
        rows = query.reshape(shared, heads // shared, width)
        own = (rows * self._last(key)).sum(dim=-1, keepdim=True)
        # By head: products with a matrix that is the same for all vectors are products of matrices.
        past = torch.stack([each @ fixed.T for each, fixed in zip(rows, keys, strict=True)])
        scores = torch.cat([past, own], dim=-1) * (1 / math.sqrt(width) if scale is None else scale)
        if attn_mask is not None:
            mask = attn_mask.expand(1, heads, 1, -1)[0, :, 0].reshape(scores.shape)
            scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
        weights = _softmax(scores, -1)
        mixed = torch.stack([each @ fixed for each, fixed in zip(weights[..., :-1], values, strict=True)])
        mixed = mixed + weights[..., -1:] * self._last(value)
        return mixed.reshape(1, heads, 1, value.shape[3])


def _is_fixed(tensor: torch.Tensor, start: torch.Tensor) -> bool:
    """Whether a tensor does not depend on a variable: its derivative along a random direction is exactly zero."""
    if not tensor.requires_grad:
        return True
    drawn = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(0)).to(tensor)
    (found,) = torch.autograd.grad(tensor, start, drawn, retain_graph=True, allow_unused=True)
    return found is None or not bool(found.any())


def _silu(input: torch.Tensor, inplace: bool = False) -> Any:
    return NotImplemented if inplace else input * torch.sigmoid(input)


def _softmax(
    input: torch.Tensor,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: torch.dtype | None = None,
) -> Any:
    if dim is None or not input.is_floating_point():
        return NotImplemented
    given = input if dtype is None else input.to(dtype)
    grown = torch.exp(given - given.detach().amax(dim=dim, keepdim=True))
    return grown / grown.sum(dim=dim, keepdim=True)
