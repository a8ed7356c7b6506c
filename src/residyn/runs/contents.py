"""What a run directory holds beside its states and results: controls, teleports, and if they belong together."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from residyn import store
from residyn.errors import StoreError
from residyn.runs import layout
from residyn.runs.results import open_made
from residyn.settings import ControlsSettings, recorded
from residyn.store.layout import RUN


def control_names(settings: ControlsSettings) -> list[str]:
    """The names of the controls that are asked for."""
    names = [layout.untrained(seed) for seed in range(settings.untrained)]
    chosen = (
        (layout.PERMUTED, settings.permuted_weights),
        (layout.TOKENS, settings.shuffled_tokens),
        (layout.POSITIONS, settings.random_positions),
        (layout.NOISE, settings.noise),
    )
    return [*names, *(name for name, asked in chosen if asked)]


_SAID = {
    layout.PERMUTED: "trained weights with their entries permuted",
    layout.TOKENS: "the same tokens in random order",
    layout.POSITIONS: "texts cut at a random token",
    layout.NOISE: "each text in a batch of its own",
}


def said_of_control(name: str) -> str:
    """What a control is, in words; empty for a name that no control has."""
    if name.startswith(layout.UNTRAINED_PREFIX):
        return f"an untrained model, seed {name.removeprefix(layout.UNTRAINED_PREFIX)}"
    return _SAID.get(name, "")


def captured_controls(directory: Path) -> list[str]:
    """The names of the controls whose folders hold all of their states."""
    folders = sorted(path for path in (directory / layout.CONTROLS).glob("*") if store.has_manifest(path))
    return [path.name for path in folders if store.info(path)["complete"]]


def open_controls(directory: Path) -> dict[str, xr.DataArray]:
    """The states of the complete controls by name; the capture in other batches is no other condition.

    Of a run that says which controls it was asked for last, those alone.
    """
    complete = captured_controls(directory)
    section = store.read_run(directory).get(ControlsSettings.SECTION)
    if section is not None:
        asked = control_names(recorded(ControlsSettings, section, directory / RUN))
        complete = [name for name in complete if name in asked]
    return {name: store.open_states(layout.control(directory, name)) for name in complete if name != layout.NOISE}


def open_noise_floor(directory: Path) -> xr.Dataset | None:
    """The noise floor of a run, where it was measured. Raises StoreError where it was damaged."""
    path = layout.noise_floor(directory)
    return open_made(path, f"residyn controls {directory}") if path.exists() else None


def open_teleport_results(directory: Path) -> dict[str, xr.Dataset]:
    """What teleports gave, by name; empty where there are none. Raises StoreError where they were damaged."""
    if not layout.teleport_result(directory, layout.TELEPORT_RESULTS[-1]).exists():
        return {}
    return {
        name: open_made(layout.teleport_result(directory, name), f"residyn teleport {directory}")
        for name in layout.TELEPORT_RESULTS
    }


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
