"""How samples lie about their mean at each sublayer, and readings that keep some samples apart from others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from residyn.numerics import moments
from residyn.walk import Progress, each_numbered_block

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """Of some samples: their `count`, and at each sublayer `mean` (S, D) and `m2` (S, D) = Σ(x − mean)², float64.

    `m2` is exactly 0 for a unit that is constant.
    """

    count: int
    mean: np.ndarray
    m2: np.ndarray


def spread(block: np.ndarray) -> Spread:
    """The spread of a block (n ≥ 1, S, D)."""
    found = moments.from_block(block)
    return Spread(found.count, found.mean, found.m2)


def merge(a: Spread, b: Spread) -> Spread:
    """The spread of the samples of `a` and `b` together, equal to that of one block up to rounding."""
    count = a.count + b.count
    delta = b.mean - a.mean
    weight = a.count * b.count / count
    return Spread(count, a.mean + delta * (b.count / count), a.m2 + b.m2 + weight * delta**2)


def merge_by_key(parts: Iterable[dict[K, T]], combine: Callable[[T, T], T]) -> dict[K, T]:
    """What the parts hold under each key, combined in their order."""
    total: dict[K, T] = {}
    for part in parts:
        for key, value in part.items():
            total[key] = combine(total[key], value) if key in total else value
    return total


def groups_of(choices: Sequence[np.ndarray]) -> np.ndarray:
    """Of each sample a number, (N,): samples have the same one if every choice (N,) bool treats them alike."""
    return np.unique(np.stack(choices), axis=1, return_inverse=True)[1].reshape(-1)


def chosen_parts(by_group: Mapping[Any, T], groups: np.ndarray, chosen: np.ndarray) -> list[T]:
    """What was gathered of each group that the chosen samples are made of."""
    return [by_group[int(group)] for group in np.unique(groups[chosen])]


def chosen_spread(by_group: Mapping[int, Spread], groups: np.ndarray, chosen: np.ndarray) -> Spread:
    """The spread of the chosen samples."""
    return reduce(merge, chosen_parts(by_group, groups, chosen))


def spreads(states: xr.DataArray, groups: np.ndarray, progress: Progress | None) -> dict[int, Spread]:
    """The spread of each group of samples, from one reading."""

    def reduce_block(block: np.ndarray, first: int) -> dict[int, Spread]:
        here = groups[first : first + len(block)]
        return {int(group): spread(rows_where(block, here == group)) for group in np.unique(here)}

    return merge_by_key(each_numbered_block(states, reduce_block, progress), merge)


def rows_where(block: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The chosen samples of a block; the block itself, and no copy, where that is all."""
    return block if chosen.all() else block[chosen]
