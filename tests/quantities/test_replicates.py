"""Halves of the groups: which they are, and what a statistic is on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from residyn.numerics.tails import tail_index
from residyn.quantities.curves import curves
from residyn.quantities.replicates import HALVES, LEAST_TO_HALVE, LIGHT, plan_of, with_halves, with_tails

Make = Callable[..., xr.DataArray]


@pytest.mark.parametrize("n", [6, 7, 20, 60])
def test_halves_are_complements_and_as_large_as_each_other(make_states: Make, n: int) -> None:
    states = make_states(n)
    plan = plan_of(states, 9, seed=0)
    halved = with_halves(plan)
    np.testing.assert_array_equal(halved.weights[:10], plan.weights)
    np.testing.assert_array_equal(halved.group, plan.group)
    rows = halved.weights[10:]
    assert len(rows) == halved.halves == 2 * HALVES
    first, second = rows[:HALVES], rows[HALVES:]
    assert set(np.unique(rows)) == {0.0, 1.0}
    np.testing.assert_array_equal(first + second, np.ones((HALVES, plan.n_groups)))
    assert set(second.sum(axis=1) - first.sum(axis=1)) == {plan.n_groups % 2}
    assert len(np.unique(first, axis=0)) > HALVES // 2
    np.testing.assert_array_equal(with_halves(plan).weights, halved.weights)
    assert len(with_halves(plan, 3).weights) == 16


def test_few_groups_are_not_halved_and_the_data_alone_has_no_halves(make_states: Make) -> None:
    few = plan_of(make_states(LEAST_TO_HALVE - 1), 9)
    assert with_halves(few).halves == 0
    np.testing.assert_array_equal(with_halves(few).weights, few.weights)
    halved = with_halves(plan_of(make_states(20), 9))
    assert (halved.only_data.halves, len(halved.only_data.weights)) == (0, 1)
    assert halved.n_groups == 20


def test_halves_of_a_mean_average_to_the_whole_and_those_of_a_statistic_of_spread_do_not(
    make_states: Make,
) -> None:
    states = make_states(40, units=60)
    plan = with_halves(plan_of(states, 5))
    found = curves(states, plan, ["norm", "participation_ratio", "magnitude"]).curves
    for name in ("norm", "magnitude"):
        np.testing.assert_allclose(found[name][6:].mean(axis=0), found[name][0], rtol=1e-12)
    # Of half as many samples, states fill fewer dimensions.
    assert (found["participation_ratio"][6:].mean(axis=0) < 0.9 * found["participation_ratio"][0]).all()


def test_halves_are_what_the_curves_are_of_those_samples(make_states: Make) -> None:
    states = make_states(40)
    plan = with_halves(plan_of(states, 2, seed=1))
    found = curves(states, plan, ["unit_correlation", "cosine"]).curves
    for row in (3, 3 + HALVES):
        some = states.isel(sample=np.flatnonzero(plan.weights[row][plan.group] > 0))
        assert some.sizes["sample"] == 20
        alone = curves(some, plan_of(some, 0), ["unit_correlation", "cosine"]).curves
        for name in found:
            np.testing.assert_allclose(found[name][row], alone[name][0], rtol=1e-9)


def scaled(states: xr.DataArray, factor: np.ndarray) -> xr.DataArray:
    """Each sample's states times a factor of its own (N,)."""
    return states.copy(data=states.values * factor[:, None, None])


def test_samples_far_out_make_intervals_wider_and_others_do_not(make_states: Make) -> None:
    states = make_states(400)
    plan = plan_of(states, 9)
    assert with_tails(plan, states).wider == 1.0
    far = scaled(states, np.sqrt(2 / np.random.default_rng(0).chisquare(2, 400)))
    x = far.values - far.values.mean(axis=0)
    index = np.median([tail_index(np.linalg.norm(x[:, s], axis=1)) for s in range(x.shape[1])])
    assert 1.2 < with_tails(plan, far).wider == pytest.approx(LIGHT / index, rel=1e-6)
    np.testing.assert_array_equal(with_tails(plan, far).weights, plan.weights)


def test_too_few_samples_have_no_tail(make_states: Make) -> None:
    few = scaled(make_states(15), np.arange(15.0) ** 4)
    assert with_tails(plan_of(few, 9), few).wider == 1.0
