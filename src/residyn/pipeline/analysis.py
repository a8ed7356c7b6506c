"""The analysis stage: states → results.zarr and tables."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from residyn import store
from residyn.crew import ALONE, Crew
from residyn.pipeline.cluster import walking
from residyn.pipeline.reporter import SILENT, Reporter, is_done, timed
from residyn.runs import layout
from residyn.runs.results import open_if_whole, open_results, replace_results
from residyn.runs.stages import ANALYSIS, Stage
from residyn.settings import AnalysisSettings

if TYPE_CHECKING:
    import xarray as xr

NAME = ANALYSIS
_FINGERPRINT = "stage_fingerprint"
"""The attribute by which results of an interrupted analysis say what they are of."""

_KEPT_EVERY_S = 20
"""Results are written whole each time, which takes a second or two; parts of small runs take less."""


def analysis(
    directory: Path,
    settings: AnalysisSettings | None = None,
    reporter: Reporter = SILENT,
    *,
    allow_partial: bool = False,
    crew: Crew = ALONE,
) -> xr.Dataset:
    """The results of a run's states: those stored, where it was analysed with the same settings.

    What is computed is stored every 20 seconds or later, when a part is done; an interrupted analysis goes on with
    the parts that it lacks. Raises as `rd.analyze` does, and StoreError where the run or its results cannot be
    read.
    """
    settings = settings or AnalysisSettings()
    with store.undisturbed(directory):
        states = store.open_states(directory, allow_partial=allow_partial)
    if "partial" in states.attrs:
        reporter.warn([f"These results are of {states.attrs['partial']}."])
    stage = Stage(NAME, {"states": states.attrs["states_hash"]}, settings.deciding())
    if stage.reasons(directory):
        with store.locked(directory, needed=False):
            _analyze(directory, stage, states, settings, reporter, crew=crew)
    return open_results(directory / layout.RESULTS)


def _analyze(
    directory: Path,
    stage: Stage,
    states: xr.DataArray,
    settings: AnalysisSettings,
    reporter: Reporter,
    *,
    crew: Crew,
) -> None:
    from residyn.quantities.suite import analyze
    from residyn.quantities.tables import write_tables

    path = directory / layout.RESULTS
    earlier = open_if_whole(path)
    if is_done(stage, directory, reporter):
        return
    if earlier is not None and earlier.attrs.get(_FINGERPRINT) != stage.fingerprint:
        earlier = None

    kept_at = time.monotonic()

    def keep(results: xr.Dataset) -> None:
        nonlocal kept_at
        stage.begin(directory)
        replace_results(results.assign_attrs({_FINGERPRINT: stage.fingerprint}), path)
        kept_at = time.monotonic()

    def keep_now_and_then(results: xr.Dataset) -> None:
        if time.monotonic() - kept_at >= _KEPT_EVERY_S:
            keep(results)

    with timed(directory, "analyze_s") as timer:
        told = partial(timer.progress, reporter)
        with walking(crew):
            results = analyze(states, settings, stages=told, earlier=earlier, keep=keep_now_and_then)
        tables = write_tables(results, directory / layout.TABLES)
        keep(results)
        store.update_run(directory, analysis=settings.record())
    stage.finish(directory, [path, *tables])
