"""Random walks with steps of given lengths, and the shape of their paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from residyn.numerics import nan

_AT_ONCE = 1 << 22
"""Coordinates of steps in memory: 32 MiB."""


class Shapes(NamedTuple):
    """Of each walk: its straightness (R,), and the offset at the middle of each pair of steps (R, L)."""

    straightness: np.ndarray
    offset: np.ndarray


def random_walks(
    lengths: np.ndarray, n_units: int, pairs: np.ndarray, draws: int, rng: np.random.Generator
) -> Shapes:
    """Shapes of walks of steps (T,) whose directions in `n_units` dimensions are independent and uniform.

    Straightness is the distance from beginning to end over the length of the path. `pairs` (L, 2) are positions
    of successive steps: the offset is the distance of the point between them from the line between their ends,
    over the length of that line.
    """
    found = [_shapes(lengths, steps, pairs) for steps in _directions(len(lengths), n_units, draws, rng)]
    return Shapes(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def expected_straightness(lengths: np.ndarray) -> np.ndarray:
    """Straightness (…,) of a walk of steps (…, T) that are perpendicular to one another, as random ones nearly are
    in many dimensions; NaN without length.
    """
    return nan.ratio(np.sqrt((lengths**2).sum(axis=-1)), lengths.sum(axis=-1))


def expected_offset(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Offset of the corner between two perpendicular steps of these lengths, in [0, 0.5]; NaN without length."""
    return nan.ratio(first * second, first**2 + second**2)


def offset(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Distance of the corner between two steps (…, D) from the line between their ends, over its length; (…,)."""
    chord = first + second
    square = np.einsum("...d,...d->...", chord, chord)
    along = np.einsum("...d,...d->...", first, chord)
    across = np.einsum("...d,...d->...", first, first) * square - along**2
    return nan.ratio(np.sqrt(np.maximum(across, 0.0)), square)


def _directions(n_steps: int, n_units: int, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Unit vectors (R, T, K) whose inner products have the law of uniform directions in `n_units` dimensions.

    In more dimensions than steps only the span of the steps is drawn: the triangular factor of Gaussian vectors
    (Bartlett's decomposition).
    """
    size = min(n_steps, n_units)
    at_once = max(1, _AT_ONCE // max(1, n_steps * size))
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        drawn = rng.standard_normal((count, n_steps, size))
        if n_units > n_steps:
            drawn = np.tril(drawn, -1)
            rest = np.sqrt(rng.chisquare(n_units - np.arange(n_steps), (count, n_steps)))
            drawn[:, np.arange(n_steps), np.arange(n_steps)] = rest
        yield drawn / np.linalg.norm(drawn, axis=2, keepdims=True)


def _shapes(lengths: np.ndarray, directions: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    steps = directions * lengths[:, None]
    whole = lengths.sum()
    straightness = np.linalg.norm(steps.sum(axis=1), axis=1) / whole if whole > 0 else np.full(len(steps), np.nan)
    return straightness, offset(steps[:, pairs[:, 0]], steps[:, pairs[:, 1]])
