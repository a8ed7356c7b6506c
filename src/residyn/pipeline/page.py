"""A page of what a run directory holds, as a stage: the report and the explorer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from residyn import store
from residyn.errors import StoreError
from residyn.pipeline.reporter import Reporter, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import drawn_inputs, open_run_results, outdated, uncovered
from residyn.runs.stages import ANALYSIS, CLAIMS, JACOBIANS, OUTPUTS, TELEPORTS, Stage
from residyn.store.files import NotAFileError, sha256_of


@dataclass(frozen=True)
class Page:
    """A page `name` of a run: its file, the stage that it is of, what is checked before, and what writes it.

    `check` raises StoreError where what the page is of was damaged or changed since.
    """

    name: str
    path: Path
    stage: Callable[[], Stage]
    check: Callable[[], None]
    write: Callable[[Path], Path]


def made(directory: Path, page: Page, reporter: Reporter) -> Path:
    """Write a page, unless it is there of the same content; its path. Raises what its `check` raises."""
    if not directory.is_dir():
        raise StoreError(
            f"Expected a run with results at {directory}, but there is no such folder. "
            "Name the folder that `residyn run` wrote."
        )
    with store.undisturbed(directory):
        page.check()
        results = directory / layout.RESULTS
        notices = [
            outdated(directory, open_run_results(directory)) if results.exists() else "",
            uncovered(directory, ANALYSIS, TELEPORTS, JACOBIANS, OUTPUTS, CLAIMS),
        ]
        to_do = page.stage().reasons(directory)
    reporter.warn([notice for notice in notices if notice])
    if to_do:
        with store.locked(directory, needed=False):
            _write(directory, page, reporter)
    return page.path


def _write(directory: Path, page: Page, reporter: Reporter) -> None:
    # Checked again under the lock: what the page shows is what the stage says that it is of.
    page.check()
    stage = page.stage()
    if is_done(stage, directory, reporter):
        return
    stage.begin(directory)
    with timed(directory, f"{page.name}_s"), reporter.stage(f"Writing the {page.name}"):
        written = page.write(directory)
    stage.finish(directory, [written])


def shown_inputs(directory: Path) -> dict[str, str | None]:
    """The hashes of what every page shows: what is drawn, and the verdicts. StoreError where these are no file."""
    claims = directory / layout.CLAIMS
    try:
        verdicts = sha256_of(claims) if claims.exists() else None
    except NotAFileError as error:
        raise StoreError(
            f"{claims} cannot be read: {error.strerror}. It was not written by residyn: move it away, and judge "
            f"the claims again: residyn claims {directory}"
        ) from error
    return {**drawn_inputs(directory), "claims": verdicts}
