"""The fast pass: one token a row, all rows beside one shared prefix.

The text's keys and values before its last token are the same whatever the last token's stream is moved to. So
the rows go through the model as if they were further tokens of one sequence, all at the position of the last
token, and each sees the prefix and itself alone. The pass begins as the plain decoding step of that token, which
is the control; at the block that a group enters, its rows are appended as copies of the control. Whatever a model
does outside its blocks (positions, masks, caches) it therefore does for one token, as always.

Not every attention allows it, and no list says which do: each pass carries rows that must stay the control.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from residyn.model import hooks
from residyn.model.hooks import taps_of
from residyn.model.loading.quiet import message_of
from residyn.model.teleport.passes import PassPlan, PassRecord
from residyn.sitemap import SiteMap

_FAILS = (hooks.ForwardError, RuntimeError, TypeError, ValueError, AttributeError, IndexError)
"""What a model raises whose blocks or cache do not allow the pass."""
_BIASES = ("alibi", "position_bias")
"""Arguments of a block that hold one number for each key, counted from the last."""


class Unsuited(Exception):
    """The model's attention cannot share a prefix between rows; the words say why."""


@dataclass(frozen=True)
class Start:
    """A plain pass over a host: its last token's states (sublayer, unit), and the prefix to share, if any.

    `reason` says why there is none.
    """

    states: torch.Tensor
    prefix: Cache | None
    n_prefix: int
    reason: str = ""


class _PrefixLayer(DynamicLayer):
    """Keys and values that many passes look at and none adds to."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.keys, self.values, self.is_initialized = keys, values, True
        self.device, self.dtype = keys.device, keys.dtype

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = self.keys, self.values
        assert keys is not None
        assert values is not None
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)


def start(root: nn.Module, sites: SiteMap, ids: torch.Tensor, attention: str) -> Start:
    """One plain pass over `ids` (1, token), which fills a cache on its way where the model has one."""
    states: dict[int, torch.Tensor] = {}

    def keep(index: int, tensor: torch.Tensor) -> None:
        states[index] = tensor.reshape(*ids.shape, -1)[0, -1].to("cpu", torch.float32)

    n_prefix = ids.shape[1] - 1
    if attention not in ("sdpa", "eager"):
        reason = f"its attention ({attention}) takes no mask of one row each"
        prefix = None
    else:
        cache = DynamicCache()
        try:
            with hooks.read(root, taps_of(sites.sites), keep):
                hooks.run(root, ids, use_cache=True, **{cache_argument(root): cache})
            prefix, reason = _prefix(cache, n_prefix), ""
        except (*_FAILS, Unsuited) as error:
            if hooks.out_of_memory(error):
                raise
            prefix, reason = None, str(error) if isinstance(error, Unsuited) else _said(error)
    if prefix is None:
        states.clear()
        with hooks.read(root, taps_of(sites.sites), keep, stop=True):
            hooks.run(root, ids)
    return Start(torch.stack([states[index] for index in range(len(sites.sites))]), prefix, n_prefix, reason)


def _prefix(cache: DynamicCache, n_prefix: int) -> Cache:
    """The cache without its last token: views, not copies."""
    layers = []
    for layer in cache.layers:
        if type(layer) is not DynamicLayer or layer.keys is None or layer.values is None:
            raise Unsuited(f"its cache is kept in another way ({type(layer).__name__})")
        if layer.keys.shape[-2] != n_prefix + 1:
            raise Unsuited(f"its cache holds {layer.keys.shape[-2]} keys of {n_prefix + 1} tokens")
        layers.append(_PrefixLayer(layer.keys[..., :n_prefix, :], layer.values[..., :n_prefix, :]))
    if not layers:
        raise Unsuited("it fills no cache")
    return Cache(layers=layers)


def run_pass(
    root: nn.Module, whole: nn.Module | None, planned: PassPlan, begun: Start, last: torch.Tensor
) -> tuple[PassRecord, torch.Tensor | None]:
    """The record of one pass of rows beside the prefix, and the rows' logits (row, word).

    There are logits where the model with its head is given as `whole`.

    `last` is the last token's id, (1, 1). Raises Unsuited where the model's blocks cannot be run so.
    """
    record = PassRecord(planned, _rows)
    blocks = [f"{planned.sites.blocks}.{layer}" for layer in range(1 + planned.sites.sites[-1].layer)]

    def enter(layer: int, arguments: dict[str, Any]) -> None:
        _enter(planned, begun.n_prefix, layer, arguments)

    try:
        with (
            hooks.rewrite(root, blocks, enter),
            record.hooked(root, stop=whole is None),
        ):
            run_by = whole or root
            output = hooks.run(run_by, last, use_cache=True, **{cache_argument(run_by): begun.prefix})
    except _FAILS as error:
        if hooks.out_of_memory(error):
            raise
        raise Unsuited(_said(error)) from error
    return record, output.logits.reshape(planned.n_rows, -1) if whole else None


def cache_argument(module: nn.Module) -> str:
    """What this version of transformers calls the cache."""
    return "cache" if "cache" in inspect.signature(module.forward).parameters else "past_key_values"


def _enter(planned: PassPlan, n_prefix: int, layer: int, arguments: dict[str, Any]) -> None:
    """Append the rows that enter at this block, and let every row see the prefix and itself alone."""
    name = "hidden_states" if "hidden_states" in arguments else next(iter(arguments))
    stream = arguments[name]
    if stream.dim() != 3 or stream.shape[0] != 1:
        raise Unsuited(f"its blocks take tensors of shape {tuple(stream.shape)}")
    if joining := planned.joining(layer):
        stream = torch.cat([stream, stream[:, :1].expand(-1, joining, -1)], dim=1)
        arguments[name] = stream
    n_rows = stream.shape[1]
    if n_rows > 1:
        arguments["attention_mask"] = _own_rows_only(
            arguments.get("attention_mask"), n_prefix, n_rows, stream.device
        )
        for bias in _BIASES:
            if isinstance(arguments.get(bias), torch.Tensor):
                arguments[bias] = _stretched(arguments[bias], n_prefix, n_rows)


def _own_rows_only(mask: torch.Tensor | None, n_prefix: int, n_rows: int, device: torch.device) -> torch.Tensor:
    """The mask of one token, (…, 1, prefix + 1), for `n_rows` of them: (…, row, prefix + row).

    What the one token sees of the prefix, each row sees; what it has for itself, each row has for its own key, and
    for the others' the opposite. So windows, and masks that carry a bias, stay as the model made them.
    """
    if mask is None:
        mask = torch.ones((1, 1, 1, n_prefix + 1), dtype=torch.bool, device=device)
    if mask.shape[-2:] != (1, n_prefix + 1):
        raise Unsuited(
            f"its mask of one token has the shape {tuple(mask.shape)}, with {n_prefix} tokens before it"
        )
    seen = mask[..., n_prefix:]
    unseen = ~seen if mask.dtype == torch.bool else torch.full_like(seen, torch.finfo(mask.dtype).min)
    own = torch.where(torch.eye(n_rows, dtype=torch.bool, device=mask.device), seen, unseen)
    prefix = mask[..., :n_prefix].expand(*mask.shape[:-2], n_rows, n_prefix)
    return torch.cat([prefix, own], dim=-1)


def _stretched(bias: torch.Tensor, n_prefix: int, n_rows: int) -> torch.Tensor:
    """A bias by distance, (…, key), in which every row's own key has the distance of the last token's own."""
    bias = bias[..., -(n_prefix + 1) :]
    return torch.cat([bias[..., :n_prefix], bias[..., n_prefix:].expand(*bias.shape[:-1], n_rows)], dim=-1)


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    """Rows lie along the tokens of one sequence; some modules have batch and token in one dimension."""
    return tensor if tensor.dim() == 2 else tensor[0]


def _said(error: BaseException) -> str:
    raised = error.__cause__ if isinstance(error, hooks.ForwardError) and error.__cause__ else error
    return f"its blocks cannot be run so ({message_of(raised, 160)})"
