"""Share of each sublayer's variance along given axes, in each replicate: from sums over groups of samples."""

from __future__ import annotations

import numpy as np

from residyn.numerics.groups import weighted_mean
from residyn.quantities.evidence.sums import Read

_LEAST_VARIANCE = 1e-12
"""Of a sublayer's mean square: what rounding leaves where a replicate holds one state only."""


def explained(read: Read, axes: np.ndarray, group: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Variance along the axes (K, D) over that along all, about the mean of each replicate's own samples, (R, S).

    In [0, 1]; NaN where a replicate's states are all the same.
    """
    deviation = read.sums.deviation
    count = weights @ np.bincount(group, minlength=weights.shape[1])
    square = weighted_mean(read.varied, group, weights)
    whole = square - _squared_shift(deviation, weights, count)
    part = weighted_mean(read.captured, group, weights) - _squared_shift(deviation @ axes.T, weights, count)
    known = whole > _LEAST_VARIANCE * square
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=known)


def _squared_shift(sums: np.ndarray, weights: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Squared length of each replicate's mean deviation, (R, S), of the groups' sums (G, S, K)."""
    inner = np.einsum("gsk,hsk->sgh", sums, sums, optimize=True)
    return np.einsum("rg,sgh,rh->rs", weights, inner, weights, optimize=True) / count[:, None] ** 2
