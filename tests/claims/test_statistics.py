"""Statistics beside loops that follow their words; nulls of curves; p by counting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from residyn.claims.curves import DRAWS, curve_null, p_value
from scipy import stats

from residyn.claims import curves, statistics
from residyn.claims.claim import KINDS, ORDER, Part
from residyn.quantities.curves import Curves

LAYERS = 7
KIND = np.array(["within", "cross"] * LAYERS)[:-1]
T = len(KIND)
NONE = np.empty(0, dtype=str)


def curve(places: int = T, rows: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 2.0, (rows, places))


def with_gaps(values: np.ndarray, *places: int) -> np.ndarray:
    values = values.copy()
    values[:, places] = np.nan
    return values


def mean_between(row: np.ndarray, start: float, stop: float) -> float:
    last = len(row) - 1
    inside = [
        value
        for place, value in enumerate(row)
        if start * last - 1e-9 <= place <= stop * last + 1e-9 and np.isfinite(value)
    ]
    return float(np.mean(inside)) if inside else float("nan")


def slope_between(row: np.ndarray, start: float, stop: float) -> float:
    last = len(row) - 1
    inside = [place for place in range(len(row)) if start * last - 1e-9 <= place <= stop * last + 1e-9]
    return float(np.polyfit(np.array(inside) / last, row[inside], 1)[0])


@pytest.mark.parametrize("places", [T, T + 1, 4])
@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (0.0, 1 / 3), (1 / 6, 1 / 3), (2 / 3, 1.0)])
def test_means_are_over_the_places_between_two_depths(places, start, stop):
    values = with_gaps(curve(places), 1)
    found = statistics.mean_of("x", start, stop)({"x": values}, KIND)
    np.testing.assert_allclose(found, [mean_between(row, start, stop) for row in values], rtol=1e-12)


def test_both_ends_of_a_stretch_belong_to_it():
    ramp = np.arange(16.0)[None] ** 2
    assert statistics.mean_of("x", 0.0, 1 / 3)({"x": ramp}, NONE) == pytest.approx(55 / 6, rel=1e-12)
    assert statistics.mean_of("x", 2 / 3, 1.0)({"x": ramp}, NONE) == pytest.approx(955 / 6, rel=1e-12)


def test_a_fixed_last_place_is_left_out_and_depth_ends_before_it():
    values = curve(9)
    found = statistics.mean_of("x", 0.0, 0.5, but_last=True)({"x": values}, KIND)
    np.testing.assert_allclose(found, values[:, :4].mean(axis=1), rtol=1e-12)


def test_the_mean_of_one_place_is_its_value_and_of_none_is_not_defined():
    one = statistics.mean_of("x")
    np.testing.assert_array_equal(one({"x": curve(1)}, KIND), curve(1)[:, 0])
    assert np.isnan(one({"x": np.empty((3, 0))}, KIND)).all()
    assert np.isnan(one({"x": np.full((3, 4), np.nan)}, KIND)).all()
    assert np.isnan(statistics.mean_of("x", 0.6, 1.0)({"x": curve(1)}, KIND)).all()


def test_trends_are_rank_correlations_of_the_curve_that_is_named():
    values = with_gaps(curve(), 4)
    found = statistics.trend_of("x")({"x": values, "y": -values}, KIND)
    known = np.isfinite(values[0])
    expected = np.array([stats.spearmanr(np.flatnonzero(known), row[known])[0] for row in values])
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("until", [1.0, 0.5, 0.25])
def test_gaps_are_means_over_layers_up_to_a_depth(until):
    values = with_gaps(curve(), 4)
    expected = []
    for row in values:
        gaps = [row[i] - row[i + 1] for i in range(0, T - 1, 2) if i + 1 <= until * (T - 1)]
        expected.append(np.mean([gap for gap in gaps if np.isfinite(gap)]))
    found = statistics.gap_of("x", until)({"x": values}, KIND)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_without_two_kinds_there_is_no_gap():
    found = statistics.gap_of("x")({"x": curve()}, np.full(T, "block"))
    assert found.shape == (5,)
    assert np.isnan(found).all()


@pytest.mark.parametrize("places", [T, 61])
def test_a_drop_is_the_lost_share_of_the_first_two_places(places):
    values = curve(places)
    found = statistics.drop_of("x")({"x": values}, KIND)
    expected = [1 - mean_between(row, 1 / 6, 1 / 3) / np.mean(row[:2]) for row in values]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_drop_of_three_quarters_is_said_so_and_from_nothing_is_not_defined():
    values = np.full((3, T), 0.5)
    values[:, :2] = 2.0
    values[1], values[2, :2] = 0.0, -1.0
    found = statistics.drop_of("x")({"x": values}, KIND)
    np.testing.assert_allclose(found, [0.75, np.nan, np.nan], rtol=1e-12)


@pytest.mark.parametrize("places", [T, 30, 63])
def test_early_and_late_slopes_are_least_squares_of_neighbours_means(places):
    values = curve(places)
    early = statistics.early_slope_of("x")({"x": values}, KIND)
    late = statistics.late_slope_of("x")({"x": values}, KIND)
    for row, got_early, got_late in zip(values, early, late, strict=True):
        smooth = (row[:-1] + row[1:]) / 2
        first, second, third = (slope_between(smooth, i / 3, (i + 1) / 3) for i in range(3))
        whole = slope_between(smooth, 0, 1)
        assert got_early == pytest.approx((abs(first) - whole / 2) / smooth.mean(), rel=1e-10)
        assert got_late == pytest.approx((third - max(first, second)) / smooth.mean(), rel=1e-10)


def test_a_line_has_no_steepest_third_and_half_its_slope_is_left_early():
    line = 3 + 2 * np.linspace(0, 1, 31)[None]
    span = 2 * 29 / 30  # a line of neighbours' means, whose depth runs from 0 to 1 again
    assert statistics.early_slope_of("x")({"x": line}, KIND) == pytest.approx(span / 2 / 4, rel=1e-10)
    assert statistics.late_slope_of("x")({"x": line}, KIND) == pytest.approx(0, abs=1e-12)


def test_a_fall_is_as_little_flat_as_a_rise():
    depth = np.linspace(0, 1, 31)
    rise, fall = 2 + np.minimum(depth, 1 / 3), 2 - np.minimum(depth, 1 / 3) + 3 * np.maximum(depth - 2 / 3, 0)
    for line in (rise, fall):
        assert statistics.early_slope_of("x")({"x": line[None]}, KIND)[0] > 0.1


def test_slopes_do_not_depend_on_the_size_of_a_curve_nor_on_what_alternates():
    values = curve(31)
    alternating = values + 0.2 * (-1.0) ** np.arange(31)
    for make in (statistics.early_slope_of, statistics.late_slope_of):
        expected = make("x")({"x": values}, KIND)
        np.testing.assert_allclose(make("x")({"x": 40 * values}, KIND), expected, rtol=1e-10)
        np.testing.assert_allclose(make("x")({"x": alternating}, KIND), expected, rtol=1e-9)


def test_the_weakest_is_the_least_place_beyond_the_largest_of_another_curve():
    x, y = np.array([[0.3, -0.2, 0.5], [1.0, 2.0, 3.0]]), np.array([[-0.4, 0.1], [5.0, 0.0]])
    np.testing.assert_allclose(statistics.weakest_of("x")({"x": x}, NONE), [-0.2, 1.0])
    np.testing.assert_allclose(statistics.weakest_of("x", "y")({"x": x, "y": y}, NONE), [-0.3, -4.0])
    none = np.empty((2, 0))
    assert np.isnan(statistics.weakest_of("x")({"x": none}, NONE)).all()
    assert np.isnan(statistics.weakest_of("x", "y")({"x": x, "y": none}, NONE)).all()


def recorded(null: str, values: np.ndarray, seed: int = 0, kind: np.ndarray = KIND) -> np.ndarray:
    """The curves that a null draws, as its statistic is given them."""
    seen = []

    def compute(curves, told):
        np.testing.assert_array_equal(told, kind)
        seen.append(curves["x"])
        return curves["x"][:, 0]

    part = Part("x", "x", ("x",), compute, 0.0, null)
    curve_null(part, Curves({"x": values, "other": -values}, kind, 4, 4), seed)
    assert seen[0].shape[1] == values.shape[1]
    return seen[0]


def test_random_order_keeps_kinds_and_what_is_not_defined():
    values = with_gaps(curve(), 3, 6)
    drawn = recorded(ORDER, values)
    assert len(drawn) == DRAWS
    assert np.isnan(drawn[:, [3, 6]]).all()
    for kind in ("within", "cross"):
        places = np.flatnonzero((kind == KIND) & np.isfinite(values[0]))
        np.testing.assert_array_equal(
            np.sort(drawn[:, places], axis=1), np.tile(np.sort(values[0, places]), (DRAWS, 1))
        )
        # Each value is as often at each place of its kind: within five standard deviations.
        share = 1 / len(places)
        counted = [(drawn[:, place] == value).mean() for place in places for value in values[0, places]]
        np.testing.assert_allclose(counted, share, atol=5 * np.sqrt(share * (1 - share) / DRAWS))


def test_sublayers_are_ordered_freely():
    values = curve(T + 1)
    drawn = recorded(ORDER, values)
    np.testing.assert_array_equal(np.sort(drawn, axis=1), np.tile(np.sort(values[0]), (DRAWS, 1)))
    counted = [(drawn[:, place] == value).mean() for place, value in itertools.product(range(T + 1), values[0])]
    share = 1 / (T + 1)
    np.testing.assert_allclose(counted, share, atol=5 * np.sqrt(share * (1 - share) / DRAWS))


def test_kinds_are_exchanged_in_pairs_of_one_layer_by_the_toss_of_a_coin():
    # Of ten pairs or more there are more exchanges than draws.
    kind = np.array(["within", "cross"] * 11)[:21]
    values = curve(21)
    drawn = recorded(KINDS, values, kind=kind)
    assert len(drawn) == DRAWS
    swapped = []
    for i in range(0, 20, 2):
        kept = (drawn[:, i] == values[0, i]) & (drawn[:, i + 1] == values[0, i + 1])
        turned = (drawn[:, i] == values[0, i + 1]) & (drawn[:, i + 1] == values[0, i])
        assert (kept ^ turned).all()
        assert turned.mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(DRAWS))
        swapped.append(turned)
    np.testing.assert_array_equal(drawn[:, -1], values[0, -1])
    apart = np.corrcoef(swapped) - np.eye(len(swapped))
    assert np.abs(apart).max() < 5 / np.sqrt(DRAWS)


def test_curves_of_one_statistic_are_ordered_alike():
    part = Part(
        "x", "x", ("x", "y"), lambda curves, kind: np.abs(curves["x"] + curves["y"]).max(axis=1), 0.0, ORDER
    )
    drawn = curve_null(part, Curves({"x": curve(), "y": -curve()}, KIND, 4, 4), 0)
    np.testing.assert_array_equal(drawn, np.zeros(DRAWS))


def test_draws_are_the_seeds():
    np.testing.assert_array_equal(recorded(ORDER, curve(), seed=3), recorded(ORDER, curve(), seed=3))
    assert not np.array_equal(recorded(ORDER, curve(), seed=3), recorded(ORDER, curve(), seed=4))


def test_few_exchanges_are_all_made_once_but_the_data_s_own():
    values = curve()
    pairs = (T - 1) // 2
    drawn = recorded(KINDS, values)
    turned = drawn[:, : T - 1 : 2] != values[0, : T - 1 : 2]
    assert turned.any(axis=1).all()
    assert len(np.unique(turned, axis=0)) == len(turned) == 2**pairs - 1
    assert curves.flips(9, np.random.default_rng(0)).shape == (511, 9)
    assert curves.flips(10, np.random.default_rng(0)).shape == (DRAWS, 10)
    assert curves.flips(0, np.random.default_rng(0)).shape == (0, 0)


def test_undefined_draws_are_left_out_of_a_null_s_mean_and_number():
    assert curves.beside_null(2.5, np.array([1.0, np.nan, 3.0, np.inf]), above=True) == (2.0, 2 / 3, 2)
    mean, p, repeats = curves.beside_null(2.5, np.full(3, np.nan), above=True)
    assert np.isnan(mean)
    assert np.isnan(p)
    assert repeats == 0


def test_the_gap_s_null_is_the_mean_of_random_signs():
    values = curve()
    part = Part("x", "x", ("x",), statistics.gap_of("x"), 0.0, KINDS)
    drawn = np.sort(curve_null(part, Curves({"x": values}, KIND, 4, 4), 0))
    gaps = values[0, 0:-1:2] - values[0, 1::2]
    every = np.array([np.mean(signs * gaps) for signs in itertools.product([1, -1], repeat=len(gaps))])
    nearest = np.abs(drawn[:, None] - every).min(axis=1)
    np.testing.assert_allclose(nearest, 0, atol=1e-12)
    assert drawn.std() == pytest.approx(np.sqrt((gaps**2).sum()) / len(gaps), rel=0.1)


@pytest.mark.parametrize(
    ("value", "above", "p"),
    [(3.0, True, 2 / 5), (3.5, True, 1 / 5), (-9.0, True, 1.0), (0.0, False, 2 / 5), (-1.0, False, 1 / 5)],
)
def test_p_counts_ties_against_the_claim_and_the_value_itself(value, above, p):
    assert p_value(value, np.array([0.0, 1.0, 2.0, 3.0]), above=above) == pytest.approx(p, rel=1e-12)


def test_p_of_draws_that_are_not_defined():
    nan = float("nan")
    assert p_value(1.0, np.array([nan, 0.0, 2.0]), above=True) == pytest.approx(2 / 3)
    assert np.isnan(p_value(1.0, np.array([nan, nan]), above=True))
    assert np.isnan(p_value(1.0, np.array([]), above=True))
    assert np.isnan(p_value(nan, np.array([0.0]), above=True))


@settings(deadline=None, max_examples=50)
@given(
    st.integers(-5, 5).map(float),
    st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30),
)
def test_p_turns_with_the_claim_s_side(value, draws):
    drawn = np.array(draws)
    above, below = p_value(value, drawn, above=True), p_value(value, drawn, above=False)
    assert above == p_value(-value, -drawn, above=False)
    assert 1 / (1 + len(drawn)) <= above <= 1
    ties = 1 + (drawn == value).sum()
    assert above + below == pytest.approx(1 + ties / (1 + len(drawn)), rel=1e-12)


def test_every_null_of_a_curve_says_what_it_is():
    assert set(curves.SAID) == {ORDER, KINDS}
    assert all(len(said) == 3 and all(said) for said in curves.SAID.values())
