"""Maps of every quantity of units along depth, and numbers that a unit has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from residyn.explorer.curves import parts_of, title_of
from residyn.explorer.quantised import quantise
from residyn.explorer.record import Axis, Map, Units
from residyn.quantities.summaries import depth_of
from residyn.schema import BOUND, SAMPLE, UNIT

FIRST = ("mean_activation", "unit_correlation", "mutual_information")
"""Maps that have a place on every page."""
ROOM = 7 * 2**18
"""Bytes of all other maps together: what keeps a page of 8 billion parameters' 64 × 4,096 below 10 MB."""
_FINE = ("mean_activation",)
"""Maps in 16 bits: portraits take their differences."""


def units(results: xr.Dataset) -> Units:
    """Every map of units that the results hold, those of `FIRST` first, as far as there is room."""
    maps, left_out, room = [], [], ROOM
    for name, array in _ordered(results):
        axis: Axis = depth_of(array)  # type: ignore[assignment]
        further = parts_of(array)
        # Of several estimators the first is the one that all else of the results takes.
        values = array.isel(dict.fromkeys(further, 0)).transpose(axis, UNIT).values
        part = ", ".join(str(array[dim].values[0]) for dim in further)
        title = title_of(results, name, part)
        if name not in FIRST:
            if values.size > room:
                left_out.append(title)
                continue
            room -= values.size
        attrs = array.attrs
        codes = quantise(values, 16 if name in _FINE else 8)
        maps.append(Map(name, title, str(attrs.get("units", "")), str(attrs.get("definition", "")), axis, codes))
    n = results.sizes.get(UNIT, 0)
    rank = results["rank"].values if "rank" in results.coords else np.arange(n)
    facts = tuple(
        (title_of(results, str(name)), tuple(array.values.astype(np.float64).tolist()))
        for name, array in results.data_vars.items()
        if array.dims == (UNIT,) and array.attrs.get("definition")
    )
    return Units(n, tuple(int(place) for place in rank), tuple(maps), facts, tuple(left_out))


def _ordered(results: xr.Dataset) -> Iterator[tuple[str, xr.DataArray]]:
    found = {str(name): array for name, array in results.data_vars.items() if _is_map(array)}
    for name in dict.fromkeys([*FIRST, *found]):
        if name in found:
            yield name, found[name]


def _is_map(array: xr.DataArray) -> bool:
    dims = set(array.dims)
    return bool(depth_of(array)) and UNIT in dims and not dims & {SAMPLE, BOUND} and array.dtype.kind == "f"
