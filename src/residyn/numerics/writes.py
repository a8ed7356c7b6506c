"""What each step of a path shares with the steps before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_TILE_VALUES = 1 << 17
"""Values of states converted to float64 at a time: 1 MiB, which a core's cache holds."""
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
    one tile of steps and their products, (tile, T, T), in float64.
    """
    height = max(1, _TILE_VALUES // max(1, block.shape[1] * block.shape[2]))
    return concatenate([_of_tile(block[start : start + height]) for start in range(0, len(block), height)])


def concatenate(parts: Sequence[Overlap]) -> Overlap:
    """The overlaps of the samples of all `parts`, in their order."""
    return Overlap(
        np.concatenate([part.share for part in parts]), np.concatenate([part.by_chance for part in parts])
    )


def _of_tile(tile: np.ndarray) -> Overlap:
    """By Cholesky's elimination of the products of steps over their lengths: what is left on the diagonal when a
    step's turn comes is the share that lies outside of the span of those before it. A step that lies within it,
    as one of zero does, adds no direction.
    """
    steps = np.diff(tile.astype(np.float64), axis=1)
    n, n_steps, n_units = steps.shape
    length = np.sqrt(np.einsum("ntd,ntd->nt", steps, steps))
    steps /= np.where(length > 0, length, 1.0)[:, :, None]
    left = steps @ steps.transpose(0, 2, 1)
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
