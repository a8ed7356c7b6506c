"""Streaming first and second moments of states over samples, and the correlation of successive sublayers.

Every block is measured in two passes (its means, then sums of centred products), and blocks are combined by
the update of Chan, Golub & LeVeque (1979). A one-pass sum of squares would lose the units that matter most
here: at mean = 1000 sd it returns r = 0.875 for 0.898 in float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAST_SAMPLES = 3
"""Fewest samples with a correlation: through two points every line fits."""

_TILE_VALUES = 1 << 17
"""Values converted to float64 at a time: 1 MiB, which a core's cache holds."""

_OVERSHOOT = 1e-9
"""How far rounding can carry |r| past 1. A larger excess would mean wrong moments, and is left to be seen."""


@dataclass(frozen=True)
class Moments:
    """Moments of n samples of states, all float64.

    `count` n; `mean` (S, D); `m2` (S, D) = Σ(h − mean)²; `comoment` (S − 1, D) = Σ of the products of the
    same unit's deviations at successive sublayers. `m2` is exactly 0 for a constant unit and only there:
    deviations are taken from the block's first sample, so equal values leave no rounding behind.
    """

    count: int
    mean: np.ndarray
    m2: np.ndarray
    comoment: np.ndarray


def from_block(block: np.ndarray) -> Moments:
    """Moments of one block of states (n ≥ 1, S, D), real and finite, of any float width.

    Works through tiles of units, sublayer by sublayer: beside the block it holds two tiles in float64.
    """
    n, n_sublayers, n_units = block.shape
    mean = np.empty((n_sublayers, n_units))
    m2 = np.empty((n_sublayers, n_units))
    comoment = np.empty((max(n_sublayers - 1, 0), n_units))
    width = max(64, _TILE_VALUES // n)
    for start in range(0, n_units, width):
        units = slice(start, min(start + width, n_units))
        previous = deviation = np.empty((0, 0))
        for s in range(n_sublayers):
            previous, deviation = deviation, block[:, s, units].astype(np.float64)
            first = deviation[0].copy()
            deviation -= first
            shift = deviation.sum(axis=0) / n
            deviation -= shift
            mean[s, units] = first + shift
            m2[s, units] = np.einsum("nd,nd->d", deviation, deviation)
            if s:
                comoment[s - 1, units] = np.einsum("nd,nd->d", previous, deviation)
    return Moments(n, mean, m2, comoment)


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of the samples of `a` and `b` together, equal to those of one block up to rounding."""
    count = a.count + b.count
    delta = b.mean - a.mean
    weight = a.count * b.count / count
    return Moments(
        count,
        a.mean + delta * (b.count / count),
        a.m2 + b.m2 + weight * delta**2,
        a.comoment + b.comoment + weight * delta[:-1] * delta[1:],
    )


def correlation(moments: Moments) -> np.ndarray:
    """Pearson r over samples of each unit at successive sublayers, (S − 1, D), in [−1, 1].

    NaN where the unit is constant at either sublayer, and everywhere for fewer than `LEAST_SAMPLES` samples.
    """
    if moments.count < LEAST_SAMPLES:
        return np.full_like(moments.comoment, np.nan)
    length = np.sqrt(moments.m2)
    scale = length[:-1] * length[1:]
    r = np.full_like(scale, np.nan)
    np.divide(moments.comoment, scale, out=r, where=scale > 0)
    return np.where(np.abs(r) <= 1 + _OVERSHOOT, np.clip(r, -1, 1), r)


def constant(moments: Moments) -> np.ndarray:
    """Whether each unit has one and the same value in every sample, (S, D) bool."""
    return moments.m2 == 0


def imprecise(moments: Moments, eps: float) -> np.ndarray:
    """Whether a unit varies by less than its values' precision resolves, (S, D) bool: 0 < sd < 8·eps·|mean|.

    `eps` is the spacing of the capture's numbers at 1: below eight steps, rounding shapes the correlation.
    Constant units are not among them, and no unit is for fewer than 2 samples.
    """
    if moments.count < 2:
        return np.zeros_like(moments.m2, dtype=bool)
    sd = np.sqrt(moments.m2 / (moments.count - 1))
    return (sd > 0) & (sd < 8 * eps * np.abs(moments.mean))
