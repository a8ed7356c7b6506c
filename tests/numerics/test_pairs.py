"""Distances, neighbours, centred kernel alignment and information imbalance beside their published formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from residyn.numerics import pairs

N = 60


def cloud(seed: int, n: int = N, d: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def test_distances_are_those_of_differences_also_far_from_the_origin():
    x = cloud(0) + 1e4
    x[3] = x[9]
    found = pairs.squared_distances(x)
    np.testing.assert_allclose(found, cdist(x, x) ** 2, rtol=1e-7, atol=1e-12)
    assert found[3, 9] == found[9, 3] == 0
    assert (np.diagonal(found) == 0).all()


def hsic(k: np.ndarray, m: np.ndarray) -> float:
    """Song et al. 2012, eq. 5, term by term."""
    n, one = len(k), np.ones(len(k))
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    terms = np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return float((terms - 2 / (n - 2) * (one @ k @ m @ one)) / (n * (n - 3)))


def test_centred_products_make_the_unbiased_criterion():
    x, y = cloud(1), cloud(2) + cloud(1) @ np.random.default_rng(0).standard_normal((7, 7))
    k, m = x @ x.T, y @ y.T
    centred = np.stack([pairs.u_centred(one).ravel() for one in (k, m)])
    assert centred[0] @ centred[1] / (N * (N - 3)) == pytest.approx(hsic(k, m), rel=1e-10)
    expected = hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))
    found = pairs.alignment(centred)
    assert found[0, 1] == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(np.diagonal(found), 1)


def test_alignment_knows_no_rotation_and_is_zero_in_the_mean_without_dependence():
    rng = np.random.default_rng(3)
    x = cloud(4)
    turned = 3 * x @ np.linalg.qr(rng.standard_normal((7, 7)))[0] + 5
    found = pairs.alignment(np.stack([pairs.u_centred(one @ one.T).ravel() for one in (x, turned)]))
    assert found[0, 1] == pytest.approx(1, abs=1e-9)
    # Many dimensions and few samples, where the biased estimate is far above 0.
    apart = [rng.standard_normal((200, 12, 200))[i] for i in range(40)]
    centred = np.stack([pairs.u_centred(one @ one.T).ravel() for one in apart])
    others = pairs.alignment(centred)[np.triu_indices(40, 1)]
    assert abs(others.mean()) < 4 * others.std() / np.sqrt(len(others) / 20)
    assert np.isnan(pairs.alignment(np.zeros((1, 9)))).all()


def test_neighbours_are_those_of_a_search():
    x = cloud(5)
    y = x + 0.7 * cloud(6)
    near = [NearestNeighbors(n_neighbors=6).fit(z).kneighbors(z, return_distance=False)[:, 1:] for z in (x, y)]
    expected = [len(set(a) & set(b)) / 5 for a, b in zip(*near, strict=True)]
    ranks = [pairs.ranks_of(pairs.squared_distances(z)) for z in (x, y)]
    np.testing.assert_allclose(pairs.neighbours_kept(ranks[0], ranks[1], 5), expected)
    np.testing.assert_allclose(pairs.neighbours_kept(ranks[0], ranks[0], 5), 1)


def test_ties_are_no_neighbours():
    same = pairs.ranks_of(pairs.squared_distances(np.ones((30, 3))))
    assert np.isnan(pairs.neighbours_kept(same, same, 5)).all()


def imbalance(x: np.ndarray, y: np.ndarray) -> float:
    """Glielmo et al. 2022, eq. 1, sample by sample."""
    n = len(x)
    ranks = []
    for i in range(n):
        dx, dy = np.linalg.norm(x - x[i], axis=1), np.linalg.norm(y - y[i], axis=1)
        dx[i] = np.inf
        ranks.append(1 + sum(dy[j] < dy[dx.argmin()] for j in range(n) if j != i))
    return 2 / n * float(np.mean(ranks))


def test_the_imbalance_is_that_of_the_definition_and_knows_its_direction():
    x = cloud(7, 150, 3)
    part, noise = x[:, :1], cloud(8, 150, 3)
    ranks = [pairs.ranks_of(pairs.squared_distances(z)) for z in (x, part, noise)]
    for a, b, clouds in ((0, 1, (x, part)), (1, 0, (part, x)), (0, 2, (x, noise))):
        assert pairs.information_imbalance(ranks[a], ranks[b]) == pytest.approx(imbalance(*clouds), rel=1e-12)
    # All of the coordinates tell one of them, and one does not tell all; noise tells nothing.
    assert pairs.information_imbalance(ranks[0], ranks[1]) < 0.35
    assert pairs.information_imbalance(ranks[1], ranks[0]) > 0.5
    assert pairs.information_imbalance(ranks[0], ranks[2]) == pytest.approx(1, abs=0.2)
    assert pairs.information_imbalance(ranks[0], ranks[0]) == pytest.approx(2 / 150)
