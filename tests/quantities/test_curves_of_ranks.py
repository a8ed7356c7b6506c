"""Correlation of ranks: against scipy, on ranks repeated as the weights say, and what no monotone map changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy.stats import rankdata, spearmanr

from naive import throughout
from residyn import walk as stream
from residyn.quantities import ranks as module
from residyn.quantities.curves import curves
from residyn.quantities.replicates import Plan, plan_of

Make = Callable[..., xr.DataArray]

NAMES = ("rank_correlation", "rank_correlation_throughout")


@pytest.fixture
def states(make_states: Make) -> xr.DataArray:
    """Units from unrelated to nearly copied with ties, one constant, one at one sublayer, one in most groups."""
    rng = np.random.default_rng(5)
    steps = rng.standard_normal((45, 8, 14)) * np.geomspace(0.02, 3, 14)
    steps[:, 0] = rng.standard_normal((45, 14))
    data = np.round(steps.cumsum(axis=1) * 8) / 8
    data[:, :, 3] = 7
    data[:, 5, 4] = -1
    data[1:, 2, 8] = 0.3
    data[:, :, 9] = np.exp(4 * data[:, :, 9])
    return make_states(data=data, layers=4)


def correlations(ranks: np.ndarray) -> np.ndarray:
    """Pearson's correlation of ranks (N, S, D) at successive sublayers, (T, D), NaN for a constant unit."""
    r = np.full((ranks.shape[1] - 1, ranks.shape[2]), np.nan)
    for t, d in np.ndindex(r.shape):
        x, y = ranks[:, t, d], ranks[:, t + 1, d]
        if np.ptp(x) > 0 and np.ptp(y) > 0:
            r[t, d] = np.corrcoef(x, y)[0, 1]
    return r


def test_the_data_have_spearmans_correlation(states: xr.DataArray) -> None:
    r = np.full((7, 14), np.nan)
    for t, d in np.ndindex(r.shape):
        x, y = states.values[:, t, d], states.values[:, t + 1, d]
        if np.ptp(x) > 0 and np.ptp(y) > 0:
            r[t, d] = spearmanr(x, y).statistic
    assert np.isnan(r[:, 3]).all()
    assert np.isnan(r[:, 4]).sum() == 2
    got = curves(states, plan_of(states, 5), NAMES).curves
    np.testing.assert_allclose(got["rank_correlation"][0], np.nanmedian(r, axis=1), rtol=1e-12)
    np.testing.assert_allclose(got["rank_correlation_throughout"][0], [throughout(r)], rtol=1e-12)
    assert 0.2 < throughout(r) < 0.98


def test_replicates_are_correlations_of_repeated_ranks(states: xr.DataArray) -> None:
    group = np.arange(45) % 5
    weights = np.array([[1.0, 1, 1, 1, 1], [0, 2, 0, 2, 1], [2, 2, 1, 0, 0], [0, 0, 5, 0, 0]])
    got = curves(states, Plan(group, weights, 0), NAMES).curves
    ranks = rankdata(states.values, axis=0)
    for row, times in enumerate(weights[:, group].astype(int)):
        r = correlations(np.repeat(ranks, times, axis=0))
        # Without the first group's samples a unit is constant at one sublayer.
        assert np.isnan(r[1, 8]) == (row in (1, 3))
        np.testing.assert_allclose(got["rank_correlation"][row], np.nanmedian(r, axis=1), rtol=1e-10)
        np.testing.assert_allclose(got["rank_correlation_throughout"][row], [throughout(r)], rtol=1e-10)
    only = curves(states, Plan(group, weights, 0).only_data, NAMES).curves
    for name in NAMES:
        np.testing.assert_allclose(only[name], got[name][:1], rtol=1e-12)


def test_monotone_maps_of_a_sublayer_change_nothing(states: xr.DataArray) -> None:
    plan = plan_of(states, 5)
    names = (*NAMES, "unit_correlation")
    expected, got = (curves(some, plan, names).curves for some in (states, states.copy(data=states.values**3)))
    for name in NAMES:
        np.testing.assert_array_equal(got[name], expected[name])
    assert np.abs(got["unit_correlation"] - expected["unit_correlation"]).max() > 0.01


@pytest.mark.parametrize("at_once", [1, 5])
def test_units_are_read_some_at_a_time(
    states: xr.DataArray, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    plan = plan_of(states, 5)
    expected = curves(states, plan, NAMES).curves
    monkeypatch.setattr(module, "_UNITS_AT_ONCE", at_once)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 7 * states[:, :, 0].nbytes)
    got = curves(states, plan, NAMES).curves
    for name in NAMES:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-12)
