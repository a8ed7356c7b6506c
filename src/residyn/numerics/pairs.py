"""Samples beside each other: their distances, nearest neighbours, and how alike two sets of distances are."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

_SAME = 1e-12
"""Share of the squared lengths below which a squared distance is rounding: the states are the same."""


def squared_distances(states: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances (n, n) float64 between states (n, D); exactly 0 between equal ones.

    From inner products of the deviations from the mean state, which leave distances as they are.
    """
    deviations = states - states.mean(axis=0, dtype=np.float64)
    products = deviations @ deviations.T
    squares = np.diagonal(products)
    both = squares[:, None] + squares
    distances = both - 2 * products
    return np.where(distances > _SAME * both, distances, 0.0)


def u_centred(products: np.ndarray) -> np.ndarray:
    """Inner products (n, n) of n ≥ 4 samples, centred so that their inner products with another such matrix, over
    n (n − 3), are an unbiased estimate of the Hilbert-Schmidt independence criterion; zero on the diagonal.

    Song et al. 2012, J. Mach. Learn. Res. 13:1393, eq. 5; in this form Székely & Rizzo 2014, Ann. Stat. 42:2382.
    """
    n = len(products)
    off = products - np.diag(np.diagonal(products))
    rows = off.sum(axis=1) / (n - 2)
    centred = off - rows[:, None] - rows + off.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0.0)
    return centred


def alignment(centred: np.ndarray) -> np.ndarray:
    """Debiased linear centred kernel alignment (K, K) of K sets of u-centred products, (K, M) their entries.

    In [−1, 1], 1 for sets that differ by a rotation, a shift and a scale; its mean is 0 for independent ones. NaN
    for a set without variance. Kornblith et al. 2019, arXiv:1905.00414; debiased as in Nguyen et al. 2021,
    arXiv:2010.15327.
    """
    products = centred.astype(np.float64) @ centred.astype(np.float64).T
    square = np.diagonal(products)
    both = np.sqrt(square[:, None] * square)
    return np.clip(np.divide(products, both, out=np.full(both.shape, np.nan), where=both > 0), -1.0, 1.0)


def ranks_of(distances: np.ndarray) -> np.ndarray:
    """Of each sample (row), the rank of every other one by its distance: 1 is the nearest, ties share their mean
    rank, and the sample itself has 0; (n, n).
    """
    others = distances.copy()
    np.fill_diagonal(others, -1.0)
    return rankdata(others, axis=1) - 1


def neighbours_kept(before: np.ndarray, after: np.ndarray, k: int) -> np.ndarray:
    """Share of each sample's k nearest neighbours that are among its k nearest afterwards, (n,), in [0, 1].

    `before` and `after` are `ranks_of`. NaN where ties leave a sample no neighbour that is told from the others.
    """
    others = ~np.eye(len(before), dtype=bool)
    near = (before <= k) & others
    kept = (near & (after <= k)).sum(axis=1)
    n = near.sum(axis=1)
    return np.divide(kept, n, out=np.full(len(n), np.nan), where=n > 0)


def information_imbalance(first: np.ndarray, second: np.ndarray) -> float:
    """How badly the distances of the `first` tell those of the `second`: 2/n of the mean rank, in the second, of
    the nearest neighbour in the first.

    2/n where nearest neighbours are the same, about 1 where they know nothing of each other. Of several nearest
    neighbours, the mean. Both are `ranks_of`. Glielmo et al. 2022, PNAS Nexus 1:pgac039.
    """
    n = len(first)
    others = np.where(np.eye(n, dtype=bool), np.inf, first)
    nearest = others == others.min(axis=1, keepdims=True)
    return float(2 / n * np.mean((second * nearest).sum(axis=1) / nearest.sum(axis=1)))
