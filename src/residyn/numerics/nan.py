"""Means, medians, quantiles and quotients of what is defined, NaN where nothing is."""

from __future__ import annotations

import numpy as np


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient in float64; NaN where the denominator is not above 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.full(shape, np.nan), where=np.asarray(denominator) > 0)


def finite_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean along an axis of what is finite."""
    known = np.isfinite(values)
    return ratio(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis))


def median(values: np.ndarray) -> np.ndarray:
    """Median along the last axis of what is not NaN: infinities count, and between two of them lies one."""
    ordered = np.sort(values, axis=-1)
    n_known = (~np.isnan(ordered)).sum(axis=-1, keepdims=True)
    low, high = np.maximum(n_known - 1, 0) // 2, np.minimum(n_known // 2, ordered.shape[-1] - 1)
    middle = (np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)) / 2
    return np.where(n_known > 0, middle, np.nan)[..., 0]
