"""Samples in groups of whole clusters, and bootstrap replicates that draw such groups.

What is summed over samples is summed once for each group, and a replicate is a weighted sum of these: hundreds
of replicates cost one reading of the states. Samples of one cluster (a document) are no independent draws, so
no group splits a cluster. Davison & Hinkley 1997, section 3.8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

_VALUES, _ROWS, _MOST_VALUES = 1 << 18, 8, 1 << 22
"""Values of one array of replicates at a time: 2 MiB, which stay in a core's cache from one operation to the next;
and that many replicates at least, as the groups' sums are read again for each time, where they fit into 32 MiB.
"""


class Estimate(NamedTuple):
    """Means over samples with the ends of their intervals, and how many samples were defined; each (K,)."""

    n: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def groups_of(clusters: np.ndarray, n_groups: int, seed: int) -> np.ndarray:
    """The group of each sample, (N,) in 0 … G − 1, clusters (N,) kept whole; G ≤ n_groups, about equally large.

    Clusters go, the largest first and equal ones in a seeded order, to the group that has the fewest samples.
    There are as many groups as clusters where these are fewer.
    """
    names, member, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    filled = np.zeros(min(n_groups, len(names)), dtype=np.int64)
    group = np.empty(len(names), dtype=np.int64)
    for cluster in order:
        smallest = int(filled.argmin())
        group[cluster] = smallest
        filled[smallest] += sizes[cluster]
    return group[member]


def held_out(clusters: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Which samples are held out, (N,) bool: about n of them, clusters (N,) kept whole.

    Clusters are taken in a seeded order, those that bring the number nearer to n, and never all of them. Of
    samples that are clusters of their own exactly n are held out; none where all samples are one cluster, or where
    each cluster has 2n samples or more.
    """
    _, first, member, sizes = np.unique(clusters, return_index=True, return_inverse=True, return_counts=True)
    chosen, filled = np.zeros(len(sizes), dtype=bool), 0
    # In the order of their first samples, so that what clusters are called decides nothing.
    for cluster in np.argsort(first)[np.random.default_rng(seed).permutation(len(sizes))]:
        more = filled + sizes[cluster]
        if abs(more - n) < abs(filled - n) and more < len(clusters):
            chosen[cluster], filled = True, more
    return chosen[member]


def replicate_weights(n_groups: int, resamples: int, seed: int) -> np.ndarray:
    """How often each group occurs, (1 + resamples, G) float64: once in row 0, drawn with replacement after."""
    drawn = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=resamples)
    return np.concatenate([np.ones((1, n_groups)), drawn.astype(np.float64)])


def few_at_once(weights: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """The weights (R, G) of some replicates after others: as many as are made at a time, of `size` values each."""
    step = max(1, _VALUES // max(1, size), min(_ROWS, _MOST_VALUES // max(1, size)))
    for start in range(0, len(weights), step):
        yield weights[start : start + step]


def sum_by_group(values: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Sums over the samples of each group, (N, …) → (G, …) float64."""
    member = (group == np.arange(n_groups)[:, None]).astype(np.float64)
    return (member @ values.reshape(len(values), -1)).reshape(n_groups, *values.shape[1:])


def weighted_mean(values: np.ndarray, group: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means over samples (N, K) in each replicate, (R, K); NaN are left out, and NaN where nothing is left."""
    defined = ~np.isnan(values)
    n_groups = weights.shape[1]
    total = weights @ sum_by_group(np.where(defined, values, 0.0), group, n_groups)
    count = weights @ sum_by_group(defined.astype(np.float64), group, n_groups)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def interval(draws: np.ndarray, n_groups: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a statistic from its value and its replicates, (1 + B,) with the value first.

    Percentiles of the replicates about their median, put around the value: a replicate holds fewer distinct
    samples than the data and is biased by that, which the shift takes out. Widened by `few_draws`, because few
    groups vary by less than their law. NaN for fewer than two groups or without defined replicates.
    """
    known = draws[1:][np.isfinite(draws[1:])]
    if n_groups < 2 or not len(known) or not np.isfinite(draws[0]):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, middle, high = np.quantile(known, [tail, 0.5, 1 - tail])
    wider = few_draws(n_groups, level)
    return float(draws[0] + wider * (low - middle)), float(draws[0] + wider * (high - middle))


def mean_interval(values: np.ndarray, *, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> Estimate:
    """The mean of each column of values (N, K) and its interval over the N samples, each a group of its own.

    Samples are drawn whole rows at a time, so that all columns see the same draws. NaN entries are left out of
    their column, and `interval` counts the others as its groups: one of them leaves no interval, none no mean.
    Intervals of 95 % hold the mean of normal values 95 times in 100 with 3, 5 or 9 samples, and that of values as
    skewed as log-normal ones (σ = 1) some 84 times.
    """
    defined = ~np.isnan(values)
    n = defined.sum(axis=0)
    total = np.where(defined, values, 0.0).sum(axis=0)
    mean = np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0)
    # Deviations are resampled instead of values: a narrow spread around a large mean keeps its digits.
    weights = replicate_weights(len(values), resamples, seed)
    draws = weighted_mean(values - mean, np.arange(len(values)), weights)
    ends = [interval(column, int(known), level) for column, known in zip(draws.T, n, strict=True)]
    low, high = mean + np.array(ends).reshape(-1, 2).T
    return Estimate(n, mean, low, high)


def few_draws(n: int, level: float = 0.95) -> float:
    """By how much an interval over n ≥ 2 resampled things is too narrow: √(n/(n − 1)) · t / z.

    What is drawn with replacement varies by (n − 1)/n of its law, and n things know their own spread no better
    than Student's t with n − 1 degrees of freedom says. For the mean of normal draws this is exact.
    """
    upper = (1 + level) / 2
    return float(np.sqrt(n / (n - 1)) * stdtrit(n - 1, upper) / ndtri(upper))
