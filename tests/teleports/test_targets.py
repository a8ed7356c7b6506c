"""Targets: where they lie, how far they are from the host, and what a teleport makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from naive_teleport import TEXT, loaded
from residyn.errors import DataError, UsageError
from residyn.model.teleport import teleport
from residyn.schema import SAMPLE
from residyn.spaces import fit_space
from residyn.teleports import targets

Make = Callable[..., xr.DataArray]
AT = [1, "2.mlp"]
LABELS = ["1.attn", "2.mlp"]


def hosts_of(states: xr.DataArray, n: int = 3) -> xr.DataArray:
    return states.isel(sample=slice(n)).rename(sample="host")


def own_of(hosts: xr.DataArray) -> np.ndarray:
    return hosts.sel(sublayer=LABELS).values.astype(float)


def sigma_of(states: xr.DataArray) -> np.ndarray:
    points = states.sel(sublayer=LABELS).values.astype(float)
    return np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0))


def three(states: xr.DataArray, hosts: xr.DataArray, **options: Any) -> dict[str, xr.DataArray]:
    return {
        "disc": targets.discs(states, fit_space(states, 4), hosts, AT, **options),
        "isotropic": targets.isotropic(states, hosts, AT, **options),
    }


def test_targets_at_a_radius_are_that_far_from_the_host(make_states: Make) -> None:
    states = make_states(50)
    hosts = hosts_of(states)
    made = three(states, hosts, radii=(0.5, 2), directions=5)
    made["swap"] = targets.swaps(states, hosts, AT, radii=(0.5, 2), partners=5)
    for kind, to in made.items():
        assert to.dims == ("host", "injected", "target", "unit")
        assert to.dtype == np.float32
        of_kind = to.isel(target=np.flatnonzero(to["target_kind"] == kind))
        assert of_kind["radius"].values.tolist() == [0.5] * 5 + [2.0] * 5
        assert list(of_kind["injected"].values) == LABELS
        far = np.linalg.norm(of_kind.values - own_of(hosts)[:, :, None], axis=-1)
        np.testing.assert_allclose(
            far, sigma_of(states)[:, None] * of_kind["radius"].values * np.ones((3, 1, 1)), rtol=1e-5
        )


def test_discs_move_two_scores_and_keep_the_rest(make_states: Make) -> None:
    states = make_states(50)
    for options in ({}, {"standardize": True}, {"fit": "sublayer"}, {"equalize": True}):
        space = fit_space(states, 11, **options)
        hosts = hosts_of(states)
        to = targets.discs(states, space, hosts, AT, directions=6, seed=4)
        for p, label in enumerate(LABELS):
            moved = space.project(to[:, p], sublayer=label) - space.project(hosts.sel(sublayer=[label])).values
            assert np.abs(moved[..., 2:]).max() < 1e-4 * np.abs(moved[..., :2]).max()
            assert np.linalg.matrix_rank(moved.values.reshape(-1, 11)[:, :2], tol=1e-3) == 2


def test_directions_of_a_disc_are_evenly_spaced_and_shared_by_radii(make_states: Make) -> None:
    states = make_states(50)
    space, hosts = fit_space(states, 4), hosts_of(states)
    to = targets.discs(states, space, hosts, AT, radii=(1, 3), directions=6)
    moves = (to.values - own_of(hosts)[:, :, None]) @ space.axes.values[:2].T
    angle = np.unwrap(np.arctan2(moves[..., 1], moves[..., 0]), axis=-1)
    np.testing.assert_allclose(np.diff(angle[..., :6]), np.pi / 3, atol=1e-4)
    turns = np.exp(1j * angle)
    np.testing.assert_allclose(turns[..., :6], turns[..., 6:], atol=1e-4)
    np.testing.assert_allclose(turns[:, 0], turns[:, 1], atol=1e-4)
    # Hosts have angles of their own, spread over the circle.
    assert np.abs(turns[0, 0, 0] - turns[1, 0, 0]) > 1e-2


def test_isotropic_directions_favour_no_unit(make_states: Make) -> None:
    data = make_states(50).values * np.arange(1, 13)
    states = make_states(data=data)
    hosts = hosts_of(states, 1)
    to = targets.isotropic(states, hosts, AT, radii=(1,), directions=2000)
    moves = to.values[0, 0] - own_of(hosts)[0, 0]
    share = (moves**2).mean(axis=0) / (moves**2).sum(axis=1).mean()
    # Of 2000 directions in 12 units, a unit's share of 1/12 has a standard error of 3 %.
    np.testing.assert_allclose(share * 12, 1, atol=0.15)
    np.testing.assert_allclose(moves.mean(axis=0) / np.linalg.norm(moves, axis=1).mean(), 0, atol=0.03)


def test_swaps_point_at_other_samples_and_end_on_them(make_states: Make) -> None:
    states = make_states(50)
    hosts = hosts_of(states)
    to = targets.swaps(states, hosts, AT, radii=(0.5, 2), partners=4)
    assert to["target_kind"].values.tolist() == ["swap"] * 8 + ["sample"] * 4
    np.testing.assert_array_equal(to["radius"].values[8:], np.nan)
    points = states.sel(sublayer=LABELS).values
    own = own_of(hosts)
    for h, p in np.ndindex(3, 2):
        others = to.values[h, p, 8:]
        found = [np.flatnonzero((points[:, p] == other).all(axis=1)) for other in others]
        assert all(len(one) == 1 for one in found)
        assert len({int(one[0]) for one in found} - {h}) == 4
        way = (others - own[h, p]) / np.linalg.norm(others - own[h, p], axis=1, keepdims=True)
        for r, rows in ((0.5, slice(0, 4)), (2, slice(4, 8))):
            np.testing.assert_allclose(
                to.values[h, p, rows], own[h, p] + r * sigma_of(states)[p] * way, rtol=1e-4, atol=1e-4
            )


def test_swaps_pass_over_samples_that_are_the_hosts_state(make_states: Make) -> None:
    data = make_states(30).values.copy()
    data[5:28, 2] = data[0, 2]
    data[7, 2] *= 1 + 1e-6
    states = make_states(data=data)
    hosts = hosts_of(states, 1)
    to = targets.swaps(states, hosts, "1.attn", radii=(1,), partners=6)
    assert (np.linalg.norm(to.values[0, 0] - data[0, 2], axis=1) > 1e-2).all()
    with pytest.raises(DataError, match="7 partners were asked for, and 6 of 30 samples differ"):
        targets.swaps(states, hosts, "1.attn", partners=7)


def test_a_no_op_is_the_state_itself(make_states: Make) -> None:
    states = make_states(10)
    to = targets.no_op(states, hosts_of(states), AT)
    np.testing.assert_array_equal(to[:, :, 0], states[:3].sel(sublayer=LABELS))
    assert to["target_kind"].values.tolist() == ["no-op"]


def test_a_grid_is_the_spaces(make_states: Make) -> None:
    space = fit_space(make_states(40), 4)
    to = targets.grid(space, 4, 15.0)
    assert to.dims == ("target", "unit")
    assert to.dtype == np.float32
    assert set(to["target_kind"].values) == {"grid"}
    scores = space.project(to)
    np.testing.assert_allclose(scores[:, 0], to["pc1"], atol=1e-4)
    np.testing.assert_allclose(scores[:, 1], to["pc2"], atol=1e-4)
    np.testing.assert_allclose(scores[:, 2:], 0, atol=1e-4)
    assert (to["pc1"].min(), to["pc2"].max()) == (-15, 15)


def test_combined_targets_keep_their_vectors_and_coordinates(make_states: Make) -> None:
    states = make_states(40)
    hosts, space = hosts_of(states), fit_space(states, 3)
    parts = [
        targets.grid(space, 3),
        targets.discs(states, space, hosts, AT, radii=(1, 2), directions=4),
        targets.no_op(states, hosts, AT),
    ]
    to = targets.combine(*parts)
    assert to.dims == ("host", "injected", "target", "unit")
    assert to["target_kind"].values.tolist() == ["grid"] * 9 + ["disc"] * 8 + ["no-op"]
    np.testing.assert_array_equal(to["radius"], [np.nan] * 9 + [1.0] * 4 + [2.0] * 4 + [np.nan])
    np.testing.assert_array_equal(to["pc1"], [*parts[0]["pc1"].values, *[np.nan] * 9])
    np.testing.assert_array_equal(to["target"], np.arange(18))
    for h, p in np.ndindex(3, 2):
        np.testing.assert_array_equal(to[h, p, :9], parts[0])
        np.testing.assert_array_equal(to[h, p, 9:17], parts[1][h, p])
    assert targets.combine(parts[0], parts[0]).dims == ("target", "unit")
    np.testing.assert_array_equal(
        targets.combine(parts[1].transpose("unit", "target", "injected", "host")), parts[1]
    )


def test_targets_that_do_not_belong_together(make_states: Make) -> None:
    states = make_states(40)
    hosts = hosts_of(states)
    one = targets.no_op(states, hosts, AT)
    with pytest.raises(UsageError, match="No targets"):
        targets.combine()
    with pytest.raises(DataError, match="one number of hosts; got 3 and 2"):
        targets.combine(one, targets.no_op(states, hosts[:2], AT))
    with pytest.raises(DataError, match=r"same places; got .*1\.attn"):
        targets.combine(one, targets.no_op(states, hosts, [0, 1]))


def test_draws_are_seeded_and_hosts_do_not_share_them(make_states: Make) -> None:
    states = make_states(40)
    hosts = hosts_of(states)
    space = fit_space(states, 3)
    for make in (
        lambda hosts, seed: targets.discs(states, space, hosts, AT, seed=seed),
        lambda hosts, seed: targets.isotropic(states, hosts, AT, seed=seed),
        lambda hosts, seed: targets.swaps(states, hosts, AT, seed=seed),
    ):
        first = make(hosts, 0)
        np.testing.assert_array_equal(make(hosts, 0), first)
        np.testing.assert_array_equal(make(hosts[:1], 0), first[:1])
        assert (make(hosts, 1) != first).any(axis=(1, 2, 3)).all()
        moves = first.values - own_of(hosts)[:, :, None]
        assert np.abs(moves[0] - moves[1]).max() > 1e-2


def test_hosts_may_be_samples_and_lie_in_any_order(make_states: Make) -> None:
    states = make_states(40)
    hosts = hosts_of(states)
    expected = targets.isotropic(states, hosts, AT)
    np.testing.assert_array_equal(targets.isotropic(states, states[:3], AT), expected)
    turned = hosts.transpose("unit", "host", "sublayer").isel(sublayer=slice(None, None, -1))
    np.testing.assert_array_equal(targets.isotropic(states, turned, AT), expected)
    np.testing.assert_array_equal(targets.isotropic(states.chunk({SAMPLE: 7}), hosts.chunk(), AT), expected)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"injected": 9}, UsageError, r"9 is neither a layer nor a sublayer.*0\.attn to 2\.mlp"),
        ({"injected": "1.block"}, UsageError, r"'1\.block' is neither"),
        ({"injected": []}, UsageError, "No sublayer"),
        ({"injected": [1, "1.attn"]}, UsageError, "named once"),
        ({"radii": ()}, UsageError, "numbers above 0"),
        ({"radii": (1, 0)}, UsageError, "numbers above 0"),
        ({"radii": (np.inf,)}, UsageError, "numbers above 0"),
        ({"directions": 0}, UsageError, "directions is a whole number"),
        ({"directions": True}, UsageError, "directions is a whole number"),
    ],
)
def test_arguments_that_make_no_targets(
    make_states: Make, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    states = make_states(20)
    options = {"injected": AT, **options}
    place = options.pop("injected")
    for make in (
        lambda: targets.isotropic(states, hosts_of(states), place, **options),
        lambda: targets.discs(states, fit_space(states, 2), hosts_of(states), place, **options),
    ):
        with pytest.raises(error, match=said):
            make()


def test_hosts_and_spaces_that_do_not_fit(make_states: Make) -> None:
    states = make_states(20)
    hosts = hosts_of(states)
    with pytest.raises(DataError, match=r"states .* of 12 units"):
        targets.no_op(states, hosts[..., :5], AT)
    with pytest.raises(DataError, match="12 units; got"):
        targets.no_op(states, hosts[0], AT)
    with pytest.raises(DataError, match=r"no state at 2\.mlp"):
        targets.no_op(states, hosts[:, :4], AT)
    with pytest.raises(DataError, match="not finite"):
        targets.no_op(states, hosts.where(hosts["host"] != 101), AT)
    with pytest.raises(UsageError, match="this space has one"):
        targets.discs(states, fit_space(states, 1), hosts, AT)
    data = states.values.copy()
    data[:, 2] = 1.5
    with pytest.raises(DataError, match=r"20 states at 1\.attn are the same"):
        targets.isotropic(make_states(data=data), hosts, AT)


def test_a_teleport_takes_them_as_they_are(make_states: Make) -> None:
    model = loaded("llama")
    rng = np.random.default_rng(0)
    states = make_states(data=rng.normal(size=(20, 6, 32)).astype(np.float32))
    probe = teleport(model, TEXT, np.zeros((1, 32)), AT, residual="keep")
    hosts = probe["control"]
    space = fit_space(states, 3)
    to = targets.combine(
        targets.no_op(states, hosts, AT),
        targets.discs(states, space, hosts, AT, radii=(1,), directions=2),
        targets.swaps(states, hosts, AT, radii=(1,), partners=2),
        targets.grid(space, 2),
    )
    jumps = teleport(model, TEXT, to, AT)
    kinds = ["no-op", "disc", "disc", "swap", "swap", "sample", "sample", *["grid"] * 4]
    assert jumps["target_kind"].values.tolist() == kinds
    np.testing.assert_array_equal(jumps["states"][:, :, :, 0], to)
    reached = np.isfinite(jumps["states"].values[0, 0, 0]).all(axis=1)
    np.testing.assert_allclose(
        jumps["states"].values[0, 0, 0][reached], jumps["control"].values[0, 2:], rtol=1e-4, atol=1e-4
    )
