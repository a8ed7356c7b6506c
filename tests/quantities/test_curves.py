"""Evidence against the public functions, on the states themselves and on samples repeated as the weights say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr
from threadpoolctl import threadpool_limits

from quantity_sets import PATHS, UNITS
from residyn import cosine, density, magnitude, norm, relative_velocity, sign_kept, unit_correlation, velocity
from residyn import walk as stream
from residyn.errors import DataError
from residyn.quantities import curves as module
from residyn.quantities import dimensions as of_dimensions
from residyn.quantities.curves import DIRECTION_RATIO, EXPLAINED, INFORMATION, RATIO, curves, known_curves
from residyn.quantities.dimensions import dimensions
from residyn.quantities.registry import quantities
from residyn.quantities.replicates import Plan, plan_of
from residyn.spaces import explained_variance, explained_variance_by_sublayer, fit_space

Make = Callable[..., xr.DataArray]

READINGS = (*PATHS, *UNITS, "shared_direction", EXPLAINED, RATIO)


@pytest.fixture
def states(make_states: Make) -> xr.DataArray:
    """Sixty samples of twenty documents, with units, states and steps that have no value of their own."""
    data = make_states(60, units=13).values
    data[:, :, 2] = 0.1
    data[:, :, 3] = -2
    data[7:9, :, 3] = [[3], [4]]
    data[:, :, 4] += 1000
    data[:, :, 5] *= -30
    data[:, 2, 6] = 1
    data[20, 1] = 0
    data[30, 4] = data[30, 3]
    made = make_states(data=data)
    return made.assign_coords(document=("sample", np.arange(60) // 3))


def public(states: xr.DataArray, axes_of: xr.DataArray) -> dict[str, np.ndarray]:
    """The curves by public functions, on states whose samples may be repeated; axes are those of other states."""
    explained = explained_variance(states, fit_space(axes_of, 3))
    return {
        "magnitude": magnitude(states).values,
        "density": density(states).mean("sample").values,
        "norm": norm(states).mean("sample").values,
        "cosine": cosine(states).mean("sample").values,
        "velocity": velocity(states).mean("sample").values,
        "relative_velocity": relative_velocity(states).mean("sample").values,
        "sign_kept": sign_kept(states).values,
        "unit_correlation": unit_correlation(states).median("unit").values,
        "explained_variance_by_sublayer": explained_variance_by_sublayer(explained).values,
        "participation_ratio": dimensions(states)["participation_ratio"].values,
    }


def repeated(states: xr.DataArray, plan: Plan, row: int) -> xr.DataArray:
    return states.isel(
        sample=np.repeat(np.arange(states.sizes["sample"]), plan.weights[row].astype(int)[plan.group])
    )


def test_every_row_is_what_public_functions_say_of_repeated_samples(
    states: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPONENTS", 3)
    plan = plan_of(states, 12, seed=1, n_groups=7)
    got = curves(states, plan, READINGS).curves
    without = 0
    for row in range(13):
        here = repeated(states, plan, row)
        without += unit_correlation(here).attrs["n_undefined"] > 7
        for name, expected in public(here, states).items():
            np.testing.assert_allclose(got[name][row], expected, rtol=1e-10, atol=1e-12, err_msg=f"{name} {row}")
    # In some replicates a unit that varies in one group alone is constant.
    assert 0 < without < 12


def test_parts_can_be_asked_for_by_themselves(states: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPONENTS", 3)
    plan = plan_of(states, 4, seed=0)
    whole = curves(states, plan)
    assert set(whole.curves) == set(known_curves())
    for name in known_curves():
        alone = curves(states, plan, [name])
        assert set(alone.curves) == {name}
        np.testing.assert_array_equal(alone.curves[name], whole.curves[name], err_msg=name)
    assert (whole.n_samples, whole.n_groups) == (60, 20)
    assert list(whole.depth.kind) == ["within", "cross", "within", "cross", "within"]
    only = curves(states, plan.only_data)
    for name, curve in only.curves.items():
        np.testing.assert_allclose(curve, whole.curves[name][:1], rtol=1e-12, err_msg=name)


def test_axes_may_be_those_of_other_states(states: xr.DataArray, make_states: Make) -> None:
    other = make_states(50, units=13, seed=9)
    space = fit_space(other, 4)
    plan = plan_of(states, 3, seed=0)
    got = curves(states, plan, [EXPLAINED], axes=space.axes.values).curves[EXPLAINED]
    for row in range(4):
        expected = explained_variance(repeated(states, plan, row), space).values[:, -1]
        np.testing.assert_allclose(got[row], expected, rtol=1e-10)
    assert got[0].max() < 0.9


@pytest.mark.parametrize("n_axes", [12, 13])
def test_axes_that_span_all_units_explain_nothing(states: xr.DataArray, n_axes: int) -> None:
    plan = plan_of(states, 3, seed=0)
    got = curves(states, plan, [EXPLAINED], axes=np.eye(13)[:n_axes]).curves
    assert ("explained_variance_by_sublayer" in got) == (n_axes == 12)
    few = states.isel(sample=[0, 1], sublayer=slice(0, 4))
    axes = fit_space(few, 13).axes.values
    assert len(axes) == 7
    assert (
        "explained_variance_by_sublayer" not in curves(few, plan_of(few, 3, seed=0), [EXPLAINED], axes=axes).curves
    )


def test_participation_ratios_of_many_samples_are_those_of_a_drawn_part(
    states: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(states, 3, seed=0)
    whole = curves(states, plan, [RATIO]).curves["participation_ratio"]
    monkeypatch.setattr(of_dimensions, "LARGEST_GRAM", 60)
    np.testing.assert_array_equal(curves(states, plan, [RATIO]).curves["participation_ratio"], whole)
    monkeypatch.setattr(of_dimensions, "LARGEST_GRAM", 25)
    rows = np.sort(np.random.default_rng(0).permutation(60)[:25])
    part = states.isel(sample=rows)
    got = curves(states, plan, [RATIO]).curves["participation_ratio"]
    for row in range(4):
        here = repeated(part, Plan(plan.group[rows], plan.weights, 0), row)
        expected = dimensions(here)["participation_ratio"]
        np.testing.assert_allclose(got[row], expected, rtol=1e-10)
    assert (np.abs(got - whole) > 1e-4).all()


def of_directions(points: np.ndarray) -> float:
    """The participation ratio of states' directions from their mean."""
    apart = points - points.mean(axis=0)
    length = np.linalg.norm(apart, axis=1, keepdims=True)
    apart = np.divide(apart, length, out=np.zeros_like(apart), where=length > 0)
    eigenvalues = np.linalg.eigvalsh(np.cov(apart.T))
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())


def test_ratios_of_directions_are_those_of_states_of_length_one_about_the_mean(states: xr.DataArray) -> None:
    plan = plan_of(states, 6, seed=0)
    got = curves(states, plan, [DIRECTION_RATIO]).curves[DIRECTION_RATIO]
    data = states.values.astype(float)
    np.testing.assert_allclose(got[0], [of_directions(data[:, s]) for s in range(6)], rtol=1e-9)
    # Replicates draw the directions that the data has.
    for row in range(1, 7):
        times = plan.weights[row].astype(int)[plan.group]
        apart = data - data.mean(axis=0)
        length = np.linalg.norm(apart, axis=2, keepdims=True)
        drawn = np.repeat(apart / np.where(length > 0, length, 1), times, axis=0)
        for s in range(6):
            eigenvalues = np.linalg.eigvalsh(np.cov(drawn[:, s].T))
            expected = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
            assert got[row, s] == pytest.approx(expected, rel=1e-9)


def test_a_few_states_far_out_collapse_the_ratio_of_states_and_not_that_of_directions(make_states: Make) -> None:
    rng = np.random.default_rng(0)
    data = rng.standard_normal((200, 2, 30))
    calm = make_states(data=data, layers=1)
    data = data.copy()
    data[:3] *= 100
    wild = make_states(data=data, layers=1)
    plan = plan_of(calm, 0)
    before, after = (curves(one, plan, [RATIO, DIRECTION_RATIO]).curves for one in (calm, wild))
    assert before[RATIO].min() > 20
    assert after[RATIO].max() < 4
    np.testing.assert_allclose(after[DIRECTION_RATIO], before[DIRECTION_RATIO], rtol=0.25)
    assert after[DIRECTION_RATIO].min() > 18
    still = make_states(data=np.tile(data[:1], (9, 1, 1)), layers=1)
    assert np.isnan(curves(still, plan_of(still, 0), [DIRECTION_RATIO]).curves[DIRECTION_RATIO]).all()


CHUNKS = {
    "a shard each": (16, -1, -1),
    "ragged": ((5, 30, 1, 24), -1, -1),
    "one sublayer each": (-1, 1, -1),
    "all cut": (7, 2, 3),
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
def test_chunks_change_no_bit_and_blocks_only_sums_over_samples(
    states: xr.DataArray, monkeypatch: pytest.MonkeyPatch, chunks: Any
) -> None:
    plan = plan_of(states, 5, seed=2)
    axes = fit_space(states, 3).axes.values
    expected = curves(states, plan, axes=axes).curves
    lazy = states.copy(data=dask.array.from_array(states.values, chunks=chunks))
    for name, curve in curves(lazy, plan, axes=axes).curves.items():
        np.testing.assert_array_equal(curve, expected[name], err_msg=name)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 9 * states[0].nbytes)
    in_blocks = curves(lazy, plan, axes=axes).curves
    in_memory = curves(states, plan, axes=axes).curves
    for name, curve in expected.items():
        # A sample's own numbers and those of a whole unit or sublayer do not know what they were read with.
        exact = name in (*PATHS, "participation_ratio")
        for other in (in_blocks, in_memory):
            np.testing.assert_allclose(
                other[name], curve, rtol=0 if exact else 1e-12, atol=0 if exact else 1e-13, err_msg=name
            )


def test_the_same_states_give_the_same_bits_on_any_number_of_threads(make_states: Make) -> None:
    states = make_states(150, units=700)
    plan = plan_of(states, 40, seed=3)
    with threadpool_limits(1, user_api="blas"):
        expected = curves(states, plan, READINGS).curves
    with threadpool_limits(2, user_api="blas"):
        got = curves(states, plan, READINGS).curves
    for name, curve in expected.items():
        np.testing.assert_array_equal(got[name], curve, err_msg=name)


def test_documents_are_drawn_whole(states: xr.DataArray, make_states: Make) -> None:
    document = states["document"].values
    plan = plan_of(states, 9, seed=0, n_groups=6)
    assert plan.weights.shape == (10, 6)
    assert plan.n_groups == 6
    for name in np.unique(document):
        assert len(np.unique(plan.group[document == name])) == 1
    assert len(plan.only_data.weights) == 1
    alone = plan_of(make_states(60), 9, seed=0, n_groups=60)
    assert len(np.unique(alone.group)) == 60
    again = plan_of(states, 9, seed=0, n_groups=6)
    np.testing.assert_array_equal(again.group, plan.group)
    np.testing.assert_array_equal(again.weights, plan.weights)
    other = plan_of(states, 9, seed=1, n_groups=6)
    assert (other.weights != plan.weights).any()
    assert (other.group != plan.group).any()


def test_samples_of_an_unknown_document_are_documents_of_their_own(make_states: Make) -> None:
    document = np.repeat([0, 1, -1, 2], 5)
    states = make_states(20).assign_coords(document=("sample", document))
    group = plan_of(states, 2, seed=0, n_groups=20).group
    assert len(np.unique(group)) == 8
    assert len(np.unique(group[10:15])) == 5


def test_one_document_has_no_spread(make_states: Make) -> None:
    states = make_states(30).assign_coords(document=("sample", np.zeros(30, dtype=int)))
    got = curves(states, plan_of(states, 4, seed=0))
    assert got.n_groups == 1
    for name, curve in got.curves.items():
        np.testing.assert_array_equal(curve, np.tile(curve[0], (5, 1)), err_msg=name)
        # Flows are held out by documents, and rotations are of whole paths: neither compares groups.
        between_groups = name == "pair_growth" or (
            name in quantities() and "groups" in quantities()[name].undefined
        )
        assert np.isnan(curve).all() == between_groups, name


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_samples_have_no_correlation(make_states: Make, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPONENTS", 2)
    states = make_states(n)
    got = curves(states, plan_of(states, 4, seed=0)).curves
    for name in (
        "unit_correlation",
        "skip_correlation",
        "strong_throughout",
        "gaussian_information",
        "mutual_information",
        "ksg_information",
        "kde_information",
        "rank_correlation",
        "rank_correlation_throughout",
    ):
        assert np.isnan(got[name]).all(), name
    assert np.isfinite(got["velocity"]).all()
    assert np.isfinite(got[EXPLAINED][0]).all() == (n == 2)
    assert np.isfinite(got["shared_direction"][0]).all() == (n == 2)


def test_samples_that_are_all_the_same_have_what_needs_no_spread(
    make_states: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPONENTS", 2)
    states = make_states(data=np.tile(make_states(1).values, (20, 1, 1)))
    got = curves(states, plan_of(states, 4, seed=0)).curves
    undefined = {name for name, curve in got.items() if np.isnan(curve).all()}
    assert undefined == {
        "unit_correlation", "skip_correlation", "correlation_excess", "strong_throughout",
        "correlation_throughout", "skip_correlation_throughout",
        "gaussian_information", "mutual_information", "ksg_information", "kde_information",
        "rank_correlation", "rank_correlation_throughout",
        "participation_ratio", "direction_participation_ratio", "explained_variance_by_sublayer",
        "pair_growth", "rotation_ratio", "rotation_p",
    }  # fmt: skip
    np.testing.assert_allclose(got["shared_direction"], 1, rtol=1e-12)
    still = make_states(data=np.ones((20, 6, 4)))
    got = curves(still, plan_of(still, 4, seed=0)).curves
    assert "explained_variance_by_sublayer" not in got
    for name in ("shared_direction", "mean_path_straightness", "mean_path_offset"):
        assert np.isnan(got[name]).all(), name
    np.testing.assert_array_equal(got["velocity"], 0)


def test_a_sublayer_without_variance_explains_nothing(states: xr.DataArray, make_states: Make) -> None:
    data = states.values.copy()
    data[:, 3] = data[0, 3]
    data[8, 3] += 1
    here = make_states(data=data)
    plan = Plan(np.repeat([0, 1], [10, 50]), np.array([[1.0, 1.0], [0.0, 2.0], [2.0, 0.0]]), 0)
    axes = fit_space(here, 3).axes.values
    got = curves(here, plan, [EXPLAINED, RATIO, *UNITS], axes=axes).curves
    for name in ("explained_variance_by_sublayer", "participation_ratio"):
        np.testing.assert_array_equal(np.isnan(got[name]).any(axis=1), [False, True, False])
        np.testing.assert_array_equal(np.isnan(got[name][1]), [False, False, False, True, False, False])
    np.testing.assert_array_equal(np.isnan(got["unit_correlation"][1]), [False, False, True, True, False])


def test_zero_states_are_left_out_of_means(make_states: Make) -> None:
    data = make_states(12).values
    data[:6, 2] = 0
    states = make_states(data=data)
    plan = Plan(np.repeat([0, 1], 6), np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]]), 0)
    got = curves(states, plan, PATHS).curves
    np.testing.assert_allclose(got["density"][0, 2], density(states[6:, 2:4]).values[:, 0].mean(), rtol=1e-12)
    np.testing.assert_array_equal(np.isnan(got["density"][1]), [False, False, True, False, False, False])
    np.testing.assert_array_equal(np.isnan(got["cosine"][1]), [False, True, True, False, False])
    np.testing.assert_array_equal(np.isnan(got["relative_velocity"][1]), [False, False, True, False, False])
    for name in ("density", "cosine", "relative_velocity"):
        assert np.isfinite(got[name][[0, 2]]).all(), name
    for name in ("magnitude", "norm", "velocity"):
        assert np.isfinite(got[name]).all(), name


def test_what_is_no_states_is_refused(states: xr.DataArray) -> None:
    plan = plan_of(states, 2, seed=0)
    for wrong, message in [
        (states.drop_vars("layer"), "lack the coordinate 'layer'"),
        (states.transpose("unit", "sublayer", "sample"), "Expected states with dimensions"),
    ]:
        for refused in (lambda wrong=wrong: curves(wrong, plan), lambda wrong=wrong: plan_of(wrong, 2, seed=0)):
            with pytest.raises(DataError, match=message):
                refused()
    with pytest.raises(DataError, match="at least one sample"):
        plan_of(states[:0], 2, seed=0)
    with pytest.raises(DataError, match="two sublayers"):
        curves(states[:, :1], plan)
    broken = states.copy(data=np.where(states.values == states.values[5, 3, 1], np.nan, states.values))
    for name in ("cosine", "unit_correlation", "shared_direction", EXPLAINED, RATIO, INFORMATION):
        with pytest.raises(DataError, match=r"sample 105 \(text text-5\) holds nan"):
            curves(broken, plan, [name])
