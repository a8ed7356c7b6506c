"""Verifying a whole run, states, controls and what its stages wrote, and making again what is damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from residyn import store
from residyn.crew import ALONE, Crew
from residyn.errors import StoreError
from residyn.pipeline.analysis import analysis
from residyn.pipeline.capture import is_control, repair_damage
from residyn.pipeline.claims import claims
from residyn.pipeline.controls import controls
from residyn.pipeline.explorer import explorer
from residyn.pipeline.figures import figures
from residyn.pipeline.jacobians import jacobians
from residyn.pipeline.models import continued
from residyn.pipeline.outputs import outputs
from residyn.pipeline.report import report
from residyn.pipeline.reporter import SILENT, Reporter
from residyn.pipeline.teleports import teleports
from residyn.runs import layout, stages
from residyn.runs.contents import uncovered
from residyn.runs.stages import StageRecord, differs, read_stage
from residyn.runs.verification import SECTIONS, Outputs, verify_outputs
from residyn.settings import (
    AnalysisSettings,
    ClaimsSettings,
    ControlsSettings,
    FigureSettings,
    JacobianSettings,
    OutputSettings,
    ReloadSettings,
    Settings,
    TeleportSettings,
)

S = TypeVar("S", bound=Settings)

_OUTPUTS_OF = {"results": stages.ANALYSIS, "again": stages.CONTROLS}
"""Whose outputs a record's inputs are, where they are not called by the name of the stage."""


@dataclass(frozen=True)
class Verification:
    """What verifying a run found: in its states, in each control's (or why it cannot be verified), in its outputs.

    `note` tells of outputs that nothing covers.
    """

    states: store.StoreReport
    controls: dict[str, store.StoreReport | str]
    outputs: Outputs
    note: str

    @property
    def shards(self) -> list[int]:
        """The damaged and missing shards of the run."""
        return [damage.shard for damage in self.states.damaged] + list(self.states.pending)

    @property
    def damaged_controls(self) -> list[str]:
        """The controls that are not what was captured."""
        return [name for name, found in self.controls.items() if isinstance(found, str) or not found.ok]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged, missing or changed."""
        return not self.shards and not self.damaged_controls and self.outputs.ok


def verified(directory: Path, reporter: Reporter = SILENT) -> Verification:
    """What comparing every file of a run with what was written finds. Raises as `store.verify` does."""
    with store.undisturbed(directory):
        with reporter.progress("verify", "shards") as progress:
            states = store.verify(directory, progress=progress)
        folders = sorted(path for path in (directory / layout.CONTROLS).glob("*") if store.has_manifest(path))
        with reporter.stage("Verifying controls, and what the stages wrote"):
            return Verification(
                states=states,
                controls={folder.name: _control(folder) for folder in folders},
                outputs=verify_outputs(directory),
                note=uncovered(directory),
            )


def _control(folder: Path) -> store.StoreReport | str:
    try:
        return store.verify(folder)
    except StoreError as error:
        return str(error)


def repair(
    directory: Path,
    found: Verification,
    reload: ReloadSettings | None = None,
    reporter: Reporter = SILENT,
    crew: Crew = ALONE,
) -> None:
    """Capture damaged shards again, and do again the stages whose outputs differ, or are of what was made again.

    Stages are done with the settings that they were finished with; what was not finished is left. Raises as the
    stages do.
    """
    if is_control(directory):
        return
    with store.locked(directory, needed=False):
        _repair(directory, found, reload, reporter, crew)


def _repair(
    directory: Path, found: Verification, reload: ReloadSettings | None, reporter: Reporter, crew: Crew
) -> None:
    if found.shards:
        repair_damage(directory, found.shards, reload, reporter, crew=crew)
    _settings_as_finished(directory)
    again: set[str] = set()
    do = _stages(directory, reload, reporter, crew)
    for name in stages.COMMANDS:
        hurt = differs(directory, name) or (name == stages.CONTROLS and bool(found.damaged_controls))
        record = read_stage(directory, name)
        finished = record is not None or differs(directory, name)
        if finished and (hurt or found.shards or again & _reads(record)):
            do[name]()
            again.add(name)
    for control in sorted((directory / layout.CONTROLS).glob("*")):
        if store.has_manifest(control) and differs(control, stages.ANALYSIS):
            analysis(control, continued(control, AnalysisSettings(), ()), reporter, crew=crew)


def _reads(record: StageRecord | None) -> set[str]:
    """The stages of whose outputs a stage was made, as its record says."""
    inputs = () if record is None else record.inputs
    return {_OUTPUTS_OF.get(name, name) for name in (one.partition(".")[0] for one in inputs)}


def _stages(
    directory: Path, reload: ReloadSettings | None, reporter: Reporter, crew: Crew
) -> dict[str, Callable[[], object]]:
    """What does each stage again, as it was asked for last."""

    def asked(settings: S) -> S:
        return continued(directory, settings, ())

    def capture_controls() -> None:
        controls(directory, asked(ControlsSettings()), reporter, reload=reload, crew=crew)

    return {
        stages.ANALYSIS: lambda: analysis(directory, asked(AnalysisSettings()), reporter, crew=crew),
        stages.CONTROLS: capture_controls,
        stages.NOISE_FLOOR: capture_controls,
        stages.TELEPORTS: lambda: teleports(
            directory, asked(TeleportSettings()), reporter, reload=reload, crew=crew
        ),
        stages.JACOBIANS: lambda: jacobians(directory, asked(JacobianSettings()), reporter, reload=reload),
        stages.OUTPUTS: lambda: outputs(directory, asked(OutputSettings()), reporter, reload=reload),
        stages.CLAIMS: lambda: claims(directory, asked(ClaimsSettings()), reporter, crew=crew),
        stages.FIGURES: lambda: figures(directory, asked(FigureSettings()), reporter),
        stages.EXPLORER: lambda: explorer(directory, reporter),
        stages.REPORT: lambda: report(directory, reporter),
    }


def _settings_as_finished(directory: Path) -> None:
    """Put back into run.json the settings that stages were finished with, where it says others."""
    run = store.read_run(directory)
    for section, name in SECTIONS.items():
        record, said = read_stage(directory, name), run.get(section)
        if record is None:
            continue
        if not isinstance(said, dict) or any(said.get(key) != value for key, value in record.settings.items()):
            store.update_run(directory, **{section: record.settings})
