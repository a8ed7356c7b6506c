"""Trends over depth: Spearman's rank correlation by scipy, and what pairs, neighbours and smoothing mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from residyn.numerics.trends import between_neighbours, pairs_of_kinds, smoothed, trend, without_alternation

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


@settings(deadline=None)
@given(arrays.arrays(np.float64, (2, 9), elements=st.integers(-20, 20).map(float)))
def test_a_trend_is_of_ranks_and_turns_with_depth(curves: np.ndarray) -> None:
    got = trend(curves)
    np.testing.assert_allclose(trend(np.exp(curves / 5)), got, atol=1e-12)
    np.testing.assert_allclose(trend(-curves), -got, atol=1e-12)
    np.testing.assert_allclose(trend(curves[:, ::-1]), -got, atol=1e-12)
    assert (np.abs(got[~np.isnan(got)]) <= 1 + 1e-12).all()


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


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ([WITHIN, CROSS, WITHIN, CROSS, WITHIN], [1, 2, 3]),
        ([CROSS, WITHIN, CROSS, WITHIN], [1, 2]),
        ([WITHIN, CROSS, CROSS, WITHIN, CROSS], [3]),
        ([WITHIN, BLOCK, WITHIN, CROSS, WITHIN], [3]),
        ([CROSS, BLOCK, CROSS], []),
        ([BLOCK, WITHIN, BLOCK], []),
        ([WITHIN] * 5, []),
        ([WITHIN, CROSS], []),
        ([WITHIN], []),
        ([], []),
    ],
    ids=[
        "attn and mlp",
        "from an mlp",
        "two across",
        "a block",
        "around a block",
        "in blocks",
        "one kind",
        "two",
        "one",
        "none",
    ],
)
def test_places_between_neighbours_have_one_of_the_other_kind_on_both_sides(
    kind: list[str], expected: list[int]
) -> None:
    np.testing.assert_array_equal(between_neighbours(np.array(kind, dtype=str)), np.array(expected, dtype=int))


@pytest.mark.parametrize("places", [5, 6, 9, 60])
def test_without_what_alternates_a_curve_is_a_mean_of_five_places_and_straight_at_its_ends(places: int) -> None:
    curve = np.random.default_rng(3).normal(3, 1, places)
    got = without_alternation(curve)
    weights = {-2: 1, -1: 2, 0: 2, 1: 2, 2: 1}
    for p in range(2, places - 2):
        assert got[p] == pytest.approx(sum(w * curve[p + k] for k, w in weights.items()) / 8, rel=1e-12)
    start = got[3] - got[2] if places > 5 else 0.0
    end = got[-3] - got[-4] if places > 5 else 0.0
    np.testing.assert_allclose(got[:2], [got[2] - 2 * start, got[2] - start], rtol=1e-12)
    np.testing.assert_allclose(got[-2:], [got[-3] + end, got[-3] + 2 * end], rtol=1e-12)


def test_what_alternates_falls_out_and_a_line_stays() -> None:
    line = 5 - 3 * np.arange(12.0)
    np.testing.assert_allclose(without_alternation(line), line, rtol=1e-12)
    np.testing.assert_allclose(without_alternation(line + 9 * (-1.0) ** np.arange(12)), line, atol=1e-12)
    np.testing.assert_array_equal(without_alternation(np.array([1.0, 4.0, 1.0, 2.0])), [2.0] * 4)


def test_smoothing_takes_out_what_alternates_and_keeps_a_line() -> None:
    line = 2.0 * np.arange(8)
    alternating = 10 * (-1.0) ** np.arange(8)
    got = smoothed(np.stack([line, line + alternating]))
    np.testing.assert_allclose(got, np.tile(line[:-1] + 1, (2, 1)), rtol=1e-12)
    np.testing.assert_array_equal(smoothed(np.array([[1.0, 4.0, 10.0]])), [[2.5, 7.0]])
