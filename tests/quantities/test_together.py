"""Samples beside each other, as labelled results: labels, curves beside results, and few or many samples."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import residyn as rd
from residyn.errors import DataError
from residyn.numerics import pairs
from residyn.quantities import together
from residyn.quantities.convergence import convergences
from residyn.quantities.curves import curves
from residyn.quantities.flows import flows
from residyn.quantities.gathers import LAYER_ANGLES
from residyn.quantities.layer_pairs import angular_distances
from residyn.quantities.measure import gather
from residyn.quantities.replicates import plan_of
from residyn.quantities.tables.together import layer_pairs_table, together_table


@pytest.fixture(scope="module")
def states() -> xr.DataArray:
    """A recording of another system than a model: no layers' kinds, three states of each of some stages."""
    rng = np.random.default_rng(0)
    data = np.cumsum(rng.standard_normal((60, 8, 12)) + 0.3, axis=1)
    return rd.from_array(data, [0, 0, 1, 1, 2, 2, 3, 3], ["attn", "mlp"] * 4)


@pytest.fixture(scope="module")
def found(states: xr.DataArray) -> xr.Dataset:
    return convergences(states).assign(flows(states))


def test_results_are_labelled_and_within_their_bounds(states: xr.DataArray, found: xr.Dataset) -> None:
    for name, result in found.data_vars.items():
        assert {"units", "definition", "source", "n_samples"} <= result.attrs.keys(), name
    for name in ("neighbours_kept_curve", "population_skew_curve", "rotation_ratio", "rotation_share"):
        assert ((found[name] >= 0) & (found[name] <= 1)).all(), name
    for name in ("pair_growth", "population_growth", "population_skew"):
        np.testing.assert_array_equal(found[f"{name}_curve"].sel(bound="value"), found[name])
        low, high = (found[f"{name}_curve"].sel(bound=end) for end in ("low", "high"))
        assert (low <= found[name]).all()
        assert (found[name] <= high).all()
    assert (np.abs(np.diagonal(found["cka"]) - 1) < 1e-6).all()
    assert (found["cka"] == found["cka"].values.T).all()
    k = found.sizes["eigenvalue"]
    eigenvalues = found["population_eigenvalues"].values @ [1, 1j]
    np.testing.assert_allclose(np.log(np.abs(1 + eigenvalues)).mean(axis=1), found["population_growth"], atol=1e-9)
    assert k == min(12, 60 // 4)
    assert (found["rotation_p"] >= 1 / 101).all()


def test_the_curves_that_claims_are_judged_by_are_the_results(states: xr.DataArray, found: xr.Dataset) -> None:
    made = curves(states, plan_of(states), together.TOGETHER).curves
    for name in ("pair_growth", "population_growth"):
        np.testing.assert_allclose(made[name][0], found[name], rtol=1e-12)
    assert made["rotation_ratio"][0, 0] == found["rotation_ratio"].sel(bound="value")
    assert made["rotation_p"][0, 0] == found["rotation_p"].values[0]
    assert {rows.shape[0] for rows in made.values()} == {201}


def test_cka_is_that_of_the_states_products(states: xr.DataArray, found: xr.Dataset) -> None:
    products = [pairs.u_centred(one @ one.T).ravel() for one in states.values.astype(float).transpose(1, 0, 2)]
    np.testing.assert_allclose(found["cka"], pairs.alignment(np.stack(products)), atol=1e-6)


def test_angles_of_all_pairs_hold_those_over_a_quarter_and_of_neighbours(states: xr.DataArray) -> None:
    read = gather(states, [LAYER_ANGLES], plan_of(states))
    both = angular_distances(states, read.whole[LAYER_ANGLES])
    angle = both["angular_distance"]
    assert angle.dims == ("sublayer", "other_sublayer")
    neighbours = rd.angular_velocity(states).mean("sample")
    np.testing.assert_allclose(np.diagonal(angle, 1), neighbours, atol=1e-8)
    # A quarter of four layers is one, of two sublayers.
    over = rd.angle_over_quarter(states)
    np.testing.assert_allclose(over[:-2], np.diagonal(angle, 2), rtol=1e-12)
    assert np.isnan(over[-2:]).all()
    walk = rd.angle_over_quarter_walk(states)
    np.testing.assert_allclose(walk[:-2], np.diagonal(both["angular_distance_walk"], 2), rtol=1e-12)


def test_tables_hold_every_transition_and_every_pair(states: xr.DataArray, found: xr.Dataset) -> None:
    read = gather(states, [LAYER_ANGLES], plan_of(states))
    both = found.assign(angular_distances(states, read.whole[LAYER_ANGLES]))
    pairs_of = layer_pairs_table(both)
    assert len(pairs_of) == 64
    row = pairs_of[(pairs_of["sublayer"] == "1.mlp") & (pairs_of["other_sublayer"] == "3.attn")].iloc[0]
    assert row["cka"] == found["cka"].sel(sublayer="1.mlp", other_sublayer="3.attn")
    moved = together_table(found).set_index("transition")
    for name in ("pair_growth", "neighbours_kept", "population_growth", "population_skew"):
        np.testing.assert_array_equal(moved[name], found[f"{name}_curve"].sel(bound="value"))
        np.testing.assert_array_equal(moved[f"{name}_ci_low"], found[f"{name}_curve"].sel(bound="low"))
        np.testing.assert_array_equal(moved[f"{name}_walk"], found[f"{name}_walk"])
    nearest = found["pair_growth_by_distance"].sel(distance_quarter="nearest")
    np.testing.assert_array_equal(moved["pair_growth nearest"], nearest)


def test_few_samples_are_refused_by_name_and_leave_claims_open(states: xr.DataArray) -> None:
    few = states.isel(sample=slice(0, 7))
    for make in (convergences, flows):
        with pytest.raises(DataError, match="t least 8 samples"):
            make(few)
    assert all(np.isnan(rows).all() for rows in curves(few, plan_of(few), together.TOGETHER).curves.values())
    same = states.copy(data=np.ones(states.shape))
    with pytest.raises(DataError, match="all the same"):
        flows(same)
    assert np.isnan(convergences(same)["pair_growth"]).all()
    assert np.isnan(curves(same, plan_of(same), ("rotation_ratio", "pair_growth")).curves["rotation_ratio"]).all()


def test_of_many_samples_so_many_are_drawn_and_results_say_so(states: xr.DataArray) -> None:
    some, plan = together.some_together(states, plan_of(states), 20)
    assert some.sizes["sample"] == len(plan.group) == 20
    assert some.attrs["drawn_from"] == 60
    again, _ = together.some_together(states, plan_of(states), 20)
    np.testing.assert_array_equal(some["sample"], again["sample"])
    other, _ = together.some_together(states, plan_of(states, seed=1), 20)
    assert set(some["sample"].values) != set(other["sample"].values)
    assert not np.array_equal(some["sample"], states["sample"][:20])
