"""What the explorer shows is what the run directory holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import residyn as rd
from residyn.errors import StoreError
from residyn.explorer.content import COMPONENTS, gather
from residyn.explorer.curves import curves
from residyn.explorer.units import units
from residyn.pipeline.analysis import analysis
from residyn.quantities.registry import quantities
from residyn.quantities.suite import analyze
from residyn.runs.results import open_results, save_results
from residyn.schema import SAMPLE
from residyn.settings import AnalysisSettings
from residyn.spaces import Space


def test_scores_are_those_of_the_space_on_all_components(run, explored):
    results = open_results(run / "results.zarr")
    wanted = Space.from_dataset(results).project(rd.open_states(run))
    shown = explored.scores.values.values()
    assert shown.shape == (min(COMPONENTS, wanted.sizes["component"]), *wanted.shape[1::-1])
    spread = np.ptp(wanted.values)
    np.testing.assert_allclose(shown, wanted.transpose("component", "sublayer", SAMPLE), atol=3e-4 * spread)
    assert explored.scores.note == ""


def test_samples_are_in_the_order_of_the_scores_with_their_texts(run, explored):
    states = rd.open_states(run)
    assert explored.samples.label == tuple(states["sample"].values.tolist())
    assert explored.samples.length == tuple(states["n_tokens"].values.tolist())
    assert all(
        text.endswith(f"number {label}")
        for label, text in zip(explored.samples.label, explored.samples.text, strict=True)
    )


def test_without_states_the_stored_components_are_shown(copied):
    shutil.rmtree(copied / "states.zarr")
    shutil.rmtree(copied / "commits")
    for name in ("manifest.json", "samples.jsonl"):
        (copied / name).unlink()
    shown = gather(copied)
    stored = open_results(copied / "results.zarr")["pc_scores"]
    assert "states are not at hand" in shown.scores.note
    np.testing.assert_allclose(
        shown.scores.values.values(), stored.transpose("pc", "sublayer", SAMPLE), atol=3e-4 * np.ptp(stored.values)
    )
    assert set(shown.samples.text) == {""}


def test_results_of_other_states_are_shown_without_these(copied):
    path = copied / "results.zarr"
    results = open_results(path)
    save_results(results.assign_attrs(states_hash="other"), path)
    (copied / "stages" / "analysis.json").unlink()
    assert "states are not at hand" in gather(copied).scores.note


def test_results_without_components_have_no_paths(copied):
    path = copied / "results.zarr"
    results = open_results(path)
    save_results(results.drop_dims(["pc", "component", "quantile"]), path)
    (copied / "stages" / "analysis.json").unlink()
    shown = gather(copied)
    assert shown.scores is None
    assert shown.fallback is None
    assert shown.curves


def test_without_results_there_is_no_explorer(tmp_path):
    with pytest.raises(StoreError, match="residyn analyze"):
        gather(tmp_path)


def test_every_quantity_with_a_curve_is_shown_with_its_interval(run, explored):
    shown = {curve.name: curve for curve in explored.curves}
    results = open_results(run / "results.zarr")
    assert {name for name, one in quantities().items() if one.summary is not None and name in results} <= set(
        shown
    )
    for name, one in quantities().items():
        if f"{name}_curve" in results:
            stored = results[f"{name}_curve"]
            for end in ("value", "low", "high"):
                np.testing.assert_array_equal(getattr(shown[name], end), stored.sel(bound=end).values.ravel())
            assert shown[name].axis == one.axis


def test_nulls_and_the_papers_curves_stand_beside(run, explored):
    shown = {curve.name: curve for curve in explored.curves}
    results = open_results(run / "results.zarr")
    null = next(one for one in shown["unit_correlation"].beside if one.role == "null")
    np.testing.assert_array_equal(null.value, results["skip_correlation_curve"].sel(bound="value"))
    assert [one.role for one in shown["mutual_information.gcmi"].beside if one.role == "null"] == ["null"]
    assert tuple(shown["cosine"].paper) == tuple(rd.paper_reference("cosine")["values"])
    without = next(one for one in shown["velocity"].beside if one.role == "without")
    np.testing.assert_array_equal(without.value, results["velocity_without_massive"].sel(left_out=1))


def test_values_of_samples_have_the_curve_as_their_mean(explored):
    counted = 0
    for curve in explored.curves:
        if curve.samples is not None and curve.statistic == "mean over samples":
            values = curve.samples.values()
            known = np.isfinite(values).any(axis=1)
            spread = np.ptp(values[known], axis=1).max(initial=0) + 1e-12
            np.testing.assert_allclose(
                np.nanmean(values[known], axis=1), np.array(curve.value)[known], atol=3e-4 * spread
            )
            counted += 1
    assert counted > 8


def test_a_new_quantity_by_one_file_is_shown(make_states, monkeypatch, tmp_path):
    from residyn.quantities import catalogue

    (tmp_path / "of_a_test.py").write_text(
        (Path(catalogue.__file__).parent / "basis.py")
        .read_text(encoding="utf-8")
        .replace('name="kurtosis"', 'name="peakedness"')
        .replace('title="Kurtosis over units"', 'title="Peakedness"')
        .replace('null_curve="kurtosis_rotated"', 'null_curve=""'),
        encoding="utf-8",
    )
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])
    quantities.cache_clear()
    try:
        results = analyze(make_states(), AnalysisSettings(components=3, leave_out=(), estimators=("gcmi",)))
        shown = {curve.name: curve for curve in curves(results, None, np.arange(40))}
    finally:
        quantities.cache_clear()
    assert shown["peakedness"].title == "Peakedness"
    assert shown["peakedness"].value == shown["kurtosis"].value
    assert shown["peakedness"].samples is not None
    assert len(shown["peakedness"].low) == 6


def test_maps_are_every_quantity_of_units(run, explored):
    results = open_results(run / "results.zarr")
    shown = {one.name: one for one in explored.units.maps}
    assert list(shown)[:3] == ["mean_activation", "unit_correlation", "mutual_information"]
    assert {"skip_correlation", "correlation_excess", "massive_ratio"} <= set(shown)
    mean = results["mean_activation"].transpose("sublayer", "unit").values
    np.testing.assert_allclose(shown["mean_activation"].values.values(), mean, atol=2e-4 * np.ptp(mean))
    r = results["unit_correlation"].transpose("transition", "unit").values
    np.testing.assert_allclose(shown["unit_correlation"].values.values(), r, atol=0.04 * np.nanmax(np.abs(r)))
    assert explored.units.rank == tuple(results["rank"].values)
    assert next(title for title, _ in explored.units.facts) == "Rotations"


def test_maps_without_room_are_named(run, monkeypatch):
    monkeypatch.setattr("residyn.explorer.units.ROOM", 0)
    shown = units(open_results(run / "results.zarr"))
    assert [one.name for one in shown.maps] == ["mean_activation", "unit_correlation", "mutual_information"]
    assert "Correlation by the skip path alone" in shown.left_out


def test_moved_states_are_followed_sublayer_by_sublayer(run, explored):
    results = open_results(run / "results.zarr")
    jumps, flow = rd.open_teleports(run), open_results(run / "teleports" / "flow.zarr")
    field = explored.field
    n_hosts, n_places = flow.sizes["host"], flow.sizes["injected"]
    shown = field.positions.values().reshape(n_hosts, n_places, 2, -1, field.n_targets)
    on_grid = np.flatnonzero(flow["target_kind"].values == "grid")
    assert field.n_targets == len(on_grid) == 9
    wanted = Space.from_dataset(results).project(
        jumps["states"].isel(host=1, injected=0, target=on_grid, step=1).values.astype(np.float64)
    )
    spread = np.nanmax(np.abs(shown[1, 0]))
    np.testing.assert_allclose(shown[1, 0, :, 1].T, wanted.values[:, :2], atol=1e-3 * spread)
    start = flow["start"].isel(target=on_grid).transpose("host", "injected", "component", "target").values
    np.testing.assert_allclose(shown[:, :, :, 0], start, atol=1e-3 * spread)
    assert field.hosts[0].startswith("0: I'm sorry, Dave")


def test_without_moved_states_their_ends_are_shown(copied):
    shutil.rmtree(copied / "teleport.zarr")
    (copied / "stages" / "teleports.json").unlink()
    shown = gather(copied).field
    flow = open_results(copied / "teleports" / "flow.zarr").isel(target=slice(9))
    positions = shown.positions.values().reshape(flow.sizes["host"], flow.sizes["injected"], 2, 2, 9)
    moved = (flow["start"] + flow["displacement"]).transpose("host", "injected", "component", "target").values
    known = np.isfinite(moved)
    np.testing.assert_allclose(positions[:, :, :, 1][known], moved[known], atol=1e-3 * np.nanmax(np.abs(moved)))
    assert "not at hand" in shown.note


def test_every_claim_leads_to_the_panel_that_it_rests_on(explored):
    named = {curve.name for curve in explored.curves}
    for claim in explored.verdicts:
        assert all(one.curve in named for one in claim.criteria if one.curve)
        other = "maps" if "maps" in claim.claim.lower() else "curves"
        assert claim.shown_in == ("teleports" if claim.letter == "L" else other), claim.label
    first = explored.verdicts[0]
    assert first.criteria[0].curve == "magnitude"


def test_the_same_run_gives_the_same_page(run):
    from residyn.explorer.page import render

    assert render(gather(run)) == (run / "explorer.html").read_text(encoding="utf-8")


def test_curves_of_nothing_defined(make_states):
    results = analyze(make_states(n=4), AnalysisSettings(components=2, leave_out=(), estimators=("gcmi",)))
    assert isinstance(results, xr.Dataset)
    assert curves(results, None, np.arange(4))


def test_a_recording_has_neither_layers_nor_texts(tmp_path):
    walks = np.random.default_rng(0).normal(size=(30, 6, 8)).cumsum(axis=1)
    times = [f"{50 * i} ms" for i in range(6)]
    rd.save_states(
        rd.from_array(walks, depth_name="time bin", unit_name="neuron", place_names=times), tmp_path / "run"
    )
    analysis(tmp_path / "run", AnalysisSettings(estimators=("gcmi",), shuffles=1, components=4, leave_out=(1,)))
    shown = gather(tmp_path / "run")
    assert shown.title == "The states of run"
    assert shown.subtitle == "30 samples"
    assert (shown.names.depth, shown.names.unit, shown.names.of_a_model) == ("time bin", "neuron", False)
    assert [place.label for place in shown.sublayers] == times
    assert shown.transitions[1].label == "50 ms→100 ms"
