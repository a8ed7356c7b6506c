"""Units of two networks matched one to one, and the best orthogonal map: plain arrays in, plain arrays out."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

_SAME = 1e-12
"""A unit whose values differ by no more than this share of their size is constant: what is left is rounding."""


def vary(points: np.ndarray) -> np.ndarray:
    """Which units (D,) of points (n, D) are finite and not constant."""
    size = np.abs(points).max(axis=0, initial=0.0)
    return np.isfinite(size) & (np.ptp(points, axis=0) > _SAME * size)


def matched_units(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of units, as positions in each, and the sign (+1 or −1) of each pair's correlation: three arrays (P,).

    `one` (n, D) and `other` (n, E) are of the same samples. Of all ways to give each unit of the narrower one a
    unit of the other of its own, this is the one with the largest sum of |r|: a linear assignment (Crouse 2016,
    IEEE Transactions on Aerospace and Electronic Systems 52:1679). Every unit has to vary.
    """
    r = _of_norm_one(one).T @ _of_norm_one(other)
    rows, columns = linear_sum_assignment(np.abs(r), maximize=True)
    return rows, columns, np.where(r[rows, columns] < 0, -1.0, 1.0)


def orthogonal_map(wide: np.ndarray, narrow: np.ndarray) -> np.ndarray:
    """The map (D, E) with orthonormal columns that takes points (n, D), centred, nearest to others (n, E), E ≤ D.

    The solution of the orthogonal Procrustes problem, U Vᵀ of the singular value decomposition of the product of
    both (Schönemann 1966, Psychometrika 31:1). Directions of which the points say nothing are left out: there the
    columns' lengths are less than 1.
    """
    product = (wide - wide.mean(axis=0)).T @ (narrow - narrow.mean(axis=0))
    left, lengths, right = np.linalg.svd(product, full_matrices=False)
    known = lengths > max(product.shape) * np.finfo(np.float64).eps * lengths[0]
    return left[:, known] @ right[known]


def mean_correlations(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson r of each column of `one` with the same column of `other` (n, P), mean over columns, (R,).

    `weights` (R, n) count each sample; columns of which one is constant are left out of their row's mean, NaN
    where all are.
    """
    total = weights.sum(axis=1, keepdims=True)
    # Centred once: weighted moments of what is far from 0 would lose their digits.
    x, y = one - one.mean(axis=0), other - other.mean(axis=0)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    covariance = weights @ (x * y) / total - mean_x * mean_y
    spread_x = weights @ (x * x) / total - mean_x**2
    spread_y = weights @ (y * y) / total - mean_y**2
    varies = (spread_x > _SAME * np.square(x).mean(axis=0)) & (spread_y > _SAME * np.square(y).mean(axis=0))
    varies &= vary(one) & vary(other)
    root = np.sqrt(np.where(varies, spread_x * spread_y, 1.0))
    n_known = varies.sum(axis=1)
    sums = np.where(varies, covariance / root, 0.0).sum(axis=1)
    return np.divide(sums, n_known, out=np.full(len(weights), np.nan), where=n_known > 0)


def _of_norm_one(points: np.ndarray) -> np.ndarray:
    centred = points - points.mean(axis=0)
    return centred / np.linalg.norm(centred, axis=0)
