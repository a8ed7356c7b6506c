"""The explorer stage: what a run directory holds → explorer.html."""

from __future__ import annotations

from pathlib import Path

from residyn import store
from residyn.errors import StoreError
from residyn.pipeline.reporter import SILENT, Reporter, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import drawn_inputs, open_run_results, outdated, uncovered
from residyn.runs.stages import ANALYSIS, CLAIMS, EXPLORER, TELEPORTS, Stage, check_written
from residyn.store.files import sha256_of

NAME = EXPLORER


def explorer(directory: Path, reporter: Reporter = SILENT) -> Path:
    """Write the explorer, unless it is there of the same content; its path. Raises as `rd.write_explorer` does."""
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
    return directory / layout.EXPLORER


def _check(directory: Path) -> None:
    """Raise StoreError where what the page is of was damaged or changed since."""
    for name in (ANALYSIS, TELEPORTS, CLAIMS):
        check_written(directory, name)


def _write(directory: Path, reporter: Reporter) -> None:
    from residyn.explorer import write_explorer

    _check(directory)
    stage = _stage(directory)
    if is_done(stage, directory, reporter):
        return
    stage.begin(directory)
    with timed(directory, "explorer_s"), reporter.stage("Writing the explorer"):
        page = write_explorer(directory)
    stage.finish(directory, [page])


def _stage(directory: Path) -> Stage:
    claims = directory / layout.CLAIMS
    return Stage(
        NAME,
        {
            **drawn_inputs(directory),
            "claims": sha256_of(claims) if claims.exists() else None,
            "states": _hash_of_states(directory),
        },
    )


def _hash_of_states(directory: Path) -> str | None:
    """The hash of the states whose scores the page shows; None where the run does not hold them whole."""
    try:
        states = store.open_states(directory) if store.has_manifest(directory) else None
    except StoreError:
        # The page is then made of the results alone.
        return None
    return None if states is None else str(states.attrs["states_hash"])
