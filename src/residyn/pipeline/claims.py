"""The claims stage: states, results, controls and teleports → claims.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from residyn import store
from residyn.crew import ALONE, Crew
from residyn.errors import StoreError
from residyn.pipeline.cluster import walking
from residyn.pipeline.reporter import SILENT, Reporter, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import (
    begun_controls,
    open_controls,
    open_network_results,
    open_run_results,
    open_teleport_results,
    outdated,
    uncovered,
)
from residyn.runs.half_judged import HalfJudged
from residyn.runs.results import hash_of_results
from residyn.runs.stages import ANALYSIS, CLAIMS, JACOBIANS, OUTPUTS, TELEPORTS, Stage
from residyn.runs.verdicts import read_verdicts
from residyn.settings import ClaimsSettings
from residyn.store.files import disk_errors

if TYPE_CHECKING:
    import xarray as xr

    from residyn.claims import Verdicts

NAME = CLAIMS
_AT_SAMPLES = (JACOBIANS, OUTPUTS)
"""The stages at some samples whose results claims are judged by."""


def claims(
    directory: Path, settings: ClaimsSettings | None = None, reporter: Reporter = SILENT, *, crew: Crew = ALONE
) -> Verdicts:
    """Judge the paper's claims on a run, and write claims.json; the verdicts.

    What is there for the same states, results, controls, teleports, local maps, outputs and settings is not judged
    again, and an interrupted judgement goes on with the tasks that it lacks. Results of other states are left out.
    Raises as `rd.judge` does, and StoreError where the run cannot be read.
    """
    settings = settings or ClaimsSettings()
    with store.undisturbed(directory):
        judged = _judged(directory)
    reporter.warn(judged.notices)
    path, partial = directory / layout.CLAIMS, directory / layout.PARTIAL_CLAIMS
    if partial.exists() or judged.stage(settings).reasons(directory):
        with store.locked(directory, needed=False):
            # Read again under the lock: what is judged is what the stage says that it is of.
            _judge(directory, _judged(directory), settings, reporter, crew)
            with disk_errors(directory, f"Removing {partial.name}", go_on="give the same command again"):
                partial.unlink(missing_ok=True)
    found = read_verdicts(path)
    if found is None:
        raise StoreError(f"{path} is gone. Judge the claims again: residyn claims {directory}")
    return found


@dataclass(frozen=True)
class _Judged:
    """What verdicts are of, the hashes of it, and what to warn of. `at_samples`: by stage, then by network."""

    states: xr.DataArray
    results: xr.Dataset | None
    summary: xr.Dataset | None
    at_samples: Mapping[str, Mapping[str, xr.Dataset]]
    controls: Mapping[str, xr.DataArray]
    inputs: Mapping[str, str | None]
    notices: list[str]

    def stage(self, settings: ClaimsSettings) -> Stage:
        return Stage(NAME, self.inputs, settings.deciding())


def _judged(directory: Path) -> _Judged:
    states = store.open_states(directory)
    stored = open_run_results(directory)
    notice = outdated(directory, stored, states)
    notices = [notice, uncovered(directory, ANALYSIS, TELEPORTS, *_AT_SAMPLES), _left_out(directory)]
    results = None if notice else stored
    summary = open_teleport_results(directory).get("summary")
    at_samples = {stage: _of_these(directory, stage, states) for stage in _AT_SAMPLES}
    controls = open_controls(directory)
    inputs = _inputs(directory, states, controls, results, at_samples)
    return _Judged(states, results, summary, at_samples, controls, inputs, [one for one in notices if one])


def _judge(directory: Path, judged: _Judged, settings: ClaimsSettings, reporter: Reporter, crew: Crew) -> None:
    from residyn.claims import judge

    stage = judged.stage(settings)
    if is_done(stage, directory, reporter):
        return
    path, partial = directory / layout.CLAIMS, directory / layout.PARTIAL_CLAIMS

    begun = HalfJudged(partial, stage.fingerprint)
    with timed(directory, "claims_s") as timer, timer.progress(reporter, "claims", "tasks") as progress:
        with walking(crew, "A task of the claims"):
            verdicts = judge(
                judged.states,
                judged.results,
                teleport_summary=judged.summary,
                local_maps=judged.at_samples[JACOBIANS],
                outputs=judged.at_samples[OUTPUTS],
                controls=judged.controls,
                settings=settings,
                ledger=begun.ledger,
                keep=begun.keep,
                progress=progress,
            )
        stage.begin(directory)
        store.write_json(path, verdicts.to_record())
        store.update_run(directory, claims=settings.record())
    stage.finish(directory, [path])


def _inputs(
    directory: Path,
    states: xr.DataArray,
    controls: Mapping[str, xr.DataArray],
    results: xr.Dataset | None,
    at_samples: Mapping[str, Mapping[str, xr.Dataset]],
) -> dict[str, str | None]:
    """The hashes of everything that verdicts are of."""
    summary = layout.teleport_result(directory, layout.TELEPORT_RESULTS[-1])
    return {
        "states": states.attrs["states_hash"],
        "results": None if results is None else hash_of_results(directory / layout.RESULTS),
        "teleports": hash_of_results(summary),
        **{
            f"{stage}.{name}": hash_of_results(layout.network_result(directory, stage, name))
            for stage, networks in at_samples.items()
            for name in networks
        },
        **{f"controls.{name}": control.attrs["states_hash"] for name, control in controls.items()},
    }


def _of_these(directory: Path, stage: str, states: xr.DataArray) -> dict[str, xr.Dataset]:
    """What a stage found at samples of these states, by network; what it found of other states is left out."""
    hashes = states.attrs["states_hash"]
    networks = open_network_results(directory, stage)
    return {name: found for name, found in networks.items() if found.attrs.get("states_hash") == hashes}


def _left_out(directory: Path) -> str:
    """What to tell of controls whose capture was not finished; empty where there is none."""
    begun = begun_controls(directory)
    said = f"Judged without the controls {', '.join(begun)}, which are not complete. Go on with: residyn controls"
    return f"{said} {directory}" if begun else ""
