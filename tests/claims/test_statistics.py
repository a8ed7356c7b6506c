"""Statistics beside loops that follow their words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from residyn.claims import statistics
from residyn.quantities.sums import Depth

LAYERS = 7


def depth_of(layers: int = LAYERS, sites: tuple[str, ...] = ("attn", "mlp"), first: int = 0) -> Depth:
    """Places of layers from a first one on, of two kinds of transitions; or of blocks alone."""
    layer = np.repeat(np.arange(first, first + layers), len(sites))
    kinds = ["within", "cross"] if len(sites) > 1 else ["block"]
    return Depth(layer, np.tile(sites, layers), np.array(kinds * layers)[: len(layer) - 1])


DEPTH = depth_of()
T = len(DEPTH.kind)
NO_DEPTH = Depth(np.empty(0, int), np.empty(0, str), np.empty(0, str))


def curve(places: int = T, rows: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 2.0, (rows, places))


def with_gaps(values: np.ndarray, *places: int) -> np.ndarray:
    values = values.copy()
    values[:, places] = np.nan
    return values


def kinds_of(places: int) -> list[list[int]]:
    """The places of each kind: every other one, of transitions and of sublayers; else all of them."""
    if places not in (T, T + 1):
        return [list(range(places))]
    return [list(range(0, places, 2)), list(range(1, places, 2))]


def mean_between(row: np.ndarray, start: float, stop: float) -> float:
    last = len(row) - 1
    inside = [
        value
        for place, value in enumerate(row)
        if start * last - 1e-9 <= place <= stop * last + 1e-9 and np.isfinite(value)
    ]
    return float(np.mean(inside)) if inside else float("nan")


def correlated_with_depth(row: np.ndarray, places: list[int]) -> float:
    known = [place for place in places if np.isfinite(row[place])]
    return float(stats.spearmanr(known, row[known])[0]) if len(known) > 2 else float("nan")


def neighbours(row: np.ndarray) -> np.ndarray:
    return np.array([(row[i] + row[i + 1]) / 2 for i in range(len(row) - 1)])


@pytest.mark.parametrize("places", [T, T + 1, 4])
@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (0.0, 1 / 3), (1 / 6, 1 / 3), (2 / 3, 1.0)])
def test_means_are_over_the_places_between_two_depths(places, start, stop):
    values = with_gaps(curve(places), 1)
    found = statistics.mean_of("x", start, stop)({"x": values}, DEPTH)
    np.testing.assert_allclose(found, [mean_between(row, start, stop) for row in values], rtol=1e-12)


def test_both_ends_of_a_stretch_belong_to_it():
    ramp = np.arange(16.0)[None] ** 2
    assert statistics.mean_of("x", 0.0, 1 / 3)({"x": ramp}, NO_DEPTH) == pytest.approx(55 / 6, rel=1e-12)
    assert statistics.mean_of("x", 2 / 3, 1.0)({"x": ramp}, NO_DEPTH) == pytest.approx(955 / 6, rel=1e-12)


def test_a_fixed_last_place_is_left_out_and_depth_ends_before_it():
    values = curve(9)
    found = statistics.mean_of("x", 0.0, 0.5, but_last=True)({"x": values}, DEPTH)
    np.testing.assert_allclose(found, values[:, :4].mean(axis=1), rtol=1e-12)


def test_the_mean_of_one_place_is_its_value_and_of_none_is_not_defined():
    one = statistics.mean_of("x")
    np.testing.assert_array_equal(one({"x": curve(1)}, DEPTH), curve(1)[:, 0])
    assert np.isnan(one({"x": np.empty((3, 0))}, DEPTH)).all()
    assert np.isnan(one({"x": np.full((3, 4), np.nan)}, DEPTH)).all()
    assert np.isnan(statistics.mean_of("x", 0.6, 1.0)({"x": curve(1)}, DEPTH)).all()


# Trends.


@pytest.mark.parametrize("places", [T, T + 1, 5])
@pytest.mark.parametrize("falls", [False, True])
def test_trends_are_rank_correlations_of_each_kind_and_the_one_nearest_to_denial_counts(places, falls):
    values = with_gaps(curve(places, rows=20), 3)
    found = statistics.trend_of("x", falls=falls)({"x": values, "y": -values}, DEPTH)
    each = [[correlated_with_depth(row, kind) for kind in kinds_of(places)] for row in values]
    expected = [max(two) if falls else min(two) for two in each]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    # Both kinds decide somewhere.
    assert places == 5 or {np.argmax(two) for two in each} == {0, 1}


@pytest.mark.parametrize("apart", [0.0, 5.0, 500.0])
def test_two_kinds_that_rise_have_a_trend_of_one_however_far_apart(apart):
    line = np.linspace(0, 1, T) + apart * (np.arange(T) % 2)
    assert statistics.trend_of("x")({"x": line[None]}, DEPTH) == pytest.approx(1, rel=1e-12)
    assert statistics.trend_of("x", falls=True)({"x": -line[None]}, DEPTH) == pytest.approx(-1, rel=1e-12)


def test_a_trend_of_one_kind_alone_is_none():
    line = np.linspace(0, 1, T)
    one = np.where(DEPTH.kind == "within", line, -line)[None]
    assert statistics.trend_of("x")({"x": one}, DEPTH) == pytest.approx(-1, rel=1e-12)
    assert statistics.trend_of("x", falls=True)({"x": one}, DEPTH) == pytest.approx(1, rel=1e-12)
    flat = np.where(DEPTH.kind == "within", line, 0.3)[None]
    assert np.isnan(statistics.trend_of("x")({"x": flat}, DEPTH))


@pytest.mark.parametrize(
    ("depth", "places"),
    [
        (depth_of(sites=("block",)), [6, 7]),
        (
            Depth(np.repeat(np.arange(3), 2), np.tile(["attn", "mlp"], 3), np.array(["within", "cross"] * 3)[:5]),
            [9],
        ),
    ],
    ids=["blocks", "neither transitions nor sublayers"],
)
def test_without_kinds_a_trend_is_over_all_places(depth, places):
    for n in places:
        values = curve(n)
        expected = [correlated_with_depth(row, list(range(n))) for row in values]
        np.testing.assert_allclose(statistics.trend_of("x")({"x": values}, depth), expected, atol=1e-12)


def test_kinds_are_those_that_the_sites_say_and_not_the_parity_of_places():
    whole = depth_of(4)
    cut = Depth(whole.layer[1:], whole.site[1:], whole.kind[1:])
    assert [places.tolist() for places in statistics.by_kind(6, cut)] == [[0, 2, 4], [1, 3, 5]]
    assert set(cut.kind[[0, 2, 4]]) == {"cross"}
    assert [places.tolist() for places in statistics.by_kind(7, cut)] == [[0, 2, 4, 6], [1, 3, 5]]
    odd = cut._replace(kind=np.array(["cross", "within", "within", "cross", "cross", "within"]))
    assert [places.tolist() for places in statistics.by_kind(6, odd)] == [[0, 3, 4], [1, 2, 5]]
    assert [places.tolist() for places in statistics.by_kind(1, cut)] == [[0]]
    assert [places.tolist() for places in statistics.by_kind(0, NO_DEPTH)] == [[]]


@pytest.mark.parametrize("places", [T, 30, 63])
def test_early_trends_are_of_neighbours_means_in_the_first_third(places):
    values = curve(places, rows=9)
    found = statistics.early_trend_of("x")({"x": values}, DEPTH)
    for row, got in zip(values, found, strict=True):
        smooth = neighbours(row)
        early = [i for i in range(len(smooth)) if i <= (len(smooth) - 1) / 3 + 1e-9]
        assert got == pytest.approx(correlated_with_depth(smooth, early), abs=1e-12)


def test_an_early_trend_does_not_see_what_alternates_nor_what_comes_later():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((1, 31))
    expected = statistics.early_trend_of("x")({"x": values}, NO_DEPTH)
    alternating = values + 7 * (-1.0) ** np.arange(31)
    np.testing.assert_allclose(statistics.early_trend_of("x")({"x": alternating}, NO_DEPTH), expected, atol=1e-12)
    values[:, 12:] = rng.standard_normal(19)
    np.testing.assert_array_equal(statistics.early_trend_of("x")({"x": values}, NO_DEPTH), expected)


# Changes.


@pytest.mark.parametrize("places", [T, T + 1, 5])
@pytest.mark.parametrize("until", [1.0, 0.5])
def test_a_change_is_last_minus_first_of_each_kind_and_their_mean(places, until):
    values = with_gaps(curve(places), 0)
    found = statistics.change_of("x", until)({"x": values}, DEPTH)
    expected = []
    for row in values:
        each = []
        for kind in kinds_of(places):
            early = [p for p in kind if p <= until * (places - 1) + 1e-9 and np.isfinite(row[p])]
            if len(early) > 1:
                each.append(row[early[-1]] - row[early[0]])
        expected.append(np.mean(each))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_change_of_kinds_that_stand_still_is_zero_however_far_apart():
    apart = np.tile(0.1 + 7 * (np.arange(T) % 2), (2, 1))
    np.testing.assert_array_equal(statistics.change_of("x")({"x": apart}, DEPTH), [0, 0])
    assert np.isnan(statistics.change_of("x")({"x": np.full((2, T), np.nan)}, DEPTH)).all()
    rounding = np.concatenate([np.zeros(T - 2), [1e-12, 1e-12]])[None]
    np.testing.assert_array_equal(statistics.change_of("x")({"x": rounding}, DEPTH), 0)


def test_an_inverse_is_the_statistic_of_one_over_the_curve():
    x = with_gaps(curve(), 3)
    found = statistics.inverse(statistics.change_of, "x")({"x": x, "y": -x}, DEPTH)
    np.testing.assert_allclose(found, statistics.change_of("x")({"x": 1 / x}, DEPTH), rtol=1e-12)
    # What adds as much to every inverse, as the number of samples to that of a participation ratio, is no change.
    fewer = 1 / (1 / x + 0.3)
    np.testing.assert_allclose(
        statistics.inverse(statistics.change_of, "x")({"x": fewer}, DEPTH), found, atol=1e-12
    )


def test_a_kind_with_one_place_says_nothing_of_a_change():
    # Of four layers, the first third has two places within layers and one across them.
    depth = depth_of(4)
    values = np.array([[1.0, 50.0, 0.4, 0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(statistics.change_of("x", 1 / 3)({"x": values}, depth), -0.6, rtol=1e-12)
    # Of three, one of each.
    assert np.isnan(statistics.change_of("x", 1 / 3)({"x": values[:, :5]}, depth_of(3)))


# Gaps between kinds.


def gap(row: np.ndarray, kind: np.ndarray, until: float = 1.0) -> float:
    within, across = [], []
    for p in range(1, len(row) - 1):
        if {kind[p - 1], kind[p + 1]} != {"cross" if kind[p] == "within" else "within"}:
            continue
        beside = row[p] - (row[p - 1] + row[p + 1]) / 2
        if p / (len(row) - 1) <= until and np.isfinite(beside):
            (within if kind[p] == "within" else across).append(beside if kind[p] == "within" else -beside)
    return float((np.mean(within) + np.mean(across)) / 2) if within and across else float("nan")


@pytest.mark.parametrize("until", [1.0, 0.5, 0.25])
def test_gaps_are_beside_neighbours_of_the_other_kind_up_to_a_depth(until):
    for values in (curve(), with_gaps(curve(), 4)):
        expected = [gap(row, DEPTH.kind, until) for row in values]
        found = statistics.gap_of("x", until)({"x": values}, DEPTH)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert np.isfinite(found).all()


def test_places_beside_their_own_kind_are_not_in_a_gap():
    depth = DEPTH._replace(kind=DEPTH.kind.copy())
    depth.kind[6] = "cross"
    found = statistics.gap_of("x")({"x": curve()}, depth)
    np.testing.assert_allclose(found, [gap(row, depth.kind) for row in curve()], rtol=1e-12)


@pytest.mark.parametrize("layers", [3, 7, 30])
def test_lines_and_even_bends_have_no_gap_and_kinds_apart_have_theirs(layers):
    depth = depth_of(layers)
    place = np.arange(2 * layers - 1.0)
    within = depth.kind == "within"
    for smooth in (5 - 3 * place, (place - 4) ** 2):
        found = statistics.gap_of("x")({"x": np.stack([smooth, smooth + 0.3 * within])}, depth)
        np.testing.assert_allclose(found, [0, 0.3], atol=1e-9)
        np.testing.assert_allclose(statistics.gap_of("x")({"x": (smooth - within)[None]}, depth), -1, rtol=1e-9)
    assert statistics.gap_of("x")({"x": (5 - 3 * place)[None] / 7}, depth)[0] == 0.0


def test_without_two_kinds_there_is_no_gap():
    for depth in (depth_of(T + 1, ("block",)), depth_of(1), depth_of(2)):
        found = statistics.gap_of("x")({"x": curve(len(depth.kind))}, depth)
        assert found.shape == (5,)
        assert np.isnan(found).all()


# Drops and rises.


@pytest.mark.parametrize("places", [T, 61])
def test_a_drop_is_the_lost_share_of_the_first_two_places(places):
    values = curve(places)
    found = statistics.drop_of("x")({"x": values}, DEPTH)
    expected = [1 - mean_between(row, 1 / 6, 1 / 3) / np.mean(row[:2]) for row in values]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_drop_of_three_quarters_is_said_so_and_from_nothing_is_not_defined():
    values = np.full((3, T), 0.5)
    values[:, :2] = 2.0
    values[1], values[2, :2] = 0.0, -1.0
    found = statistics.drop_of("x")({"x": values}, DEPTH)
    np.testing.assert_allclose(found, [0.75, np.nan, np.nan], rtol=1e-12)


@pytest.mark.parametrize("third", [0, 1, 2])
@pytest.mark.parametrize("places", [T, 30, 63, 3])
def test_shares_of_a_rise_are_of_lines_between_neighbours_means(places, third):
    values = np.sort(curve(places), axis=1)
    values[1] = values[1, ::-1]
    found = statistics.share_of_rise("x", third)({"x": values}, DEPTH)
    rises = statistics.rise_of("x")({"x": values}, DEPTH)
    for row, got, rise in zip(values, found, rises, strict=True):
        smooth = neighbours(row)
        where = np.linspace(0, 1, len(smooth))
        start, stop = np.interp([third / 3, (third + 1) / 3], where, smooth)
        whole = smooth[-1] - smooth[0]
        assert rise == pytest.approx(whole, rel=1e-10)
        assert got == pytest.approx((stop - start) / whole if whole > 0 else np.nan, rel=1e-9, nan_ok=True)


def test_the_three_shares_of_a_rise_add_up_and_a_line_has_a_third_in_each():
    values = np.cumsum(curve(), axis=1)
    found = [statistics.share_of_rise("x", third)({"x": values}, DEPTH) for third in range(3)]
    np.testing.assert_allclose(np.sum(found, axis=0), 1, rtol=1e-12)
    line = 3 + 2 * np.linspace(0, 1, 32)[None]
    for third in range(3):
        assert statistics.share_of_rise("x", third)({"x": line}, NO_DEPTH) == pytest.approx(1 / 3, rel=1e-10)
        assert np.isnan(statistics.share_of_rise("x", third)({"x": np.ones((1, 9))}, NO_DEPTH))


def test_shares_of_a_rise_do_not_depend_on_the_size_of_a_curve_nor_on_what_alternates():
    values = np.cumsum(curve(31), axis=1)
    alternating = values + 0.2 * (-1.0) ** np.arange(31)
    for third in range(3):
        share = statistics.share_of_rise("x", third)
        expected = share({"x": values}, DEPTH)
        np.testing.assert_allclose(share({"x": 40 * values - 3}, DEPTH), expected, rtol=1e-9)
        np.testing.assert_allclose(share({"x": alternating}, DEPTH), expected, rtol=1e-9)


# Extremes and first places.


@pytest.mark.parametrize("stop", [1.0, 1 / 3])
def test_the_least_is_the_smallest_value_up_to_a_depth(stop):
    values = with_gaps(curve(16, rows=9), 0)
    found = statistics.least_of("x", stop)({"x": values}, DEPTH)
    expected = [min(value for p, value in enumerate(row) if 0 < p <= stop * 15 + 1e-9) for row in values]
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(statistics.least_of("x")({"x": np.full((2, 3), np.nan)}, DEPTH)).all()


def test_the_first_places_have_a_mean_of_their_own():
    values = curve()
    for places in (1, 2, 5):
        found = statistics.first_of("x", places)({"x": values}, DEPTH)
        np.testing.assert_allclose(found, [np.mean(row[:places]) for row in values], rtol=1e-12)
    np.testing.assert_array_equal(statistics.first_of("x", 2)({"x": with_gaps(values, 0)}, DEPTH), values[:, 1])


def test_two_curves_are_as_far_apart_as_their_means_are_on_either_side():
    x, y = curve(seed=1), with_gaps(curve(4, seed=2), 1)
    expected = [abs(np.mean(a) - np.nanmean(b)) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(statistics.apart_of("x", "y")({"x": x, "y": y}, DEPTH), expected, rtol=1e-12)
    np.testing.assert_allclose(statistics.apart_of("y", "x")({"x": x, "y": y}, DEPTH), expected, rtol=1e-12)
    assert statistics.apart_of("x", "y")({"x": np.full((1, 3), 0.1 + 0.2), "y": np.full((1, 1), 0.3)}, DEPTH) == [
        0
    ]


def test_the_largest_is_the_largest_place_beyond_the_smallest_of_another_curve():
    x, y = np.array([[0.3, -0.2, 0.5], [1.0, 2.0, 3.0]]), np.array([[-0.4, 0.1], [5.0, 0.0]])
    np.testing.assert_allclose(statistics.largest_of("x")({"x": x}, NO_DEPTH), [0.5, 3.0])
    np.testing.assert_allclose(statistics.largest_of("x", "y")({"x": x, "y": y}, NO_DEPTH), [0.9, 3.0])
    none = np.empty((2, 0))
    assert np.isnan(statistics.largest_of("x")({"x": none}, NO_DEPTH)).all()
    assert np.isnan(statistics.largest_of("x", "y")({"x": x, "y": none}, NO_DEPTH)).all()
    assert np.isnan(statistics.largest_of("x")({"x": with_gaps(x, 0)}, NO_DEPTH)).all()


def test_mixers_are_one_kind_of_state_and_layers_of_one_write_have_no_kinds():
    """A hybrid's curves are compared within the same places as a model's with attention alone."""
    layers = np.repeat(np.arange(4), 2)
    kind = np.array(["within", "cross"] * 3 + ["within"])
    plain = Depth(layers, np.array(["attn", "mlp"] * 4), kind)
    hybrid = Depth(layers, np.array(["mamba", "mlp", "mamba", "mlp", "attn", "mlp", "conv", "mlp"]), kind)
    for places in (8, 7):
        for one, other in zip(statistics.by_kind(places, plain), statistics.by_kind(places, hybrid), strict=True):
            np.testing.assert_array_equal(one, other)
    single = Depth(np.arange(4), np.array(["mamba", "mlp", "attn", "mlp"]), np.array(["block", "cross", "block"]))
    for places in (4, 3):
        (every,) = statistics.by_kind(places, single)
        np.testing.assert_array_equal(every, np.arange(places))
