"""The sublayers that are injected at: their labels, their clouds of states, and where the hosts are."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics import moments
from residyn.schema import SAMPLE, SUBLAYER, UNIT, check_states, sublayers_of
from residyn.teleports.labels import HOST
from residyn.walk import each_block

At = int | str | Iterable[int | str]


class InjectionPlaces(NamedTuple):
    """Sublayers to inject at: `labels` (P,), and their `positions` (P,) among the sublayers of the states."""

    labels: list[str]
    positions: list[int]


def horizon_within(n_sublayers: int, most: int) -> int:
    """How many sublayers a displacement is followed over: `most`, or a fifth of a model's where that is less.

    At least 1. In a model of few sublayers a longer horizon would be cut at all places but the first ones, and
    places would be compared over different horizons.
    """
    return max(1, min(most, n_sublayers // 5))


def find(states: xr.DataArray, at: At) -> InjectionPlaces:
    """The sublayers of `states` that `at` names: layers (the state that enters each) or labels such as "7.mlp".

    Raises UsageError for one that the states lack, one named twice, or none.
    """
    check_states(states)
    known = sublayers_of(states)
    labels = [place.label for place in known]
    wanted = list(at) if isinstance(at, Iterable) and not isinstance(at, str) else [at]
    if not wanted:
        raise UsageError("No sublayer to inject at was named. Give layers or labels, such as [0, 7] or '7.mlp'.")
    index = []
    for place in wanted:
        found = [
            i
            for i, sublayer in enumerate(known)
            if sublayer.label == place or (not isinstance(place, str) and sublayer.layer == place)
        ]
        if not found:
            raise UsageError(
                f"{place!r} is neither a layer nor a sublayer of these states, which run from {labels[0]} to "
                f"{labels[-1]}. Name the places that the states were captured at."
            )
        index.append(found[0])
    if len(set(index)) < len(index):
        raise UsageError(f"Each place to inject at is named once; got {', '.join(map(str, wanted))}.")
    return InjectionPlaces([labels[i] for i in index], index)


def states_at(states: xr.DataArray, index: int) -> np.ndarray:
    """All states of one sublayer, (N, D); DataError where one is not finite."""
    parts = each_block(states.isel({SUBLAYER: [index]}), lambda block: np.array(block[:, 0]))
    return np.concatenate(list(parts))


def widths(states: xr.DataArray, places: InjectionPlaces) -> np.ndarray:
    """σ of each place, (P,) > 0: the root mean square distance of its states from their mean.

    Raises DataError where all states of a place are the same, which leaves nothing to measure radii in.
    """
    parts = each_block(states.isel({SUBLAYER: places.positions}), moments.from_block)
    gathered = functools.reduce(moments.merge, parts)
    sigma = np.sqrt(gathered.m2.sum(axis=1) / gathered.count)
    for place, width in zip(places.labels, sigma, strict=True):
        if not width > 0:
            raise DataError(
                f"All {states.sizes[SAMPLE]} states at {place} are the same: no spread to measure a radius in. "
                "Inject at a later sublayer, or give states of more different texts."
            )
    return sigma


def hosts_at(hosts: xr.DataArray, states: xr.DataArray, places: InjectionPlaces) -> np.ndarray:
    """The hosts' own states at the places, (H, P, D) in float64.

    `hosts` are labelled (host, sublayer, unit), or (sample, sublayer, unit) as a part of the states is. Raises
    DataError for other dimensions or units, sublayers that are missing, or values that are not finite.
    """
    first = SAMPLE if SAMPLE in hosts.dims else HOST
    if set(hosts.dims) != {first, SUBLAYER, UNIT} or hosts.sizes[UNIT] != states.sizes[UNIT]:
        raise DataError(
            f"Hosts are states (host, sublayer, unit) of {states.sizes[UNIT]} units; got {dict(hosts.sizes)}. "
            "Capture them with the same model."
        )
    known = [str(name) for name in hosts[SUBLAYER].values]
    missing = [name for name in places.labels if name not in known]
    if missing:
        raise DataError(f"The hosts have no state at {', '.join(missing)}. Capture every sublayer of them.")
    chosen = hosts.transpose(first, SUBLAYER, UNIT).isel({SUBLAYER: [known.index(name) for name in places.labels]})
    own = chosen.variable.compute(scheduler="synchronous").values.astype(np.float64)
    if not own.size or not np.isfinite(own).all():
        raise DataError("The hosts' own states are empty or not finite. Capture them again in float32.")
    return own


def check_radii(radii: Sequence[float]) -> np.ndarray:
    """Radii as an array (R,); UsageError unless they are numbers above 0."""
    array = np.asarray(radii, dtype=np.float64)
    if array.ndim != 1 or not array.size or not (np.isfinite(array) & (array > 0)).all():
        raise UsageError(f"Radii are numbers above 0, in σ of the sublayer, such as (0.5, 1, 2); got {radii!r}.")
    return array


def check_count(n: int, what: str) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise UsageError(f"The number of {what} is a whole number of at least 1; got {n!r}.")
    return int(n)
