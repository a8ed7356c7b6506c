"""The geometry of state vectors along depth: length, density, and the angle and distance to the next state.

All quantities follow from four sums over units, taken in float64 in one reading of a block. The squares of
float32 values neither overflow nor underflow in float64, so no scaling is needed. Each sample's numbers
depend on that sample alone, and are the same bits however the samples are split into blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_TILE_VALUES = 1 << 17
"""Values converted to float64 at a time: 1 MiB, which a core's cache holds."""


@dataclass(frozen=True)
class PathSums:
    """Sums over the D units of n paths of S states, float64.

    `absolute` Σ|h| and `square` Σh² are (n, S); `product` Σh·h′ and `step_square` Σ(h′ − h)², of each state h
    and the next one h′, are (n, S − 1).
    """

    n_units: int
    absolute: np.ndarray
    square: np.ndarray
    product: np.ndarray
    step_square: np.ndarray


def path_sums(block: np.ndarray) -> PathSums:
    """The sums of one block of states (n, S, D), real and finite, within float32's range.

    Works through tiles of samples: beside the block it holds three tiles in float64.
    """
    n, n_sublayers, n_units = block.shape
    absolute, square = np.empty((n, n_sublayers)), np.empty((n, n_sublayers))
    product, step_square = np.empty((n, max(n_sublayers - 1, 0))), np.empty((n, max(n_sublayers - 1, 0)))
    height = max(1, _TILE_VALUES // n_units)
    for start in range(0, n, height):
        samples = slice(start, min(start + height, n))
        previous = state = np.empty((0, 0))
        for s in range(n_sublayers):
            previous, state = state, block[samples, s].astype(np.float64)
            absolute[samples, s] = np.abs(state).sum(axis=1)
            square[samples, s] = np.einsum("nd,nd->n", state, state)
            if s:
                product[samples, s - 1] = np.einsum("nd,nd->n", previous, state)
                # The step itself is squared: Σh² + Σh′² − 2Σh·h′ would cancel where successive states are close.
                previous -= state
                step_square[samples, s - 1] = np.einsum("nd,nd->n", previous, previous)
    return PathSums(n_units, absolute, square, product, step_square)


def concatenate(parts: Sequence[PathSums]) -> PathSums:
    """The sums of the samples of all `parts`, in their order."""
    return PathSums(
        parts[0].n_units,
        np.concatenate([part.absolute for part in parts]),
        np.concatenate([part.square for part in parts]),
        np.concatenate([part.product for part in parts]),
        np.concatenate([part.step_square for part in parts]),
    )


def norm(sums: PathSums) -> np.ndarray:
    """Euclidean length ‖h‖ of each state, (n, S), ≥ 0."""
    return np.sqrt(sums.square)


def mean_magnitude(sums: PathSums) -> np.ndarray:
    """Mean of |h| over units, (n, S), ≥ 0."""
    return sums.absolute / sums.n_units


def density(sums: PathSums) -> np.ndarray:
    """Population density (Σ|h|/D)² / (Σh²/D) of each state, (n, S), in [1/D, 1] (Treves & Rolls 1991).

    1 where all units are equally large, 1/D where one unit carries everything, 2/π in the mean for Gaussian
    units. NaN for a zero vector.
    """
    return np.minimum(_divide(sums.absolute**2, sums.n_units * sums.square), 1.0)


def cosine(sums: PathSums) -> np.ndarray:
    """Cosine of the angle between each state and the next, (n, S − 1), in [−1, 1]; NaN where either is zero."""
    # sqrt(a·b), unlike sqrt(a)·sqrt(b), makes the cosine of a vector with itself exactly 1.
    lengths = np.sqrt(sums.square[:, :-1] * sums.square[:, 1:])
    return np.clip(_divide(sums.product, lengths), -1.0, 1.0)


def velocity(sums: PathSums) -> np.ndarray:
    """Euclidean length ‖h′ − h‖ of each step, (n, S − 1), ≥ 0."""
    return np.sqrt(sums.step_square)


def relative_velocity(sums: PathSums) -> np.ndarray:
    """Length of each step over the length of the state it leaves, (n, S − 1), ≥ 0; NaN where that is zero."""
    return _divide(velocity(sums), norm(sums)[:, :-1])


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, NaN where the denominator is 0."""
    quotient = np.full_like(denominator, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
