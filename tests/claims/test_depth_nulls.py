"""Nulls of curves: what each keeps, what it draws at random, and p by counting."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from residyn.claims import depth_nulls, statistics
from residyn.claims.claim import Criterion
from residyn.claims.depth_nulls import (
    DRAWS,
    EXCHANGED_KINDS,
    FLIPPED_STEPS,
    RANDOM_WALK,
    REORDERED_STEPS,
    DepthNull,
    beside_null,
    flips,
    least_p,
    null_draws,
    p_value,
)
from residyn.numerics.trends import without_alternation
from residyn.quantities.curves import Curves
from residyn.quantities.sums import Depth

LAYERS, UNITS = 7, 24
EVERY = (FLIPPED_STEPS, REORDERED_STEPS, EXCHANGED_KINDS, RANDOM_WALK)


def depth_of(layers: int = LAYERS, sites: tuple[str, ...] = ("attn", "mlp"), first: int = 0) -> Depth:
    layer = np.repeat(np.arange(first, first + layers), len(sites))
    kinds = ["within", "cross"] if len(sites) > 1 else ["block"]
    return Depth(layer, np.tile(sites, layers), np.array(kinds * layers)[: len(layer) - 1])


DEPTH = depth_of()
T = len(DEPTH.kind)


def curve(places: int = T, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 2.0, places)


def without(row: np.ndarray, *places: int) -> np.ndarray:
    row = row.copy()
    row[list(places)] = np.nan
    return row


def criterion(compute, null, needs: tuple[str, ...] = ("x",), **options) -> Criterion:
    return Criterion(name="x", statistic="x", needs=needs, compute=compute, threshold=0.0, null=null, **options)


def drawn(null: DepthNull, row: np.ndarray, depth: Depth = DEPTH, seed: int = 0) -> np.ndarray:
    """The curves that a null draws of one row, as a criterion's statistic is given them."""
    seen = []

    def compute(curves, told):
        assert told is depth
        seen.append(curves["x"])
        return curves["x"][:, 0]

    rows = np.stack([row, row + 100])
    null_draws(criterion(compute, null), Curves({"x": rows, "other": -rows}, depth, 4, 4, UNITS), seed)
    (found,) = seen
    assert found.shape[1] == len(row)
    return found


def shares(hits: np.ndarray, share: float) -> None:
    """A share of the draws as large as it should be: within five standard deviations."""
    np.testing.assert_allclose(hits.mean(axis=0), share, atol=5 * np.sqrt(share * (1 - share) / len(hits)))


# Steps with random signs.


def layer_means(row: np.ndarray) -> np.ndarray:
    """The mean of each layer's two values; of a last one alone, where the mean would be were the kinds as far
    apart as in the layer before that has both.
    """
    pairs = [row[i : i + 2] for i in range(0, len(row), 2)]
    means = []
    for pair in pairs:
        if len(pair) == 2:
            means.append(pair.mean())
        else:
            means.append(pair[0] - pairs[len(means) - 1][0] + means[-1])
    return np.array(means)


@pytest.mark.parametrize("places", [T, T + 1])
def test_layers_take_their_own_steps_with_random_signs_and_kinds_stay_as_far_apart(places):
    row = curve(places)
    found = drawn(FLIPPED_STEPS, row)
    assert len(found) == DRAWS
    means, own = np.array([layer_means(one) for one in found]), layer_means(row)
    np.testing.assert_allclose(means[:, 0], own[0], rtol=1e-12)
    np.testing.assert_allclose(
        np.abs(np.diff(means, axis=1)), np.tile(np.abs(np.diff(own)), (DRAWS, 1)), rtol=1e-9
    )
    whole = 2 * (places // 2)
    np.testing.assert_allclose(
        found[:, 0:whole:2] - found[:, 1:whole:2], np.tile(row[0:whole:2] - row[1:whole:2], (DRAWS, 1)), rtol=1e-9
    )


def test_signs_are_as_often_up_as_down_and_turn_five_times_in_twelve():
    row = np.repeat(np.arange(30.0), 2)[:59]
    depth = depth_of(30)
    found = np.concatenate([drawn(FLIPPED_STEPS, row, depth, seed) for seed in range(10)])
    signs = np.diff(found[:, 0::2], axis=1)
    np.testing.assert_allclose(np.abs(signs), 1, rtol=1e-9)
    shares(signs > 0, 1 / 2)
    shares(signs[:, 1:] * signs[:, :-1] < 0, 5 / 12)
    # Not so much as to be another law: two places on, signs agree by the square of what neighbours do.
    shares(signs[:, 2:] * signs[:, :-2] < 0, 2 * 5 / 12 * 7 / 12)


def test_five_in_twelve_is_what_layers_means_of_a_walk_are_correlated_by():
    walk = np.cumsum(np.random.default_rng(0).standard_normal((100_000, 6)), axis=1)
    steps = np.diff((walk[:, 0::2] + walk[:, 1::2]) / 2, axis=1)
    r = np.corrcoef(steps.T)[0, 1]
    assert r == pytest.approx(1 / 6, abs=0.01)
    assert pytest.approx(1 / 6, rel=1e-12) == 1 - 2 * depth_nulls.TURN


@pytest.mark.parametrize("seed", range(4))
def test_a_short_curve_has_each_of_its_ways_as_often_as_its_law_says(seed):
    """Counts are within one of what is expected, and not scattered about it."""
    row = np.repeat([0.0, 1, 3, 7], 2)[:7]
    found = drawn(FLIPPED_STEPS, row, depth_of(4), seed)
    signs = np.diff(found[:, 0::2], axis=1) > 0
    for way in itertools.product([False, True], repeat=3):
        turns = (way[0] != way[1]) + (way[1] != way[2])
        expected = DRAWS * (1 / 2) * (5 / 12) ** turns * (7 / 12) ** (2 - turns)
        assert abs((signs == way).all(axis=1).sum() - expected) <= 1


def test_a_flat_curve_stays_flat():
    row = np.tile([2.0, 5.0], 6)[:11]
    np.testing.assert_array_equal(drawn(FLIPPED_STEPS, row, depth_of(6)), np.tile(row, (DRAWS, 1)))


# What can be improbable at all.


@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize(("layers", "enough"), [(4, False), (6, False), (7, True), (10, True)])
def test_a_trend_is_at_best_as_improbable_as_steps_that_all_go_one_way(layers, enough, falls):
    one = criterion(statistics.trend_of("x", falls=falls), FLIPPED_STEPS, above=not falls)
    evidence = Curves({"x": curve(2 * layers - 1)[None]}, depth_of(layers), 4, 4, UNITS)
    least = least_p(one, evidence)
    assert least == pytest.approx((1 / 2) * (7 / 12) ** (layers - 2), abs=2.5 / (1 + DRAWS))
    assert (least <= 0.05) is enough
    # It is that of a curve that goes one way, whatever this one does.
    line = np.arange(2.0 * layers - 1)[None] * (-1 if falls else 1)
    law = null_draws(one, Curves({"x": line}, evidence.depth, 4, 4, UNITS), 1)
    reached = p_value(one.compute({"x": line}, evidence.depth)[0], law, above=not falls)
    assert least == pytest.approx(reached, abs=2.5 / (1 + DRAWS))


def test_a_gap_is_at_best_one_of_all_exchanges():
    one = criterion(statistics.gap_of("x"), EXCHANGED_KINDS)
    for layers in (4, 5, 6):
        evidence = Curves({"x": curve(2 * layers - 1)[None]}, depth_of(layers), 4, 4, UNITS)
        assert least_p(one, evidence) == 2.0 ** -(layers - 1)


def test_what_is_not_defined_over_so_few_places_is_out_of_reach_and_what_has_no_kinds_is_not_asked():
    trend = criterion(statistics.early_trend_of("x"), FLIPPED_STEPS)
    assert least_p(trend, Curves({"x": curve(5)[None]}, depth_of(3), 4, 4, UNITS)) == 1.0
    gone = np.full((1, T), np.nan)
    assert np.isnan(least_p(trend, Curves({"x": gone}, DEPTH, 4, 4, UNITS)))
    gap = criterion(statistics.gap_of("x"), EXCHANGED_KINDS)
    assert np.isnan(least_p(gap, Curves({"x": curve(9)[None]}, depth_of(10, ("block",)), 4, 4, UNITS)))


def test_a_last_value_of_one_kind_steps_with_those_of_its_kind():
    row = np.array([1.0, 5.0, 2.0, 5.5, 4.0])
    found = drawn(FLIPPED_STEPS, row, depth_of(3))
    first = (2 + 5.5) / 2 - (1 + 5) / 2
    expected = {(1 + a * first, 1 + a * first + b * 2.0) for a, b in itertools.product([1, -1], repeat=2)}
    # The kinds of the second layer are 3.5 apart, so that its place within layers is 1.75 below the mean.
    got = {(one[2] + 1.75 - 2, one[4] + 1.75 - 2) for one in found.round(9)}
    assert got == {(round(a, 9), round(b, 9)) for a, b in expected}


@pytest.mark.parametrize("gone", [(0,), (5,), (4, 5), (0, 1), (12,), (1, 4)])
def test_what_is_not_defined_stays_so_and_steps_go_over_it(gone):
    row = without(curve(), *gone)
    found = drawn(FLIPPED_STEPS, row)
    np.testing.assert_array_equal(np.isnan(found), np.tile(np.isnan(row), (DRAWS, 1)))
    whole = [i for i in range(0, T - 1, 2) if not {i, i + 1} & set(gone)]
    means = (found[:, whole] + found[:, [i + 1 for i in whole]]) / 2
    own = (row[whole] + row[[i + 1 for i in whole]]) / 2
    single = {i // 2 for i in gone} - {g // 2 for g in gone if g ^ 1 in gone}
    for k in range(1, len(whole)):
        # Where a layer with one value lies between, two steps make one.
        between = [layer for layer in range(whole[k - 1] // 2 + 1, whole[k] // 2) if layer in single]
        if not between:
            np.testing.assert_allclose(
                np.abs(means[:, k] - means[:, k - 1]), np.abs(own[k] - own[k - 1]), rtol=1e-9
            )
    shares(means[:, -1] - means[:, -2] > 0, 1 / 2)


def test_blocks_and_whole_paths_have_steps_of_their_own():
    row = curve(9)
    found = drawn(FLIPPED_STEPS, row, depth_of(10, ("block",)))
    np.testing.assert_allclose(
        np.abs(np.diff(found, axis=1)), np.tile(np.abs(np.diff(row)), (DRAWS, 1)), rtol=1e-9
    )
    np.testing.assert_array_equal(drawn(FLIPPED_STEPS, curve(1)), np.full((DRAWS, 1), curve(1)[0]))
    assert np.isnan(drawn(FLIPPED_STEPS, np.full(T, np.nan))).all()


def test_layers_that_are_numbered_from_elsewhere_are_the_same_layers():
    np.testing.assert_array_equal(drawn(FLIPPED_STEPS, curve(), depth_of(first=20)), drawn(FLIPPED_STEPS, curve()))
    np.testing.assert_array_equal(
        drawn(REORDERED_STEPS, curve(), depth_of(first=20)), drawn(REORDERED_STEPS, curve())
    )


# Steps in random order.


@pytest.mark.parametrize("row", [curve(), curve(T + 1), without(curve(), 3, 6)], ids=["T", "S", "gaps"])
def test_steps_of_each_kind_come_in_random_order_between_the_same_ends(row):
    found = drawn(REORDERED_STEPS, row)
    assert len(found) == DRAWS
    np.testing.assert_array_equal(np.isnan(found), np.tile(np.isnan(row), (DRAWS, 1)))
    for start in (0, 1):
        places = np.array([p for p in range(start, len(row), 2) if np.isfinite(row[p])])
        np.testing.assert_allclose(found[:, places[[0, -1]]], np.tile(row[places[[0, -1]]], (DRAWS, 1)), rtol=1e-9)
        steps, own = np.diff(found[:, places], axis=1), np.diff(row[places])
        np.testing.assert_allclose(np.sort(steps, axis=1), np.tile(np.sort(own), (DRAWS, 1)), atol=1e-9)
        for step in own:
            shares(np.abs(steps - step) < 1e-9, 1 / len(own))


def test_both_kinds_take_their_steps_in_one_order():
    row = curve()
    found = drawn(REORDERED_STEPS, row)
    within, across = row[0::2], row[1::2]
    for one in found[:50]:
        order = [int(np.abs(np.diff(within) - step).argmin()) for step in np.diff(one[0::2])]
        # There is a step less across layers: the last one within has none beside it.
        beside = [np.diff(across)[k] for k in order if k < LAYERS - 2]
        np.testing.assert_allclose(np.diff(one[1::2]), beside, atol=1e-9)
    assert len({tuple(one) for one in found.round(9)}) > DRAWS // 2


def test_a_curve_without_values_has_no_order():
    assert np.isnan(drawn(REORDERED_STEPS, np.full(T, np.nan))).all()
    assert drawn(REORDERED_STEPS, curve(1)).shape == (DRAWS, 1)


# Kinds exchanged.


def exchanged(row: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """The values of the layers that are turned, exchanged about the line between the kinds."""
    line = without_alternation(row)
    beside = row - line
    for i in np.flatnonzero(turned):
        beside[[2 * i, 2 * i + 1]] = beside[[2 * i + 1, 2 * i]]
    return line + beside


def test_few_exchanges_are_all_made_once_but_the_data_s_own():
    row = curve()
    ways = [np.array(way) for way in itertools.product([False, True], repeat=LAYERS - 1) if any(way)]
    expected = np.array([exchanged(row, way) for way in ways])
    found = drawn(EXCHANGED_KINDS, row)
    assert len(found) == 2 ** (LAYERS - 1) - 1
    np.testing.assert_allclose(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)], rtol=1e-12)


def test_of_many_layers_each_is_exchanged_by_the_toss_of_a_coin():
    row, depth = curve(25), depth_of(13)
    found = drawn(EXCHANGED_KINDS, row, depth)
    assert len(found) == DRAWS
    turned = np.array([np.abs(found[:, i] - row[i]) > 1e-9 for i in range(0, 24, 2)]).T
    shares(turned, 1 / 2)
    apart = np.corrcoef(turned.T) - np.eye(12)
    assert np.abs(apart).max() < 5 / np.sqrt(DRAWS)
    for one, way in zip(found[:30], turned[:30], strict=True):
        np.testing.assert_allclose(one, exchanged(row, way), rtol=1e-9)
    np.testing.assert_array_equal(found[:, -1], np.full(DRAWS, row[-1]))


@pytest.mark.parametrize("layers", [6, 30])
def test_a_line_exchanged_is_the_line(layers):
    """However it rises or falls: depth is not a difference of kinds."""
    row = np.linspace(0.99, 0.6, 2 * layers - 1)
    found = drawn(EXCHANGED_KINDS, row, depth_of(layers))
    np.testing.assert_allclose(found, np.tile(row, (len(found), 1)), rtol=1e-12)


def test_the_gap_s_null_is_that_of_random_signs_about_a_line():
    layers = 30
    within = np.where(depth_of(layers).kind == "within", 1.0, -1.0)
    row = np.linspace(0.99, 0.6, 2 * layers - 1) + 0.02 * within
    one = criterion(statistics.gap_of("x"), EXCHANGED_KINDS)
    found = null_draws(one, Curves({"x": row[None]}, depth_of(layers), 4, 4, UNITS), 0)
    assert statistics.gap_of("x")({"x": row[None]}, depth_of(layers))[0] == pytest.approx(0.04, rel=1e-9)
    assert abs(found.mean()) < 5 * found.std() / np.sqrt(DRAWS)
    assert found.max() < 0.04
    assert found.std() == pytest.approx(0.04 / np.sqrt(layers), rel=0.4)


@pytest.mark.parametrize("gone", [(0,), (12,), (0, 1), (5,)])
def test_a_layer_with_a_value_that_is_not_defined_is_not_exchanged(gone):
    row = without(curve(), *gone)
    found = drawn(EXCHANGED_KINDS, row)
    # Beside a value in the middle that is not defined no line is known, and none to go straight on from.
    unknown = {*gone, *(range(8) if gone == (5,) else ())}
    pairs = sum(not {i, i + 1} & unknown for i in range(0, T - 1, 2))
    assert len(found) == 2**pairs - 1
    np.testing.assert_array_equal(np.isnan(found), np.tile(np.isnan(row), (len(found), 1)))
    one = criterion(statistics.gap_of("x"), EXCHANGED_KINDS)
    assert np.isfinite(null_draws(one, Curves({"x": row[None]}, DEPTH, 4, 4, UNITS), 0)).all()


def test_without_two_kinds_nothing_is_exchanged():
    one = criterion(statistics.gap_of("x"), EXCHANGED_KINDS)
    for depth in (depth_of(T + 1, ("block",)), depth_of(1)):
        rows = np.stack([curve(len(depth.kind))])
        assert null_draws(one, Curves({"x": rows}, depth, 4, 4, UNITS), 0).shape == (0,)
    gone = np.full((1, T), np.nan)
    assert null_draws(one, Curves({"x": gone}, DEPTH, 4, 4, UNITS), 0).shape == (0,)


# Random walks.


def test_walks_have_the_mean_path_s_steps_and_as_many_dimensions_as_units():
    lengths = np.random.default_rng(2).uniform(0.5, 3, T)
    rows = {
        "mean_path_step": lengths,
        "mean_path_straightness": np.array([0.5]),
        "mean_path_offset": curve(T + 1),
        "mean_path_walk_straightness": np.array([0.25]),
        "mean_path_walk_offset": curve(T + 1),
    }
    for n_units in (5, 40):
        found = RANDOM_WALK.draw(rows, DEPTH, n_units, np.random.default_rng(0))
        straightness, offset = [], []
        rng = np.random.default_rng(1)
        for _ in range(DRAWS):
            steps = rng.standard_normal((T, n_units))
            steps *= lengths[:, None] / np.linalg.norm(steps, axis=1, keepdims=True)
            path = np.concatenate([np.zeros((1, n_units)), np.cumsum(steps, axis=0)])
            straightness.append(np.linalg.norm(path[-1]) / lengths.sum())
            chord, corner = path[4] - path[2], path[3] - path[2]
            beside = corner - chord * (corner @ chord) / (chord @ chord)
            offset.append(np.linalg.norm(beside) / np.linalg.norm(chord))
        assert found["mean_path_straightness"].shape == (DRAWS, 1)
        assert found["mean_path_offset"].shape == (DRAWS, T + 1)
        assert stats.ks_2samp(found["mean_path_straightness"][:, 0], straightness).pvalue > 1e-3
        assert stats.ks_2samp(found["mean_path_offset"][:, 3], offset).pvalue > 1e-3
        between = np.isfinite(found["mean_path_offset"])
        np.testing.assert_array_equal(between, np.tile(np.isin(np.arange(T + 1), range(1, T - 1, 2)), (DRAWS, 1)))
        for name in ("mean_path_step", "mean_path_walk_straightness", "mean_path_walk_offset"):
            np.testing.assert_array_equal(found[name], np.tile(rows[name], (DRAWS, 1)))


def test_the_null_of_a_path_knows_how_many_units_there_are():
    """In more dimensions, walks are more alike."""
    needs = ("mean_path_step", "mean_path_straightness")
    one = criterion(statistics.mean_of("mean_path_straightness"), RANDOM_WALK, needs)
    rows = {"mean_path_step": np.ones((2, T)), "mean_path_straightness": np.ones((2, 1))}
    spread = [null_draws(one, Curves(rows, DEPTH, 4, 4, n_units), 0).std() for n_units in (3, 30, 3000)]
    assert spread[0] > 2 * spread[1] > 4 * spread[2]


# All of them.


@pytest.mark.parametrize("null", [FLIPPED_STEPS, REORDERED_STEPS, EXCHANGED_KINDS], ids=lambda null: null.title)
def test_curves_of_one_statistic_are_drawn_alike(null):
    one = criterion(lambda curves, _: np.abs(curves["x"] + curves["y"]).max(axis=1), null, ("x", "y"))
    rows = curve()[None]
    found = null_draws(one, Curves({"x": rows, "y": -rows}, DEPTH, 4, 4, UNITS), 0)
    np.testing.assert_allclose(found, 0, atol=1e-12)


@pytest.mark.parametrize("null", EVERY, ids=lambda null: null.title)
def test_draws_are_the_seeds(null):
    depth = depth_of(13)
    rows = {"mean_path_step": curve(25)}
    if null is RANDOM_WALK:
        rows |= {"mean_path_straightness": curve(1), "mean_path_offset": curve(26)}
    draws = [null.draw(rows, depth, UNITS, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    for name in rows:
        np.testing.assert_array_equal(draws[0][name], draws[1][name])
    assert any(not np.array_equal(draws[0][name], draws[2][name], equal_nan=True) for name in rows)


@pytest.mark.parametrize("null", EVERY, ids=lambda null: null.title)
def test_every_null_of_a_curve_says_what_it_is(null):
    assert null.title
    assert null.preserves
    assert null.destroys
    assert null.title != null.preserves != null.destroys


def test_a_criterion_without_a_null_of_curves_draws_none():
    for null in (None, SimpleNamespace(name="of states")):
        one = criterion(statistics.mean_of("x"), null)
        assert null_draws(one, Curves({"x": curve()[None]}, DEPTH, 4, 4, UNITS), 0).shape == (0,)


def test_things_are_turned_over_every_way_or_at_random():
    assert flips(9, np.random.default_rng(0)).shape == (511, 9)
    every = flips(4, np.random.default_rng(0))
    assert {tuple(way) for way in every} == set(itertools.product([False, True], repeat=4)) - {(False,) * 4}
    assert flips(10, np.random.default_rng(0)).shape == (DRAWS, 10)
    shares(flips(12, np.random.default_rng(0)), 1 / 2)
    assert flips(0, np.random.default_rng(0)).shape == (0, 0)


def test_undefined_draws_are_left_out_of_a_null_s_mean_and_number():
    assert beside_null(2.5, np.array([1.0, np.nan, 3.0, np.inf]), above=True) == (2.0, 2 / 3, 2)
    assert beside_null(2.5, np.array([1.0, 2.0, 3.0]), above=False) == (2.0, 3 / 4, 3)
    mean, p, repeats = beside_null(2.5, np.full(3, np.nan), above=True)
    assert np.isnan(mean)
    assert np.isnan(p)
    assert repeats == 0


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
    every = np.array(draws)
    above, below = p_value(value, every, above=True), p_value(value, every, above=False)
    assert above == p_value(-value, -every, above=False)
    assert 1 / (1 + len(every)) <= above <= 1
    ties = 1 + (every == value).sum()
    assert above + below == pytest.approx(1 + ties / (1 + len(every)), rel=1e-12)
