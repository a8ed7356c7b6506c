"""What a run directory holds beside its states: checked against what its stages wrote, and if it fits together."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from residyn import control_names, store
from residyn.errors import StoreError
from residyn.runs import layout, stages
from residyn.runs.results import hash_of_results, open_made, open_results
from residyn.runs.stages import Stage, check_written, is_covered, read_stage
from residyn.runs.verdicts import read_verdicts
from residyn.settings import ControlsSettings, FigureSettings, recorded
from residyn.store.layout import COMMITS, RUN

if TYPE_CHECKING:
    import pandas as pd

    from residyn.claims import Verdicts


def asked_controls(settings: ControlsSettings) -> list[str]:
    """The names of the controls that are asked for."""
    names = [control_names.untrained(seed) for seed in range(settings.untrained)]
    chosen = (
        (control_names.PERMUTED, settings.permuted_weights),
        (control_names.TOKENS, settings.shuffled_tokens),
        (control_names.POSITIONS, settings.random_positions),
        (control_names.NOISE, settings.noise),
    )
    return [*names, *(name for name, asked in chosen if asked)]


def control_in_words(name: str) -> str:
    """What a control is, in words; empty for a name that no control has."""
    if name.startswith(control_names.UNTRAINED_PREFIX):
        return f"an untrained model, seed {name.removeprefix(control_names.UNTRAINED_PREFIX)}"
    if name == control_names.NOISE:
        return "each text in a batch of its own"
    from residyn.claims.conditions import CONDITIONS, captured_by

    return next((one.title for one in CONDITIONS if captured_by(one, {name: None})), "")


def captured_controls(directory: Path, names: Collection[str] | None = None) -> list[str]:
    """The names of the controls whose folders hold all of their states, by their ledgers; of `names` where given.

    Raises StoreError where one was damaged: a shard, its marker or whatever says what the shards are.
    """
    return [name for name, complete in _controls(directory, names) if complete]


def begun_controls(directory: Path) -> list[str]:
    """The names of the controls whose capture was begun and not finished. Raises as `captured_controls` does."""
    return [name for name, complete in _controls(directory, None) if not complete]


def _controls(directory: Path, names: Collection[str] | None) -> list[tuple[str, bool]]:
    """The controls by name, and whether each is complete. Raises StoreError where one was damaged."""
    folders = sorted(path for path in (directory / layout.CONTROLS).glob("*") if store.has_manifest(path))
    return [(path.name, _is_complete(directory, path)) for path in folders if names is None or path.name in names]


def _is_complete(directory: Path, control: Path) -> bool:
    try:
        if not any((control / COMMITS).glob("*.json")):
            store.read_manifest(control)
            return False
        return "partial" not in store.open_states(control, allow_partial=True).attrs
    except StoreError as error:
        # What the error advises is meant for a run, whose texts may be gone; a control's tokens are the run's.
        said = str(error).split(". ")[0].rstrip(".")
        raise StoreError(
            f"The control {control.name} should be what was captured, and was damaged since: {said}. "
            f"Capture what is damaged again: residyn controls {directory}"
        ) from error


def check_controls(directory: Path) -> None:
    """Raise StoreError where a control that was captured is damaged, changed or gone.

    What its files hold is compared with the record of the controls stage, and its shards' sizes with its ledger;
    a shard's values are checked when they are read.
    """
    check_written(directory, stages.CONTROLS)
    captured_controls(directory, _asked(directory))


def open_controls(directory: Path) -> dict[str, xr.DataArray]:
    """The states of the complete controls by name; the capture in other batches is no other condition.

    Of a run that says which controls it was asked for last, those alone. Raises as `check_controls` does.
    """
    check_written(directory, stages.CONTROLS)
    complete = captured_controls(directory, _asked(directory))
    return {
        name: store.open_states(layout.control(directory, name))
        for name in complete
        if name != control_names.NOISE
    }


def _asked(directory: Path) -> list[str] | None:
    """The names of the controls that a run was asked for last; None where it does not say."""
    section = store.read_run(directory).get(ControlsSettings.SECTION)
    return None if section is None else asked_controls(recorded(ControlsSettings, section, directory / RUN))


def open_run_results(directory: Path) -> xr.Dataset:
    """The results of a run. Raises StoreError where they were damaged or changed, and as `open_results` does."""
    path = directory / layout.RESULTS
    check_written(directory, stages.ANALYSIS, path)
    return open_results(path)


def open_verdicts(directory: Path) -> Verdicts | None:
    """The verdicts on a run; None where there are none. Raises StoreError where they were damaged or changed."""
    check_written(directory, stages.CLAIMS)
    return read_verdicts(directory / layout.CLAIMS)


def open_noise_floor(directory: Path) -> xr.Dataset | None:
    """The noise floor of a run, where it was measured. Raises StoreError where it was damaged or changed."""
    check_written(directory, stages.NOISE_FLOOR)
    path = layout.noise_floor(directory)
    return open_made(path, f"residyn controls {directory}") if path.exists() else None


def open_teleport_results(directory: Path) -> dict[str, xr.Dataset]:
    """What teleports gave, by name; empty where there are none.

    Raises StoreError where they were damaged or changed.
    """
    check_written(directory, stages.TELEPORTS, directory / layout.TELEPORTS)
    if not layout.teleport_result(directory, layout.TELEPORT_RESULTS[-1]).exists():
        return {}
    return {
        name: open_made(layout.teleport_result(directory, name), f"residyn teleport {directory}")
        for name in layout.TELEPORT_RESULTS
    }


def open_jacobian_results(directory: Path) -> dict[str, xr.Dataset]:
    """The local linear maps in the run's model and in controls, by name, the model's first; empty without them.

    Raises StoreError where they were damaged or changed.
    """
    return open_network_results(directory, stages.JACOBIANS)


def open_output_results(directory: Path) -> dict[str, xr.Dataset]:
    """The lens and skipped blocks in the run's model and in controls, by name, the model's first; empty without.

    Raises StoreError where they were damaged or changed.
    """
    return open_network_results(directory, stages.OUTPUTS)


def open_network_results(directory: Path, stage: str) -> dict[str, xr.Dataset]:
    """What a stage found in each network, where that of the run's model is there; by name, the model's first.

    Raises StoreError where it was damaged or changed.
    """
    own = layout.network_result(directory, stage, control_names.MODEL)
    check_written(directory, stage, own.parent)
    if not own.exists():
        return {}
    paths = [own, *(path for path in sorted(own.parent.glob("*.zarr")) if path != own)]
    return {path.stem: open_made(path, f"residyn {stages.COMMANDS[stage]} {directory}") for path in paths}


def open_tables(directory: Path) -> dict[str, pd.DataFrame]:
    """The tables of a run, by name: those that its stages wrote, or where no record says which, all there are.

    Raises StoreError where one was damaged or changed since.
    """
    import pandas as pd

    folder = directory / layout.TABLES
    written = []
    for name in (stages.ANALYSIS, stages.TELEPORTS, stages.JACOBIANS, stages.OUTPUTS):
        check_written(directory, name, folder)
        record = read_stage(directory, name)
        written += [] if record is None else [directory / file for file in record.files]
    known = [path for path in written if path.parent == folder]
    paths = known if is_covered(directory, stages.ANALYSIS) else sorted(folder.glob("*.csv"))
    return {path.stem: pd.read_csv(path) for path in sorted(paths)}


def open_pictures(directory: Path) -> list[Path]:
    """The files of the figures stage, Figure 1 first; empty where it was not finished.

    Raises StoreError where one was damaged or changed since.
    """
    check_written(directory, stages.FIGURES)
    record = read_stage(directory, stages.FIGURES)
    return [directory / name for name in record.outputs] if record is not None else []


def drawn_inputs(directory: Path) -> dict[str, str | None]:
    """The hashes of what figures are drawn of."""
    paths = {
        "results": directory / layout.RESULTS,
        "noise_floor": layout.noise_floor(directory),
        **{f"jacobians.{path.stem}": path for path in sorted((directory / layout.JACOBIANS).glob("*.zarr"))},
        **{f"outputs.{path.stem}": path for path in sorted((directory / layout.OUTPUTS).glob("*.zarr"))},
        **{f"teleports.{name}": layout.teleport_result(directory, name) for name in layout.TELEPORT_RESULTS},
    }
    return {name: hash_of_results(path) for name, path in paths.items()}


def figures_stage(directory: Path, settings: FigureSettings) -> Stage:
    """The stage that draws what the run holds now."""
    return Stage(stages.FIGURES, drawn_inputs(directory), settings.deciding())


def drawn_panels(directory: Path, settings: FigureSettings) -> dict[str, Path]:
    """The panels' PNG files by their stems, where they are whole and of what the run holds now; else none."""
    stage = figures_stage(directory, settings)
    found = [] if stage.reasons(directory) else stage.outputs(directory)
    return {path.stem: path for path in found if path.suffix == ".png"}


_STANDS = {
    stages.ANALYSIS: lambda directory: directory / layout.RESULTS,
    stages.TELEPORTS: lambda directory: layout.teleport_result(directory, layout.TELEPORT_RESULTS[-1]),
    stages.JACOBIANS: lambda directory: layout.network_result(directory, stages.JACOBIANS, control_names.MODEL),
    stages.OUTPUTS: lambda directory: layout.network_result(directory, stages.OUTPUTS, control_names.MODEL),
    stages.CLAIMS: lambda directory: directory / layout.CLAIMS,
    stages.FIGURES: lambda directory: directory / layout.FIGURES,
    stages.EXPLORER: lambda directory: directory / layout.EXPLORER,
    stages.REPORT: lambda directory: directory / layout.REPORT,
}
"""What shows that a stage wrote something, finished or not."""


def uncovered(directory: Path, *names: str) -> str:
    """What to note where stages wrote something and no record says what; empty where there is no such stage.

    `names` are those of the stages; by default all.
    """
    found = [
        stages.COMMANDS[name]
        for name, path in _STANDS.items()
        if name in (names or _STANDS) and path(directory).exists() and not is_covered(directory, name)
    ]
    if not found:
        return ""
    again = ", ".join(f"residyn {verb} {directory}" for verb in found)
    return (
        f"What {' and '.join(found)} left in {directory} is covered by no hashes: an earlier residyn wrote it, or "
        f"it was interrupted. A change since would not be found. To have it covered, do it again: {again}"
    )


def outdated(directory: Path, results: xr.Dataset, states: xr.DataArray | None = None) -> str:
    """What to warn of where the results of a run are of other states than its own; empty where they are not.

    `states` are those of the run, where they are open already.
    """
    if states is None:
        states = _states(directory)
    if states is None or results.attrs.get("states_hash") == states.attrs["states_hash"]:
        return ""
    return (
        f"The results of {directory} are of earlier states than it holds. Renew them: residyn analyze {directory}"
    )


def _states(directory: Path) -> xr.DataArray | None:
    """The states of a run, complete or not; None where there are none to compare with, or they are damaged."""
    try:
        return store.open_states(directory, allow_partial=True) if store.has_manifest(directory) else None
    except StoreError:
        # Results are worth drawing without their states, and who reads the states is told of the damage.
        return None
