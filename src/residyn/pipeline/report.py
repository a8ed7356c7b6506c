"""The report stage: what a run directory holds → report.html."""

from __future__ import annotations

from pathlib import Path

from residyn import store
from residyn.pipeline.page import Page, made, shown_inputs
from residyn.pipeline.reporter import SILENT, Reporter
from residyn.runs import layout
from residyn.runs.contents import check_controls
from residyn.runs.stages import ANALYSIS, EXPLORER, REPORT, Stage, check_written
from residyn.store.records import sha256_of_record

NAME = REPORT
_AFTERWARDS = (f"{EXPLORER}_s", f"{REPORT}_s")


def report(directory: Path, reporter: Reporter = SILENT) -> Path:
    """Write the page, unless it is there of the same content; its path.

    Raises as `rd.write_report` does, and StoreError where a control was damaged: verdicts are of controls, too.
    """
    page = Page(
        NAME,
        directory / layout.REPORT,
        stage=lambda: _stage(directory),
        check=lambda: _check(directory),
        write=_written,
    )
    return made(directory, page, reporter)


def _check(directory: Path) -> None:
    check_controls(directory)
    check_written(directory, ANALYSIS, directory / layout.RESULTS)


def _written(directory: Path) -> Path:
    from residyn.report import write_report

    return write_report(directory)


def _stage(directory: Path) -> Stage:
    inputs = {**shown_inputs(directory), "run": _hash_of_run(directory)}
    return Stage(NAME, inputs, {"links_to_explorer": (directory / layout.EXPLORER).exists()})


def _hash_of_run(directory: Path) -> str:
    """The hash of run.json without how long pages took, which is written when they are."""
    record = store.read_run(directory)
    timings = record.get("timings")
    if isinstance(timings, dict):
        record["timings"] = {name: seconds for name, seconds in timings.items() if name not in _AFTERWARDS}
    return sha256_of_record(record)
