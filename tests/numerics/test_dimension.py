"""Dimensions of points: closed forms, a plain search through all distances, and manifolds of known dimension."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from residyn.numerics import dimension, pca


def plain_nearest(points: np.ndarray) -> np.ndarray:
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    return np.sort(distances, axis=1)[:, :2]


def plain_two_nn(points: np.ndarray) -> float:
    """The linear fit of Facco et al. 2017, step by step."""
    nearest = plain_nearest(np.unique(points, axis=0))
    n = len(nearest)
    ratios = sorted(second / first for first, second in nearest)[: int(n * 0.9)]
    x = np.array([np.log(ratio) for ratio in ratios])
    y = np.array([-np.log(1 - (i + 1) / n) for i in range(len(ratios))])
    return float((x * y).sum() / (x * x).sum())


@pytest.mark.parametrize("k", [1, 3, 10])
def test_participation_ratio_of_equal_axes_is_their_number(k: int) -> None:
    assert dimension.participation_ratio(np.full(k, 0.3)) == pytest.approx(k, rel=1e-14)
    assert dimension.participation_ratio(np.concatenate([np.full(k, 2.0), np.zeros(5)])) == pytest.approx(k)


def test_participation_ratio_of_unequal_axes() -> None:
    assert dimension.participation_ratio(np.array([3.0, 1.0])) == pytest.approx(16 / 10, rel=1e-14)
    assert np.isnan(dimension.participation_ratio(np.zeros(4)))
    assert np.isnan(dimension.participation_ratio(np.empty(0)))


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20),
    scale=st.floats(1e-3, 1e3),
)
def test_participation_ratio_is_bounded_and_free_of_scale(values: list[float], scale: float) -> None:
    eigenvalues = np.array(values)
    ratio = dimension.participation_ratio(eigenvalues)
    assert 1 - 1e-12 <= ratio <= len(values) * (1 + 1e-12)
    assert dimension.participation_ratio(eigenvalues * scale) == pytest.approx(ratio, rel=1e-12)


@pytest.mark.parametrize(("n", "n_units"), [(200, 50), (100, 100), (60, 300)])
def test_the_ceiling_is_what_isotropic_samples_reach(n: int, n_units: int) -> None:
    rng = np.random.default_rng(0)
    ratios = [dimension.participation_ratio(pca.spectrum(rng.standard_normal((n, n_units)))) for _ in range(100)]
    error = np.std(ratios) / np.sqrt(len(ratios))
    # A sample has N − 1 degrees of freedom; with n of them the expectation is nD / (n + D + 1).
    assert np.mean(ratios) == pytest.approx((n - 1) * n_units / (n + n_units), abs=3 * error)
    assert dimension.isotropic_ceiling(n, n_units) == pytest.approx(np.mean(ratios), rel=0.02)


def test_components_for_a_share() -> None:
    equal = np.ones(10)
    assert [dimension.components_for(equal, share) for share in (0.05, 0.1, 0.9, 0.91, 1.0)] == [1, 1, 9, 10, 10]
    # 0.3 has no exact binary form: 45 of 50 such axes still carry nine tenths.
    assert dimension.components_for(np.full(50, 0.3), 0.9) == 45
    assert dimension.components_for(np.array([9.0, 1.0])) == 1
    assert dimension.components_for(np.array([8.9, 1.0, 0.1])) == 2
    assert np.isnan(dimension.components_for(np.zeros(3)))
    assert np.isnan(dimension.components_for(np.empty(0)))


@pytest.mark.parametrize(("n", "n_units", "filled"), [(300, 5, 5), (200, 60, 4), (80, 200, 200)])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_two_nn_is_the_plain_formula(n: int, n_units: int, filled: int, offset: float) -> None:
    rng = np.random.default_rng(1)
    points = rng.standard_normal((n, filled)) @ rng.standard_normal((filled, n_units)) + offset
    got = dimension.two_nn(points)
    assert got.dimension == pytest.approx(plain_two_nn(points), rel=1e-8)
    assert got[1:] == (n, 0)


def test_nearest_distances_of_close_points_do_not_cancel() -> None:
    rng = np.random.default_rng(2)
    points = rng.standard_normal((40, 30)) * 1e3
    # Clumps whose distances are 1e-9 of the points' lengths: ‖x‖² + ‖y‖² − 2x·y has lost them altogether.
    points = np.concatenate([points, points[:20] + 1e-6 * rng.standard_normal((20, 30)), points[:20] + 2e-6])
    squares = (points**2).sum(axis=1)
    rough = squares[:, None] + squares - 2 * points @ points.T
    np.fill_diagonal(rough, np.inf)
    expected = plain_nearest(points)
    assert np.abs(np.sqrt(np.abs(rough.min(axis=1))) / expected[:, 0] - 1).max() > 0.1
    np.testing.assert_allclose(dimension.nearest_two(points), expected, rtol=1e-6)


def test_a_point_at_the_mean_and_a_point_far_away_have_neighbours() -> None:
    points = np.random.default_rng(8).standard_normal((41, 6))
    points[40] = 1e6
    points[:20] = -points[20:40]
    points = np.concatenate([points, -points[40:], np.zeros((1, 6))])
    np.testing.assert_allclose(dimension.nearest_two(points), plain_nearest(points), rtol=1e-9)


def test_points_beyond_one_tile_are_all_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(3).standard_normal((50, 7))
    whole = dimension.nearest_two(points)
    monkeypatch.setattr(dimension, "_TILE_VALUES", 150)
    np.testing.assert_allclose(dimension.nearest_two(points), whole, rtol=1e-13)
    np.testing.assert_allclose(whole, plain_nearest(points), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "low", "high"),
    [
        ("line in 50 dimensions", 0.9, 1.1),
        ("circle", 0.9, 1.1),
        ("sheet", 1.85, 2.15),
        ("sphere", 1.85, 2.15),
        ("cube of five", 4.4, 5.2),
    ],
)
def test_manifolds_of_known_dimension(make: str, low: float, high: float) -> None:
    rng = np.random.default_rng(4)
    n = 3000
    angle = rng.uniform(0, 2 * np.pi, n)
    ball = rng.standard_normal((n, 3))
    uniform = rng.uniform(size=(n, 5))
    points = {
        "line in 50 dimensions": uniform[:, :1] * rng.standard_normal(50) + 7,
        "circle": np.stack([np.cos(angle), np.sin(angle)], axis=1),
        "sheet": np.concatenate([uniform[:, :2], np.sin(uniform[:, :1])], axis=1),
        "sphere": ball / np.linalg.norm(ball, axis=1, keepdims=True),
        "cube of five": uniform @ rng.standard_normal((5, 20)),
    }[make]
    assert low < dimension.two_nn(points).dimension < high


def test_copies_are_dropped_and_counted() -> None:
    points = np.random.default_rng(5).standard_normal((100, 4)).astype(np.float32)
    repeated = np.concatenate([points[:30], points, points[10:15]])
    repeated[3, 0] = points[3, 0] = 0.0
    repeated[33, 0] = -0.0
    got, expected = dimension.two_nn(repeated), dimension.two_nn(points)
    assert got == (pytest.approx(expected.dimension, rel=1e-10), 100, 35)
    assert expected.n_duplicates == 0


def test_too_few_points_have_no_dimension() -> None:
    rng = np.random.default_rng(6)
    same = np.ones((50, 3))
    assert dimension.two_nn(same)[1:] == (1, 49)
    assert np.isnan(dimension.two_nn(same).dimension)
    assert np.isnan(dimension.two_nn(rng.standard_normal((2, 3))).dimension)
    assert np.isfinite(dimension.two_nn(rng.standard_normal((3, 3))).dimension)
    # The corners of a simplex: every second neighbour is as far as the first.
    assert np.isnan(dimension.two_nn(np.eye(5)).dimension)
    assert dimension.two_nn(np.eye(5)).n_points == 5


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
def test_two_nn_keeps_under_rotation_shift_scale_and_order(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((60, 5))
    turn, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    moved = (scale * points @ turn + shift)[rng.permutation(60)]
    assert dimension.two_nn(moved).dimension == pytest.approx(dimension.two_nn(points).dimension, rel=1e-6)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 20.0])
def test_near_copies_count_as_copies(share: float, copies: int, offset: float) -> None:
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.standard_normal((64, 5)))[0].T
    points = (rng.standard_normal((400, 5)) @ basis + offset).astype(np.float32)
    first = points[: int(400 * share)]
    noise = 1 + 2e-7 * rng.standard_normal((copies, *first.shape))
    near = np.concatenate([points, *(first * noise).astype(np.float32)])
    got, wanted = dimension.two_nn(near), dimension.two_nn(points)
    assert got.dimension == pytest.approx(wanted.dimension, rel=1e-4)
    assert got[1:] == (400, copies * len(first))
    assert 4.8 < got.dimension < 6
    shuffled = dimension.two_nn(near[rng.permutation(len(near))])
    assert shuffled.dimension == pytest.approx(wanted.dimension, rel=1e-3)


def test_points_a_little_apart_are_no_copies() -> None:
    points = np.random.default_rng(2).standard_normal((200, 30)).astype(np.float32)
    beside = points[:20] * np.float32(1 + 1e-5)
    assert dimension.two_nn(np.concatenate([points, beside])).n_duplicates == 0
    same = np.float32(1) + np.zeros((5, 8), np.float32)
    same[:, 0] += np.arange(5, dtype=np.float32) * np.finfo(np.float32).eps
    assert np.isnan(dimension.two_nn(same).dimension)
    assert dimension.two_nn(same)[1:] == (1, 4)


@pytest.mark.parametrize("discard", [0.0, 0.5])
def test_any_share_of_ratios_can_be_left_out(discard: float) -> None:
    points = np.random.default_rng(7).uniform(size=(4000, 3))
    assert 2.7 < dimension.two_nn(points, discard).dimension < 3.3


@pytest.mark.parametrize("n", [15, 60])
def test_participation_ratio_without_units_is_that_of_the_other_units(n: int) -> None:
    points = np.random.default_rng(1).standard_normal((n, 30)) * np.geomspace(0.1, 200, 30) + 5
    left_out = [np.array([], dtype=int), np.array([29]), np.array([3, 29, 28])]
    ratios = dimension.participation_ratios(points, left_out)
    for ratio, units in zip(ratios, left_out, strict=True):
        expected = dimension.participation_ratio(pca.spectrum(np.delete(points, units, axis=1)))
        assert ratio == pytest.approx(expected, rel=1e-9)
    assert np.isnan(dimension.participation_ratios(np.ones((n, 30)), left_out)).all()
