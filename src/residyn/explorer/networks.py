"""Curves of what was found in the run's model at some texts, beside other networks: of local maps and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from residyn.control_names import MODEL, PERMUTED, UNTRAINED_PREFIX
from residyn.explorer.record import Axis, Beside, Numbers, PageCurve
from residyn.quantities.at_samples import curve
from residyn.schema import BOUND, LAYER, SAMPLE, SUBLAYER
from residyn.words import counted

Networks = Mapping[str, xr.Dataset]


class Told(NamedTuple):
    """What a number is called, on its curve's page and axis, and what a formula or a null has in its place.

    `nulls` are pairs of a name and the values at the number's own places.
    """

    name: str
    title: str
    label: str
    nulls: tuple[tuple[str, np.ndarray], ...] = ()


def network_curve(results: xr.Dataset, networks: Networks, name: str, told: Told) -> PageCurve:
    """One number (sample, sublayer) or (sample, layer), a layer's at each of its sublayers, or of the whole path
    (sample): with its interval, the mean of untrained networks, permuted weights, and its nulls.
    """
    found = networks[MODEL]
    attrs = found[name].attrs
    dims = set(found[name].dims)
    axis: Axis = "sublayer" if dims & {SUBLAYER, LAYER} else "path"

    def here(values: np.ndarray) -> Numbers:
        return numbers(at_places(results, found, values, by_layer=LAYER in dims) if axis == "sublayer" else values)

    value, low, high = (here(ends) for ends in _curve(found, name).transpose(BOUND, ...).values)
    known = bool(np.isfinite(low).any())
    n = int(found[name].notnull().any([dim for dim in dims if dim != SAMPLE]).sum())
    units = str(attrs.get("units", ""))
    beside = (*_of_other_networks(networks, name), *told.nulls)
    return PageCurve(
        name=told.name,
        title=told.title,
        label=f"{told.label} ({units})" if units not in ("", "1") else told.label,
        definition=str(attrs.get("definition", "")),
        source=str(attrs.get("source", "")),
        statistic=f"mean over {counted(n, 'text')}",
        panel="",
        axis=axis,
        value=value,
        low=low if known else (),
        high=high if known else (),
        band="95 % interval over documents" if known else "",
        beside=tuple(Beside(said, "null", here(np.asarray(values))) for said, values in beside),
        paper=(),
        samples=None,
    )


def means(found: xr.Dataset, name: str) -> np.ndarray:
    """The mean over samples of one number, at its own places."""
    return _curve(found, name).isel({BOUND: 0}).values


def at_places(results: xr.Dataset, found: xr.Dataset, values: np.ndarray, *, by_layer: bool = False) -> np.ndarray:
    """What is known at the sublayers of `found`, or at its layers, at those of the results; NaN elsewhere."""
    own, wanted = (found[LAYER], results["layer"]) if by_layer else (found[SUBLAYER], results[SUBLAYER])
    rows = {label: row for row, label in enumerate(own.values.tolist())}
    placed = np.full((results.sizes[SUBLAYER], *values.shape[1:]), np.nan)
    for row, label in enumerate(wanted.values.tolist()):
        if label in rows:
            placed[row] = values[rows[label]]
    return placed


def numbers(values: np.ndarray) -> Numbers:
    """As plain numbers."""
    return tuple(np.asarray(values, dtype=np.float64).tolist())


def _curve(found: xr.Dataset, name: str) -> xr.DataArray:
    """The number's curve; one of the whole path is at one place."""
    if set(found[name].dims) != {SAMPLE}:
        return curve(found, name)
    whole = found[name].expand_dims("whole", -1).assign_attrs(found[name].attrs)
    return curve(found.assign({name: whole}), name)


def _of_other_networks(networks: Networks, name: str) -> Iterator[tuple[str, np.ndarray]]:
    untrained = [means(one, name) for key, one in networks.items() if key.startswith(UNTRAINED_PREFIX)]
    if untrained:
        yield counted(len(untrained), "untrained network"), np.mean(untrained, axis=0)
    if PERMUTED in networks:
        yield "permuted weights", means(networks[PERMUTED], name)
