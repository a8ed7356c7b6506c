"""Which coordinates of the states a result keeps."""

from __future__ import annotations

from typing import Any

import xarray as xr


def along(states: xr.DataArray, *dims: str) -> dict[str, Any]:
    """The coordinates of `states` that lie along one of `dims` each: labels, layer and site, text_id, …"""
    return {
        str(name): coordinate.variable
        for name, coordinate in states.coords.items()
        if len(coordinate.dims) == 1 and coordinate.dims[0] in dims
    }
