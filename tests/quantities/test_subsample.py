"""Of many samples some are drawn, where a cost grows faster than their number; results say so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from residyn import analyze, dimensions, massive_ratio, mutual_information
from residyn.numerics import subsamples
from residyn.quantities.curves import curves
from residyn.quantities.dependence import dependence
from residyn.quantities.replicates import Plan, plan_of
from residyn.settings import AnalysisSettings

Make = Callable[..., xr.DataArray]
N, SOME, SEED = 120, 70, 6
ROWS = np.sort(np.random.default_rng(SEED).permutation(N)[:SOME])
FEW = AnalysisSettings(analysis_seed=SEED, components=3)


@pytest.fixture
def states(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> xr.DataArray:
    monkeypatch.setattr(subsamples, "MOST_SAMPLES", SOME)
    return make_states(N)


def test_what_grows_faster_than_the_samples_is_of_some_and_the_rest_of_all(states: xr.DataArray) -> None:
    results, of_some = analyze(states, FEW), analyze(states.isel(sample=ROWS), FEW)
    for name in (
        "mutual_information",
        "mutual_information_shuffle",
        "step_information",
        "two_nn",
        "step_r2_joint",
    ):
        np.testing.assert_array_equal(results[name], of_some[name], err_msg=name)
        assert (results[name].attrs["n_samples"], results[name].attrs["drawn_from"]) == (SOME, N)
    for name in ("mean_activation", "unit_correlation", "norm", "explained_variance"):
        assert (results[name].attrs["n_samples"], results[name].attrs.get("drawn_from")) == (N, None)
        assert results[name].shape != of_some[name].shape or (results[name] != of_some[name]).any()
    assert "drawn_from" not in of_some["two_nn"].attrs
    # Drawn without the seed of the analysis: a space is fitted by itself, too.
    assert results["pc_score_quantiles"].attrs == {"n_samples": SOME, "drawn_from": N}
    assert of_some["pc_score_quantiles"].attrs == {}


def test_functions_draw_as_the_analysis_does(states: xr.DataArray) -> None:
    results = analyze(states, FEW)
    alone = mutual_information(states, "kde", seed=SEED)
    np.testing.assert_array_equal(alone, results["mutual_information"].sel(estimator="kde"))
    for found in (dimensions(states, seed=SEED), dependence(states, SEED)):
        for name, result in found.data_vars.items():
            np.testing.assert_array_equal(result, results[name], err_msg=str(name))
            assert result.attrs == results[name].attrs


def test_the_largest_activation_is_of_all_samples_and_the_median_of_some(states: xr.DataArray) -> None:
    size = np.abs(states.values)
    median = np.median(size[ROWS].transpose(1, 0, 2).reshape(6, -1), axis=1)
    ratio = massive_ratio(states, seed=SEED)
    np.testing.assert_allclose(ratio, size.max(axis=0) / median[:, None], rtol=1e-6)
    assert (ratio.attrs["median_of"], ratio.attrs["n_samples"]) == (SOME, N)


def test_curves_along_units_are_of_some_samples_in_their_own_groups(states: xr.DataArray) -> None:
    plan = plan_of(states, 5, SEED, n_groups=6)
    names = ["mutual_information", "ksg_information", "rank_correlation", "participation_ratio", "norm"]
    found = curves(states, plan, names).curves
    expected = curves(states.isel(sample=ROWS), Plan(plan.group[ROWS], plan.weights, SEED), names).curves
    for name in names[:-1]:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert (found["norm"] != expected["norm"]).any()


def test_few_samples_are_all_taken(states: xr.DataArray) -> None:
    few = states.isel(sample=slice(SOME))
    result = mutual_information(few)
    assert result.attrs["n_samples"] == SOME
    assert "drawn_from" not in result.attrs


@pytest.mark.slow
def test_at_the_number_that_is_drawn_estimates_are_settled(make_states: Make) -> None:
    """Twice as many samples move the mean over units by less than a hundredth of a nat."""
    rng = np.random.default_rng(3)
    first, noise = rng.standard_normal((2, 2 * subsamples.MOST_SAMPLES, 40))
    second = 0.8 * first + 0.6 * noise
    states = make_states(layers=1, data=np.stack([first, second], axis=1))
    for estimator in ("gcmi", "ksg", "kde"):
        half = mutual_information(states, estimator)
        assert half.attrs["n_samples"] == subsamples.MOST_SAMPLES
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(subsamples, "MOST_SAMPLES", 2 * subsamples.MOST_SAMPLES)
            whole = mutual_information(states, estimator)
        assert whole.attrs["n_samples"] == states.sizes["sample"]
        assert abs(float(whole.mean() - half.mean())) < 0.01
