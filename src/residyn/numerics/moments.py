"""Streaming first and second moments of states over samples, and the correlation of successive sublayers.

Every block is measured in two passes (its means, then sums of centred products), and blocks are combined by
the update of Chan, Golub & LeVeque (1979). A one-pass sum of squares would lose the units that matter most
here: at mean = 1000 sd it returns r = 0.875 for 0.898 in float32.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_SAMPLES = 3
"""Fewest samples with a correlation: through two points every line fits."""

_TILE_VALUES = 1 << 17
"""Values converted to float64 at a time: 1 MiB, which a core's cache holds."""

_ROUNDING_SHARE = 1e-12
"""Share of a unit's mean square that is rounding, where a replicate holds one value only."""

_OVERSHOOT = 1e-9
"""How far rounding can carry |r| past 1. A larger excess would mean wrong moments, and is left to be seen."""


@dataclass(frozen=True)
class Moments:
    """Moments of n samples of states, all float64.

    `count` n; `mean` (S, D); `m2` (S, D) = Σ(h − mean)²; `comoment` (S − 1, D) = Σ of the products of the
    same unit's deviations at successive sublayers. `m2` is exactly 0 for a constant unit and only there:
    deviations are taken from the block's first sample, so equal values leave no rounding behind.

    Those of replicates (`replicated`) have a leading axis R in `mean`, `m2` and `comoment`.
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


def merged(parts: Sequence[Moments]) -> Moments:
    """Moments of the samples of all `parts`, merged in their order."""
    return functools.reduce(merge, parts)


@dataclass(frozen=True)
class GroupMoments:
    """Sums over the samples of each of G groups of deviations d from the mean of all samples, float64.

    `sizes` (G,) samples; `mean` (S, D) of all samples; `deviation` Σd and `square` Σd² (G, S, D); `product` Σd·d′
    (G, S − 1, D) of successive sublayers.
    """

    sizes: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    square: np.ndarray
    product: np.ndarray


def by_group(parts: Sequence[Moments]) -> GroupMoments:
    """Sums about the common mean, of the moments of each group."""
    mean = merged(parts).mean
    sizes = np.array([part.count for part in parts], dtype=np.float64)
    apart = np.stack([part.mean - mean for part in parts])
    count = sizes[:, None, None]
    return GroupMoments(
        sizes,
        mean,
        count * apart,
        np.stack([part.m2 for part in parts]) + count * apart**2,
        np.stack([part.comoment for part in parts]) + count * apart[:, :-1] * apart[:, 1:],
    )


def replicated(groups: GroupMoments, weights: np.ndarray) -> Moments:
    """Moments of the replicates in which group g counts `weights[r, g]` times, with a leading axis R.

    Where a replicate's values of a unit are all the same, its `m2` is exactly 0: what rounding leaves there is
    a 1e-12th of the mean square about the mean of all samples.
    """
    count = (weights @ groups.sizes)[:, None, None]

    def total(sums: np.ndarray) -> np.ndarray:
        return (weights @ sums.reshape(len(sums), -1)).reshape(len(weights), *sums.shape[1:])

    shift, square = total(groups.deviation) / count, total(groups.square)
    m2 = square - count * shift**2
    m2[m2 <= _ROUNDING_SHARE * square] = 0.0
    comoment = total(groups.product) - count * shift[:, :-1] * shift[:, 1:]
    return Moments(int(groups.sizes.sum()), groups.mean + shift, m2, comoment)


def step_m2(moments: Moments) -> np.ndarray:
    """Σ of the squared deviations of each unit's step to the next sublayer, (…, S − 1, D), ≥ 0."""
    m2 = moments.m2
    return np.maximum(m2[..., :-1, :] + m2[..., 1:, :] - 2 * moments.comoment, 0.0)


def skip_correlation(moments: Moments) -> np.ndarray:
    """σ_h/√(σ_h² + σ_Δ²) of each unit's state h and step Δ, (…, S − 1, D), in (0, 1]: r if Δ knew nothing of h.

    NaN where the unit is constant at the sublayer it leaves, and everywhere for fewer than `LEAST_SAMPLES`
    samples.
    """
    spread = moments.m2[..., :-1, :]
    if moments.count < LEAST_SAMPLES:
        return np.full_like(spread, np.nan)
    both = spread + step_m2(moments)
    return np.sqrt(np.divide(spread, both, out=np.full_like(spread, np.nan), where=spread > 0))


def correlation(moments: Moments) -> np.ndarray:
    """Pearson r over samples of each unit at successive sublayers, (…, S − 1, D), in [−1, 1].

    NaN where the unit is constant at either sublayer, and everywhere for fewer than `LEAST_SAMPLES` samples.
    """
    if moments.count < LEAST_SAMPLES:
        return np.full_like(moments.comoment, np.nan)
    length = np.sqrt(moments.m2)
    scale = length[..., :-1, :] * length[..., 1:, :]
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
