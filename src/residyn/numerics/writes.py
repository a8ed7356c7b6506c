"""What each step of a path shares with the steps before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_TILE_VALUES = 1 << 17
"""Values of steps or of their products in float64 at a time: 1 MiB, which a core's cache holds."""
_DEPENDENT = 1e-10
"""Share of a step's squared length below which what its predecessors leave of it is rounding."""


@dataclass(frozen=True)
class Overlap:
    """Of n paths of T steps, float64.

    share  (n, T), the share of a step's squared length that lies in the span of the steps before it, in [0, 1];
           NaN for a step of zero and where no earlier one has a length
    by_chance  (n, T), the mean of that share for a step of random direction: the dimension of the span over that
           of the space, in [0, 1]; NaN likewise
    """

    share: np.ndarray
    by_chance: np.ndarray


def overlap_with_earlier(block: np.ndarray) -> Overlap:
    """The overlap of the steps of one block of states (n ≥ 1, S, D), real and finite, with those before them.

    Each sample's numbers depend on that sample alone. Works through tiles of samples: beside the block it holds
    one tile of steps, and one of their products (tile, T, T), in float64, 1 MiB each.
    """
    n_steps, n_units = max(1, block.shape[1] - 1), block.shape[2]
    height, few = (max(1, _TILE_VALUES // max(1, n_steps * size)) for size in (n_steps, n_units))
    return concatenate([_of_tile(block[start : start + height], few) for start in range(0, len(block), height)])


def concatenate(parts: Sequence[Overlap]) -> Overlap:
    """The overlaps of the samples of all `parts`, in their order."""
    return Overlap(
        np.concatenate([part.share for part in parts]), np.concatenate([part.by_chance for part in parts])
    )


def _of_tile(tile: np.ndarray, few: int) -> Overlap:
    """By Cholesky's elimination of the products of steps over their lengths: what is left on the diagonal when a
    step's turn comes is the share that lies outside of the span of those before it. A step that lies within it,
    as one of zero does, adds no direction.
    """
    left, length = _products(tile, few)
    n, n_steps = length.shape
    n_units = tile.shape[2]
    share, by_chance, rank = np.full((n, n_steps), np.nan), np.full((n, n_steps), np.nan), np.zeros(n)
    for t in range(n_steps):
        outside = left[:, t, t]
        known = (length[:, t] > 0) & (rank > 0)
        share[known, t] = np.clip(1.0 - outside[known], 0.0, 1.0)
        by_chance[known, t] = rank[known] / n_units
        new = (outside > _DEPENDENT) & (rank < n_units)
        rank += new
        column = left[:, t:, t] / np.sqrt(np.where(new, outside, np.inf))[:, None]
        left[:, t:, t:] -= column[:, :, None] * column[:, None, :]
    return Overlap(share, by_chance)


def _products(tile: np.ndarray, few: int) -> tuple[np.ndarray, np.ndarray]:
    """Products (n, T, T) of the steps over their lengths, and these (n, T), made of a few samples at a time."""
    n, n_steps = len(tile), tile.shape[1] - 1
    products, lengths = np.empty((n, n_steps, n_steps)), np.empty((n, n_steps))
    for start in range(0, n, few):
        steps = np.diff(tile[start : start + few].astype(np.float64), axis=1)
        length = np.sqrt(np.einsum("ntd,ntd->nt", steps, steps))
        steps /= np.where(length > 0, length, 1.0)[:, :, None]
        np.matmul(steps, steps.transpose(0, 2, 1), out=products[start : start + few])
        lengths[start : start + few] = length
    return products, lengths
