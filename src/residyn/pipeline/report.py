"""The report stage: what a run directory holds → report.html."""

from __future__ import annotations

from pathlib import Path

from residyn import store
from residyn.pipeline.figures import drawn_inputs
from residyn.pipeline.reporter import SILENT, Reporter, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import outdated
from residyn.runs.results import open_results
from residyn.runs.stages import Stage
from residyn.store.files import sha256_of
from residyn.store.records import sha256_of_record

NAME = "report"


def report(directory: Path, reporter: Reporter = SILENT) -> Path:
    """Write the page, unless it is there of the same content; its path. Raises as `rd.write_report` does."""
    path = directory / layout.RESULTS
    with store.undisturbed(directory):
        notice = outdated(directory, open_results(path)) if path.exists() else ""
        to_do = _stage(directory).reasons(directory)
    reporter.warn([notice] if notice else [])
    if to_do:
        with store.locked(directory, needed=False):
            _write(directory, reporter)
    return directory / layout.REPORT


def _write(directory: Path, reporter: Reporter) -> None:
    from residyn.report import write_report

    stage = _stage(directory)
    if is_done(stage, directory, reporter):
        return
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
    )


def _hash_of_run(directory: Path) -> str:
    """The hash of run.json without how long the report took, which is written when the report is."""
    record = store.read_run(directory)
    timings = record.get("timings")
    if isinstance(timings, dict):
        record["timings"] = {name: seconds for name, seconds in timings.items() if name != "report_s"}
    return sha256_of_record(record)
