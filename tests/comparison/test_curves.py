"""Curves over relative depth: right places, right numbers, and their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from residyn.comparison import curves, relative_depth
from residyn.comparison.quantities import compared
from residyn.errors import DataError
from residyn.quantities.information import mutual_information
from residyn.quantities.suite import analyze
from residyn.quantities.tables import tables
from residyn.settings import AnalysisSettings


def part(table: pd.DataFrame, run: str, quantity: str) -> pd.DataFrame:
    return table[(table["run"] == run) & (table["quantity"] == quantity)]


@pytest.fixture(scope="module")
def table(runs: dict[str, xr.Dataset]) -> pd.DataFrame:
    return curves(runs)


def test_depth_runs_from_0_to_1_and_transitions_lie_between(runs: dict[str, xr.Dataset]) -> None:
    np.testing.assert_allclose(relative_depth(runs["small"]["norm"]), [0, 0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(relative_depth(runs["small"]["cosine"]), [0.1, 0.3, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(relative_depth(runs["parallel"]["cosine"]), [1 / 6, 0.5, 5 / 6])


def test_one_sublayer_has_no_relative_depth(runs: dict[str, xr.Dataset]) -> None:
    assert np.isnan(relative_depth(runs["small"]["norm"].isel(sublayer=[2]))).all()


def test_curves_have_intervals_over_documents(table: pd.DataFrame, runs: dict[str, xr.Dataset]) -> None:
    for name in ("cosine", "velocity", "relative_velocity", "norm", "density", "magnitude", "sign_kept"):
        rows = part(table, "large", name)
        for column, end in (("value", "value"), ("low", "low"), ("high", "high")):
            np.testing.assert_array_equal(rows[column], runs["large"][f"{name}_curve"].sel(bound=end))
        assert set(rows["interval"]) == {"95 % interval over groups of documents"}
        assert set(rows["statistic"]) == {runs["large"][f"{name}_curve"].attrs["statistic"]}
    values = runs["large"]["velocity"].values.mean(axis=0)
    np.testing.assert_allclose(part(table, "large", "velocity")["value"], values, rtol=1e-12)


def test_results_without_curves_have_values_and_no_interval(runs: dict[str, xr.Dataset]) -> None:
    """Runs that an earlier residyn analysed are compared all the same."""
    kept = [name for name in runs["small"] if not str(name).endswith(("_curve", "_by_kind"))]
    earlier = runs["small"][kept]
    table = curves({"earlier": earlier, "small": runs["small"]})
    for quantity in table["quantity"].unique():
        old, new = part(table, "earlier", quantity), part(table, "small", quantity)
        np.testing.assert_allclose(old["value"], new["value"], rtol=1e-12, err_msg=quantity)
        assert list(old["statistic"].str.split(" ").str[0]) == list(new["statistic"].str.split(" ").str[0]), (
            quantity
        )
        assert old[["low", "high"]].isna().all().all()
        assert set(old["interval"]) == {""}


def test_units_have_medians_and_information_means(table: pd.DataFrame, runs: dict[str, xr.Dataset]) -> None:
    values = runs["small"]["unit_correlation"].values
    rows = part(table, "small", "unit_correlation")
    np.testing.assert_allclose(rows["value"], np.median(values, axis=1), rtol=1e-12)
    assert ((rows["low"] < rows["value"]) & (rows["value"] < rows["high"])).all()
    nats = runs["small"]["mutual_information"].values[0]
    rows = part(table, "small", "mutual_information gcmi")
    np.testing.assert_allclose(rows["value"], nats.mean(axis=1), rtol=1e-12)


def test_the_information_of_one_estimator_is_compared_with_that_of_several(make_walk, runs) -> None:
    alone = xr.Dataset({"mutual_information": mutual_information(make_walk(), estimator="gcmi")})
    found = curves({"alone": alone, "small": runs["small"]})
    rows = part(found, "alone", "mutual_information gcmi")
    expected = np.mean(alone["mutual_information"].values, axis=1)
    np.testing.assert_allclose(rows["value"], expected, rtol=1e-12)
    assert len(part(found, "small", "mutual_information gcmi")) == 5
    bare = xr.Dataset({"mutual_information": alone["mutual_information"].drop_vars("estimator", errors="ignore")})
    assert "alone" not in set(curves({"alone": bare, "small": runs["small"]})["run"])


def test_the_explained_variance_is_that_of_the_global_space(
    table: pd.DataFrame, runs: dict[str, xr.Dataset]
) -> None:
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
    assert {name.split(" ")[0] for name in table["quantity"].unique()} == set(compared())
    assert list(table["run"].unique()) == ["small", "large", "parallel"]


def test_numbers_are_those_of_a_runs_own_tables(table: pd.DataFrame, runs: dict[str, xr.Dataset]) -> None:
    own = tables(runs["large"])["velocity"]
    rows = part(table, "large", "velocity")
    np.testing.assert_allclose(rows[["value", "low", "high"]], own[["mean", "ci_low", "ci_high"]], rtol=1e-12)


def test_only_the_shared_estimator_is_compared(make_walk, runs: dict[str, xr.Dataset]) -> None:
    more = analyze(
        make_walk(), AnalysisSettings(estimators=("binned", "gcmi"), shuffles=0, leave_out=(), components=3)
    )
    table = curves({"more": more, "small": runs["small"]})
    assert [name for name in table["quantity"].unique() if "information" in name] == ["mutual_information gcmi"]
    rows = part(table, "more", "mutual_information gcmi")
    expected = np.mean(more["mutual_information"].sel(estimator="gcmi").values, axis=1)
    np.testing.assert_allclose(rows["value"], expected, rtol=1e-12)
    other = more.sel(estimator=["binned"])
    table = curves({"other": other, "small": runs["small"]})
    assert not any("information" in name for name in table["quantity"])


def test_a_run_that_lacks_a_result_is_left_out_there(runs: dict[str, xr.Dataset]) -> None:
    table = curves({"a": runs["small"].drop_vars("norm"), "b": runs["large"]})
    assert list(table[table["quantity"] == "norm"]["run"].unique()) == ["b"]
    assert list(table[table["quantity"] == "cosine"]["run"].unique()) == ["a", "b"]


def test_nothing_to_compare() -> None:
    with pytest.raises(DataError, match="there are none"):
        curves({})
    with pytest.raises(DataError, match="none of a, b has any"):
        curves({"a": xr.Dataset(), "b": xr.Dataset({"x": ("t", [1.0])})})
