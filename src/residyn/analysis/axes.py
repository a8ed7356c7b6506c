"""Which coordinates of the states a result keeps, and which samples belong together."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from residyn.schema import DOCUMENT, NO_DOCUMENT, SAMPLE


def along(states: xr.DataArray, *dims: str) -> dict[str, Any]:
    """The coordinates of `states` that lie along one of `dims` each: labels, layer and site, text_id, …"""
    return {
        str(name): coordinate.variable
        for name, coordinate in states.coords.items()
        if len(coordinate.dims) == 1 and coordinate.dims[0] in dims
    }


def documents_of(states: xr.DataArray) -> np.ndarray:
    """The document of each sample, (N,) int64; where it is not known a number below −1 of the sample's own."""
    alone = -2 - np.arange(states.sizes[SAMPLE])
    if DOCUMENT not in states.coords:
        return alone
    known = states[DOCUMENT].values
    return np.where(known == NO_DOCUMENT, alone, known)
