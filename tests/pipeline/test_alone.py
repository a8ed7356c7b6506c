"""One writer at a time: a second one is refused with the holder named, whatever the stage, and harms nothing."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import residyn as rd
from families import build, spelling_tokenizer
from pipeline.killing import NEEDED
from pipeline.pausing import paused
from residyn.errors import StoreError
from residyn.pipeline.analysis import analysis
from residyn.pipeline.capture import capture, capture_or_continue, repair_damage
from residyn.pipeline.claims import claims
from residyn.pipeline.controls import controls
from residyn.pipeline.figures import figures
from residyn.pipeline.report import report
from residyn.pipeline.run import make
from residyn.pipeline.teleports import teleports
from residyn.runs.results import open_results
from residyn.runs.verification import verify_outputs
from residyn.settings import (
    AnalysisSettings,
    CaptureSettings,
    ClaimsSettings,
    ControlsSettings,
    RunSettings,
    TeleportSettings,
)
from residyn.store import forget, open_writer, read_run, update_run, verify
from residyn.store.leftovers import is_leftover
from store.producer import hold

ANALYSIS = AnalysisSettings(estimators=("gcmi",), shuffles=0, components=4, leave_out=())
CONTROLS = ControlsSettings(
    untrained=1, shuffled_tokens=False, noise=False, permuted_weights=False, random_positions=False
)
TELEPORTS = TeleportSettings(hosts=1, grid=2, untrained_teleports=0)
CLAIMS = ClaimsSettings(resamples=20, null_draws=1)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A tiny model's folder, and the settings of a capture of few texts."""
    folder = tmp_path_factory.mktemp("asked")
    build("llama").save_pretrained(folder / "tiny")
    spelling_tokenizer().save_pretrained(folder / "tiny")
    lines = [f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(24)]
    (folder / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    return str(folder / "tiny"), CaptureSettings(texts=str(folder / "lines.txt"), min_chars=0)


@pytest.fixture(scope="module")
def captured(asked, tmp_path_factory):
    """A captured run, not to be touched."""
    run = tmp_path_factory.mktemp("runs") / "captured"
    capture(run, *asked)
    return run


@pytest.fixture(scope="module")
def analysed(captured, tmp_path_factory):
    """The same, analysed."""
    run = shutil.copytree(captured, tmp_path_factory.mktemp("runs") / "analysed")
    analysis(run, ANALYSIS)
    return run


@pytest.fixture
def run(analysed, tmp_path):
    return shutil.copytree(analysed, tmp_path / "run")


@pytest.fixture
def holder(run):
    """Another process, which holds the run's lock."""
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=hold, args=(run, ready, release))
    process.start()
    assert ready.wait(120)
    yield process
    release.set()
    process.join(30)


def contents(run: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and path.name != "residyn.lock"
    }


def test_every_stage_that_writes_is_refused_while_another_writes(run, holder, asked):
    model, settings = asked
    asking = {
        "run": lambda: make(model, RunSettings(capture=settings), out=run),
        "capture": lambda: capture(run, model, settings),
        "going on with a capture": lambda: capture_or_continue(run, model, settings, ()),
        "repair": lambda: repair_damage(run, [0], None),
        "analyze": lambda: analysis(run, ANALYSIS.changed(shuffles=1)),
        "controls": lambda: controls(run, CONTROLS),
        "teleport": lambda: teleports(run, TELEPORTS),
        "claims": lambda: claims(run, CLAIMS),
        "figure": lambda: figures(run),
        "report": lambda: report(run),
        "provenance": lambda: update_run(run, note="x"),
        "forget": lambda: forget(run, [0]),
        "writer": lambda: open_writer(run).__enter__(),
    }
    before = contents(run)
    for name, ask in asking.items():
        with pytest.raises(StoreError, match=f"is being written by process {holder.pid} on .* since 20"):
            ask()
        assert contents(run) == before, name


def test_what_reads_alone_needs_no_lock(run, holder, asked):
    assert rd.open_states(run).sizes["sample"] == 24
    assert "cosine" in rd.open_run(run).results
    assert verify(run).ok
    # A finished stage has nothing to write.
    capture_or_continue(run, None, asked[1], ())
    assert analysis(run, ANALYSIS).identical(open_results(run / "results.zarr"))


def start(*arguments) -> subprocess.Popen[str]:
    program = "from residyn.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "1000"},
    )


FEW = {
    "analyze": ("--estimators", "gcmi", "--shuffles", 0, "--components", 5, "--leave-out", 3),
    "controls": (
        "--untrained", 1, "--no-shuffled-tokens", "--no-noise", "--no-permuted-weights", "--no-random-positions"
    ),
    "teleport": ("--hosts", 1, "--grid", 2, "--untrained-teleports", 0),
    "claims": ("--resamples", 20, "--null-draws", 1),
    "figure": ("--formats", "png"),
    "explorer": (),
    "report": (),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("analyze", "analyze"),
        ("controls", "controls"),
        ("teleport", "teleport"),
        ("claims", "claims"),
        ("analyze", "claims"),
        ("figure", "report"),
    ],
)
def test_two_stages_at_once_end_well_or_are_refused(run, first, second):
    """Whoever comes second finds the work done, or is refused; either way the run is whole, and goes on."""
    both = [start(verb, run, "-q", *FEW[verb]) for verb in (first, second)]
    told = [process.communicate(timeout=600)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) in ([0, 0], [0, 5]), told
    for code, errors in zip(codes, told, strict=True):
        assert code == 0 or f"{run} is being written by process" in errors, errors
    assert verify(run).ok
    open_results(run / "results.zarr")
    assert not [
        path for path in run.rglob("*") if path.name.endswith((".tmp", ".partial", ".replaced", ".removed"))
    ]
    again = start(first, run, "-q", *FEW[first])
    errors = again.communicate(timeout=600)[1]
    assert again.returncode == 0, errors


VERBS = ("run", "capture", *FEW)
LOCKED = 5
"""Before its so manieth operation on files each verb has taken the lock, and said so in it."""


@pytest.fixture(scope="module")
def processes():
    """Child processes that have imported what a run needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.pausing", *NEEDED])
    return context


@pytest.mark.slow
@pytest.mark.parametrize("first", VERBS)
def test_whatever_comes_second_is_refused_with_the_name_of_the_first(run, asked, residyn, processes, first):
    """Every pair of verbs: the first in the midst of its work, the second with work to do; nothing is harmed."""
    model, settings = asked
    whole = ("run", model, "--texts", settings.texts, "--min-chars", 0, "--out", run, "-q")
    asking = {verb: whole if verb == "run" else (verb, run, "-q", *FEW.get(verb, ())) for verb in VERBS}
    if first in ("run", "capture"):
        forget(run, [0])
    told = {"reached": processes.Semaphore(0), "go_on": processes.Semaphore(0)}
    holder = processes.Process(target=paused, args=(asking[first], run, LOCKED), kwargs=told)
    holder.start()
    try:
        assert told["reached"].acquire(timeout=300)
        before = contents(run)
        for second in VERBS:
            code, _, errors = residyn(*asking[second])
            if second == "capture" and first not in ("run", "capture"):
                assert code == 0, errors  # Everything is captured.
            else:
                said = f"{run} is being written by process {holder.pid} on"
                assert (code, said in " ".join(errors.split())) == (5, True), (second, errors)
            assert contents(run) == before, second
        if first == "run":
            os.kill(holder.pid, signal.SIGTERM)
        told["go_on"].release()
        holder.join(300)
        assert holder.exitcode == (130 if first == "run" else 0)
    finally:
        told["go_on"].release()
        holder.join(60)
    if first == "run":
        assert residyn("capture", run, "-q")[0] == 0
    assert verify(run).pending == ()
    assert verify_outputs(run).ok
    assert not [path for path in run.rglob("*") if is_leftover(path.name)]


@pytest.mark.slow
def test_two_runs_at_once(asked, tmp_path):
    """One of them is refused, at the latest when the other has made the folder; the other goes on, and is asked to
    stop; then the same command finds nothing broken.
    """
    model, settings = asked
    out = tmp_path / "run"
    command = ("run", model, "--texts", settings.texts, "--min-chars", 0, "--out", out, "-q")
    both = [start(*command) for _ in range(2)]
    while all(process.poll() is None for process in both):
        try:
            both[0].wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    refused, other = sorted(both, key=lambda process: process.poll() is None)
    assert refused.returncode == 5
    assert f"{out} is being written by process {other.pid} on" in refused.communicate()[1]
    other.terminate()
    errors = other.communicate(timeout=120)[1]
    assert other.returncode == 130, errors
    assert verify(out).damaged == ()
    assert read_run(out)["request"]["model"] == model
    capture(out, model, settings)
    assert verify(out).ok
    assert verify(out).pending == ()
