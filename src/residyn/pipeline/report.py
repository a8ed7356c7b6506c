"""The report stage: what a run directory holds → report.html."""

from __future__ import annotations

from pathlib import Path

from residyn import store
from residyn.pipeline.figures import drawn_inputs
from residyn.pipeline.reporter import SILENT, Reporter, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import check_controls, open_run_results, outdated, uncovered
from residyn.runs.stages import ANALYSIS, CLAIMS, REPORT, TELEPORTS, Stage, check_written
from residyn.store.files import sha256_of
from residyn.store.records import sha256_of_record

NAME = REPORT


def report(directory: Path, reporter: Reporter = SILENT) -> Path:
    """Write the page, unless it is there of the same content; its path.

    Raises as `rd.write_report` does, and StoreError where a control was damaged: verdicts are of controls, too.
    """
    from residyn.report import write_report

    path = directory / layout.RESULTS
    check_controls(directory)
    check_written(directory, ANALYSIS, path)
    notices = [
        outdated(directory, open_run_results(directory)) if path.exists() else "",
        uncovered(directory, ANALYSIS, TELEPORTS, CLAIMS),
    ]
    reporter.warn([notice for notice in notices if notice])
    claims = directory / layout.CLAIMS
    stage = Stage(
        NAME,
        {
            **drawn_inputs(directory),
            "claims": sha256_of(claims) if claims.exists() else None,
            "run": _hash_of_run(directory),
        },
    )
    if is_done(stage, directory, reporter):
        return directory / layout.REPORT
    stage.begin(directory)
    with timed() as seconds, reporter.stage("Writing the report"):
        page = write_report(directory)
    stage.finish(directory, [page])
    store.update_run(directory, timings={"report_s": seconds()})
    return page


def _hash_of_run(directory: Path) -> str:
    """The hash of run.json without how long the report took, which is written when the report is."""
    record = store.read_run(directory)
    timings = record.get("timings")
    if isinstance(timings, dict):
        record["timings"] = {name: seconds for name, seconds in timings.items() if name != "report_s"}
    return sha256_of_record(record)
