"""Curves over relative depth: right places, right numbers, and intervals only where there are replicates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from residyn.comparison import curves, relative_depth
from residyn.errors import DataError
from residyn.numerics.resampling import bootstrap_mean
from residyn.quantities.information import mutual_information
from residyn.quantities.suite import analyze
from residyn.quantities.tables import tables
from residyn.settings import AnalysisSettings


def part(table: pd.DataFrame, run: str, quantity: str) -> pd.DataFrame:
    return table[(table["run"] == run) & (table["quantity"] == quantity)]


@pytest.fixture(scope="module")
def table(runs: dict[str, xr.Dataset]) -> pd.DataFrame:
    return curves(runs, resamples=200, seed=3)


def test_depth_runs_from_0_to_1_and_transitions_lie_between(runs: dict[str, xr.Dataset]) -> None:
    np.testing.assert_allclose(relative_depth(runs["small"]["norm"]), [0, 0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(relative_depth(runs["small"]["cosine"]), [0.1, 0.3, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(relative_depth(runs["parallel"]["cosine"]), [1 / 6, 0.5, 5 / 6])


def test_one_sublayer_has_no_relative_depth(runs: dict[str, xr.Dataset]) -> None:
    assert np.isnan(relative_depth(runs["small"]["norm"].isel(sublayer=[2]))).all()


def test_means_over_samples_have_bootstrap_intervals(table: pd.DataFrame, runs: dict[str, xr.Dataset]) -> None:
    for name in ("cosine", "velocity", "relative_velocity", "norm", "density"):
        rows = part(table, "large", name)
        estimate = bootstrap_mean(runs["large"][name].values, resamples=200, seed=3)
        np.testing.assert_allclose(rows["value"], runs["large"][name].values.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(rows["low"], estimate.low, rtol=1e-12)
        np.testing.assert_allclose(rows["high"], estimate.high, rtol=1e-12)
        assert set(rows["interval"]) == {"95 % bootstrap interval over samples"}
        assert set(rows["statistic"]) == {"mean"}


def test_units_have_quartiles_that_are_named_a_spread(table: pd.DataFrame, runs: dict[str, xr.Dataset]) -> None:
    known = {"unit_correlation": "unit_correlation", "mutual_information gcmi": "mutual_information"}
    for name, result in known.items():
        rows, values = part(table, "small", name), runs["small"][result].values.reshape(5, 8)
        expected = np.quantile(values, [0.25, 0.5, 0.75], axis=1)
        np.testing.assert_allclose(rows[["low", "value", "high"]].T, expected, rtol=1e-12)
        assert set(rows["interval"]) == {"quartiles over units: a spread, not an interval"}


def test_the_information_of_one_estimator_is_compared_with_that_of_several(make_walk, runs) -> None:
    alone = xr.Dataset({"mutual_information": mutual_information(make_walk(), estimator="gcmi")})
    found = curves({"alone": alone, "small": runs["small"]}, resamples=50)
    rows = part(found, "alone", "mutual_information gcmi")
    expected = np.median(alone["mutual_information"].values, axis=1)
    np.testing.assert_allclose(rows["value"], expected, rtol=1e-12)
    assert len(part(found, "small", "mutual_information gcmi")) == 5
    bare = xr.Dataset({"mutual_information": alone["mutual_information"].drop_vars("estimator", errors="ignore")})
    assert "alone" not in set(curves({"alone": bare, "small": runs["small"]}, resamples=50)["run"])


def test_single_values_have_none(table: pd.DataFrame, runs: dict[str, xr.Dataset]) -> None:
    for name in ("magnitude", "sign_kept", "participation_ratio"):
        rows = part(table, "small", name)
        np.testing.assert_allclose(rows["value"], runs["small"][name].values, rtol=1e-12)
        assert rows[["low", "high"]].isna().all().all()
        assert set(rows["interval"]) == {""}
    explained = runs["small"]["explained_variance_by_sublayer"]
    assert list(explained["space"].values)[:2] == ["global", "held out"]
    rows = part(table, "small", "explained_variance_by_sublayer")
    np.testing.assert_allclose(rows["value"], explained.values[0], rtol=1e-12)


def test_rows_are_labelled_by_place_and_kind(table: pd.DataFrame) -> None:
    rows = part(table, "small", "cosine")
    assert list(rows["kind"]) == ["within", "cross", "within", "cross", "within"]
    assert list(rows["place"])[:2] == ["0.attn→0.mlp", "0.mlp→1.attn"]
    assert set(part(table, "parallel", "cosine")["kind"]) == {"block"}
    assert list(part(table, "parallel", "norm")["place"]) == ["0.block", "1.block", "2.block", "3.block"]
    assert set(part(table, "parallel", "norm")["kind"]) == {""}
    assert len(table["quantity"].unique()) == 11
    assert list(table["run"].unique()) == ["small", "large", "parallel"]


def test_numbers_are_those_of_a_runs_own_tables(table: pd.DataFrame, runs: dict[str, xr.Dataset]) -> None:
    own = tables(runs["large"], resamples=200, seed=3)["velocity"]
    rows = part(table, "large", "velocity")
    np.testing.assert_array_equal(rows[["value", "low", "high"]], own[["mean", "ci_low", "ci_high"]])


def test_only_the_shared_estimator_is_compared(make_walk, runs: dict[str, xr.Dataset]) -> None:
    more = analyze(
        make_walk(), AnalysisSettings(estimators=("binned", "gcmi"), shuffles=0, leave_out=(), components=3)
    )
    table = curves({"more": more, "small": runs["small"]}, resamples=20)
    assert [name for name in table["quantity"].unique() if "information" in name] == ["mutual_information gcmi"]
    rows = part(table, "more", "mutual_information gcmi")
    expected = np.median(more["mutual_information"].sel(estimator="gcmi").values, axis=1)
    np.testing.assert_allclose(rows["value"], expected, rtol=1e-12)
    other = more.sel(estimator=["binned"])
    table = curves({"other": other, "small": runs["small"]}, resamples=20)
    assert not any("information" in name for name in table["quantity"])


def test_a_run_that_lacks_a_result_is_left_out_there(runs: dict[str, xr.Dataset]) -> None:
    table = curves({"a": runs["small"].drop_vars("norm"), "b": runs["large"]}, resamples=20)
    assert list(table[table["quantity"] == "norm"]["run"].unique()) == ["b"]
    assert list(table[table["quantity"] == "cosine"]["run"].unique()) == ["a", "b"]


def test_nothing_to_compare() -> None:
    with pytest.raises(DataError, match="there are none"):
        curves({})
    with pytest.raises(DataError, match="none of a, b has any"):
        curves({"a": xr.Dataset(), "b": xr.Dataset({"x": ("t", [1.0])})})
