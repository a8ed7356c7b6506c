"""What a process told and how long it worked is written down at once; results are the same bits after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import residyn as rd
from families import build, spelling_tokenizer
from residyn.model import computing
from residyn.pipeline import reporter
from residyn.pipeline.analysis import analysis
from residyn.pipeline.capture import capture, capture_or_continue
from residyn.pipeline.reporter import SILENT, timed
from residyn.quantities import suite
from residyn.quantities.tables import write_tables
from residyn.runs.results import save_results
from residyn.settings import AnalysisSettings, CaptureSettings
from residyn.store import HALVED, add_timing, read_run, record_warnings, withdraw_warnings
from store.producer import complete

KILLED = """
import os, signal, sys
from pathlib import Path
from residyn.model import computing
from residyn.pipeline.capture import capture
from residyn.settings import CaptureSettings
from residyn.store import writer
through, committed = computing.in_halves_if_needed, []
computing.in_halves_if_needed = lambda *given: (through(*given)[0], True)
commit = writer.Writer.commit
def then_die(self, *given, **options):
    commit(self, *given, **options)
    os.kill(os.getpid(), signal.SIGKILL)
writer.Writer.commit = then_die
capture(Path(sys.argv[1]), sys.argv[2], CaptureSettings(texts=sys.argv[3], n=40, min_chars=0, on_nonfinite="drop"))
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A tiny model's folder, and a file of texts."""
    folder = tmp_path_factory.mktemp("asked")
    build("llama").save_pretrained(folder / "tiny")
    spelling_tokenizer().save_pretrained(folder / "tiny")
    lines = [f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(40)]
    (folder / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    return str(folder / "tiny"), str(folder / "lines.txt")


def test_a_halved_batch_is_told_though_its_process_was_killed(asked, tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(run), *asked]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert read_run(run)["warnings"] == [HALVED]
    capture_or_continue(run, None, CaptureSettings(), ())
    assert rd.open_states(run).sizes["sample"] == 40
    assert read_run(run)["warnings"] == [HALVED]


def test_dropped_samples_are_told_by_whoever_finds_the_run_complete(asked, tmp_path, monkeypatch):
    run, (model, texts) = tmp_path / "run", asked
    through = computing.in_halves_if_needed

    def with_nan(*given):
        states, halved = through(*given)
        states = states.clone()
        states[0, 0, 0] = np.nan
        return states, halved

    settings = CaptureSettings(texts=texts, n=40, min_chars=0, on_nonfinite="drop")
    with monkeypatch.context() as patch:
        patch.setattr(computing, "in_halves_if_needed", with_nan)
        capture(run, model, settings)
    told = read_run(run)["warnings"]
    assert "samples were dropped: their states are not finite" in told[0]
    # A process that was killed before it told.
    record = read_run(run)
    (run / "run.json").write_text(json.dumps({**record, "warnings": []}))
    capture(run, model, settings)
    assert read_run(run)["warnings"] == told


def test_timings_are_those_of_all_processes(tmp_path, monkeypatch):
    run = complete(tmp_path / "run")
    for seconds in (1.5, 2.25):
        add_timing(run, "capture_s", seconds)
    add_timing(run, "analyze_s", 1)
    assert read_run(run)["timings"] == {"capture_s": 3.75, "analyze_s": 1}
    monkeypatch.setattr(reporter, "KEPT_EVERY_S", 0.0)
    with timed(run, "claims_s") as timer, timer.progress(SILENT, "claims", "tasks") as progress:
        progress(1, 2)
        assert read_run(run)["timings"]["claims_s"] >= 0
        monkeypatch.setattr(reporter, "KEPT_EVERY_S", 1000.0)
    with pytest.raises(KeyboardInterrupt), timed(run, "figure_s"):
        raise KeyboardInterrupt
    assert "figure_s" in read_run(run)["timings"]


def test_warnings_are_told_once_and_taken_back(tmp_path):
    run = complete(tmp_path / "run")
    for _ in range(2):
        record_warnings(run, ["a batch was halved", "Without teleports: too few texts"])
    assert read_run(run)["warnings"] == ["a batch was halved", "Without teleports: too few texts"]
    withdraw_warnings(run, "Without teleports")
    assert read_run(run)["warnings"] == ["a batch was halved"]


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [AnalysisSettings(estimators=("gcmi",), shuffles=1, components=4, leave_out=(3,), autoencoder=True)],
)
def test_an_analysis_interrupted_after_every_step_gives_the_same_bytes(asked, tmp_path, monkeypatch, settings):
    whole, model_texts = tmp_path / "whole", asked
    capture(whole, model_texts[0], CaptureSettings(texts=model_texts[1], n=40, min_chars=0))
    parts = shutil.copytree(whole, tmp_path / "parts")
    analysis(whole, settings)
    steps = 0
    monkeypatch.setattr("residyn.pipeline.analysis._KEPT_EVERY_S", 0)
    monkeypatch.setattr("residyn.pipeline.analysis.replace_results", _interrupting(1))
    while True:
        try:
            analysis(parts, settings)
            break
        except KeyboardInterrupt:
            steps += 1
    assert steps >= len(suite.STEPS)
    for part in ("results.zarr", "tables"):
        ours, theirs = bytes_below(parts / part), bytes_below(whole / part)
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if ours[name] != theirs[name]] == []


def _interrupting(each: int):
    """What stores results, and is then interrupted wherever they have grown."""
    from residyn.runs.results import open_if_whole, replace_results

    def store(results: xr.Dataset, path: Path) -> None:
        before = open_if_whole(path)
        replace_results(results, path)
        if before is None or len(results) >= len(before) + each:
            raise KeyboardInterrupt

    return store


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_results_are_the_same_bytes_under_any_order_of_hashes(tmp_path, seed):
    """Coordinates come in the order of a set, which differs between interpreters."""
    program = """
import sys, numpy as np, xarray as xr
from residyn.runs.results import save_results
names = [f"label_{i}" for i in range(12)]
parts = [xr.Dataset({"flow": (("host", "t"), [[float(k), 2.0]])},
    {**{n: ("t", [1, 2]) for n in names}, "host": [k]}) for k in range(2)]
save_results(xr.concat(parts, "host", coords="minimal", compat="override"), sys.argv[1])
"""
    for path, hashes in ((tmp_path / "one.zarr", "3"), (tmp_path / "other.zarr", seed)):
        environment = {**os.environ, "PYTHONHASHSEED": hashes}
        subprocess.run([sys.executable, "-c", program, str(path)], check=True, env=environment)
    assert bytes_below(tmp_path / "one.zarr") == bytes_below(tmp_path / "other.zarr")


def test_coordinates_are_hashed_in_one_order(tmp_path):
    labels = {name: ("t", [1.0, 2.0]) for name in ("b", "a", "c")}
    for name, order in (("one", "bac"), ("other", "cab")):
        results = xr.Dataset({"y": ("t", [1.0, 2.0]), "x": ("t", [3.0, 4.0])}, {key: labels[key] for key in order})
        save_results(results, tmp_path / f"{name}.zarr")
    assert bytes_below(tmp_path / "one.zarr") == bytes_below(tmp_path / "other.zarr")
    assert list(rd.open_results(tmp_path / "one.zarr").data_vars) == ["y", "x"]


def test_tables_do_not_depend_on_how_results_lie_in_memory(make_states, tmp_path):
    results = suite.analyze(make_states(60), AnalysisSettings(estimators=("gcmi",), shuffles=1))
    for variable in results.variables.values():
        assert variable.values.flags["C_CONTIGUOUS"]
    save_results(results, tmp_path / "results.zarr")
    write_tables(results, tmp_path / "computed")
    write_tables(rd.open_results(tmp_path / "results.zarr"), tmp_path / "read")
    assert bytes_below(tmp_path / "computed") == bytes_below(tmp_path / "read")
