"""Return fractions, affine flows and summaries of teleports whose law is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from residyn.adapters import from_array
from residyn.errors import DataError
from residyn.numerics.groups import mean_interval
from residyn.runs.results import open_results, save_results
from residyn.spaces import Space, fit_space
from residyn.teleports import affine, at_horizon, beside, flow, return_fraction, summary, teleport_table
from synthetic_jumps import AT, UNITS, Law, make_jumps, relaxing

RADII = np.array([0.5, 1.0, 2.0, 4.0])


def plane() -> Space:
    """A space whose two components are the first two units, and whose mean is not the origin."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(200, 16, UNITS)) * [9, 5, 0.1, 0.1, 0.1, 0.1] + [1, -2, 0, 0, 0, 0]
    space = fit_space(from_array(data, [i // 2 for i in range(16)], ["attn", "mlp"] * 8), 2)
    axes = space.axes.copy(data=np.eye(2, UNITS))
    return Space(**{**vars(space), "axes": axes})


def basin(width: float) -> Law:
    """Displacements shorter than the width shrink; longer ones grow."""

    def law(d: np.ndarray, m: int) -> np.ndarray:
        far = np.linalg.norm(d, axis=1, keepdims=True) > width
        return d * np.where(far, 1.1, 0.9) ** m

    return law


def at_radii(like: xr.Dataset, directions: int = 4, seed: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
    """Targets at σ = 1 around the hosts of `like`, half of them discs and half isotropic."""
    own = like["control"].sel(sublayer=list(like["injected"].values)).values[:, :, None]
    moves = np.random.default_rng(seed).normal(size=(2 * directions * len(RADII), UNITS))
    radius = np.tile(np.repeat(RADII, directions), 2)
    moves *= radius[:, None] / np.linalg.norm(moves, axis=1, keepdims=True)
    kinds = np.repeat(["disc", "isotropic"], directions * len(RADII))
    return own + moves, {"radius": ("target", radius), "target_kind": ("target", kinds)}


def radial(law: Law, hosts: int = 4, **options: Any) -> xr.Dataset:
    to, coords = at_radii(make_jumps(law, hosts=hosts, **options))
    return flow(make_jumps(law, to, hosts=hosts, coords=coords, **options), plane())


def test_a_basin_has_its_width() -> None:
    got = return_fraction(radial(basin(1.5)))
    assert got["return_fraction"].dims == ("injected", "target_kind", "radius")
    np.testing.assert_array_equal(got["return_fraction"], [[[1, 1, 0, 0]] * 2] * 3)
    np.testing.assert_array_equal(got["return_fraction_low"], got["return_fraction"])
    np.testing.assert_allclose(got["r50"], 1.5, rtol=1e-12)
    np.testing.assert_allclose([got["r50_low"], got["r50_high"]], 1.5, rtol=1e-12)
    assert set(got["r50_reason"].values.ravel()) == {""}
    assert got["radius"].values.tolist() == RADII.tolist()
    assert got["r50"].attrs["units"] == "σ of the sublayer"


@pytest.mark.parametrize(
    ("factor", "share", "reason"),
    [(0.9, 1, "above one half everywhere"), (1.1, 0, "below one half everywhere")],
)
def test_where_all_return_or_none_there_is_no_radius(factor: float, share: float, reason: str) -> None:
    got = return_fraction(radial(relaxing(factor)))
    np.testing.assert_array_equal(got["return_fraction"], share)
    assert np.isnan(got["r50"]).all()
    assert got["r50"].attrs["n_undefined"] == 6
    assert set(got["r50_reason"].values.ravel()) == {reason}


def test_a_share_is_the_mean_over_hosts() -> None:
    """Host 0 returns from everywhere, three others from nowhere; one of them has no displacement at one target."""
    jumps = [make_jumps(relaxing(factor), seed=i, hosts=1) for i, factor in enumerate([0.9, 1.1, 1.1, 1.1])]
    parts = []
    for i, (like, factor) in enumerate(zip(jumps, [0.9, 1.1, 1.1, 1.1], strict=True)):
        to, coords = at_radii(like, seed=i)
        parts.append(flow(make_jumps(relaxing(factor), to, seed=i, hosts=1, coords=coords), plane()))
    together = xr.concat(parts, "host", data_vars="all", coords="minimal", compat="override")
    together["amplification"][1, :, 0] = np.nan
    got = return_fraction(together, seed=3)
    np.testing.assert_allclose(got["return_fraction"], 0.25, rtol=1e-12)
    assert (got["return_fraction_low"] == 0).all()
    # The share of host 0 among four draws is binomial: its 97.5 % point, 0.75, is 0.5 above the mean. Widened for
    # four hosts that is beyond 1.
    np.testing.assert_allclose(got["return_fraction_high"], 1)
    alone = return_fraction(parts[0])
    assert np.isnan(alone["return_fraction_low"]).all()
    np.testing.assert_array_equal(alone["return_fraction"], 1)


def test_passive_transport_does_not_return() -> None:
    """A displacement that is exactly kept is not shorter, whatever its last bits are."""
    found = radial(relaxing(1.0))
    assert (found["amplification"] != 1).any()
    got = return_fraction(found)
    for end in ("", "_low", "_high"):
        np.testing.assert_array_equal(got[f"return_fraction{end}"], 0)


def test_targets_without_radius_have_no_fraction() -> None:
    with pytest.raises(DataError, match="None of these targets has a radius"):
        return_fraction(flow(make_jumps(relaxing(0.9)), plane()))
    got = flow(make_jumps(relaxing(0.9), at=["7.mlp"]), plane())
    got = got.assign_coords(radius=("target", np.ones(7)), target_kind=("target", ["disc"] * 7))
    last = return_fraction(got)
    assert np.isnan(last["return_fraction"]).all()
    assert last["r50_reason"].values.tolist() == [["undefined"]]
    with pytest.raises(DataError, match="flow\\(jumps, space\\) returns"):
        return_fraction(xr.Dataset())
    with pytest.raises(DataError, match=r"isel\(host=\[0\]\)"):
        return_fraction(got.isel(host=0))


TURN = np.array([[-0.05, -0.2], [0.2, -0.05]])
FIXED = np.array([3.0, -4.0])


def turning(x: np.ndarray, m: int) -> np.ndarray:
    z = x[:, :2]
    for _ in range(m):
        z = z + (z - FIXED) @ TURN.T
    return np.concatenate([z, x[:, 2:]], axis=1)


def field_of(law: Law, **coords: Any) -> xr.Dataset:
    """Flow of a grid in the plane of the first two units, by a law of the place and not of the displacement."""
    side = np.linspace(-10, 10, 5)
    grid = np.zeros((25, UNITS))
    grid[:, :2] = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    jumps = make_jumps(relaxing(1.0), grid, coords=coords)
    states = jumps["states"].values
    for place, m in zip(*np.nonzero(jumps["step_sublayer"].values), strict=True):
        states[:, place, :, m] = law(grid, int(m))
    return flow(jumps, plane())


def test_an_affine_flow_is_recovered() -> None:
    got = affine(field_of(turning))
    mean = plane().mean.values[:2]
    for place, h in enumerate([12, 9, 1]):
        whole = np.linalg.matrix_power(np.eye(2) + TURN, h) - np.eye(2)
        np.testing.assert_allclose(got["flow_matrix"][place], whole, rtol=1e-8)
        np.testing.assert_allclose(got["fixed_point"][place], FIXED - mean, rtol=1e-8)
        np.testing.assert_allclose(got["divergence"][place], np.trace(whole), rtol=1e-8)
        np.testing.assert_allclose(got["rotation"][place], (whole[1, 0] - whole[0, 1]) / 2, rtol=1e-8)
    np.testing.assert_allclose(got["flow_r2"], 1, atol=1e-10)
    np.testing.assert_allclose(
        got["flow_offset"], -np.einsum("prc,pc->pr", got["flow_matrix"], got["fixed_point"]), rtol=1e-7
    )
    assert got["rotation"][2] == pytest.approx(0.2, rel=1e-9)
    assert got["fit_reason"].values.tolist() == ["", "", ""]
    assert got["flow_matrix"].dims == ("injected", "row", "component")


def test_only_grid_targets_make_the_field() -> None:
    kinds = np.array(["grid"] * 20 + ["disc"] * 5)
    whole = field_of(
        turning, target_kind=("target", kinds), radius=("target", np.where(kinds == "disc", 1, np.nan))
    )
    whole["displacement"][:, :, 20:] = 1e6
    np.testing.assert_allclose(affine(whole)["fixed_point"][2], FIXED - plane().mean.values[:2], rtol=1e-8)
    with pytest.raises(DataError, match="targets of a grid; these are disc"):
        affine(whole.isel(target=slice(20, None)))


def test_a_field_that_does_not_fit_says_why() -> None:
    noisy = field_of(turning)
    rng = np.random.default_rng(0)
    noisy["displacement"] = noisy["displacement"] + 60 * rng.normal(size=noisy["displacement"].shape)
    got = affine(noisy)
    assert got["fit_reason"].values.tolist() == ["R² below 0.5"] * 3
    for name in ("fixed_point", "divergence", "rotation"):
        assert np.isnan(got[name]).all()
    assert np.isfinite(got["flow_matrix"]).all()
    assert ((got["flow_r2"] > 0) & (got["flow_r2"] < 0.5)).all()
    still = affine(field_of(relaxing(1.0)))
    assert still["fit_reason"].values.tolist() == ["all displacements are the same"] * 3
    shear = affine(field_of(lambda d, m: d + m * np.outer(d[:, 1], np.eye(UNITS)[0])))
    assert shear["fit_reason"].values.tolist() == ["singular matrix"] * 3
    np.testing.assert_allclose(shear["rotation"], -np.array([12, 9, 1]) / 2, rtol=1e-9)
    assert np.isnan(shear["fixed_point"]).all()
    line = affine(field_of(turning).isel(target=slice(5)))
    assert line["fit_reason"].values.tolist() == ["the targets do not span the plane"] * 3
    last = affine(flow(make_jumps(relaxing(0.5), at=["7.mlp"]), plane()))
    assert last["fit_reason"].values.tolist() == ["no sublayer follows"]


def test_a_summary_is_the_mean_over_hosts_of_the_mean_over_targets() -> None:
    found = radial(basin(1.5), hosts=6)
    got = summary(found, seed=2)
    assert got["group"].values.tolist() == [f"{k} {r:g}" for k in ("disc", "isotropic") for r in RADII]
    assert got["radius"].values.tolist() == [*RADII, *RADII]
    assert got["n_targets"].values.tolist() == [4] * 8
    values = {"pull": found["pull"].values, "rho": at_horizon(found, "rho"), "kl": found["kl"].values}
    values["pull_excess"] = found["pull"].values - found["pull_passive"].values
    values["top1_changed"] = found["top1_changed"].values.astype(float)
    values["returned"] = (at_horizon(found, "amplification") < 1).astype(float)
    for name, array in values.items():
        hosts = array.reshape(6, 3, 8, 4).mean(axis=3)
        np.testing.assert_allclose(got["teleports_by_host"].sel(quantity_of_flow=name), hosts, rtol=1e-12)
        np.testing.assert_allclose(got["teleports_mean"].sel(quantity_of_flow=name), hosts.mean(axis=0), rtol=1e-9)
    for name in ("kl", "rho"):
        hosts = values[name].reshape(6, 3, 8, 4).mean(axis=3)
        ends = mean_interval(hosts.reshape(6, -1), seed=2)
        one = got.sel(quantity_of_flow=name)
        np.testing.assert_allclose(
            one["teleports_low"].values.ravel(), np.maximum(ends.low, 0 if name == "kl" else -np.inf), rtol=1e-9
        )
        np.testing.assert_allclose(one["teleports_high"].values.ravel(), ends.high, rtol=1e-9)
    kl = got.sel(quantity_of_flow="kl")
    assert (kl["teleports_n_hosts"] == 6).all()
    assert "mahalanobis" not in got["quantity_of_flow"].values


def test_intervals_stay_within_what_a_quantity_can_be() -> None:
    found = radial(basin(1.5), hosts=2)
    rng = np.random.default_rng(4)
    found["pull"] = found["pull"].copy(data=rng.uniform(-1, 1, found["pull"].shape))
    got = summary(found)
    for name, low, high in (("pull", -1, 1), ("top1_changed", 0, 1), ("kl", 0, np.inf), ("rho", -np.inf, np.inf)):
        one = got.sel(quantity_of_flow=name)
        assert (one["teleports_low"] >= low).all()
        assert (one["teleports_high"] <= high).all()
    pull = got.sel(quantity_of_flow="pull")
    assert (pull["teleports_low"] == -1).any()
    other = summary(radial(basin(1.5), hosts=2))
    apart = beside(got, [other]).isel(model=-1).sel(quantity_of_flow="pull")
    assert (apart["teleports_low"] < -1).any()
    assert (np.abs(apart["teleports_low"]) <= 2).all()


def test_pure_transport_is_exact() -> None:
    """Of a displacement that is carried along 1 is left, and nothing pulls, to the last bit."""
    raw = radial(relaxing(1.0), hosts=5)
    assert (at_horizon(raw, "rho") != 1).any()
    got = summary(raw)
    both = beside(got, [got, summary(radial(relaxing(1.0), hosts=5))])
    exact = {"rho": 1, "amplification": 1, "pull_excess": 0, "returned": 0}
    for name, value in exact.items():
        for variable in ("by_host", "mean", "low", "high"):
            np.testing.assert_array_equal(got[f"teleports_{variable}"].sel(quantity_of_flow=name), value)
            apart = both[f"teleports_{variable}"].sel(quantity_of_flow=name, model="trained − untrained")
            np.testing.assert_array_equal(apart, 0)


def test_what_is_more_than_rounding_stays() -> None:
    left = summary(radial(relaxing(1 - 1e-8))).sel(quantity_of_flow="rho")["teleports_mean"]
    np.testing.assert_allclose(left[:, 0], [1 - 12e-8, 1 - 9e-8, 1 - 1e-8], rtol=0, atol=1e-12)


def test_distances_of_the_states_stand_beside_those_of_the_targets() -> None:
    rng = np.random.default_rng(0)
    states = from_array(rng.normal(size=(50, 16, UNITS)), [i // 2 for i in range(16)], ["attn", "mlp"] * 8)
    jumps = make_jumps(relaxing(0.9))
    one, other = (flow(jumps, plane(), states=cloud) for cloud in (states, states * np.arange(1, 17)[:, None]))
    got = beside(summary(one), [summary(other)])["teleports_mean"].sel(quantity_of_flow="mahalanobis_of_states")
    for model, found in enumerate((one, other)):
        np.testing.assert_allclose(got[model, :, 0], found["mahalanobis_of_states"], rtol=1e-12)
    assert "mahalanobis_of_states" not in summary(one).coords


def test_groups_without_radius_or_kind() -> None:
    plain = summary(flow(make_jumps(relaxing(0.9)), plane()))
    assert plain["group"].values.tolist() == ["target"]
    np.testing.assert_array_equal(plain["radius"], [np.nan])
    coords = {
        "target_kind": ("target", ["sample", "disc", "disc", "sample", "no-op", "disc", "disc"]),
        "radius": ("target", [np.nan, 2, 1, np.nan, np.nan, 1, 2]),
    }
    found = flow(make_jumps(relaxing(0.9), coords=coords), plane())
    got = summary(found)
    assert got["group"].values.tolist() == ["sample", "disc 1", "disc 2", "no-op"]
    assert got["n_targets"].values.tolist() == [2, 2, 2, 1]
    pulls = got["teleports_by_host"].sel(quantity_of_flow="pull").values
    np.testing.assert_allclose(pulls[..., 0], found["pull"].values[..., [0, 3]].mean(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(pulls[..., 1], found["pull"].values[..., [2, 5]].mean(axis=-1), rtol=1e-12)


def test_undefined_values_are_left_out_and_counted() -> None:
    found = flow(make_jumps(relaxing(0.9), hosts=3), plane())
    found["rho"][0, 1, 2:] = np.nan
    found["rho"][2, 1] = np.nan
    got = summary(found).sel(quantity_of_flow="rho")
    assert got["teleports_n_hosts"].values.tolist() == [[3], [2], [3]]
    np.testing.assert_allclose(got["teleports_mean"][1], 0.9**9, rtol=1e-9)
    single = summary(found.isel(host=[0]))
    assert np.isnan(single["teleports_low"]).all()


def test_models_are_put_beside_each_other() -> None:
    trained, *untrained = (summary(radial(relaxing(factor), hosts=5)) for factor in (0.8, 0.9, 1.1, 1.0))
    got = beside(trained, untrained)
    assert got["model"].values.tolist() == [
        "trained",
        "untrained 0",
        "untrained 1",
        "untrained 2",
        "trained − untrained",
    ]
    left = got["teleports_mean"].sel(quantity_of_flow="rho", injected="7.attn")
    np.testing.assert_allclose(left[:, 0], [0.8, 0.9, 1.1, 1.0, -0.2], atol=1e-9)
    np.testing.assert_array_equal(got["teleports_mean"][0], trained["teleports_mean"])
    difference = trained["teleports_by_host"] - sum(one["teleports_by_host"] for one in untrained) / 3
    np.testing.assert_allclose(got["teleports_by_host"][4], difference, rtol=1e-9, atol=1e-12)
    relative = got.sel(quantity_of_flow="amplification", injected="0.attn").isel(model=4)
    assert (relative["teleports_low"] <= relative["teleports_mean"]).all()
    with pytest.raises(DataError, match="at least one summary"):
        beside(trained, [])
    with pytest.raises(DataError, match="differ in host"):
        beside(trained, [summary(radial(relaxing(0.9), hosts=4))])
    with pytest.raises(DataError, match="differ in injected"):
        beside(trained, [summary(radial(relaxing(0.9), hosts=5, at=["0.attn", "3.attn", "7.mlp"]))])
    with pytest.raises(DataError, match="Pass summaries"):
        beside(trained, [radial(relaxing(0.9), hosts=5)])


def test_tables_have_one_row_per_number() -> None:
    trained, other = (summary(radial(relaxing(factor))) for factor in (0.8, 0.9))
    table = teleport_table(trained)
    assert len(table) == trained["teleports_mean"].size
    labels = "quantity injected layer site horizon_steps target_kind radius n_targets"
    assert " ".join(table.columns) == f"{labels} n_hosts mean ci_low ci_high"
    row = table.query("quantity == 'rho' and injected == '3.attn' and target_kind == 'disc' and radius == 2")
    assert row["mean"].item() == pytest.approx(0.8**9, rel=1e-9)
    assert row[["layer", "horizon_steps", "n_hosts", "n_targets"]].values.tolist() == [[3, 9, 4, 4]]
    both = teleport_table(beside(trained, [other]))
    assert len(both) == 3 * len(table)
    picked = both.query("model == 'untrained 0' and quantity == 'rho' and injected == '3.attn'")
    np.testing.assert_allclose(picked["mean"], 0.9**9, rtol=1e-9)


def test_results_are_saved_and_read_back(tmp_path: Any) -> None:
    found = radial(relaxing(0.9))
    one = summary(found)
    everything = xr.merge(
        [found, return_fraction(found), beside(one, [one])],
        join="exact",
        compat="override",
        combine_attrs="override",
    )
    save_results(everything, tmp_path / "results.zarr")
    again = open_results(tmp_path / "results.zarr")
    for name in everything.data_vars:
        np.testing.assert_array_equal(again[name], everything[name])
        assert again[name].attrs == everything[name].attrs
    assert list(AT) == again["injected"].values.tolist()
