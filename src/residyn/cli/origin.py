"""Whether stored results are of the states that a run holds now: a capture may have gone on since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from residyn import store
from residyn.errors import StoreError

if TYPE_CHECKING:
    import xarray as xr


def of_other_states(directory: Path, results: xr.Dataset, states: xr.DataArray | None = None) -> str:
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
