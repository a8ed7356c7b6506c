"""The report stage: what a run directory holds → report.html."""

from __future__ import annotations

from pathlib import Path

from residyn import store
from residyn.pipeline.reporter import SILENT, Reporter, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import check_controls, drawn_inputs, open_run_results, outdated, uncovered
from residyn.runs.stages import ANALYSIS, CLAIMS, REPORT, TELEPORTS, Stage, check_written
from residyn.store.files import sha256_of
from residyn.store.records import sha256_of_record

NAME = REPORT
_AFTERWARDS = ("explorer_s", "report_s")


def report(directory: Path, reporter: Reporter = SILENT) -> Path:
    """Write the page, unless it is there of the same content; its path.

    Raises as `rd.write_report` does, and StoreError where a control was damaged: verdicts are of controls, too.
    """
    with store.undisturbed(directory):
        _check(directory)
        results = directory / layout.RESULTS
        notices = [
            outdated(directory, open_run_results(directory)) if results.exists() else "",
            uncovered(directory, ANALYSIS, TELEPORTS, CLAIMS),
        ]
        to_do = _stage(directory).reasons(directory)
    reporter.warn([notice for notice in notices if notice])
    if to_do:
        with store.locked(directory, needed=False):
            _write(directory, reporter)
    return directory / layout.REPORT


def _check(directory: Path) -> None:
    """Raise StoreError where what the page is of was damaged or changed since."""
    check_controls(directory)
    check_written(directory, ANALYSIS, directory / layout.RESULTS)


def _write(directory: Path, reporter: Reporter) -> None:
    from residyn.report import write_report

    _check(directory)
    stage = _stage(directory)
    if is_done(stage, directory, reporter):
        return
    stage.begin(directory)
    with timed(directory, "report_s"), reporter.stage("Writing the report"):
        page = write_report(directory)
    stage.finish(directory, [page])


def _stage(directory: Path) -> Stage:
    claims = directory / layout.CLAIMS
    return Stage(
        NAME,
        {
            **drawn_inputs(directory),
            "claims": sha256_of(claims) if claims.exists() else None,
            "run": _hash_of_run(directory),
        },
        {"links_to_explorer": (directory / layout.EXPLORER).exists()},
    )


def _hash_of_run(directory: Path) -> str:
    """The hash of run.json without how long pages took, which is written when they are."""
    record = store.read_run(directory)
    timings = record.get("timings")
    if isinstance(timings, dict):
        record["timings"] = {name: seconds for name, seconds in timings.items() if name not in _AFTERWARDS}
    return sha256_of_record(record)
