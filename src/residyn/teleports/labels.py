"""Names, provenance and checks that all results of teleports share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.schema import SUBLAYER, UNIT

HOST, INJECTED, TARGET, STEP, GROUP = "host", "injected", "target", "step", "group"
KIND, RADIUS, OF_STATES = "target_kind", "radius", "mahalanobis_of_states"
GRID, DISC, ISOTROPIC, SWAP, SAMPLE_STATE, NO_OP = "grid", "disc", "isotropic", "swap", "sample", "no-op"

PANEL = "Fernando & Guitchounts 2025, Fig. 1L"

_PROVENANCE = (
    "model",
    "texts",
    "position",
    "residual",
    "steps",
    "capture_dtype",
    "sites",
    "path",
    "fingerprint",
    "partial",
    "no_head",
)
_NEEDED = {
    "states": (HOST, INJECTED, TARGET, STEP, UNIT),
    "control": (HOST, SUBLAYER, UNIT),
    "step_sublayer": (INJECTED, STEP),
}


def check_jumps(jumps: xr.Dataset) -> None:
    """Raise DataError unless `jumps` is what a teleport returns."""
    if not isinstance(jumps, xr.Dataset):
        raise DataError(f"Expected the Dataset that teleport(...) returns, got {type(jumps).__name__}. Pass that.")
    for name, dims in _NEEDED.items():
        if name not in jumps.variables or jumps[name].dims != dims:
            came = str(jumps[name].dims) if name in jumps.variables else "none"
            raise DataError(
                f"Teleports have {name} with the dimensions {dims}; got {came}. Pass what teleport(...) returned, "
                "or keep a dimension of length one when selecting: jumps.isel(host=[0])."
            )
    if 0 in jumps["states"].shape:
        raise DataError(
            f"These teleports are empty: {dict(jumps['states'].sizes)}. Give one host and target or more."
        )


def provenance_of(jumps: xr.Dataset) -> dict[str, Any]:
    """Attributes that every result of these teleports has: number of hosts, origin, residyn's version."""
    known = {name: jumps.attrs[name] for name in _PROVENANCE if name in jumps.attrs}
    return {"n_hosts": int(jumps.sizes[HOST]), **known, "residyn_version": version("residyn")}


def label(
    data: Any,
    dims: Iterable[str],
    coords: Mapping[str, Any],
    *,
    quantity: str,
    units: str,
    definition: str,
    source: str,
    provenance: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    **notes: Any,
) -> xr.DataArray:
    """Numbers of teleports as a result: `schema.label_result`, with the provenance of teleports.

    Floating-point results count their NaN as `n_undefined`, unless `notes` do.
    """
    data = np.asarray(data)
    attrs: dict[str, Any] = {
        "quantity": quantity,
        "units": units,
        "definition": definition,
        "source": source,
        "parameters": json.dumps(dict(parameters or {}), sort_keys=True),
        **provenance,
    }
    if data.dtype.kind == "f":
        attrs["n_undefined"] = int(np.isnan(data).sum())
    return xr.DataArray(data, dims=tuple(dims), coords=dict(coords), name=quantity, attrs=attrs | notes)


def along(dataset: xr.Dataset, *dims: str) -> dict[str, Any]:
    """The coordinates of a Dataset that lie along these dimensions and no others."""
    return {
        str(name): coordinate.variable
        for name, coordinate in dataset.coords.items()
        if coordinate.dims and set(coordinate.dims) <= set(dims)
    }
