"""The points that the stream is moved to: any array of vectors → (host, injected, target, unit)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from residyn.errors import DataError, UsageError

HOST, INJECTED, TARGET, UNIT = "host", "injected", "target", "unit"
DIMS = (HOST, INJECTED, TARGET, UNIT)
_BY_RANK = {2: (TARGET, UNIT), 3: (INJECTED, TARGET, UNIT), 4: DIMS}


@dataclass(frozen=True)
class Targets:
    """Vectors (host, injected, target, unit), float32; a view that repeats where hosts or places share them.

    `coords` are the caller's coordinates along these dimensions, by name.
    """

    values: np.ndarray
    coords: Mapping[str, Any]
    sha256: str

    @property
    def n(self) -> int:
        return self.values.shape[2]


def read_targets(to: Any, n_hosts: int, places: Sequence[str], n_units: int, dtype: torch.dtype) -> Targets:
    """Vectors as given by the caller, one set for all, one for each place, or one for each host and place.

    `to` is (target, unit), (injected, target, unit) or (host, injected, target, unit); of a DataArray, whose
    dimensions bear these names, any order, and host with or without injected. Raises DataError for vectors of
    another width, none at all, values that are not finite or not so in the model's number format, and UsageError
    for dimensions that fit neither the hosts nor the places.
    """
    array, coords = _named(to, places)
    wanted = (n_hosts, len(places), array.shape[2], n_units)
    if array.shape[3] != n_units:
        raise DataError(
            f"Targets are vectors of the model's width, {n_units} units; got {array.shape[3]}. "
            "Lift points of a plane to vectors first."
        )
    if not array.shape[2]:
        raise DataError("There are no targets: the array of vectors is empty. Give one vector or more.")
    for name, came, number in zip(DIMS[:2], array.shape, wanted, strict=False):
        if came not in (1, number):
            raise UsageError(
                f"Targets of their own for each {name} were given for {came} of them; there are {number}. "
                "Give (target, unit) for all, or as many as there are."
            )
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float32)
    finite = torch.from_numpy(values).to(dtype).isfinite().all(dim=3).numpy()
    if not finite.all():
        host, place, target = np.argwhere(~finite)[0]
        raise DataError(
            f"{np.count_nonzero(~finite)} of {finite.size} targets are not finite as {dtype}, the first of them "
            f"target {target}{f' of {places[place]}' if finite.shape[1] > 1 else ''}"
            f"{f' of host {host}' if finite.shape[0] > 1 else ''}. Leave them out."
        )
    digest = hashlib.sha256(f"{values.shape}".encode() + values.astype("<f4").tobytes()).hexdigest()
    return Targets(np.broadcast_to(values, wanted), coords, digest)


def _named(to: Any, places: Sequence[str]) -> tuple[np.ndarray, dict[str, Any]]:
    """The array in four dimensions, those that are shared of length one, and the coordinates to keep."""
    if not isinstance(to, xr.DataArray):
        array = np.asarray(to)
        if array.ndim not in _BY_RANK or array.dtype.kind not in "fiu":
            raise DataError(
                f"Targets are numbers in an array (target, unit), (injected, target, unit) or {DIMS}; "
                f"got {array.dtype} of shape {array.shape}. One vector is to[None]."
            )
        to = xr.DataArray(array, dims=_BY_RANK[array.ndim])
    foreign = [str(name) for name in to.dims if name not in DIMS]
    if foreign or TARGET not in to.dims or UNIT not in to.dims:
        raise DataError(
            f"Targets have the dimensions target and unit, and may have injected and host; got {to.dims}. "
            "Rename or stack the others first."
        )
    if INJECTED in to.coords and [str(label) for label in to[INJECTED].values] != list(places):
        raise UsageError(
            f"The targets are labelled for injection at {', '.join(map(str, to[INJECTED].values))}; at= names "
            f"{', '.join(places)}. Give both in the same order."
        )
    coords = {
        str(name): (coord.dims, coord.values)
        for name, coord in to.coords.items()
        if coord.dims and UNIT not in coord.dims and name not in (HOST, INJECTED)
    }
    return to.expand_dims([name for name in DIMS if name not in to.dims]).transpose(*DIMS).values, coords
