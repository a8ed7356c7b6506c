"""Angles between the states of all pairs of sublayers, as labelled results."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.numerics import nan
from residyn.quantities.convergence import OTHER
from residyn.schema import SUBLAYER, along, label_result

_ANGLE = "mean over samples of arccos(cos)/π of a sample's states at two sublayers, in half turns"
_GROMOV = "Gromov et al. 2024, arXiv:2403.17887 (angular distance)"


def angular_distances(
    states: xr.DataArray, sums: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> dict[str, xr.DataArray]:
    """angular_distance (sublayer, other_sublayer), in [0, 1] and 0 on the diagonal, and angular_distance_walk.

    From the sums of `LAYER_ANGLES`; NaN where no sample has a state that is not zero at both. The walk keeps each
    sample's norms, step lengths, angles between states and steps, and turning angles: its angles are those of its
    expected inner products, and states next to each other, and next but one, are as in the data.
    """
    angle, walk, count = (one.sum(axis=0) for one in sums)
    coords = {**along(states, SUBLAYER), OTHER: states[SUBLAYER].values}
    walked = f"{_ANGLE}, of the expected inner products of a walk with the same norms and angles"
    return {
        name: label_result(
            nan.ratio(total, count),
            (SUBLAYER, OTHER),
            coords,
            quantity=name,
            units="half turns",
            definition=words,
            source=source,
            states=states,
            title=title,
        )
        for name, total, words, source, title in (
            ("angular_distance", angle, _ANGLE, _GROMOV, "Angle between all pairs of sublayers"),
            ("angular_distance_walk", walk, walked, "closed form of the null `random_walk`", "Angle in a walk"),
        )
    }
