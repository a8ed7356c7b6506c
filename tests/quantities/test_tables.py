"""Tables: the right rows, the right numbers, and intervals only where there are replicates."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from residyn.errors import DataError, ResourceError, StoreError
from residyn.quantities.registry import quantities
from residyn.quantities.suite import analyze
from residyn.quantities.tables import tables, write_frame, write_tables
from residyn.settings import AnalysisSettings

Make = Callable[..., xr.DataArray]
SAMPLE_COLUMNS = ["n_samples", "mean", "sd", "ci_low", "ci_high"]


@pytest.fixture
def results(make_states: Make) -> xr.Dataset:
    data = make_states(40).values
    data[:, 2, 3] = 1
    data[4, 1] = 0
    return analyze(make_states(data=data))


def test_a_row_for_each_transition_over_samples(results: xr.Dataset) -> None:
    made = tables(results)
    for name in ("cosine", "velocity", "relative_velocity"):
        frame = made[name]
        assert list(frame) == ["transition", "from_layer", "kind", *SAMPLE_COLUMNS]
        assert list(frame["transition"]) == list(results["transition"].values)
        assert list(frame["kind"]) == ["within", "cross", "within", "cross", "within"]
        assert list(frame["from_layer"]) == [0, 0, 1, 1, 2]
        values = results[name].values
        np.testing.assert_allclose(frame["mean"], np.nanmean(values, axis=0), rtol=1e-12)
        np.testing.assert_allclose(frame["sd"], np.nanstd(values, axis=0, ddof=1), rtol=1e-12)
        for end in ("low", "high"):
            np.testing.assert_array_equal(frame[f"ci_{end}"], results[f"{name}_curve"].sel(bound=end))
        assert ((frame["ci_low"] < frame["mean"]) & (frame["mean"] < frame["ci_high"])).all()
    assert list(made["cosine"]["n_samples"]) == [39, 39, 40, 40, 40]
    assert list(made["velocity"]["n_samples"]) == [40] * 5


def test_units_have_a_spread_and_their_median_an_interval(results: xr.Dataset) -> None:
    made = tables(results)
    frame = made["unit_correlation"]
    assert list(frame) == [
        "transition",
        "from_layer",
        "kind",
        "n_units",
        "q25",
        "median",
        "q75",
        "ci_low",
        "ci_high",
    ]
    expected = np.nanquantile(results["unit_correlation"].values, [0.25, 0.5, 0.75], axis=1)
    np.testing.assert_allclose(frame[["q25", "median", "q75"]].T, expected, rtol=1e-12)
    assert list(frame["n_units"]) == [12, 11, 11, 12, 12]
    assert ((frame["ci_low"] < frame["median"]) & (frame["median"] < frame["ci_high"])).all()
    means = made["mean_activation"]
    assert list(means) == ["sublayer", "layer", "site", "n_units", "q25", "median", "q75"]
    np.testing.assert_allclose(means["median"], np.median(results["mean_activation"].values, axis=1), rtol=1e-12)


def test_a_row_for_each_sublayer(results: xr.Dataset) -> None:
    made = tables(results)
    for name in ("magnitude", "sign_kept"):
        assert list(made[name]) == ["sublayer", "layer", "site", name, "ci_low", "ci_high"]
        np.testing.assert_array_equal(made[name][name], results[name].values)
        assert list(made[name]["site"]) == ["attn", "mlp"] * 3
    for name in ("norm", "density"):
        assert list(made[name]) == ["sublayer", "layer", "site", *SAMPLE_COLUMNS]
        np.testing.assert_allclose(made[name]["mean"], np.nanmean(results[name].values, axis=0), rtol=1e-12)


def test_shares_of_the_density_add_up_with_the_negative_ones(results: xr.Dataset) -> None:
    density = results["correlation_density"].copy(deep=True)
    density["share_negative"][:, 0] = 0.5
    density[:, :, 0] /= 2
    frame = tables(xr.Dataset({"correlation_density": density, "norm": results["norm"]}))["correlation_density"]
    assert list(frame) == ["kind", "bin_left", "bin_right", "share"]
    assert list(frame["kind"].unique()) == ["all", "within", "cross"]
    assert len(frame) == 3 * 51
    np.testing.assert_allclose(frame.groupby("kind")["share"].sum(), 1.0, rtol=1e-12)
    negative = frame[frame["bin_left"] < 0]
    assert list(negative["bin_right"]) == [0, 0, 0]
    np.testing.assert_allclose(negative["share"], 0.5 / 12, rtol=1e-12)


def test_summary_has_a_row_for_each_quantity_and_kind(results: xr.Dataset) -> None:
    summary = tables(results)["summary"].set_index(["quantity", "kind"])
    kind = results["kind"].values
    for name, quantity in quantities().items():
        if quantity.axis != "transition":
            continue
        for which in ("within", "cross"):
            row = summary.loc[(name, which)]
            value = results[f"{name}_curve"].sel(bound="value").values[kind == which]
            assert row["value"] == pytest.approx(np.nanmean(value), rel=1e-12, nan_ok=True), name
            assert not row["low"] > row["value"] > row["high"]
            assert row["n_transitions"] == {"within": 3, "cross": 2}[which]
            assert (row["n_groups"], row["resamples"], row["seed"]) == (20, 200, 0)
    assert (
        summary.loc[("unit_correlation", "cross")]["statistic"] == "mean over transitions of the median over units"
    )
    gcmi, kde = (summary.loc[(f"mutual_information {name}", "within")] for name in ("gcmi", "kde"))
    assert gcmi["low"] < gcmi["value"] < gcmi["high"]
    assert np.isfinite(kde["value"])
    assert np.isnan(kde[["low", "high"]].astype(float)).all()


def test_intervals_are_over_documents(make_states: Make) -> None:
    """Texts of one document that are alike tell no more than one of them: the interval does not shrink."""
    one = make_states(30).assign_coords(document=("sample", np.arange(30)))
    widths = []
    for copies in (1, 4):
        states = one.isel(sample=np.repeat(np.arange(30), copies)).assign_coords(sample=np.arange(30 * copies))
        frame = tables(analyze(states, AnalysisSettings(estimators=("gcmi",))))["velocity"]
        widths.append((frame["ci_high"] - frame["ci_low"]).mean())
    assert widths[1] == pytest.approx(widths[0], rel=0.25)


def test_information_has_a_row_for_each_estimator_and_transition(results: xr.Dataset) -> None:
    table = tables(results)["mutual_information"].set_index(["estimator", "transition"])
    assert len(table) == 2 * 5
    for estimator, label in (("gcmi", "1.attn→1.mlp"), ("kde", "0.mlp→1.attn")):
        row = table.loc[(estimator, label)]
        place = {"estimator": estimator, "transition": label}
        nats = results["mutual_information"].sel(place)
        assert row["mean"] == pytest.approx(float(nats.mean()), rel=1e-12)
        assert (row["q25"], row["q75"]) == pytest.approx(tuple(np.nanquantile(nats, [0.25, 0.75])), rel=1e-12)
        assert row["n_units"] == int(nats.notnull().sum())
        assert row["shuffle_mean"] == pytest.approx(float(results["mutual_information_shuffle"].sel(place).mean()))
        assert row["gaussian_floor_mean"] == pytest.approx(float(nats["gaussian_floor"].mean()))
        assert row["tie_share_mean"] == pytest.approx(float(nats["tie_share"].mean()))
    assert table.loc[("gcmi", "0.mlp→1.attn")]["n_units"] == 11


def test_dimension_has_a_row_for_each_sublayer(results: xr.Dataset) -> None:
    table = tables(results)["dimension"]
    assert list(table["sublayer"]) == list(results["sublayer"].values)
    for name in ("participation_ratio", "components_for_90", "two_nn"):
        np.testing.assert_array_equal(table[name], results[name].values)
    for space in results["space"].values:
        shares = results["explained_variance_by_sublayer"].sel(space=space)
        np.testing.assert_array_equal(table[f"explained {space}"], shares.values)


def test_explained_variance_has_a_row_for_each_sublayer_and_number_of_components(results: xr.Dataset) -> None:
    table = tables(results)["explained_variance"]
    row = table[(table["sublayer"] == "1.mlp") & (table["components"] == 4)]["share"].item()
    assert row == results["explained_variance"].sel(sublayer="1.mlp", component=4).item()
    assert len(table) == 6 * 12


def test_one_sample_has_means_and_no_interval(make_states: Make) -> None:
    made = tables(analyze(make_states(1)))
    assert np.isfinite(made["cosine"]["mean"]).all()
    assert made["cosine"][["sd", "ci_low", "ci_high"]].isna().all().all()
    assert made["unit_correlation"][["q25", "median", "q75"]].isna().all().all()
    assert made["correlation_density"]["share"].isna().all()


def test_parallel_models_are_summed_up_by_block(make_states: Make) -> None:
    summary = tables(analyze(make_states(10, sites=("block",))))["summary"]
    assert set(summary["kind"]) == {"block"}


def test_files_hold_the_tables(results: xr.Dataset, tmp_path: Path) -> None:
    made = tables(results)
    written = write_tables(results, tmp_path / "tables")
    assert {path.stem for path in written} == set(made)
    further = {"mutual_information", "explained_variance", "dimension", "massive_units", "without_massive"}
    further |= {"dependence", "kurtosis_rotated", "orbits", "orbits_mean", "layer_pairs", "together"}
    along_depth = {name for name, quantity in quantities().items() if quantity.axis != "path"}
    assert set(made) == {*along_depth, "correlation_density", "summary", *further}
    assert sorted(tmp_path.rglob("*.*")) == sorted(written)
    for path in written:
        expected = made[path.stem]
        pd.testing.assert_frame_equal(pd.read_csv(path, dtype=expected.dtypes.to_dict()), expected, rtol=1e-12)


def test_nothing_to_tabulate_and_nowhere_to_write(results: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="these results hold x"):
        tables(xr.Dataset({"x": ("t", [1.0])}))
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="The place has to be a folder that can be written to"):
        write_tables(results, tmp_path / "file")


def test_a_full_disk_is_named_one_and_leaves_the_table_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"x": [1]})
    path = write_frame(frame, tmp_path, "table")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ResourceError, match=r"Writing table\.csv .* then give the same command again"):
            write_frame(frame.assign(x=2), tmp_path, "table")
    assert sorted(tmp_path.iterdir()) == [path]
    assert path.read_text() == "x\n1\n"
    left = tmp_path / f".table.csv.{'0123' * 8}.tmp"
    left.touch()
    os.utime(left, (0, 0))
    write_frame(frame, tmp_path, "table")
    assert sorted(tmp_path.iterdir()) == [path]


def test_what_a_spreadsheet_would_compute_has_an_apostrophe_in_front(tmp_path: Path) -> None:
    formulas = ["=cmd|calc!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1", "-"]
    texts = [*formulas, "\r=1", "a\r=1", "-1.5", "+2", "a=b", "0.attn→0.mlp"]
    frame = pd.DataFrame({"=run": texts, "number": np.linspace(-1, 1, len(texts)), "same": texts})
    frame.columns = ["=run", "number", "=run"]
    path = write_frame(frame, tmp_path, "names")
    read = pd.read_csv(path, header=None, skiprows=1, dtype=str)
    wanted = [*(f"'{text}" for text in formulas), "�=1", "a�=1", *texts[-4:]]
    assert path.read_bytes().startswith(b"'=run,number,'=run\n")
    assert list(read[0]) == list(read[2]) == wanted
    np.testing.assert_array_equal(read[1].astype(float), frame["number"])


def test_tables_without_such_text_are_as_pandas_writes_them(results: xr.Dataset, tmp_path: Path) -> None:
    for name, frame in tables(results).items():
        path = write_frame(frame, tmp_path, name)
        assert path.read_text(encoding="utf-8") == frame.to_csv(index=False, lineterminator="\n"), name
    empty = write_frame(pd.DataFrame(columns=["quantity", "value"]), tmp_path, "empty")
    assert empty.read_text() == "quantity,value\n"
