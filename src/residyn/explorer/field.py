"""Where moved states go in the plane: of the grid of each host and place, at every sublayer that follows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from residyn import store
from residyn.errors import StoreError
from residyn.explorer.quantised import quantise
from residyn.explorer.record import PageField
from residyn.schema import SUBLAYER
from residyn.settings import TeleportSettings
from residyn.spaces import Space
from residyn.spaces.record import COMPONENT
from residyn.teleports.labels import GRID, HOST, INJECTED, STEP, TARGET
from residyn.words import clean, counted

_ENDS_ALONE = (
    "The moved states are not at hand: only where they were put, and where they are at the horizon, is shown."
)


def field(
    directory: Path, results: xr.Dataset, flow: xr.Dataset | None, run: Mapping[str, Any], texts: Mapping[Any, str]
) -> PageField | None:
    """The teleports of a run to the targets of its grid; None where there are none. `texts` are by text_id."""
    if flow is None:
        return None
    kinds = flow["target_kind"].values if "target_kind" in flow.coords else np.full(flow.sizes[TARGET], GRID)
    on_grid = np.flatnonzero(kinds == GRID)
    if not on_grid.size:
        return None
    flow = flow.isel({TARGET: on_grid}).transpose(HOST, INJECTED, ...)
    labels = [str(label) for label in flow[SUBLAYER].values]
    steps = np.array(
        [[labels.index(s) if s else -1 for s in row] for row in flow["step_sublayer"].values.tolist()]
    )
    horizon = flow["horizon_steps"].values.astype(int)
    positions, note = _followed(directory, results, flow, on_grid), ""
    if positions is None:
        positions = _ends(flow)
        steps = np.stack([steps[:, 0], np.take_along_axis(steps, horizon[:, None], axis=1)[:, 0]], axis=1)
        note = _ENDS_ALONE
    lost = {name: _at(flow, name, steps.shape[1], horizon) for name in ("rho", "amplification")}
    return PageField(
        hosts=tuple(_host(flow, row, run, texts) for row in range(flow.sizes[HOST])),
        place=tuple(labels.index(str(place)) for place in flow[INJECTED].values),
        steps=tuple(tuple(map(int, row)) for row in steps),
        horizon=tuple(map(int, horizon)),
        n_targets=len(on_grid),
        positions=quantise(_flat(positions.transpose(0, 1, 4, 3, 2)), 16),
        control=quantise(flow["control_path"].transpose(HOST, COMPONENT, SUBLAYER).values, 16),
        rho=quantise(_flat(lost["rho"]), 8),
        amplification=quantise(_flat(lost["amplification"]), 8),
        note=note,
    )


def _followed(directory: Path, results: xr.Dataset, flow: xr.Dataset, on_grid: np.ndarray) -> np.ndarray | None:
    """Scores of the moved states, (host, place, target, step, 2); None where the states are not at hand."""
    from residyn.model.teleport.folder import open_teleports

    if "pc_axes" not in results:
        return None
    try:
        jumps = open_teleports(directory)
    except StoreError:
        # The measured flow is worth showing without them.
        return None
    if jumps.attrs.get("fingerprint") != flow.attrs.get("fingerprint"):
        return None
    space = Space.from_dataset(results)
    found = [
        space.project(jumps["states"].isel({HOST: host, TARGET: on_grid}).load(), n_components=2)
        for host in range(jumps.sizes[HOST])
    ]
    return np.stack([one.transpose(INJECTED, TARGET, STEP, COMPONENT).values for one in found])


def _ends(flow: xr.Dataset) -> np.ndarray:
    """Scores where states are put and at the horizon, (host, place, target, 2, 2)."""
    start, moved = (
        flow[name].transpose(HOST, INJECTED, TARGET, COMPONENT).values for name in ("start", "displacement")
    )
    return np.stack([start, start + moved], axis=3)


def _at(flow: xr.Dataset, name: str, n_steps: int, horizon: np.ndarray) -> np.ndarray:
    """A quantity of steps, (host, place, step, target): of all steps, or of the write and the horizon."""
    values = flow[name].transpose(HOST, INJECTED, STEP, TARGET).values
    if values.shape[2] == n_steps:
        return values
    ends = np.take_along_axis(values, horizon[None, :, None, None], axis=2)
    return np.concatenate([values[:, :, :1], ends], axis=2)


def _flat(values: np.ndarray) -> np.ndarray:
    """The last two dimensions as one: each row of them has one scale."""
    return values.reshape(*values.shape[:-2], -1)


def _host(flow: xr.Dataset, row: int, run: Mapping[str, Any], texts: Mapping[Any, str]) -> str:
    """A host in words: the prompt, which is the first, or the beginning of its text."""
    settings = run.get(TeleportSettings.SECTION)
    prompt = settings.get("prompt") if isinstance(settings, dict) else None
    own = texts.get(flow["text_id"].values[row], "") if "text_id" in flow.coords else ""
    said = prompt if row == 0 and isinstance(prompt, str) else own
    length = counted(int(flow["n_tokens"].values[row]), "token") if "n_tokens" in flow.coords else ""
    words = clean(" ".join(said.split()))
    return f"{row}: {words[:80]}{'…' if len(words) > 80 else ''}" if words else f"{row}: {length}"


def texts_by_id(directory: Path) -> dict[int, str]:
    """The texts of a run by their text_id; none where it has no samples."""
    if not store.has_manifest(directory):
        return {}
    manifest = store.read_manifest(directory)
    rows = store.read_samples(directory, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    return {source.text_id: source.text for source in rows.sources}
