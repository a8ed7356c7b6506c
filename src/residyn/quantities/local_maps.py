"""Curves over depth of local linear maps (`rd.jacobians`), with intervals over documents, and of networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from residyn.control_names import UNTRAINED_PREFIX
from residyn.errors import DataError
from residyn.numerics.groups import groups_of, replicate_weights, weighted_mean
from residyn.numerics.linear_maps import (
    GINIBRE_HENRICI,
    GINIBRE_RANK,
    GINIBRE_ROTATION,
    GINIBRE_SKEW,
    ginibre_complex,
)
from residyn.numerics.nan import finite_mean
from residyn.quantities.replicates import GROUPS, RESAMPLES, Plan, with_ends
from residyn.schema import BOUND, BOUNDS, DOCUMENT, LAYER, PROBE, SAMPLE, documents_of


def curve(maps: xr.Dataset, name: str, seed: int = 0) -> xr.DataArray:
    """The mean over samples of one number of each map, (place, bound): its value and the ends of its interval.

    Where it has probes, of the first, which grows the most. The interval is of 95 %, over documents, and NaN for
    one alone. Raises DataError where the maps do not hold the number.
    """
    if name not in maps:
        raise DataError(f"{name!r} is none of the numbers of local maps; these are {', '.join(map(str, maps))}.")
    values = maps[name].isel({PROBE: 0}) if PROBE in maps[name].dims else maps[name]
    (along,) = (dim for dim in values.dims if dim != SAMPLE)
    plan = plan_of_maps(maps, seed)
    rows = weighted_mean(values.transpose(SAMPLE, along).values.astype(np.float64), plan.group, plan.weights)
    found = with_ends(rows, plan, (-np.inf, np.inf)).T
    coords = {key: coord for key, coord in values.coords.items() if SAMPLE not in coord.dims}
    made = xr.DataArray(found, dims=(along, BOUND), name=name, attrs=values.attrs, coords=coords)
    return made.assign_coords({BOUND: list(BOUNDS)})


def plan_of_maps(maps: xr.Dataset, seed: int = 0, resamples: int = RESAMPLES) -> Plan:
    """How the samples of maps are resampled: groups of whole documents."""
    group = groups_of(documents_of(maps[DOCUMENT]), GROUPS, seed)
    return Plan(group, replicate_weights(int(group.max()) + 1, resamples, seed), seed)


def over_networks(networks: Mapping[str, xr.Dataset], name: str) -> xr.DataArray | None:
    """The mean curve of each untrained network, (network, place); None where there are none."""
    found = [
        curve(maps, name).isel({BOUND: 0}, drop=True)
        for key, maps in networks.items()
        if key.startswith(UNTRAINED_PREFIX)
    ]
    return xr.concat(found, "network", join="override", combine_attrs="override") if found else None


def ginibre_value(name: str, width: int) -> float | None:
    """What a matrix of independent normal entries of many units has in expectation; None where norms matter too.

    `width` is the number of units.
    """
    known = {
        "skew_share": GINIBRE_SKEW,
        "henrici": GINIBRE_HENRICI,
        "complex_share": ginibre_complex(width),
        "rotation": GINIBRE_ROTATION,
        "effective_rank": GINIBRE_RANK * width,
    }
    return known.get(name.removeprefix(f"{LAYER}_"))


def thirds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the first and over the last third of places along the last axis, NaN left out."""
    n = max(1, values.shape[-1] // 3)
    return finite_mean(values[..., :n], axis=-1), finite_mean(values[..., -n:], axis=-1)
