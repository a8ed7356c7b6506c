"""Intervals, what a condition is beside the model, and what is expected of one more untrained network."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from residyn.claims.claim import Criterion, Second
from residyn.claims.conditions import ROTATED, SAME, SIGNS, SKIP, TOKENS, UNTRAINED
from residyn.claims.criteria import Evidence, beside, ends_of, networks, of_states, passes
from residyn.claims.ledger import MODEL, NULLS_OF_CURVES, SECOND, Of, Task
from residyn.nulls import NULLS
from residyn.numerics.groups import interval, replicate_weights
from residyn.quantities.replicates import HALVES, Plan, with_halves

INF = (-math.inf, math.inf)


def criterion(threshold: float = 0.0, *, above: bool = True, bounds=INF, null=None, second=None) -> Criterion:
    return Criterion(
        name="x",
        statistic="x",
        needs=("x",),
        compute=lambda curves, _: curves["x"][:, 0],
        threshold=threshold,
        above=above,
        bounds=bounds,
        null=null,
        second=second,
    )


def plan_of(groups: int = 20, resamples: int = 60, *, halves: bool = False) -> Plan:
    plan = Plan(np.arange(groups), replicate_weights(groups, resamples, 0), 0)
    return with_halves(plan) if halves else plan


def rows(value: float, plan: Plan, seed: int = 0, spread: float = 1.0) -> np.ndarray:
    """A value, and one for each further row of the plan."""
    found = value + spread * np.random.default_rng(seed).standard_normal(len(plan.weights))
    found[0] = value
    return found


# Intervals.


def test_an_interval_is_that_of_the_replicates():
    plan = plan_of()
    draws = rows(3.0, plan)
    assert ends_of(criterion(), draws, plan) == interval(draws, 20)


def test_an_extreme_is_wider_by_what_its_halves_tell_of_its_bias():
    """Noise of a variance v makes an extreme smaller by √v: of half the samples, by √2 as much."""
    plan = plan_of(halves=True)
    draws = rows(3.0, plan)
    bias = 0.7
    draws[0] = 3 - bias
    draws[61:] = 3 - math.sqrt(2) * bias
    low, high = interval(draws[:61], 20)
    found = ends_of(replace(criterion(), extreme=True), draws, plan)
    np.testing.assert_allclose(found, [low - bias, high + bias], rtol=1e-12)
    narrower = ends_of(criterion(), draws, plan)
    np.testing.assert_allclose(narrower, [low - 0.41421356 * bias, high + 0.41421356 * bias], rtol=1e-7)


def test_an_interval_is_wider_as_the_plan_says_with_what_its_halves_add():
    plan = plan_of(halves=True)
    draws = rows(3.0, plan)
    low, high = ends_of(criterion(), draws, plan)
    wide = ends_of(criterion(), draws, replace(plan, wider=1.5))
    np.testing.assert_allclose(wide, [3 - 1.5 * (3 - low), 3 + 1.5 * (high - 3)], rtol=1e-12)
    assert ends_of(criterion(bounds=(2.9, 3.1)), draws, replace(plan, wider=1.5)) == (2.9, 3.1)


def test_halves_that_differ_from_the_whole_widen_the_interval_on_either_side_by_as_much():
    plan = plan_of(halves=True)
    draws = rows(3.0, plan)
    low, high = interval(draws[:61], 20)
    for shift in (0.4, -0.4, 0.0):
        draws[61:] = 3.0 + shift + np.tile([0.1, -0.1], HALVES)
        got = ends_of(criterion(), draws, plan)
        assert got == pytest.approx((low - abs(shift), high + abs(shift)), rel=1e-9)
    draws[61:63] = np.nan
    assert ends_of(criterion(), draws, plan) == pytest.approx((low, high), rel=1e-9)
    draws[61:] = np.nan
    assert ends_of(criterion(), draws, plan) == pytest.approx((low, high), rel=1e-9)


def test_an_interval_keeps_within_the_bounds_and_needs_five_groups():
    plan = plan_of(halves=True)
    draws = rows(0.9, plan)
    low, high = ends_of(criterion(bounds=(0.5, 1.0)), draws, plan)
    assert (low, high) == (0.5, 1.0)
    for groups, known in ((4, False), (5, True)):
        few = plan_of(groups)
        assert np.isfinite(ends_of(criterion(), rows(1.0, few), few)).all() == known
    assert np.isnan(ends_of(criterion(), np.array([1.0]), plan)).all()


@pytest.mark.parametrize(
    ("value", "above", "passing"),
    [(0.6, True, True), (0.5, True, False), (0.4, False, True), (0.5, False, False), (math.nan, True, None)],
)
def test_a_value_passes_beyond_the_threshold_and_not_at_it(value, above, passing):
    assert passes(criterion(0.5, above=above), value) is passing


# Conditions beside the model.


def test_a_condition_has_an_interval_of_its_own_and_one_of_its_difference_from_the_model():
    plan = plan_of(halves=True)
    own, other = rows(3.0, plan, 1), rows(2.0, plan, 2)
    one = criterion(1.5, bounds=(0.0, 3.5))
    found = beside(one, other, own, plan)
    assert (found.value, found.passes, found.difference) == (2.0, True, 1.0)
    assert (found.low, found.high) == ends_of(one, other, plan)
    # A difference is not kept within the bounds of the statistic.
    assert (found.difference_low, found.difference_high) == ends_of(criterion(), own - other, plan)
    assert found.difference_low < 0


def test_what_moves_both_alike_does_not_move_the_difference():
    plan = plan_of()
    shared = rows(0.0, plan, 1)
    found = beside(criterion(), shared + 2, shared + 3, plan)
    assert (found.difference_low, found.difference_high) == pytest.approx((1.0, 1.0), abs=1e-9)
    assert found.high - found.low > 1


@pytest.mark.parametrize(
    ("difference", "above", "reaches"),
    [
        (5.0, True, False),
        (0.0, True, True),
        (-5.0, True, True),
        (5.0, False, True),
        (0.0, False, True),
        (-5.0, False, False),
    ],
)
def test_a_condition_reaches_the_model_where_it_is_not_clearly_short_of_it(difference, above, reaches):
    plan = plan_of()
    own = rows(3.0, plan, 1, 0.2)
    found = beside(criterion(above=above), own - difference + rows(0.0, plan, 2, 0.2), own, plan)
    assert found.difference == pytest.approx(difference)
    assert found.reaches is reaches


def test_without_replicates_nothing_is_said_of_a_difference():
    plan = plan_of()
    for own, other in ((rows(3.0, plan), np.array([2.0])), (np.array([3.0]), np.array([2.0]))):
        found = beside(criterion(), other, own, plan)
        assert (found.value, found.passes, found.reaches) == (2.0, True, None)
        assert np.isnan([found.low, found.high, found.difference_low, found.difference_high]).all()
    few = plan_of(4)
    found = beside(criterion(), rows(2.0, few), rows(3.0, few, 1), few)
    assert (found.difference, found.reaches) == (1.0, None)
    assert np.isnan([found.low, found.high, found.difference_low, found.difference_high]).all()


# Untrained networks.


@pytest.mark.parametrize("k", [2, 3, 7])
def test_one_more_network_is_expected_within_t_s_and_the_root_of_one_plus_one_over_k(k):
    plan = plan_of()
    values = np.random.default_rng(k).uniform(1, 2, k)
    found = networks(criterion(), np.full(61, 5.0), np.tile(values[:, None], (1, 61)), plan)
    reach = stats.t(k - 1).ppf(0.975) * values.std(ddof=1) * math.sqrt(1 + 1 / k)
    assert found.value == pytest.approx(values.mean(), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach), rel=1e-9)
    # Where the choice of samples moves nothing, the difference is uncertain by as much.
    expected = (5 - values.mean() - reach, 5 - values.mean() + reach)
    assert (found.difference_low, found.difference_high) == pytest.approx(expected, rel=1e-9)


def test_what_the_samples_move_adds_to_what_the_networks_do_as_independent_errors_add():
    plan = plan_of(halves=True)
    own = rows(5.0, plan, 1)
    twins = np.stack([rows(value, plan, 2 + i, 0.5) for i, value in enumerate((1.0, 2.0, 4.0))])
    found = networks(criterion(), own, twins, plan)
    reach = stats.t(2).ppf(0.975) * np.std([1, 2, 4], ddof=1) * math.sqrt(4 / 3)
    low, high = ends_of(criterion(), own - twins.mean(axis=0), plan)
    middle = 5 - 7 / 3
    assert found.difference == pytest.approx(middle)
    assert found.difference_low == pytest.approx(middle - math.hypot(reach, middle - low), rel=1e-9)
    assert found.difference_high == pytest.approx(middle + math.hypot(reach, high - middle), rel=1e-9)
    assert high - middle != pytest.approx(middle - low, rel=1e-3)


def test_one_network_says_nothing_of_another_and_bounds_hold():
    plan = plan_of()
    found = networks(criterion(0.5), rows(3.0, plan), rows(1.0, plan, 1)[None], plan)
    assert (found.value, found.passes, found.difference, found.reaches) == (1.0, True, 2.0, None)
    assert np.isnan([found.low, found.high, found.difference_low, found.difference_high]).all()
    twins = np.stack([np.full(61, value) for value in (0.1, 0.9)])
    bounded = networks(criterion(bounds=(0.0, 1.0)), np.full(61, 0.5), twins, plan)
    assert (bounded.low, bounded.high) == (0.0, 1.0)
    assert bounded.difference_low < -1


@pytest.mark.parametrize(
    ("own", "above", "reaches"), [(9.0, True, False), (1.1, True, True), (-9.0, True, True), (-9.0, False, False)]
)
def test_networks_reach_a_model_that_one_more_of_them_may_be(own, above, reaches):
    plan = plan_of()
    twins = np.stack([np.full(61, value) for value in (0.9, 1.0, 1.1)])
    assert networks(criterion(above=above), np.full(61, own), twins, plan).reaches is reaches


@pytest.mark.parametrize("k", [2, 3, 10])
def test_one_more_network_of_the_same_law_lies_within_as_often_as_is_said(k):
    inside = []
    plan = plan_of(5, 2)
    for draw in range(3000):
        values = np.random.default_rng([k, draw]).standard_normal(k + 1)
        found = networks(criterion(), np.full(3, values[0]), np.tile(values[1:, None], (1, 3)), plan)
        inside.append(found.low <= values[0] <= found.high)
    assert np.mean(inside) == pytest.approx(0.95, abs=5 * np.sqrt(0.05 * 0.95 / 3000))


# All that was found of a criterion.


def key(condition, draw: int = 0, of: Of = Of.CONDITION) -> str:
    return Task(of, condition.name, draw).key


def test_conditions_are_means_over_draws_on_the_controls_samples_and_quantities_on_all():
    plan, paired = plan_of(20), plan_of(10, 40)
    draws = {
        MODEL: rows(3.0, plan, 1),
        key(SAME): rows(3.2, paired, 2),
        key(SIGNS, 0): rows(1.0, paired, 3),
        key(SIGNS, 1): rows(2.0, paired, 4),
        key(SKIP): rows(2.5, plan, 5),
        key(TOKENS): rows(2.8, paired, 6),
        key(UNTRAINED, 0): rows(0.5, paired, 7),
        key(UNTRAINED, 1): rows(0.7, paired, 8),
    }
    ledger = {name: {"x": values.tolist()} for name, values in draws.items()} | {SECOND: {}, NULLS_OF_CURVES: {}}
    one = criterion(0.6)
    found = of_states(one, Evidence(ledger, {}, plan, paired, 0, 20))
    assert (found.value, (found.low, found.high)) == (3.0, interval(draws[MODEL], 20))
    same = draws[key(SAME)]
    assert (found.conditions["same samples"].value, found.conditions["same samples"].passes) == (3.2, True)
    signs = (draws[key(SIGNS, 0)] + draws[key(SIGNS, 1)]) / 2
    assert found.conditions["random signs"] == beside(one, signs, same, paired)
    assert found.conditions["skip path"] == beside(one, draws[key(SKIP)], draws[MODEL], plan)
    assert found.conditions["skip path"].difference == pytest.approx(0.5)
    assert found.conditions["shuffled tokens"].difference == pytest.approx(0.4)
    twins = np.stack([draws[key(UNTRAINED, k)] for k in (0, 1)])
    assert found.conditions["untrained"] == networks(one, same, twins, paired)
    assert set(found.conditions) == {"same samples", "random signs", "skip path", "shuffled tokens", "untrained"}


def test_a_null_of_states_counts_the_draws_of_its_condition_first_and_no_more_than_were_asked_for():
    plan = plan_of()
    null = NULLS["rotate_basis"]
    ledger = {
        key(ROTATED, 0): {"x": rows(1.0, plan).tolist()},
        key(ROTATED, 1): {"x": rows(2.0, plan, 1).tolist()},
        Task(Of.NULL_OF_STATES, null.name, 2).key: {"x": [3.0]},
        Task(Of.NULL_OF_STATES, null.name, 3).key: {"x": [4.0]},
        Task(Of.NULL_OF_STATES, null.name, 4).key: {"y": [9.0]},
    }
    for repeats, expected in ((20, [1, 2, 3, 4]), (3, [1, 2, 3]), (1, [1])):
        found = Evidence(ledger, {}, plan, plan, 0, repeats)
        np.testing.assert_array_equal(found.null_draws(null, "x"), expected)
    one = criterion(null=null)
    whole = ledger | {MODEL: {"x": rows(9.0, plan).tolist()}, SECOND: {}}
    whole[key(SAME)] = {"x": rows(3.5, plan).tolist()}
    said = of_states(one, Evidence(whole, {}, plan, plan, 0, 20)).null
    # The null is beside the model's value on the same samples.
    assert said is not None
    assert (said.name, said.mean, said.p, said.repeats) == (null.title, 2.5, pytest.approx(2 / 5), 4)


def test_a_criterion_whose_curve_is_not_there_is_not_defined():
    plan = plan_of()
    found = of_states(criterion(), Evidence({MODEL: {}, SECOND: {}, NULLS_OF_CURVES: {}}, {}, plan, plan, 0, 20))
    assert np.isnan([found.value, found.low, found.high]).all()
    assert found.verdict == "undecided"
    assert found.conditions["same samples"].passes is None


@pytest.mark.parametrize(("other", "verdict"), [(3.1, "holds"), (2.0, "undecided"), (-9.0, "undecided")])
def test_a_second_estimate_has_an_interval_and_must_say_the_same(other, verdict):
    plan = plan_of()
    one = criterion(2.0, second=Second("ranks", {"x": "y"}))
    draws, seconds = rows(3.0, plan, 1, 0.1), rows(other, plan, 2, 0.1)
    ledger = {MODEL: {"x": draws.tolist()}, SECOND: {"x": seconds.tolist()}, NULLS_OF_CURVES: {}}
    found = of_states(one, Evidence(ledger, {}, plan, plan, 0, 20))
    assert found.second is not None
    assert (found.second.title, found.second.value) == ("ranks", other)
    assert (found.second.low, found.second.high) == interval(seconds, 20)
    assert found.second.verdict == {3.1: "holds", 2.0: "undecided", -9.0: "does not hold"}[other]
    assert found.verdict == verdict
