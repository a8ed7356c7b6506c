"""Flows of teleports whose law is known, and of a tiny model against plain numpy."""

from __future__ import annotations

import json
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.covariance import LedoitWolf

from naive_teleport import loaded
from residyn.adapters import from_array
from residyn.errors import DataError, UsageError
from residyn.model.teleport import teleport
from residyn.numerics.groups import groups_of
from residyn.schema import documents_of
from residyn.spaces import Space, fit_space
from residyn.teleports import at_horizon, flow, targets
from synthetic_jumps import UNITS, make_jumps, relaxing

LAST = "7.attn"


def states_of(units: int = UNITS, n: int = 60, seed: int = 3) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    data = np.cumsum(rng.normal(size=(n, 16, units)) * np.arange(1, units + 1), axis=1)
    return from_array(data, [i // 2 for i in range(16)], ["attn", "mlp"] * 8)


def space_of(units: int = UNITS, n: int = 4) -> Space:
    return fit_space(states_of(units), n)


def cos(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def test_an_attractor_keeps_what_its_factor_says_and_pulls_straight_back() -> None:
    jumps = make_jumps(relaxing(0.7), drift=0.0)
    got = flow(jumps, space_of())
    reached = jumps["step_sublayer"].values != ""
    expected = np.where(reached, 0.7 ** np.arange(13), np.nan)
    for name in ("rho", "amplification", "relative_distance"):
        np.testing.assert_allclose(got[name], np.broadcast_to(expected[:, None], (2, 3, 7, 13)), rtol=1e-9)
    np.testing.assert_allclose(got["pull"], 1, rtol=1e-12)
    np.testing.assert_allclose(got["pull_plane"], 1, rtol=1e-12)
    # A control that stands still carries nothing along: passive transport has no direction.
    assert np.isnan(got["pull_passive"]).all()
    np.testing.assert_allclose(got["displacement_norm"][:, 0], (1 - 0.7**12) * got["distance"][:, 0], rtol=1e-9)


def test_passive_transport_has_the_pull_that_geometry_says() -> None:
    jumps = make_jumps(relaxing(1.0))
    got = flow(jumps, space_of())
    for name in ("rho", "amplification"):
        assert np.nanmax(np.abs(got[name] - 1)) < 1e-12
    np.testing.assert_allclose(got["pull"], got["pull_passive"], rtol=1e-9)
    np.testing.assert_allclose(got["pull_plane"], got["pull_plane_passive"], rtol=1e-9)
    control, written = jumps["control"].values, jumps["states"][:, 1, :, 0].values
    drift = (control[:, 15] - control[:, 6])[:, None]
    np.testing.assert_allclose(got["pull"][:, 1], cos(drift, control[:, None, 15] - written), rtol=1e-9)
    assert np.abs(got["pull"]).max() < 0.999
    growth = np.linalg.norm(control[:, 6], axis=1) / np.linalg.norm(control[:, 15], axis=1)
    np.testing.assert_allclose(got["relative_distance"][:, 1, :, 9], growth[:, None] * np.ones(7), rtol=1e-9)


def test_a_repeller_pushes_away() -> None:
    jumps = make_jumps(relaxing(1.2), drift=0.0)
    got = flow(jumps, space_of())
    np.testing.assert_allclose(got["pull"], -1, rtol=1e-12)
    assert (at_horizon(got, "amplification") > 1.19).all()
    np.testing.assert_allclose(at_horizon(got, "rho")[:, 0], 1.2**12, rtol=1e-9)


def test_arrows_and_paths_are_projections() -> None:
    space = space_of()
    jumps = make_jumps(relaxing(0.8))
    got = flow(jumps, space)
    axes, mean = space.axes.values[:2], space.mean.values
    states = jumps["states"].values
    for place, h in enumerate([12, 9, 1]):
        start, end = (states[:, place, :, m] for m in (0, h))
        np.testing.assert_allclose(got["start"][:, place], (start - mean) @ axes.T, rtol=1e-9)
        np.testing.assert_allclose(got["displacement"][:, place], (end - start) @ axes.T, atol=1e-9)
        np.testing.assert_allclose(got["displacement_norm"][:, place], np.linalg.norm(end - start, axis=-1))
    np.testing.assert_allclose(got["control_path"], (jumps["control"].values - mean) @ axes.T, atol=1e-9)
    assert got["control_path"].dims == ("host", "sublayer", "component")
    assert list(got["component"].values) == [1, 2]
    x = jumps["control"].sel(sublayer=list(jumps["injected"].values)).values[:, :, None]
    ratio = np.linalg.norm(states[..., 0, :], axis=-1) / np.linalg.norm(x, axis=-1)
    np.testing.assert_allclose(got["norm_ratio"], ratio, rtol=1e-9)
    d = states[..., 0, :] - x
    np.testing.assert_allclose(got["distance"], np.linalg.norm(d, axis=-1), rtol=1e-9)
    outside = 1 - ((d @ axes.T) ** 2).sum(axis=-1) / (d**2).sum(axis=-1)
    np.testing.assert_allclose(got["off_plane_share"], outside, rtol=1e-9)


def test_the_horizon_ends_with_the_model() -> None:
    jumps = make_jumps(relaxing(0.9), at=["0.attn", "3.attn", "7.attn", "7.mlp"])
    got = flow(jumps, space_of())
    assert got["horizon_steps"].values.tolist() == [12, 9, 1, 0]
    assert flow(jumps, space_of(), 5)["horizon_steps"].values.tolist() == [5, 5, 1, 0]
    assert got["rho"].attrs["n_beyond"] == 2 * 7 * (3 + 11 + 12)
    assert got["rho"].attrs["n_undefined"] == 0
    nothing = got.isel(injected=3)
    for name in ("pull", "pull_plane", "pull_passive", "displacement", "displacement_norm"):
        assert np.isnan(nothing[name]).all()
        assert np.isfinite(got[name].isel(injected=slice(3))).all()
    assert np.isnan(at_horizon(got, "rho")[:, 3]).all()
    np.testing.assert_allclose(at_horizon(got, "rho")[:, :3], [[[0.9**12], [0.9**9], [0.9]]] * np.ones((2, 3, 7)))
    with pytest.raises(UsageError, match=r"12 sublayers was asked for.*recorded 4.*horizon=4"):
        flow(make_jumps(relaxing(0.9), steps=4), space_of())
    # The last layer has one sublayer left, which four steps reach.
    assert flow(make_jumps(relaxing(0.9), steps=4, at=[LAST]), space_of())["horizon_steps"].values.tolist() == [1]


def test_a_no_op_has_no_displacement_to_follow() -> None:
    like = make_jumps(relaxing(0.5))
    own = like["control"].sel(sublayer=list(like["injected"].values)).values[:, :, None]
    for nudge in (0.0, 3e-6):
        got = flow(make_jumps(relaxing(0.5), own * (1 + nudge)), space_of())
        for name in ("rho", "amplification", "relative_distance", "off_plane_share"):
            assert np.isnan(got[name]).all()
        assert got["off_plane_share"].attrs["n_undefined"] == 6
        assert got["rho"].attrs["n_undefined"] == 2 * (13 + 10 + 2)
        np.testing.assert_allclose(got["pull"], 1, rtol=1e-6)
        np.testing.assert_allclose(got["norm_ratio"], 1, rtol=1e-5)
    told = flow(make_jumps(relaxing(0.5), own * (1 + 1e-4)), space_of())
    np.testing.assert_allclose(told["rho"][:, 0, 0, 1], 0.5, rtol=1e-6)
    coarse = flow(make_jumps(relaxing(0.5), own * 1.01, capture_dtype="bfloat16"), space_of())
    assert np.isnan(coarse["rho"]).all()


def test_moves_within_the_plane_have_nothing_outside_it() -> None:
    space = space_of()
    like = make_jumps(relaxing(1.0))
    own = like["control"].sel(sublayer=list(like["injected"].values)).values[:, :, None]
    angle = np.linspace(0, 6, 5)
    move = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ space.axes.values[:2]
    got = flow(make_jumps(relaxing(1.0), own + move), space)
    assert got["off_plane_share"].max() < 1e-20
    np.testing.assert_allclose(got["distance"], 1, rtol=1e-9)
    across = flow(make_jumps(relaxing(1.0), own + space.axes.values[2:4]), space)
    np.testing.assert_allclose(across["off_plane_share"], 1, rtol=1e-9)
    np.testing.assert_allclose(across["displacement"], across["displacement"][:, :, [0, 0]], atol=1e-9)


def test_a_standardised_space_has_a_plane_in_its_own_units() -> None:
    space = fit_space(states_of(), 6, standardize=True)
    like = make_jumps(relaxing(1.0))
    own = like["control"].sel(sublayer=list(like["injected"].values)).values[:, :, None]
    scale, axes = space.unit_scale.values, space.axes.values
    inside, outside = (own + row * scale for row in (axes[:2], axes[2:4]))
    assert flow(make_jumps(relaxing(1.0), inside), space)["off_plane_share"].max() < 1e-20
    np.testing.assert_allclose(flow(make_jumps(relaxing(1.0), outside), space)["off_plane_share"], 1, rtol=1e-9)
    mixed = flow(make_jumps(relaxing(0.5), own + (3 * axes[:1] + 4 * axes[2:3]) * scale), space)
    np.testing.assert_allclose(mixed["off_plane_share"], 0.64, rtol=1e-9)
    expected = (own[:, :, 0] / scale - space.mean.values) @ axes[:2].T + [3, 0]
    np.testing.assert_allclose(mixed["start"][:, :, 0], expected, rtol=1e-9)


def test_distances_from_the_states_are_measured_beside_their_own() -> None:
    states, space = states_of(n=400), space_of()
    jumps = make_jumps(relaxing(0.9), np.random.default_rng(1).normal(size=(2, 3, 4, 6)) * 5)
    got = flow(jumps, space, states=states)
    points = states.values[:, 6]
    reference = LedoitWolf().fit(points)
    for host, written in enumerate(jumps["states"].values[:, 1, :, 0]):
        np.testing.assert_allclose(got["mahalanobis"][host, 1] ** 2, reference.mahalanobis(written), rtol=1e-8)
    part, apart = groups_of(documents_of(states), 10, seed=0), np.empty(400)
    for one in range(10):
        apart[part == one] = LedoitWolf().fit(points[part != one]).mahalanobis(points[part == one])
    median = np.median(np.sqrt(apart))
    assert float(got["mahalanobis_of_states"][1]) == pytest.approx(median, rel=1e-8)
    assert "mahalanobis" not in flow(jumps, space)
    with pytest.raises(DataError, match="6 units and the states 5"):
        flow(jumps, space, states=states_of(5))


@pytest.mark.parametrize("copies", [1, 4])
def test_the_distance_of_the_states_is_that_of_a_fresh_one_of_their_law(copies: int) -> None:
    """Gaussian states of a falling spectrum; near-copies of a state within a document say nothing of others."""
    units, documents, rng = 40, 200, np.random.default_rng(8)
    spread = np.arange(1, units + 1) ** -0.5
    first = rng.normal(size=(documents, 16, units)) * spread
    data = np.repeat(first, copies, axis=0) + 0.05 * spread * rng.normal(size=(documents * copies, 16, units))
    where = [i // 2 for i in range(16)], ["attn", "mlp"] * 8
    states = from_array(data, *where, document=np.repeat(np.arange(documents), copies))
    jumps, space = make_jumps(relaxing(0.9), units=units), fit_space(states, 3)
    got = flow(jumps, space, states=states)["mahalanobis_of_states"].values
    fresh = rng.normal(size=(4000, units)) * spread * np.sqrt(1 + 0.05**2)
    injected = [data[:, i] for i in (0, 6, 14)]
    clouds = [LedoitWolf().fit(points) for points in injected]
    expected = [np.median(np.sqrt(cloud.mahalanobis(fresh))) for cloud in clouds]
    np.testing.assert_allclose(got, expected, rtol=0.05)
    own = zip(clouds, injected, strict=True)
    within = [np.median(np.sqrt(cloud.mahalanobis(points))) for cloud, points in own]
    assert (np.array(within) < 0.92 * got).all()
    if copies > 1:
        alone = flow(jumps, space, states=states.drop_vars("document"))["mahalanobis_of_states"].values
        assert (alone < 0.95 * got).all()


def test_states_of_one_document_have_no_distance_of_others() -> None:
    states = states_of().assign_coords(document=("sample", np.zeros(60, dtype=int)))
    got = flow(make_jumps(relaxing(0.9)), space_of(), states=states)
    assert np.isnan(got["mahalanobis_of_states"]).all()
    assert np.isfinite(got["mahalanobis"]).all()


def test_results_are_labelled() -> None:
    coords = {"pc1": ("target", np.arange(7.0)), "weight": (("host", "target"), np.ones((2, 7)))}
    jumps = make_jumps(relaxing(0.9), coords=coords, path="shared prefix")
    got = flow(jumps, space_of())
    for name, result in got.data_vars.items():
        assert result.attrs["quantity"] == name
        assert {"units", "definition", "source", "parameters", "n_hosts", "residyn_version"} <= set(result.attrs)
        assert result.attrs["fingerprint"] == "f" * 8
        assert "n_undefined" in result.attrs or result.dtype == bool
    assert json.loads(got["pull"].attrs["parameters"])["horizon"] == 12
    assert got["kl"].attrs["units"] == "nats"
    np.testing.assert_array_equal(got["kl"], jumps["kl"])
    np.testing.assert_array_equal(got["top1_changed"], jumps["top1_changed"])
    assert got["displacement"].dims == ("host", "injected", "target", "component")
    assert got["rho"].dims == ("host", "injected", "target", "step")
    assert {"pc1", "weight", "injected_layer", "text_id", "horizon_steps"} <= set(got["pull"].coords)
    assert "step_sublayer" in got["rho"].coords
    assert got["start"].attrs["units"] == "activation"
    scaled = flow(jumps, fit_space(states_of(), 3, standardize=True))
    assert scaled["start"].attrs["units"] == "scaled activation"
    assert "kl" not in flow(jumps.drop_vars("kl"), space_of())


def test_lazy_states_and_other_numbers_of_hosts_give_the_same_bits() -> None:
    jumps, space = make_jumps(relaxing(0.9), hosts=3, dtype=np.float32), space_of()
    whole = flow(jumps, space)
    lazy = jumps.assign(
        states=(jumps["states"].dims, dask.array.from_array(jumps["states"].values, (1, 1, 2, 13, 6)))
    )
    xr.testing.assert_identical(flow(lazy, space), whole)
    alone = flow(jumps.isel(host=[1]), space)
    for name in ("rho", "pull", "displacement", "off_plane_share"):
        np.testing.assert_array_equal(alone[name][0], whole[name][1])


@given(seed=st.integers(0, 2**31))
@settings(max_examples=5, deadline=None)
def test_a_common_rotation_of_the_units_changes_no_number(seed: int) -> None:
    basis = stats.ortho_group.rvs(UNITS, random_state=seed)
    jumps = make_jumps(lambda d, m: d * 0.8**m + np.roll(d, 1, axis=1) * 0.1 * m, seed=seed)
    turned = jumps.copy()
    for name in ("states", "control"):
        turned[name] = (jumps[name].dims, jumps[name].values @ basis)
    states = states_of()
    before = flow(jumps, fit_space(states, 2), states=states)
    moved = states.copy(data=states.values @ basis)
    after = flow(turned, fit_space(moved, 2), states=moved)
    names = "rho amplification relative_distance pull pull_passive norm_ratio distance off_plane_share mahalanobis"
    # The signs of components are not a rotation's business; what is in the plane stays there.
    for name in [*names.split(), "pull_plane", "displacement_norm"]:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda jumps: jumps["states"], DataError, "Expected the Dataset that teleport"),
        (lambda jumps: jumps.drop_vars("control"), DataError, "control .* got none"),
        (lambda jumps: jumps.isel(host=0), DataError, r"isel\(host=\[0\]\)"),
        (lambda jumps: jumps.isel(target=[]), DataError, "empty"),
        (lambda jumps: jumps.isel(unit=slice(5)), DataError, "6 units, the teleports 5"),
        (lambda jumps: jumps.assign(states=jumps["states"].where(jumps["target"] != 2)), DataError, "host 0 inj"),
    ],
)
def test_what_is_no_teleport_is_refused(change: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        flow(change(make_jumps(relaxing(0.9))), space_of())


@pytest.mark.parametrize("horizon", [0, -1, 2.5, True])
def test_a_horizon_is_a_number_of_sublayers(horizon: Any) -> None:
    with pytest.raises(UsageError, match="at least 1; got"):
        flow(make_jumps(relaxing(0.9)), space_of(), horizon)


@pytest.mark.parametrize("options", [{"fit": "sublayer"}, {"equalize": True}, {"n_components": 1}])
def test_a_displacement_needs_one_plane(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="needs one plane"):
        flow(make_jumps(relaxing(0.9)), fit_space(states_of(), **options))


def test_a_tiny_model_flows_as_its_states_say() -> None:
    model = loaded("llama")
    rng = np.random.default_rng(0)
    space = fit_space(from_array(rng.normal(size=(40, 6, 32)), [0, 0, 1, 1, 2, 2], ["attn", "mlp"] * 3), 3)
    jumps = teleport(
        model, ["One fish.", "Two fish, red fish."], targets.grid(space, 3), [0, "1.mlp", 2], steps=12
    )
    got = flow(jumps, space)
    assert got["horizon_steps"].values.tolist() == [5, 2, 1]
    control, states = jumps["control"].values.astype(float), jumps["states"].values.astype(float)
    for place, (first, h) in enumerate([(0, 5), (3, 2), (4, 1)]):
        d = states[:, place, :, : h + 1] - control[:, None, first : first + h + 1]
        rho = (d * d[:, :, :1]).sum(axis=-1) / (d[:, :, :1] ** 2).sum(axis=-1)
        np.testing.assert_allclose(got["rho"][:, place, :, : h + 1], rho, rtol=1e-9)
        left = np.linalg.norm(d, axis=-1) / np.linalg.norm(d[:, :, :1], axis=-1)
        np.testing.assert_allclose(got["amplification"][:, place, :, : h + 1], left, rtol=1e-9)
        went = states[:, place, :, h] - states[:, place, :, 0]
        np.testing.assert_allclose(
            got["pull"][:, place], cos(went, control[:, None, first + h] - states[:, place, :, 0]), rtol=1e-9
        )
    np.testing.assert_allclose(got["start"][0, 0, :, 0], got["pc1"], atol=1e-5)
    np.testing.assert_allclose(got["start"][1, 2, :, 1], got["pc2"], atol=1e-5)


def test_a_projection_onto_the_hosts_own_point_changes_nothing() -> None:
    """Keeping the rest of the state and moving by nothing within the plane is the control."""
    model = loaded("llama")
    rng = np.random.default_rng(1)
    space = fit_space(from_array(rng.normal(size=(40, 6, 32)), [0, 0, 1, 1, 2, 2], ["attn", "mlp"] * 3), 3)
    probe = teleport(model, "One fish.", np.zeros((1, 32)), [0, "1.mlp"], residual="keep")
    own = space.project(probe["control"].rename(host="sample"))[:, [0, 3], :2]
    move = space.lift(own) - space.lift(own)
    to = move.isel(sample=0).rename(sublayer="injected").expand_dims("target", axis=1)
    jumps = teleport(model, "One fish.", to, [0, "1.mlp"], residual="keep")
    got = flow(jumps, space)
    np.testing.assert_allclose(got["distance"], 0, atol=1e-6)
    np.testing.assert_allclose(got["kl"], 0, atol=1e-6)
    assert not got["top1_changed"].any()
    assert np.isnan(got["rho"]).all()
    np.testing.assert_allclose(got["start"].isel(component=0)[0, :, 0], own[0, :, 0], atol=1e-5)
