"""What a walk gathers for quantities, and what formulas are told of the places that they are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr

Axis = Literal["sublayer", "transition", "path"]
"""What a quantity has one value for: each sublayer, each transition, a whole path."""
Over = Literal["sample", "unit"]
Drawing = Literal["curve", "bespoke"]


class Depth(NamedTuple):
    """The places of some states in order of depth: `layer` and `site` (S,) of sublayers, `kind` (T,) of
    transitions.
    """

    layer: np.ndarray
    site: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True)
class Gather:
    """What a walk over blocks of samples leaves behind, shared by every quantity that names it.

    `reduce_block(block, depth)` is called with states (n, S, D). With `by_group` the block holds samples of one
    group, and `merge` puts the parts of a group together; then `join` makes one thing of all groups, and
    `weigh(joined, weights)` what formulas are given of the replicates. Else it holds samples of any group, and
    `merge` concatenates what `reduce_block` says of each sample.
    """

    reduce_block: Callable[[np.ndarray, Depth], Any]
    merge: Callable[[Sequence[Any]], Any]
    by_group: bool = True
    join: Callable[[Sequence[Any]], Any] = list
    weigh: Callable[[Any, np.ndarray], Any] = lambda joined, _: joined


def summed(reduce_block: Callable[[np.ndarray, Depth], tuple[np.ndarray, ...]]) -> Gather:
    """A gather of plain sums over samples: arrays that `reduce_block` gives of a group become (G, …) arrays."""

    def merge(parts: Sequence[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
        return tuple(np.sum(arrays, axis=0) for arrays in zip(*parts, strict=True))

    def join(groups: Sequence[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
        return tuple(np.stack(arrays) for arrays in zip(*groups, strict=True))

    return Gather(reduce_block, merge, join=join)


class Labels(NamedTuple):
    """What a result says beside its values: coordinates by name and attributes."""

    coords: Mapping[str, Any] = {}
    attrs: Mapping[str, Any] = {}


Note = Callable[[xr.DataArray, Any, np.ndarray, Depth], Labels]
"""(states, what the formula was given of the data itself, values, depth) → what the result says beside its values.
"""
