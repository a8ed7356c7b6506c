"""Participation ratios from traces alone: against eigenvalues of repeated points, closed forms and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from residyn.numerics.groups import groups_of, replicate_weights
from residyn.numerics.spectra import participation_ratios


def of_repeated(points: np.ndarray, group: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Written out: eigenvalues of the covariance of points repeated as often as their weights say."""
    found = []
    for row in weights.astype(int):
        repeated = np.repeat(points.astype(float), row[group], axis=0)
        eigenvalues = np.linalg.eigvalsh(np.cov(repeated.T, bias=True))
        found.append(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())
    return np.array(found)


def drawn(n: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points far from the origin, of falling variance; groups of unequal size; weights."""
    rng = np.random.default_rng(seed)
    points = 30 + rng.standard_normal((n, d)) * np.arange(1, d + 1) ** -0.5
    group = groups_of(np.arange(n) // 3, 7, seed)
    return points, group, replicate_weights(7, 20, seed)


@pytest.mark.parametrize(("n", "d"), [(60, 9), (25, 80), (22, 22), (30, 2)])
def test_they_are_numpys_of_repeated_points(n: int, d: int) -> None:
    points, group, weights = drawn(n, d, seed=n)
    expected = of_repeated(points, group, weights)
    np.testing.assert_allclose(participation_ratios(points, group, weights), expected, rtol=1e-9)
    assert np.ptp(expected) > 1e-3


def test_float32_points_with_a_large_mean_and_one_massive_unit() -> None:
    points, group, weights = drawn(50, 12, seed=4)
    points = (points + 970).astype(np.float32)
    points[:, 5] *= 30
    got = participation_ratios(points, group, weights)
    np.testing.assert_allclose(got, of_repeated(points, group, weights), rtol=1e-9)


def test_closed_forms() -> None:
    group, ones = np.arange(12), np.ones((1, 12))
    axes = np.concatenate([np.eye(6), -np.eye(6)])
    assert participation_ratios(axes, group, ones)[0] == pytest.approx(6, rel=1e-12)
    # Variances 4 and 1 along two axes: (4 + 1)² / (16 + 1).
    ellipse = np.concatenate([2 * axes[[0, 6]], axes[[1, 7]]])
    assert participation_ratios(ellipse, group[:4], ones[:, :4])[0] == pytest.approx(25 / 17, rel=1e-12)
    line = np.outer(np.arange(12.0), [3.0, -1.0, 2.0]) + 5
    assert participation_ratios(line, group, ones)[0] == pytest.approx(1, rel=1e-12)
    # Twice the weight along one axis of two: variances 2 and 1.
    weights = np.array([[2.0, 1.0]])
    cross = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    got = participation_ratios(cross, np.array([0, 0, 1, 1]), weights)
    assert got[0] == pytest.approx(9 / 5, rel=1e-12)


def test_points_that_are_all_the_same_have_none() -> None:
    group = np.arange(10) // 2
    same = np.tile([0.1, -7.3, 1e5], (10, 1))
    assert np.isnan(participation_ratios(same, group, np.ones((3, 5)))).all()
    assert np.isnan(participation_ratios(same[:1], group[:1], np.ones((2, 1)))).all()
    # The last group differs: a replicate without it, or of it alone, has but one point, and rounding.
    weights = np.array([[1, 1, 1, 1, 1], [2, 1, 2, 0, 0], [0, 0, 0, 0, 5], [0, 0, 0, 1, 4]], dtype=float)
    for step in np.random.default_rng(0).standard_normal((30, 3)):
        two = np.where(group[:, None] == 4, same + step, same)
        np.testing.assert_allclose(participation_ratios(two, group, weights), [1, np.nan, np.nan, 1], rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 1e3), st.sampled_from([(9, 4), (6, 15)]))
def test_rotation_shift_and_scale_change_nothing(seed: int, scale: float, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    n, d = shape
    points, group = rng.standard_normal(shape), np.arange(n) % 5
    weights = replicate_weights(5, 10, seed)
    got = participation_ratios(points, group, weights)
    rotation = ortho_group.rvs(d, random_state=rng)
    moved = scale * (points @ rotation + rng.normal(0, 3, d))
    np.testing.assert_allclose(participation_ratios(moved, group, weights), got, rtol=1e-8)
    known = got[~np.isnan(got)]
    assert (known >= 1 - 1e-9).all()
    assert (known <= min(n - 1, d) + 1e-9).all()
