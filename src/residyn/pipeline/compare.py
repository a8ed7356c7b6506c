"""Several runs, and on request their controls, beside each other in a folder of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residyn import control_names, store
from residyn.crew import ALONE, Crew
from residyn.errors import StoreError, UsageError
from residyn.pipeline import analysis as analysing
from residyn.pipeline.cluster import walking
from residyn.pipeline.models import recorded_model
from residyn.pipeline.reporter import SILENT, Reporter
from residyn.runs import layout
from residyn.runs.contents import (
    check_controls,
    control_in_words,
    open_run_results,
    open_verdicts,
    outdated,
    uncovered,
)
from residyn.runs.results import open_if_whole
from residyn.runs.stages import ANALYSIS, CLAIMS, differs, read_stage
from residyn.settings import AnalysisSettings, CaptureSettings, recorded

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from residyn.claims import Verdicts


@dataclass(frozen=True)
class Compared:
    """A run that is compared: its folder, results, verdicts, and its states where they are the results' own."""

    directory: Path
    results: xr.Dataset
    verdicts: Verdicts | None
    states: xr.DataArray | None


@dataclass(frozen=True)
class Comparison:
    """What a comparison found: distances between trajectories, the verdicts side by side, pictures and page.

    `beginnings` says from which training step on each claim holds; None where the runs are no checkpoints.
    """

    folder: Path
    distances: xr.DataArray
    claims: pd.DataFrame
    beginnings: pd.DataFrame | None
    warnings: list[str]
    pictures: list[Path]
    page: Path


def compare(
    directories: Sequence[Path],
    out: Path,
    reporter: Reporter = SILENT,
    *,
    with_controls: bool = False,
    steps: str | None = None,
    crew: Crew = ALONE,
) -> Comparison:
    """Put runs beside each other: OUT/comparison.html, .png, .pdf, .svg and OUT/tables/*.csv; what was found.

    `steps` makes the runs, without their controls, checkpoints of one model: their training steps, separated by
    commas, in the order of the runs, or "names", where the revision, model or folder of each names its step.

    Runs are named by their folders, with as much of the path as tells them apart; controls as "RUN / CONTROL". A
    control without results is analysed first, into its own folder, with one estimator and no baselines. Raises
    UsageError for fewer than two runs, one named twice, or steps that are not those of the runs, DataError for
    checkpoints of different models, StoreError where a run has no results, where a file is not what it should be,
    or where OUT holds anything else than a comparison.
    """
    from residyn.comparison import check_folder, steps_of_runs

    named = dict(zip(names_of(directories), directories, strict=True))
    for directory in directories:
        _check_run(directory)
    target = check_folder(out)
    at = (
        None
        if steps is None
        else steps_of_runs(steps, {name: _names_in(name, one) for name, one in named.items()})
    )
    if with_controls:
        named |= _controls(named, reporter, crew)
    if len(named) < 2:
        found = ", and no captured controls" if with_controls else ""
        advice = (
            "capture its controls first" if with_controls else "add --with-controls to compare it with its own"
        )
        raise UsageError(
            f"A comparison needs at least two runs; got {len(named)}{found}. Name another, or {advice}."
        )
    runs = {name: _open(directory, reporter) for name, directory in named.items()}
    return _compare(runs, target, at, reporter, crew)


def names_of(directories: Sequence[Path]) -> list[str]:
    """A name for each folder: its last part, with as many before it as tell it from the others.

    Raises UsageError where a folder is named twice.
    """
    paths = [_resolved(directory).parts for directory in directories]
    for directory, parts in zip(directories, paths, strict=True):
        if paths.count(parts) > 1:
            raise UsageError(f"{directory} is named twice. Name each run once.")
    names = ("/".join(parts[-_telling(parts, paths) :]) for parts in paths)
    # Bytes of a name that are no text are spelled out: tables hold text alone.
    return [name.encode("utf-8", errors="backslashreplace").decode("utf-8") for name in names]


def _resolved(directory: Path) -> Path:
    try:
        found = directory.resolve()
        # From Python 3.13 on, links that lead to one another are left as they are.
        if found.is_symlink():
            found.stat()
    except (OSError, RuntimeError) as error:
        raise StoreError(
            f"{directory} leads nowhere: {error}. Name the folder that `residyn run` wrote."
        ) from error
    return found


def _telling(parts: tuple[str, ...], paths: Sequence[tuple[str, ...]]) -> int:
    """How many of the last parts of a path tell it from the others."""
    return next(n for n in range(1, len(parts) + 1) if sum(path[-n:] == parts[-n:] for path in paths) == 1)


def _check_run(directory: Path) -> None:
    if (directory / layout.RESULTS).exists():
        return
    if store.has_manifest(directory):
        raise StoreError(f"{directory} has no results yet. Make them with: residyn analyze {directory}")
    what = "it is not a run directory" if directory.exists() else "there is no such folder"
    raise StoreError(
        f"Expected a run with results at {directory}, but {what}. Name the folder that `residyn run` wrote."
    )


def _controls(named: Mapping[str, Path], reporter: Reporter, crew: Crew) -> dict[str, Path]:
    """The complete controls of all runs, analysed; the first of each run, then the second, …"""
    found = []
    for name, directory in named.items():
        check_controls(directory)
        folder = directory / layout.CONTROLS
        complete = []
        for control in sorted(folder.iterdir()) if folder.is_dir() else []:
            # The capture in other batches is no other condition.
            if control.name == control_names.NOISE or not store.has_manifest(control):
                continue
            if not store.info(control)["complete"]:
                reporter.warn([f"{control} is not complete. Go on with: residyn controls {directory}"])
                continue
            _analyze_control(control, reporter, crew)
            complete.append((f"{name} / {control.name}", control))
        if not complete:
            reporter.warn([f"{name} has no controls. Capture them with: residyn controls {directory}"])
        found.append(complete)
    return dict(control for rank in zip_longest(*found) for control in rank if control is not None)


def _analyze_control(directory: Path, reporter: Reporter, crew: Crew) -> None:
    """Results of a control's states, unless it was analysed, however: what curves are made of, and no more."""
    finished = read_stage(directory, analysing.NAME)
    settings = AnalysisSettings(estimators=("gcmi",), shuffles=0, leave_out=())
    if finished is not None and open_if_whole(directory / layout.RESULTS) is not None:
        hashes = {"states": store.open_states(directory).attrs["states_hash"]}
        if finished.inputs == hashes:
            if not differs(directory, analysing.NAME):
                return
            settings = recorded(AnalysisSettings, finished.settings, layout.stage(directory, analysing.NAME))
    analysing.analysis(directory, settings, reporter, crew=crew)


def _open(directory: Path, reporter: Reporter) -> Compared:
    results = open_run_results(directory)
    notice = uncovered(directory, ANALYSIS, CLAIMS)
    reporter.warn([notice] if notice else [])
    origin = results.attrs.get("states_hash")
    states = None
    if store.has_manifest(directory):
        states = store.open_states(directory, allow_partial=True)
        if notice := outdated(directory, results, states):
            reporter.warn([notice])
            states = None
    verdicts = open_verdicts(directory)
    if verdicts is None:
        reporter.warn([f"{directory} has no claims yet. Judge them with: residyn claims {directory}"])
    elif verdicts.states_hash != origin:
        reporter.warn([f"The claims of {directory} are of other states. Renew: residyn claims {directory}"])
    return Compared(directory, results, verdicts, states)


def _names_in(name: str, directory: Path) -> list[str]:
    """What may say the training step of a run of this name: the revision and place of its model, its folder."""
    request = store.read_run(directory).get(CaptureSettings.SECTION)
    revision = request.get("revision") if isinstance(request, Mapping) else None
    return [str(said) for said in (revision, recorded_model(directory), name) if said]


def _compare(
    runs: Mapping[str, Compared], out: Path, steps: Mapping[str, int] | None, reporter: Reporter, crew: Crew
) -> Comparison:
    from residyn import comparison
    from residyn.figures.checkpoints import checkpoint_figure
    from residyn.figures.comparison import compare_figure
    from residyn.figures.saving import save
    from residyn.figures.shared_axes import shared_axes_figure
    from residyn.report.side_by_side import side_by_side
    from residyn.report.write import write_comparison

    results = {name: run.results for name, run in runs.items()}
    warnings = comparison.differences(results)
    reporter.warn(warnings)
    with reporter.progress("trajectories", "samples") as progress, walking(crew):
        distances = comparison.trajectory_distance({n: _path(run) for n, run in runs.items()}, progress=progress)
    verdicts = {name: run.verdicts for name, run in runs.items()}
    claims = comparison.claims_table(verdicts)
    checkpoints = None if steps is None else comparison.checkpoint_table(results, verdicts, steps)
    beginnings = None if steps is None else comparison.beginnings(verdicts, steps)
    # Into the record and every picture's metadata: as in run.json, nobody's home folder is named there.
    described = {"runs": {name: _described(run) for name, run in runs.items()}, "warnings": warnings}
    described |= {} if steps is None else {"steps": steps}
    record = store.without_home(store.plain(described))
    with reporter.stage("Comparing the states of shared texts, and drawing"):
        curves = comparison.curves(results)
        known = {name: (run.states, _texts(run.directory)) for name, run in runs.items() if run.states is not None}
        axes, unmatched = comparison.shared_axes_table(known) if known else (None, [])
        reporter.warn(unmatched)
        tables = {
            "curves": curves,
            "distances": comparison.distance_table(distances),
            "claims": claims.reset_index(allow_duplicates=True),
            "similarity": comparison.similarity_table(known) if known else None,
            layout.AXES: axes,
            layout.CHECKPOINTS: checkpoints,
            "beginnings": beginnings,
        }
        with comparison.writing_to(out):
            comparison.write_folder(out, record, tables)
            pictures = save(compare_figure(curves, distances, claims), out / layout.COMPARISON, provenance=record)
            if steps is not None and checkpoints is not None and beginnings is not None:
                by_step = comparison.claims_table({name: verdicts[name] for name in steps})
                drawn = checkpoint_figure(checkpoints, by_step, beginnings)
                pictures += save(drawn, out / layout.CHECKPOINTS, provenance=record)
            if axes is not None:
                pictures += save(shared_axes_figure(axes), out / layout.AXES, provenance=record)
            page = side_by_side(
                record["runs"],
                results,
                verdicts,
                distances,
                beginnings=beginnings,
                axes=[] if axes is None else comparison.said_of_axes(axes),
                warnings=record["warnings"],
                picture=out / f"{layout.COMPARISON}.png",
                matched=None if axes is None else out / f"{layout.AXES}.png",
                training=None if steps is None else out / f"{layout.CHECKPOINTS}.png",
                files=[path.name for path in pictures]
                + [f"{layout.TABLES}/{name}.csv" for name, table in tables.items() if table is not None],
            )
            written = write_comparison(page, out)
    return Comparison(out, distances, claims, beginnings, warnings, pictures, written)


def _path(run: Compared) -> xr.DataArray:
    return run.results["mean_activation"] if run.states is None else run.states


def _described(run: Compared) -> dict[str, Any]:
    names = ("model", "states_hash", "n_samples", "texts", "position", "capture_dtype", "residyn_version")
    attrs = run.results.attrs
    control = control_in_words(run.directory.name) if run.directory.parent.name == layout.CONTROLS else ""
    said = {"control": control} if control else {}
    return {"directory": str(run.directory), **said, **{name: attrs[name] for name in names if name in attrs}}


def _texts(directory: Path) -> dict[int, str]:
    """The sha256 of each sample's text."""
    manifest = store.read_manifest(directory)
    rows = store.read_samples(directory, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    return {int(sample): rows.sources[text].sha256 for sample, text in zip(rows.sample, rows.text, strict=True)}
