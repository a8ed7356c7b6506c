"""Participation ratios of weighted samples, many sets of weights at once, without an eigenvalue."""

from __future__ import annotations

import numpy as np

from residyn.numerics.groups import sum_by_group
from residyn.numerics.pca import centred


def participation_ratios(points: np.ndarray, group: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(Σλ)²/Σλ² of the covariance of points (N, D) in each replicate, (R,): samples weigh what their group does.

    From traces of the Gram matrix K alone: with the weights w of the samples and n = Σw, that of the scatter is
    Σ w K_ii − wᵀKw/n, and that of its square wᵀ(K∘K)w − 2 Σ w (Kw)²/n + (wᵀKw)²/n². NaN where the points of a
    replicate are all the same. Memory: two matrices of N × N.
    """
    rows, _ = centred(points)
    gram = rows @ rows.T
    n_groups = weights.shape[1]
    diagonal = sum_by_group(np.diag(gram), group, n_groups)
    to_groups = sum_by_group(gram, group, n_groups).T
    inner = sum_by_group(to_groups, group, n_groups)
    np.square(gram, out=gram)
    squares = sum_by_group(sum_by_group(gram, group, n_groups).T, group, n_groups)
    count = weights @ np.bincount(group, minlength=n_groups)
    drift = np.einsum("rg,gh,rh->r", weights, inner, weights)
    pulled = weights @ sum_by_group(np.square(to_groups @ weights.T), group, n_groups)
    trace = weights @ diagonal - drift / count
    of_square = np.einsum("rg,gh,rh->r", weights, squares, weights)
    of_square += (drift / count) ** 2 - 2 * np.einsum("rr->r", pulled) / count
    found = np.full(len(weights), np.nan)
    # Of points that are all the same, rounding alone is left of the traces.
    varied = trace > 1e-12 * (weights @ diagonal)
    return np.divide(trace**2, of_square, out=found, where=varied & (of_square > 0))
