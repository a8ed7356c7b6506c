"""Local linear maps on the page: eigenvalues at every sublayer, and their numbers as curves over depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from residyn.control_names import MODEL, PERMUTED, UNTRAINED_PREFIX
from residyn.explorer.quantised import quantise
from residyn.explorer.record import Beside, Numbers, PageCurve, PageMaps, PageNetwork
from residyn.quantities.at_samples import curve, over_networks
from residyn.quantities.local_maps import ginibre_value
from residyn.schema import BOUND, PROBE, SAMPLE, SUBLAYER
from residyn.words import counted

ROOM = 2**19
"""Eigenvalues of all networks together for which a page has room."""
_RANDOM = "ginibre_"
"""What the names of numbers of random matrices begin with."""

Networks = Mapping[str, xr.Dataset]


def page_maps(results: xr.Dataset, networks: Networks) -> PageMaps | None:
    """The eigenvalues of each network's maps at the results' sublayers; None where there are none.

    Of as many texts of each network as the page has room for, at least one.
    """
    if MODEL not in networks:
        return None
    most = ROOM // len(networks)
    return PageMaps(tuple(_network(results, name, maps, most) for name, maps in networks.items()))


def map_curves(results: xr.Dataset, networks: Networks) -> tuple[PageCurve, ...]:
    """Every number that a sublayer's map has, as a curve: with its interval, untrained networks, permuted weights
    and what a random matrix has.
    """
    maps = networks.get(MODEL)
    if maps is None:
        return ()
    names = [
        str(name)
        for name, array in maps.data_vars.items()
        if {SAMPLE, SUBLAYER} <= set(array.dims) <= {SAMPLE, SUBLAYER, PROBE} and not str(name).startswith(_RANDOM)
    ]
    return tuple(_curve(results, networks, name) for name in sorted(names))


def _curve(results: xr.Dataset, networks: Networks, name: str) -> PageCurve:
    maps = networks[MODEL]
    attrs = maps[name].attrs
    value, low, high = (
        _at_places(results, maps, ends) for ends in curve(maps, name).transpose(BOUND, SUBLAYER).values
    )
    known = bool(np.isfinite(low).any())
    title = name.replace("_", " ")
    units = str(attrs.get("units", ""))
    return PageCurve(
        name=f"jacobians.{name}",
        title=f"Local maps: {title}",
        label=f"{title} ({units})" if units not in ("", "1") else title,
        definition=str(attrs.get("definition", "")),
        source=str(attrs.get("source", "")),
        statistic=f"mean over {counted(maps.sizes[SAMPLE], 'text')}",
        panel="",
        axis="sublayer",
        value=_numbers(value),
        low=_numbers(low) if known else (),
        high=_numbers(high) if known else (),
        band="95 % interval over documents" if known else "",
        beside=tuple(
            Beside(said, "null", _numbers(_at_places(results, maps, np.asarray(values))))
            for said, values in _beside(networks, name)
        ),
        paper=(),
        samples=None,
    )


def _beside(networks: Networks, name: str) -> Iterator[tuple[str, np.ndarray]]:
    maps = networks[MODEL]
    untrained = over_networks(networks, name)
    if untrained is not None:
        said = counted(untrained.sizes["network"], "untrained network")
        yield said, untrained.transpose("network", ...).values.mean(axis=0)
    if PERMUTED in networks:
        yield "permuted weights", _means(networks[PERMUTED], name)
    constant = ginibre_value(name, _width(maps))
    if constant is not None:
        yield "random matrix", np.full(maps.sizes[SUBLAYER], constant)
    elif f"{_RANDOM}{name}" in maps:
        yield "random matrices of the same norms", _means(maps, f"{_RANDOM}{name}")


def _means(maps: xr.Dataset, name: str) -> np.ndarray:
    return curve(maps, name).isel({BOUND: 0}).values


def _network(results: xr.Dataset, name: str, maps: xr.Dataset, most: int) -> PageNetwork:
    parts = xr.concat([maps["eigenvalue_real"], maps["eigenvalue_imag"]], "part", join="override")
    n_all = maps.sizes[SAMPLE]
    n = int(np.clip(most // (parts.sizes[SUBLAYER] * parts.sizes["eigenvalue"]), 1, n_all))
    shown = parts.isel({SAMPLE: slice(n)}).transpose("part", SUBLAYER, SAMPLE, "eigenvalue").values
    flat = shown.reshape(2, shown.shape[1], -1)
    disc = maps["frobenius"].mean(SAMPLE).values / np.sqrt(_width(maps))
    return PageNetwork(
        title=_title(name),
        n_samples=n,
        n_all=n_all,
        eigenvalues=quantise(np.stack([_at_places(results, maps, part) for part in flat]), 16),
        disc=_numbers(_at_places(results, maps, disc)),
    )


def _title(name: str) -> str:
    if name == MODEL:
        return "the model"
    if name == PERMUTED:
        return "permuted weights"
    return (
        f"untrained network {name.removeprefix(UNTRAINED_PREFIX)}" if name.startswith(UNTRAINED_PREFIX) else name
    )


def _width(maps: xr.Dataset) -> int:
    return int(maps.attrs["n_units"])


def _at_places(results: xr.Dataset, maps: xr.Dataset, values: np.ndarray) -> np.ndarray:
    """What maps have at their sublayers (sublayer, …), at those of the results; NaN where there is no map."""
    own = {label: row for row, label in enumerate(maps[SUBLAYER].values.tolist())}
    found = np.full((results.sizes[SUBLAYER], *values.shape[1:]), np.nan)
    for row, label in enumerate(results[SUBLAYER].values.tolist()):
        if label in own:
            found[row] = values[own[label]]
    return found


def _numbers(values: np.ndarray) -> Numbers:
    return tuple(np.asarray(values, dtype=np.float64).tolist())
