"""Curves over depth of what was found at some samples (`rd.jacobians`, `rd.outputs`), by network, with intervals
over documents.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from residyn.control_names import UNTRAINED_PREFIX
from residyn.errors import DataError
from residyn.numerics.groups import groups_of, replicate_weights, weighted_mean
from residyn.numerics.nan import finite_mean
from residyn.quantities.replicates import GROUPS, RESAMPLES, Plan, with_ends
from residyn.schema import BOUND, BOUNDS, DOCUMENT, PROBE, SAMPLE, documents_of

_LEAST = {"directions": 1.0}
"""The least that a number in these units can be, where it does not say so itself."""


def curve(found: xr.Dataset, name: str, seed: int = 0) -> xr.DataArray:
    """The mean over samples of one number, (place, bound): its value and the ends of its interval.

    Where it has probes, of the first, which grows the most. Samples of which it is not known are left out. The
    interval is of 95 %, over documents, within the bounds of the number, and NaN for one alone. Raises DataError
    where there is no such number.
    """
    if name not in found:
        raise DataError(f"{name!r} is none of the numbers found; these are {', '.join(map(str, found))}.")
    values = found[name].isel({PROBE: 0}) if PROBE in found[name].dims else found[name]
    (along,) = (dim for dim in values.dims if dim != SAMPLE)
    known = values.notnull().any(str(along)).values
    # Samples of which nothing is known are no groups that could have been drawn.
    values = values.isel({SAMPLE: np.flatnonzero(known)}) if known.any() else values
    plan = plan_of_samples(values, seed)
    least = _LEAST.get(str(values.attrs.get("units")), -np.inf)
    bounds = (float(values.attrs.get("least", least)), float(values.attrs.get("most", np.inf)))
    rows = weighted_mean(values.transpose(SAMPLE, along).values.astype(np.float64), plan.group, plan.weights)
    ends = with_ends(rows, plan, bounds).T
    coords = {key: coord for key, coord in values.coords.items() if SAMPLE not in coord.dims}
    made = xr.DataArray(ends, dims=(along, BOUND), name=name, attrs=values.attrs, coords=coords)
    return made.assign_coords({BOUND: list(BOUNDS)})


def plan_of_samples(found: xr.Dataset | xr.DataArray, seed: int = 0, resamples: int = RESAMPLES) -> Plan:
    """How samples are resampled: groups of whole documents."""
    group = groups_of(documents_of(found[DOCUMENT]), GROUPS, seed)
    return Plan(group, replicate_weights(int(group.max()) + 1, resamples, seed), seed)


def over_networks(networks: Mapping[str, xr.Dataset], name: str) -> xr.DataArray | None:
    """The mean curve of each untrained network, (network, place); None where there are none."""
    found = [
        curve(one, name).isel({BOUND: 0}, drop=True)
        for key, one in networks.items()
        if key.startswith(UNTRAINED_PREFIX)
    ]
    return xr.concat(found, "network", join="override", combine_attrs="override") if found else None


def thirds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the first and over the last third of places along the last axis, NaN left out."""
    n = max(1, values.shape[-1] // 3)
    return finite_mean(values[..., :n], axis=-1), finite_mean(values[..., -n:], axis=-1)
