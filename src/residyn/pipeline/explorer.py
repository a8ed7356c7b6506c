"""The explorer stage: what a run directory holds → explorer.html."""

from __future__ import annotations

from pathlib import Path

from residyn import store
from residyn.errors import StoreError
from residyn.pipeline.page import Page, made, shown_inputs
from residyn.pipeline.reporter import SILENT, Reporter
from residyn.runs import layout
from residyn.runs.stages import ANALYSIS, CLAIMS, EXPLORER, JACOBIANS, OUTPUTS, TELEPORTS, Stage, check_written

NAME = EXPLORER


def explorer(directory: Path, reporter: Reporter = SILENT) -> Path:
    """Write the explorer, unless it is there of the same content; its path. Raises as `rd.write_explorer` does."""
    page = Page(
        NAME,
        directory / layout.EXPLORER,
        stage=lambda: _stage(directory),
        check=lambda: _check(directory),
        write=_written,
    )
    return made(directory, page, reporter)


def _check(directory: Path) -> None:
    for name in (ANALYSIS, TELEPORTS, JACOBIANS, OUTPUTS, CLAIMS):
        check_written(directory, name)


def _written(directory: Path) -> Path:
    from residyn.explorer import write_explorer

    return write_explorer(directory)


def _stage(directory: Path) -> Stage:
    return Stage(NAME, {**shown_inputs(directory), "states": _hash_of_states(directory)})


def _hash_of_states(directory: Path) -> str | None:
    """The hash of the states whose scores the page shows; None where the run does not hold them whole."""
    try:
        states = store.open_states(directory) if store.has_manifest(directory) else None
    except StoreError:
        # The page is then made of the results alone.
        return None
    return None if states is None else str(states.attrs["states_hash"])
