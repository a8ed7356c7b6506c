"""Bootstrap intervals of means over samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_DRAWS_AT_ONCE = 1 << 22
"""Sample indices drawn at a time: bounds the memory to some 64 MiB, whatever the number of samples."""


class Estimate(NamedTuple):
    """A mean over samples with its interval, and how it was spread; arrays of shape (K,)."""

    n: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray


def bootstrap_mean(values: np.ndarray, *, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> Estimate:
    """Mean over samples of each column of `values` (N, K), with a percentile bootstrap interval.

    Samples are drawn with replacement, whole rows at a time, so that all columns see the same draws: the
    states of one sample are not independent. NaN entries are left out of their column, and `n` counts the
    others. `sd` is the standard deviation between samples (N − 1). With one sample `sd` and the interval
    are NaN; with none the mean is too. Efron & Tibshirani 1993, chapter 13.
    """
    defined = ~np.isnan(values)
    n = defined.sum(axis=0)
    known = np.where(defined, values, 0.0)
    mean = _ratio(known.sum(axis=0), n)
    squares = (np.where(defined, values - mean, 0.0) ** 2).sum(axis=0)
    sd = np.sqrt(_ratio(squares, np.maximum(n - 1, 0)))
    # Deviations are resampled instead of values: a narrow spread around a large mean keeps its digits.
    deviation = np.where(defined, values - mean, 0.0)
    draws = [
        _ratio(counts @ deviation, counts @ defined) for counts in _resampled_counts(len(values), resamples, seed)
    ]
    low, high = np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    enough = n > 1
    if enough.any():
        tail = (1 - level) / 2
        # A draw can miss every defined sample of a column that has few; such a draw has no mean to count.
        spread = np.nanquantile(np.concatenate(draws)[:, enough], [tail, 1 - tail], axis=0)
        low[enough], high[enough] = mean[enough] + spread
    return Estimate(n, mean, sd, low, high)


def _resampled_counts(n_samples: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each sample occurs in each resample, float64 (some resamples, n_samples) at a time."""
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // max(n_samples, 1))
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = rng.integers(n_samples, size=(size, n_samples)) + np.arange(size)[:, None] * n_samples
        yield np.bincount(drawn.ravel(), minlength=size * n_samples).reshape(size, n_samples).astype(np.float64)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient in float64, NaN where the denominator is 0."""
    quotient = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
