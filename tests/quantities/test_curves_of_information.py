"""Information and its replicates from leaving groups out: the definition, and the spread they give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from residyn import walk as stream
from residyn.numerics.information import copula
from residyn.quantities.curves import INFORMATION, curves
from residyn.quantities.information import mutual_information, replicates
from residyn.quantities.replicates import plan_of

Make = Callable[..., xr.DataArray]


def finite_mean(states: xr.DataArray, units: np.ndarray | None = None) -> np.ndarray:
    """Mean over units of the public estimate where it is finite, (T,)."""
    estimates = mutual_information(states if units is None else states.isel(unit=units), estimator="gcmi").values
    return np.array([row[np.isfinite(row)].mean() for row in estimates])


def written_out(states: xr.DataArray, units: np.ndarray, group: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The replicates, (R, T), of I + Σ (w_g − 1)(1 − 1/G)(I − I without g), group by group."""
    n_groups = weights.shape[1]
    rows = np.tile(finite_mean(states), (len(weights), 1))
    for g in range(n_groups):
        lost = finite_mean(states, units) - finite_mean(states.isel(sample=group != g), units)
        rows += np.outer(weights[:, g] - 1, (1 - 1 / n_groups) * lost)
    return rows


@pytest.fixture
def states(make_states: Make) -> xr.DataArray:
    """A unit that is constant, one that is copied, and one that is constant without one group's samples."""
    data = make_states(40, units=11).values
    data[:, :, 1] = 4
    data[:, 3, 5] = data[:, 2, 5]
    data[1:, 4, 8] = 2
    return make_states(data=data)


def test_the_data_and_its_replicates_are_the_definition(states: xr.DataArray) -> None:
    plan = plan_of(states, 9, seed=0, n_groups=6)
    got = curves(states, plan, [INFORMATION]).curves[INFORMATION]
    np.testing.assert_allclose(got[0], finite_mean(states), rtol=1e-10)
    expected = written_out(states, np.arange(11), plan.group, plan.weights)
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    np.testing.assert_array_equal(curves(states, plan.only_data, [INFORMATION]).curves[INFORMATION], got[:1])


@pytest.mark.parametrize("width", [1, 3, 100])
def test_units_far_apart_stand_for_all(states: xr.DataArray, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(replicates, "UNITS_LEFT_OUT_OF", 4)
    # Bands of few units, of which some hold none of those.
    monkeypatch.setattr(stream, "_BLOCK_BYTES", width * states[:, :, 0].nbytes)
    plan = plan_of(states, 9, seed=0, n_groups=6)
    got = curves(states, plan, [INFORMATION]).curves[INFORMATION]
    expected = written_out(states, np.array([0, 3, 6, 10]), plan.group, plan.weights)
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_bands_of_units_are_summed_to_the_same_numbers(
    states: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(states, 9, seed=0)
    expected = curves(states, plan, [INFORMATION]).curves[INFORMATION]
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 2 * states[:, :, 0].nbytes)
    got = curves(states, plan, [INFORMATION]).curves[INFORMATION]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def gaussian_states(make_states: Make, seed: int, n: int = 200) -> xr.DataArray:
    """Four units with r = 0.8 between two sublayers that have a common part: they err together."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 2, 1))
    data = np.sqrt(0.5) * common + np.sqrt(0.5) * rng.standard_normal((n, 2, 4))
    data[:, 1] = 0.8 * data[:, 0] + 0.6 * data[:, 1]
    return make_states(data=data, layers=1)


def test_replicates_spread_as_the_estimate_does_over_new_samples(make_states: Make) -> None:
    drawn = (gaussian_states(make_states, seed).values for seed in range(300))
    estimates = [copula(np.ascontiguousarray(data.transpose(2, 1, 0))).mean() for data in drawn]
    spreads = []
    for seed in range(25):
        states = gaussian_states(make_states, seed)
        plan = plan_of(states, 400, seed)
        draws = curves(states, plan, [INFORMATION]).curves[INFORMATION][1:, 0]
        spreads.append(np.sqrt(20 / 19) * draws.std())
    assert 0.8 < np.mean(spreads) / np.std(estimates) < 1.25


def test_replicates_spread_by_the_jackknife(make_states: Make) -> None:
    states = gaussian_states(make_states, 1)
    plan = plan_of(states, 20_000, seed=0)
    draws = curves(states, plan, [INFORMATION]).curves[INFORMATION][1:, 0]
    without = np.array([finite_mean(states.isel(sample=plan.group != g))[0] for g in range(20)])
    jackknife = np.sqrt(19 / 20 * ((without - without.mean()) ** 2).sum())
    # Multinomial weights vary by 1 − 1/G; the interval's widening makes up for it.
    assert draws.std() * np.sqrt(20 / 19) == pytest.approx(jackknife, rel=0.02)
