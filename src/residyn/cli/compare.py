"""The verb `compare`: runs, and on request their controls, beside each other in a folder of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from residyn import store
from residyn.cli import claims as judging
from residyn.cli import controls as controlling
from residyn.cli import stages
from residyn.cli.display import Display
from residyn.cli.origin import of_other_states
from residyn.cli.owned import open_own
from residyn.cli.request import AnalysisRequest
from residyn.errors import StoreError, UsageError
from residyn.words import MARKS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from residyn.claims import Verdicts


@dataclass(frozen=True)
class Run:
    """A run that is compared: its folder, results, verdicts, and its states where they are the results' own."""

    directory: Path
    results: xr.Dataset
    verdicts: Verdicts | None
    states: xr.DataArray | None


def compare(directories: Sequence[Path], out: Path, display: Display, *, with_controls: bool = False) -> None:
    """Put runs beside each other: OUT/comparison.png, .pdf, .svg, OUT/tables/*.csv, and a digest on the terminal.

    Runs are named by their folders, with as much of the path as tells them apart; controls as "RUN / CONTROL". A
    control without results is analysed first, into its own folder, with one estimator and no baselines. Raises
    UsageError for fewer than two runs or one named twice, StoreError where a run has no results, where a file is
    not what it should be, or where OUT holds anything else than a comparison.
    """
    from residyn.comparison import check_folder

    named = dict(zip(names_of(directories), directories, strict=True))
    for directory in directories:
        _check_run(directory)
    target = check_folder(out)
    if with_controls:
        named |= _controls(named, display)
    if len(named) < 2:
        found = ", and no captured controls" if with_controls else ""
        advice = (
            "capture its controls first" if with_controls else "add --with-controls to compare it with its own"
        )
        raise UsageError(
            f"A comparison needs at least two runs; got {len(named)}{found}. Name another, or {advice}."
        )
    runs = {name: _open(directory, display) for name, directory in named.items()}
    _compare(runs, target, display)


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
        return directory.resolve()
    except (OSError, RuntimeError) as error:
        raise StoreError(
            f"{directory} leads nowhere: {error}. Name the folder that `residyn run` wrote."
        ) from error


def _telling(parts: tuple[str, ...], paths: Sequence[tuple[str, ...]]) -> int:
    """How many of the last parts of a path tell it from the others."""
    return next(n for n in range(1, len(parts) + 1) if sum(path[-n:] == parts[-n:] for path in paths) == 1)


def _check_run(directory: Path) -> None:
    if (directory / stages.RESULTS).exists():
        return
    if store.has_manifest(directory):
        raise StoreError(f"{directory} has no results yet. Make them with: residyn analyze {directory}")
    what = "it is not a run directory" if directory.exists() else "there is no such folder"
    raise StoreError(
        f"Expected a run with results at {directory}, but {what}. Name the folder that `residyn run` wrote."
    )


def _controls(named: Mapping[str, Path], display: Display) -> dict[str, Path]:
    """The complete controls of all runs, analysed; the first of each run, then the second, …"""
    found = []
    for name, directory in named.items():
        folder = directory / controlling.FOLDER
        complete = []
        for control in sorted(folder.iterdir()) if folder.is_dir() else []:
            # The capture in other batches is no other condition.
            if control.name == controlling.NOISE or not store.has_manifest(control):
                continue
            if not store.info(control)["complete"]:
                display.warn([f"{control} is not complete. Go on with: residyn controls {directory}"])
                continue
            _analyze_control(control, display)
            complete.append((f"{name} / {control.name}", control))
        if not complete:
            display.warn([f"{name} has no controls. Capture them with: residyn controls {directory}"])
        found.append(complete)
    return dict(control for rank in zip_longest(*found) for control in rank if control is not None)


def _analyze_control(directory: Path, display: Display) -> None:
    """Results of a control's states, unless they are there: what curves are made of, and no more."""
    results = open_own(directory / stages.RESULTS)
    if results is not None:
        same = results.attrs.get("states_hash") == store.open_states(directory).attrs["states_hash"]
        if same and results.attrs.get("complete"):
            return
    stages.analyze(directory, AnalysisRequest(estimators="gcmi", shuffles=0, leave_out=""), display)


def _open(directory: Path, display: Display) -> Run:
    from residyn.claims import read_verdicts
    from residyn.run.results import open_results

    results = open_results(directory / stages.RESULTS)
    origin = results.attrs.get("states_hash")
    states = None
    if store.has_manifest(directory):
        states = store.open_states(directory, allow_partial=True)
        if notice := of_other_states(directory, results, states):
            display.warn([notice])
            states = None
    verdicts = read_verdicts(directory / judging.FILE)
    if verdicts is None:
        display.warn([f"{directory} has no claims yet. Judge them with: residyn claims {directory}"])
    elif verdicts.states_hash != origin:
        display.warn([f"The claims of {directory} are of other states. Renew: residyn claims {directory}"])
    return Run(directory, results, verdicts, states)


def _compare(runs: Mapping[str, Run], out: Path, display: Display) -> None:
    from residyn import comparison
    from residyn.figures.comparison import compare_figure
    from residyn.figures.saving import save

    results = {name: run.results for name, run in runs.items()}
    warnings = comparison.differences(results)
    display.warn(warnings)
    with display.progress("trajectories", "samples") as progress:
        distances = comparison.trajectory_distance({n: _path(run) for n, run in runs.items()}, progress=progress)
    claims = comparison.claims_table({name: run.verdicts for name, run in runs.items()})
    # Into the record and every picture's metadata: as in run.json, nobody's home folder is named there.
    described = {"runs": {name: _described(run) for name, run in runs.items()}, "warnings": warnings}
    record = store.without_home(store.plain(described))
    with display.stage("Comparing the states of shared texts, and drawing"):
        curves = comparison.curves(results)
        known = {name: (run.states, _texts(run.directory)) for name, run in runs.items() if run.states is not None}
        tables = {
            "curves": curves,
            "distances": comparison.distance_table(distances),
            "claims": claims.reset_index(allow_duplicates=True),
            "similarity": comparison.similarity_table(known) if known else None,
        }
        comparison.write_folder(out, record, tables)
        pictures = save(compare_figure(curves, distances, claims), out / comparison.FIGURE, provenance=record)
    if display.as_json:
        described = _digest(distances, claims)
        display.emit(
            {"comparison": str(out), "figures": list(map(str, pictures)), "warnings": warnings, **described}
        )
        return
    _show(out, distances, claims, display)
    display.result(f"Figure:  {pictures[0]}")
    display.result(f"Numbers: {out / 'tables'} (csv)")


def _path(run: Run) -> xr.DataArray:
    return run.results["mean_activation"] if run.states is None else run.states


def _described(run: Run) -> dict[str, Any]:
    names = ("model", "states_hash", "n_samples", "texts", "position", "capture_dtype", "residyn_version")
    attrs = run.results.attrs
    return {"directory": str(run.directory), **{name: attrs[name] for name in names if name in attrs}}


def _texts(directory: Path) -> dict[int, str]:
    """The sha256 of each sample's text."""
    manifest = store.read_manifest(directory)
    rows = store.read_samples(directory, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    return {row["sample"]: row["sha256"] for row in rows}


def _digest(distances: xr.DataArray, claims: pd.DataFrame) -> dict[str, Any]:
    """Verdicts and distances as plain values, by the names of the runs."""
    names = [str(name) for name in distances["run"].values]

    def by_run(values: np.ndarray) -> dict[str, Any]:
        return dict(zip(names, values.tolist(), strict=True))

    judged = zip(claims.index, claims.to_numpy(), strict=True)
    return {
        "runs": names,
        "claims": [
            {"number": number, "variant": variant, "claim": words, "verdicts": by_run(row)}
            for (number, variant, words), row in judged
        ],
        "distances": {name: by_run(row) for name, row in zip(names, distances.values, strict=True)},
        "within": by_run(distances["within"].values),
    }


def _show(out: Path, distances: xr.DataArray, claims: pd.DataFrame, display: Display) -> None:
    names = [str(name) for name in distances["run"].values]
    verdicts = [
        (f"{number} {variant}".strip(), words, *(MARKS.get(cell, cell) for cell in row))
        for (number, variant, words), row in zip(claims.index, claims.to_numpy(), strict=True)
    ]
    if verdicts:
        key = ", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items())
        display.table(f"{out}: the paper's claims ({key})", ["", "claim", *names], verdicts)
    rows = [
        (name, *(f"{value:.3f}" if np.isfinite(value) else "–" for value in (*row, within)))
        for name, row, within in zip(names, distances.values, distances["within"].values, strict=True)
    ]
    title = f"{out}: distance between mean trajectories (rad, at most 1.571)"
    display.table(title, ["", *names, "between own halves"], rows)
