"""Evidence that has no public function of its own: against definitions written out, and on hand-made paths."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from naive import throughout
from quantity_sets import UNITS
from residyn.numerics import groups
from residyn.quantities.curves import curves
from residyn.quantities.replicates import Plan, plan_of
from residyn.schema import Sublayer, label_states

Make = Callable[..., xr.DataArray]


def weights_of_samples(plan: Plan) -> np.ndarray:
    """How often each sample occurs in each replicate, (R, N)."""
    return plan.weights.astype(int)[:, plan.group]


def per_unit(data: np.ndarray) -> dict[str, np.ndarray]:
    """r, the skip path's r and the information of r, (T, D), from raw states (N, S, D) and raw steps."""
    r, skip = (np.full((data.shape[1] - 1, data.shape[2]), np.nan) for _ in range(2))
    for t, d in np.ndindex(r.shape):
        h, after = data[:, t, d], data[:, t + 1, d]
        if np.ptp(h) > 0:
            r[t, d] = np.corrcoef(h, after)[0, 1] if np.ptp(after) > 0 else np.nan
            skip[t, d] = h.std() / np.sqrt(h.var() + (after - h).var())
    return {"r": r, "skip": skip, "floor": -0.5 * np.log(1 - r**2)}


def share_strong(r: np.ndarray) -> float:
    """Share of the units with any r whose r is above 0.8 at nine of ten of the transitions where they have one."""
    told = [column[~np.isnan(column)] for column in r.T]
    told = [column for column in told if len(column)]
    return float(np.mean([(column > 0.8).mean() >= 0.9 - 1e-12 for column in told])) if told else np.nan


@pytest.fixture
def states(make_states: Make) -> xr.DataArray:
    """Units from unrelated to nearly copied, one constant everywhere, one at one sublayer, one in most groups."""
    rng = np.random.default_rng(5)
    noise = np.geomspace(0.02, 3, 14)
    steps = rng.standard_normal((45, 8, 14)) * noise
    steps[:, 0] = rng.standard_normal((45, 14))
    data = steps.cumsum(axis=1) + rng.normal(0, 5, 14)
    data[:, :, 3] = 7
    data[:, 5, 4] = -1
    data[1:, 2, 8] = 0.3
    return make_states(data=data, layers=4)


def test_curves_of_units_are_their_definitions_on_repeated_samples(states: xr.DataArray) -> None:
    plan = plan_of(states, 15, seed=3, n_groups=9)
    got = curves(states, plan, UNITS).curves
    for row, times in enumerate(weights_of_samples(plan)):
        named = per_unit(np.repeat(states.values, times, axis=0))
        expected = {
            "unit_correlation": np.nanmedian(named["r"], axis=1),
            "skip_correlation": np.nanmedian(named["skip"], axis=1),
            "gaussian_information": np.nanmean(named["floor"], axis=1),
            "strong_throughout": share_strong(named["r"]),
            "correlation_throughout": throughout(named["r"]),
            "skip_correlation_throughout": throughout(named["skip"]),
        }
        for name, values in expected.items():
            np.testing.assert_allclose(got[name][row], values, rtol=1e-9, err_msg=f"{name} {row}")
    assert 0.2 < got["strong_throughout"][0, 0] < 0.8


def test_the_skip_path_is_what_steps_without_relation_to_the_state_leave(make_states: Make) -> None:
    rng = np.random.default_rng(6)
    state = rng.standard_normal((20_000, 5))
    apart = 0.75 * rng.standard_normal((20_000, 5))
    data = np.stack([state, state + apart, 0.5 * (state + apart)], axis=1)
    states = label_states(data, [Sublayer(0, "attn"), Sublayer(0, "mlp"), Sublayer(1, "attn")])
    got = curves(states, plan_of(states, 0, seed=0), UNITS).curves
    # σ / √(σ² + 0.75² σ²) = 0.8, and r is just that; a step of −h/2 leaves r = 1 and 1/√(1 + 1/4).
    np.testing.assert_allclose(got["unit_correlation"], [[0.8, 1]], atol=0.01)
    np.testing.assert_allclose(got["skip_correlation"], [[0.8, 1.25**-0.5]], atol=0.01)


def test_many_replicates_are_made_in_turns(states: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(states, 20, seed=0)
    expected = curves(states, plan, UNITS).curves
    monkeypatch.setattr(groups, "_ROWS", 1)
    for rows in (1, 4):
        monkeypatch.setattr(groups, "_VALUES", rows * states[0].size)
        for name, curve in curves(states, plan, UNITS).curves.items():
            np.testing.assert_allclose(curve, expected[name], rtol=1e-12, err_msg=name)


def test_units_that_never_change_are_not_infinitely_informative(make_states: Make) -> None:
    data = make_states(50, units=9).values
    data[:, :, 2] = data[:, :1, 2]
    # Rounded to float32, a multiple has r² = 1 − 10⁻¹⁵ or so, of which the logarithm would make much.
    data[:, :, 6] = data[:, :1, 2] * np.array([1, -3, 0.7, 1.1, 1.3, -0.3])
    states = make_states(data=data)
    plan = plan_of(states, 30, seed=0)
    got = curves(states, plan, UNITS).curves
    others = states.isel(unit=[0, 1, 3, 4, 5, 7, 8])
    without = curves(others, plan, UNITS).curves
    np.testing.assert_allclose(got["gaussian_information"], without["gaussian_information"], rtol=1e-12)
    assert got["skip_correlation"].max() <= 1
    assert got["unit_correlation"].max() <= 1
    copied = states.isel(unit=[2])
    np.testing.assert_allclose(curves(copied, plan, UNITS).curves["skip_correlation"], 1, rtol=1e-9)


def on_a_path(points: list[list[float]], sites: list[Sublayer], spread: float = 0.0) -> xr.DataArray:
    """Ten samples whose mean path, and that of each half, goes through the points."""
    noise = np.random.default_rng(7).standard_normal((5, len(points), 2)) * spread
    data = np.array(points) + np.concatenate([noise, -noise])
    return label_states(data, sites)


LAYERS = [Sublayer(layer, site) for layer in range(3) for site in ("attn", "mlp")]


def test_straightness_and_offset_of_hand_made_paths() -> None:
    path = [[0.0, 0.0], [1.0, 0.6], [2.0, 0.0], [2.0, 4.0], [5.0, 4.0], [5.0, 5.0]]
    states = on_a_path(path, LAYERS, spread=0.3)
    got = curves(states, plan_of(states, 0, seed=0), UNITS).curves
    length = 2 * np.sqrt(1.36) + 4 + 3 + 1
    np.testing.assert_allclose(got["mean_path_straightness"], [[np.sqrt(50) / length]], rtol=1e-12)
    # The second triangle has legs of 4 and 3: its height is 12/5, and its base 5.
    np.testing.assert_allclose(got["mean_path_offset"][:, [1, 3]], [[0.6 / 2, 12 / 25]], rtol=1e-12)


def test_a_straight_path_is_straight_and_a_loop_is_not() -> None:
    straight = on_a_path([[3.0 * s, -4.0 * s] for s in (0, 1, 3, 4, 6, 10)], LAYERS)
    got = curves(straight, plan_of(straight, 0, seed=0), UNITS).curves
    np.testing.assert_allclose(got["mean_path_straightness"], 1, rtol=1e-12)
    # A root of a difference that cancels: half the digits are left.
    np.testing.assert_allclose(got["mean_path_offset"][:, [1, 3]], 0, atol=1e-7)
    loop = on_a_path([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [2.0, 2.0], [3.0, 0.0], [0.0, 0.0]], LAYERS)
    got = curves(loop, plan_of(loop, 0, seed=0), UNITS).curves
    np.testing.assert_allclose(got["mean_path_straightness"], 0, atol=1e-12)
    # The first layer comes back to where it began, and the line between them has no length.
    np.testing.assert_allclose(got["mean_path_offset"][:, [1, 3]], [[np.nan, 2 / 3]], rtol=1e-12)
    still = on_a_path([[1.0, 2.0]] * 6, LAYERS)
    got = curves(still, plan_of(still, 0, seed=0), UNITS).curves
    assert np.isnan(got["mean_path_straightness"]).all()


def test_mean_paths_are_those_of_each_replicate(make_states: Make) -> None:
    states = make_states(40)
    plan = plan_of(states, 10, seed=1)
    got = curves(states, plan, UNITS).curves
    for row, times in enumerate(weights_of_samples(plan)):
        mean = np.repeat(states.values.astype(float), times, axis=0).mean(axis=0)
        steps = np.linalg.norm(np.diff(mean, axis=0), axis=1)
        assert got["mean_path_straightness"][row, 0] == pytest.approx(
            np.linalg.norm(mean[-1] - mean[0]) / steps.sum(), rel=1e-9
        )
        for layer in (0, 2):
            chord = mean[layer + 2] - mean[layer]
            side = mean[layer + 1] - mean[layer]
            beside = side - chord * (side @ chord) / (chord @ chord)
            expected = np.linalg.norm(beside) / np.linalg.norm(chord)
            assert got["mean_path_offset"][row, layer + 1] == pytest.approx(expected, rel=1e-9)
        np.testing.assert_allclose(got["mean_path_step"][row], steps, rtol=1e-9)


def test_walks_with_the_mean_path_s_steps_are_paths_of_perpendicular_ones(make_states: Make) -> None:
    states = make_states(40)
    plan = plan_of(states, 10, seed=1)
    got = curves(states, plan, UNITS).curves
    assert got["mean_path_walk_offset"].shape == (11, 6)
    np.testing.assert_array_equal(np.isfinite(got["mean_path_walk_offset"]), np.isfinite(got["mean_path_offset"]))
    for row, times in enumerate(weights_of_samples(plan)):
        mean = np.repeat(states.values.astype(float), times, axis=0).mean(axis=0)
        # Five steps of these lengths, each along an axis of its own.
        steps = np.diag(np.linalg.norm(np.diff(mean, axis=0), axis=1))
        path = np.concatenate([np.zeros((1, 5)), np.cumsum(steps, axis=0)])
        assert got["mean_path_walk_straightness"][row, 0] == pytest.approx(
            np.linalg.norm(path[-1]) / np.trace(steps), rel=1e-9
        )
        for layer in (0, 2):
            chord, side = path[layer + 2] - path[layer], path[layer + 1] - path[layer]
            beside = side - chord * (side @ chord) / (chord @ chord)
            expected = np.linalg.norm(beside) / np.linalg.norm(chord)
            assert got["mean_path_walk_offset"][row, layer + 1] == pytest.approx(expected, rel=1e-9)


def test_which_states_lie_off_the_line_follows_the_sites(make_states: Make) -> None:
    def n_offsets(states: xr.DataArray) -> int:
        got = curves(states, plan_of(states, 2, seed=0), UNITS).curves["mean_path_offset"]
        assert got.shape[0] == 3
        return int(np.isfinite(got).all(axis=0).sum())

    assert n_offsets(make_states(20, sites=("block",))) == 0
    assert n_offsets(make_states(20)) == 2
    assert n_offsets(make_states(20).isel(sublayer=slice(1, None))) == 1
    ending = [[0.0, 0.0], [2.0, 1.0], [4.0, 0.0]]
    states = on_a_path(ending, [Sublayer(5, "attn"), Sublayer(5, "mlp"), Sublayer(5, "out")])
    np.testing.assert_allclose(
        curves(states, plan_of(states, 0, seed=0), UNITS).curves["mean_path_offset"], [[np.nan, 0.25, np.nan]]
    )


def test_shared_direction_is_a_mean_over_pairs_of_samples_of_different_groups(make_states: Make) -> None:
    data = make_states(14, layers=2, units=5).values.astype(float)
    data[:, 2] += 2
    data[4, 2] = data[4, 1]
    states = make_states(data=data, layers=2).assign_coords(document=("sample", np.arange(14) // 2))
    plan = plan_of(states, 8, seed=2, n_groups=5)
    got = curves(states, plan, ["shared_direction"]).curves["shared_direction"]
    steps = np.diff(data, axis=1)
    for row, times in enumerate(weights_of_samples(plan)):
        for t in range(3):
            cosines = []
            for i, j in itertools.product(range(14), repeat=2):
                lengths = np.linalg.norm(steps[i, t]) * np.linalg.norm(steps[j, t])
                if plan.group[i] != plan.group[j] and lengths > 0:
                    cosines += [steps[i, t] @ steps[j, t] / lengths] * (times[i] * times[j])
            assert got[row, t] == pytest.approx(np.mean(cosines), rel=1e-9, abs=1e-12)


def test_shared_direction_is_the_common_parts_share_of_a_step(make_states: Make) -> None:
    rng = np.random.default_rng(8)
    n, d = 400, 300
    own = rng.standard_normal((n, 1, d)) / np.sqrt(d)
    common = np.zeros(d)
    common[0] = np.sqrt(3)
    data = np.concatenate([np.zeros((n, 1, d)), common + own, common + 2 * own, common + own], axis=1)
    states = make_states(data=data, layers=2)
    got = curves(states, plan_of(states, 0, seed=0), ["shared_direction"]).curves["shared_direction"]
    # Of squared lengths 3 in common and 1 of one's own; then nothing in common.
    np.testing.assert_allclose(got, [[0.75, 0, 0]], atol=0.01)


def test_directions_need_two_groups_that_move(make_states: Make) -> None:
    data = np.zeros((6, 4, 3))
    data[:, 1] = [1, 2, 2]
    data[:, 2] = data[:, 1]
    data[:2, 2] += [1, 0, 0]
    data[:, 3] = data[:, 2]
    data[0, 3] += [0, 1, 0]
    data[5, 3] -= [0, 2, 0]
    states = make_states(data=data, layers=2)
    plan = Plan(np.repeat(np.arange(3), 2), np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [2.0, 1.0, 0.0]]), 0)
    got = curves(states, plan, ["shared_direction"]).curves["shared_direction"]
    np.testing.assert_allclose(got, [[1, np.nan, -1], [np.nan, np.nan, np.nan], [1, np.nan, np.nan]], rtol=1e-12)
