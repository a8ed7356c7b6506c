"""Mutual information of a Gaussian copula: what a Gaussian with the same rank dependence would have."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, ndtri

from residyn.numerics.compiled import compiled
from residyn.numerics.information.pairs import estimate
from residyn.numerics.information.ranks import doubled_ranks, sorting

LEAST_SAMPLES = 3
"""Fewest samples with an estimate: the bias correction has no value for two."""


def copula(paths: np.ndarray, orders: np.ndarray | None = None, *, threads: int | None = None) -> np.ndarray:
    """Gaussian-copula mutual information (GCMI), nats, (R, U, S − 1).

    Each sublayer's values are replaced by the normal quantiles of rank/(N + 1), ties by that of their mean
    rank; with ρ the Pearson correlation of these scores, the estimate is −½ ln(1 − ρ²) minus the bias of that
    expression for N Gaussian samples, ½ψ((N−1)/2) − ½ψ((N−2)/2). A lower bound of the mutual information, up
    to noise; it sees monotone dependence only, and no monotone map of either side changes it. Unclipped:
    negative values are noise around 0.

    +inf where the ranks are the same or exactly reversed at both sublayers; NaN where the unit is constant at
    either, and everywhere for fewer than `LEAST_SAMPLES` samples. Raises DataError or UsageError for malformed
    paths or orders. Ince et al. 2017, Human Brain Mapping 38, 1541.
    """
    n = paths.shape[-1]
    table = normal_scores(n)
    bias = gaussian_bias(n)

    def unit_estimate(path: np.ndarray, orders: np.ndarray, estimates: np.ndarray) -> None:
        order = sorting(path)
        _unit(_standardised(table, doubled_ranks(path, order), order), orders, bias, estimates)

    return estimate(unit_estimate, paths, orders, threads)


def normal_scores(n: int) -> np.ndarray:
    """Normal quantile of r/(n + 1) for every doubled rank 2r, (2n + 1,); antisymmetric to the bit."""
    table = np.zeros(2 * n + 1)
    upper = np.arange(n + 2, 2 * n + 1)
    table[upper] = -ndtri((2 * n + 2 - upper) / (2 * n + 2))
    table[2 * n + 2 - upper] = -table[upper]
    return table


def gaussian_bias(n: int) -> float:
    """Mean of −½ ln(1 − r²) over n independent Gaussian pairs, nats; NaN below `LEAST_SAMPLES`."""
    if n < LEAST_SAMPLES:
        return np.nan
    return float(digamma((n - 1) / 2) - digamma((n - 2) / 2)) / 2


@compiled()
def _standardised(table: np.ndarray, ranks: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Scores with mean 0 and length 1 at each sublayer, (S, N); NaN for a constant one.

    Summed from both ends of the sorted scores towards their middle: two sublayers with the same ranks, or
    reversed ones, then have the same scores to the bit, up to sign.
    """
    n_sublayers, n = ranks.shape
    scores = np.empty((n_sublayers, n))
    for s in range(n_sublayers):
        for i in range(n):
            scores[s, i] = table[ranks[s, i]]
        total = 0.0
        for i in range(n // 2):
            total += scores[s, order[s, i]] + scores[s, order[s, n - 1 - i]]
        if n % 2:
            total += scores[s, order[s, n // 2]]
        scores[s] -= total / n
        square = 0.0
        for i in range(n // 2):
            square += scores[s, order[s, i]] ** 2 + scores[s, order[s, n - 1 - i]] ** 2
        if n % 2:
            square += scores[s, order[s, n // 2]] ** 2
        if square > 0:
            scores[s] /= np.sqrt(square)
        else:
            scores[s] = np.nan
    return scores


@compiled(error_model="numpy", fastmath={"reassoc"})
def _unit(scores: np.ndarray, orders: np.ndarray, bias: float, estimates: np.ndarray) -> None:
    n_sublayers, n = scores.shape
    for row in range(len(orders)):
        for s in range(n_sublayers - 1):
            apart = together = 0.0
            for i in range(n):
                x, y = scores[s, i], scores[s + 1, orders[row, i]]
                apart += (x - y) ** 2
                together += (x + y) ** 2
            # ‖x − y‖² ‖x + y‖² / 4 = 1 − ρ², without the cancellation of 1 − ρ² near |ρ| = 1.
            estimates[row, s] = -np.log(apart * together / 4) / 2 - bias
