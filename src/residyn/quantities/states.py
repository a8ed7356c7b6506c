"""Per state vector: length, density, and the angle and distance to the next state (panels E and F).

Each function reads the states once and accumulates in float64. Results keep the coordinates of the samples
and of the sublayers or transitions. All raise DataError where the states break the data contract, are empty
or hold a non-finite value; those of a transition also where there is but one sublayer.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.numerics import geometry
from residyn.numerics.geometry import PathSums
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION, along, label_result, transition_coords
from residyn.walk import path_sums_of


def norm(states: xr.DataArray) -> xr.DataArray:
    """Euclidean length ‖h‖ of each state, (sample, sublayer), ≥ 0, in units of activation."""
    return norm_from(path_sums_of(states), states)


def density(states: xr.DataArray) -> xr.DataArray:
    """Population density (Σ|h|/D)² / (Σh²/D) of each state over its D units, (sample, sublayer), in [1/D, 1].

    1 where all units are equally large, 1/D where one unit carries everything, 2/π in the mean for Gaussian
    units. NaN for a zero vector; attribute `n_undefined` counts them. Treves & Rolls 1991.
    """
    return density_from(path_sums_of(states), states)


def cosine(states: xr.DataArray) -> xr.DataArray:
    """Cosine of the angle between each state and the next, (sample, transition), in [−1, 1]. Panel E.

    Unchanged by a common rotation and by the scale of either state. NaN where either state is zero;
    attribute `n_undefined` counts them.
    """
    transition_coords(states)
    return cosine_from(path_sums_of(states), states)


def velocity(states: xr.DataArray, relative: bool = False) -> xr.DataArray:
    """Euclidean length of the step to the next state, ‖h′ − h‖, (sample, transition), ≥ 0. Panel F.

    In units of activation; with `relative`, as a multiple of ‖h‖, the length of the state it leaves, and NaN
    where that is zero (attribute `n_undefined` counts them). The relative velocity is the one to read where
    norms grow with depth, because raw steps grow with them.
    """
    transition_coords(states)
    sums = path_sums_of(states)
    return relative_velocity_from(sums, states) if relative else velocity_from(sums, states)


def norm_from(sums: PathSums, states: xr.DataArray) -> xr.DataArray:
    return label_result(
        geometry.norm(sums),
        (SAMPLE, SUBLAYER),
        along(states, SAMPLE, SUBLAYER),
        quantity="norm",
        units="activation",
        definition="‖h‖₂ over units",
        source="definition",
        states=states,
    )


def density_from(sums: PathSums, states: xr.DataArray) -> xr.DataArray:
    values = geometry.density(sums)
    return label_result(
        values,
        (SAMPLE, SUBLAYER),
        along(states, SAMPLE, SUBLAYER),
        quantity="density",
        units="1",
        definition="(Σ|h|/D)² / (Σh²/D) over the D units; NaN for a zero vector",
        source="Treves & Rolls 1991, Network 2:371",
        states=states,
        n_undefined=int(np.isnan(values).sum()),
    )


def cosine_from(sums: PathSums, states: xr.DataArray) -> xr.DataArray:
    values = geometry.cosine(sums)
    return label_result(
        values,
        (SAMPLE, TRANSITION),
        {**along(states, SAMPLE), **transition_coords(states)},
        quantity="cosine",
        units="1",
        definition="h·h′ / (‖h‖ ‖h′‖) of successive states; NaN where either is zero",
        source="Fernando & Guitchounts 2025, Fig. 1E",
        states=states,
        n_undefined=int(np.isnan(values).sum()),
    )


def velocity_from(sums: PathSums, states: xr.DataArray) -> xr.DataArray:
    return label_result(
        geometry.velocity(sums),
        (SAMPLE, TRANSITION),
        {**along(states, SAMPLE), **transition_coords(states)},
        quantity="velocity",
        units="activation",
        definition="‖h′ − h‖₂ of successive states",
        source="Fernando & Guitchounts 2025, Fig. 1F",
        states=states,
        parameters={"relative": False},
    )


def relative_velocity_from(sums: PathSums, states: xr.DataArray) -> xr.DataArray:
    values = geometry.relative_velocity(sums)
    return label_result(
        values,
        (SAMPLE, TRANSITION),
        {**along(states, SAMPLE), **transition_coords(states)},
        quantity="relative_velocity",
        units="1",
        definition="‖h′ − h‖₂ / ‖h‖₂ of successive states h, h′; NaN where h is zero",
        source="Fernando & Guitchounts 2025, Fig. 1F, over the norm",
        states=states,
        parameters={"relative": True},
        n_undefined=int(np.isnan(values).sum()),
    )
