"""Trends over depth: Spearman's rank correlation by scipy, slopes by numpy, and what pairs and smoothing mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from residyn.numerics.trends import kind_gap, pairs_of_kinds, slopes, smoothed, trend

WITHIN, CROSS, BLOCK = "within", "cross", "block"


@pytest.mark.parametrize("ties", [False, True])
def test_trends_are_scipys_with_ties_and_undefined_places(ties: bool) -> None:
    curves = np.random.default_rng(0).normal(0, 2, (30, 25))
    curves = curves.round() if ties else curves
    curves[:, [3, 24]] = np.nan
    curves[0, 7] = np.inf
    known = np.isfinite(curves[0])
    got = trend(curves)
    expected = np.array([stats.spearmanr(np.arange(25)[known], row[known])[0] for row in curves])
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_trends_of_what_rises_falls_and_stays() -> None:
    rising = np.array([-5.0, 0.0, 0.1, 30.0])
    np.testing.assert_allclose(trend(np.stack([rising, -rising, rising**3])), [1, -1, 1], rtol=1e-12)
    assert np.isnan(trend(np.full((2, 9), 0.1))).all()
    np.testing.assert_array_equal(np.isnan(trend(np.stack([rising, np.ones(4)]))), [False, True])


def test_a_trend_needs_three_places() -> None:
    three = np.array([[1.0, np.nan, 2.0, 3.0]])
    assert trend(three) == pytest.approx(1)
    assert np.isnan(trend(three[:, :3])).all()
    np.testing.assert_array_equal(trend(np.empty((4, 0))), np.full(4, np.nan))


def test_a_replicate_with_fewer_places_than_the_data_has_no_trend() -> None:
    curves = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, np.nan, 3.0, 4.0]])
    np.testing.assert_allclose(trend(curves), [1, np.nan], rtol=1e-12)
    assert np.isnan(slopes(curves, np.array([0.0, 1.0]))[1, 0])
    assert np.isnan(kind_gap(curves, np.array([[0, 1], [2, 3]]))[1])


@settings(deadline=None)
@given(arrays.arrays(np.float64, (2, 9), elements=st.integers(-20, 20).map(float)))
def test_a_trend_is_of_ranks_and_turns_with_depth(curves: np.ndarray) -> None:
    got = trend(curves)
    np.testing.assert_allclose(trend(np.exp(curves / 5)), got, atol=1e-12)
    np.testing.assert_allclose(trend(-curves), -got, atol=1e-12)
    np.testing.assert_allclose(trend(curves[:, ::-1]), -got, atol=1e-12)
    assert (np.abs(got[~np.isnan(got)]) <= 1 + 1e-12).all()


@pytest.mark.parametrize("places", [7, 10, 61])
def test_slopes_are_polyfits_over_relative_depth(places: int) -> None:
    curves = np.random.default_rng(1).normal(100, 1, (5, places)).cumsum(axis=1)
    curves[:, 2] = np.nan
    depth = np.arange(places) / (places - 1)
    bounds = np.array([0, 1 / 3, 2 / 3, 1])
    got = slopes(curves, bounds)
    assert got.shape == (5, 3)
    for i in range(3):
        # A third of 7 or 10 places falls on one of them, which belongs to both sides.
        inside = (depth > bounds[i] - 1e-9) & (depth < bounds[i + 1] + 1e-9) & np.isfinite(curves[0])
        for row, found in zip(curves, got[:, i], strict=True):
            assert found == pytest.approx(np.polyfit(depth[inside], row[inside], 1)[0], rel=1e-9)


def test_slopes_of_a_line_and_of_a_bend() -> None:
    depth = np.linspace(0, 1, 31)
    bend = np.maximum(depth - 2 / 3, 0) * 12 + 5
    got = slopes(np.stack([3 * depth - 7, bend]), np.array([0, 1 / 3, 2 / 3, 1]))
    np.testing.assert_allclose(got, [[3, 3, 3], [0, 0, 12]], atol=1e-12)
    np.testing.assert_allclose(slopes(np.array([[1.0, 5.0]]), np.array([0.0, 1.0])), [[4]], rtol=1e-12)


def test_a_stretch_of_one_place_or_none_has_no_slope() -> None:
    got = slopes(np.arange(4.0)[None], np.array([0, 0.2, 0.3, 1]))
    np.testing.assert_allclose(got, [[np.nan, np.nan, 3]], rtol=1e-12)
    assert np.isnan(slopes(np.ones((2, 1)), np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ([WITHIN, CROSS, WITHIN, CROSS, WITHIN], [[0, 1], [2, 3]]),
        ([CROSS, WITHIN, CROSS, WITHIN], [[1, 2]]),
        ([WITHIN, CROSS, WITHIN, CROSS], [[0, 1], [2, 3]]),
        ([WITHIN, BLOCK, CROSS, WITHIN, CROSS], [[3, 4]]),
        ([BLOCK] * 4, []),
        ([WITHIN], []),
        ([], []),
    ],
    ids=["attn and mlp", "from an mlp", "ending in out", "a gap in between", "parallel", "one", "none"],
)
def test_pairs_are_a_step_within_and_the_step_across_after_it(kind: list[str], expected: list[list[int]]) -> None:
    got = pairs_of_kinds(np.array(kind, dtype=str))
    np.testing.assert_array_equal(got, np.array(expected, dtype=int).reshape(-1, 2))


def test_the_gap_is_the_mean_over_layers_of_within_minus_cross() -> None:
    curves = np.array([[5.0, 1.0, 7.0, 4.0, 100.0], [1.0, 2.0, 1.0, 4.0, 0.0]])
    pairs = pairs_of_kinds(np.array([WITHIN, CROSS, WITHIN, CROSS, WITHIN]))
    np.testing.assert_allclose(kind_gap(curves, pairs), [3.5, -2], rtol=1e-12)
    curves[0, 3] = np.nan
    np.testing.assert_allclose(kind_gap(curves, pairs), [4, -1], rtol=1e-12)
    assert np.isnan(kind_gap(curves, pairs[1:])).all()
    assert np.isnan(kind_gap(curves, pairs[:0])).all()
    assert kind_gap(curves, pairs[:0]).shape == (2,)


def test_smoothing_takes_out_what_alternates_and_keeps_a_line() -> None:
    line = 2.0 * np.arange(8)
    alternating = 10 * (-1.0) ** np.arange(8)
    got = smoothed(np.stack([line, line + alternating]))
    np.testing.assert_allclose(got, np.tile(line[:-1] + 1, (2, 1)), rtol=1e-12)
    np.testing.assert_array_equal(smoothed(np.array([[1.0, 4.0, 10.0]])), [[2.5, 7.0]])
