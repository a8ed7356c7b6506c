"""Local linear maps on the page: eigenvalues at every sublayer, and their numbers as curves over depth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from residyn.control_names import MODEL, PERMUTED, UNTRAINED_PREFIX
from residyn.explorer.networks import Networks, Told, at_places, means, network_curve, numbers
from residyn.explorer.quantised import quantise
from residyn.explorer.record import PageCurve, PageMaps, PageNetwork
from residyn.quantities.local_maps import ginibre_value
from residyn.schema import PROBE, SAMPLE, SUBLAYER

ROOM = 2**19
"""Eigenvalues of all networks together for which a page has room."""
_RANDOM = "ginibre_"
"""What the names of numbers of random matrices begin with."""


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
    title = name.replace("_", " ")
    nulls = tuple(_random(networks[MODEL], name))
    return network_curve(results, networks, name, Told(f"jacobians.{name}", f"Local maps: {title}", title, nulls))


def _random(maps: xr.Dataset, name: str) -> Iterator[tuple[str, np.ndarray]]:
    constant = ginibre_value(name, _width(maps))
    if constant is not None:
        yield "random matrix", np.full(maps.sizes[SUBLAYER], constant)
    elif f"{_RANDOM}{name}" in maps:
        yield "random matrices of the same norms", means(maps, f"{_RANDOM}{name}")


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
        eigenvalues=quantise(np.stack([at_places(results, maps, part) for part in flat]), 16),
        disc=numbers(at_places(results, maps, disc)),
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
