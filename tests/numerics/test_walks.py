"""Random walks with given steps, beside walks in Gaussian directions and the geometry of their paths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from residyn.numerics import walks

LENGTHS = np.array([1.0, 2.0, 0.5, 3.0, 1.5, 0.7])
PAIRS = np.array([[0, 1], [2, 3], [4, 5]])


def distance_from_line(corner: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Of a point from the line through two others, over their distance."""
    along = (end - start) / np.linalg.norm(end - start)
    beside = (corner - start) - along * (along @ (corner - start))
    return float(np.linalg.norm(beside) / np.linalg.norm(end - start))


def walked(
    n_units: int, draws: int, lengths: np.ndarray = LENGTHS, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Straightness and offsets of walks whose directions are those of Gaussian vectors, step by step."""
    rng = np.random.default_rng(seed)
    straightness, offsets = [], []
    for _ in range(draws):
        at = np.zeros(n_units)
        path = [at]
        for length in lengths:
            step = rng.standard_normal(n_units)
            at = at + length * step / np.linalg.norm(step)
            path.append(at)
        straightness.append(np.linalg.norm(path[-1] - path[0]) / lengths.sum())
        offsets.append([distance_from_line(path[i + 1], path[i], path[j + 1]) for i, j in PAIRS])
    return np.array(straightness), np.array(offsets)


@pytest.mark.parametrize("n_units", [2, 4, 6, 7, 9, 60])
def test_their_law_is_that_of_gaussian_directions_in_as_many_dimensions(n_units):
    found = walks.random_walks(LENGTHS, n_units, PAIRS, 4000, np.random.default_rng(0))
    straightness, offset = walked(n_units, 4000)
    assert found.straightness.shape == (4000,)
    assert found.offset.shape == (4000, 3)
    assert stats.ks_2samp(found.straightness, straightness).pvalue > 1e-3
    for k in range(3):
        assert stats.ks_2samp(found.offset[:, k], offset[:, k]).pvalue > 1e-3
    # Steps that do not touch are independent: so are the offsets of different pairs.
    apart = np.corrcoef(found.offset.T) - np.eye(3)
    assert np.abs(apart).max() < 5 / np.sqrt(4000)


@pytest.mark.parametrize("n_units", [3, 8, 9, 30])
def test_directions_are_of_length_one_and_their_products_vary_by_one_over_the_dimensions(n_units):
    draws = 20_000
    found = np.concatenate(list(walks._directions(8, n_units, draws, np.random.default_rng(2))))
    assert found.shape[:2] == (draws, 8)
    np.testing.assert_allclose(np.linalg.norm(found, axis=2), 1, rtol=1e-12)
    products = np.einsum("rik,rjk->rij", found, found)[:, *np.triu_indices(8, 1)]
    np.testing.assert_allclose(products.mean(axis=0), 0, atol=5 / np.sqrt(n_units * draws))
    # The square of a product has the law Beta(1/2, (D − 1)/2).
    spread = stats.beta(0.5, (n_units - 1) / 2).std() if n_units > 1 else 0.0
    np.testing.assert_allclose((products**2).mean(axis=0), 1 / n_units, atol=5 * spread / np.sqrt(draws))


def test_walks_are_made_in_parts_of_any_size(monkeypatch):
    whole = walks.random_walks(LENGTHS, 9, PAIRS, 2000, np.random.default_rng(3))
    monkeypatch.setattr(walks, "_AT_ONCE", 7 * 6 * 6)
    found = walks.random_walks(LENGTHS, 9, PAIRS, 2000, np.random.default_rng(3))
    assert found.straightness.shape == (2000,)
    assert found.offset.shape == (2000, 3)
    assert len(np.unique(found.straightness)) == 2000
    assert stats.ks_2samp(found.straightness, whole.straightness).pvalue > 1e-3


def test_offsets_are_distances_of_the_corner_from_the_line_over_its_length():
    rng = np.random.default_rng(4)
    first, second = rng.standard_normal((2, 20, 5))
    zero = np.zeros(5)
    expected = [distance_from_line(a, zero, a + b) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(walks.offset(first, second), expected, rtol=1e-10)
    back = np.array([[1.0, 0.0], [2.0, 2.0]]), np.array([[-1.0, 0.0], [4.0, 4.0]])
    np.testing.assert_allclose(walks.offset(*back), [np.nan, 0], atol=1e-7)


def test_perpendicular_steps_have_the_expected_shape():
    steps = np.diag(LENGTHS)
    path = steps.sum(axis=0)
    assert walks.expected_straightness(LENGTHS) == pytest.approx(np.linalg.norm(path) / LENGTHS.sum(), rel=1e-12)
    first, second = PAIRS.T
    expected = [distance_from_line(steps[i], np.zeros(6), steps[i] + steps[j]) for i, j in PAIRS]
    np.testing.assert_allclose(walks.expected_offset(LENGTHS[first], LENGTHS[second]), expected, rtol=1e-12)
    assert walks.expected_offset(np.array(2.0), np.array(2.0)) == pytest.approx(0.5)


def test_in_many_dimensions_walks_come_near_to_what_is_expected_of_perpendicular_steps():
    found = walks.random_walks(LENGTHS, 10_000, PAIRS, 500, np.random.default_rng(5))
    np.testing.assert_allclose(found.straightness, walks.expected_straightness(LENGTHS), atol=0.03)
    expected = walks.expected_offset(LENGTHS[PAIRS[:, 0]], LENGTHS[PAIRS[:, 1]])
    np.testing.assert_allclose(found.offset, np.tile(expected, (500, 1)), atol=0.03)


def test_what_has_no_length_has_no_shape():
    still = walks.random_walks(np.zeros(4), 5, PAIRS[:2], 3, np.random.default_rng(0))
    assert np.isnan(still.straightness).all()
    assert np.isnan(still.offset).all()
    assert np.isnan(walks.expected_straightness(np.zeros((2, 3)))).all()
    assert np.isnan(walks.expected_offset(np.zeros(2), np.zeros(2))).all()
    none = walks.random_walks(LENGTHS, 5, PAIRS[:0], 3, np.random.default_rng(0))
    assert none.offset.shape == (3, 0)
    assert np.isfinite(none.straightness).all()
