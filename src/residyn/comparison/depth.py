"""Where a state or a transition lies between the first state of a run and its last."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.schema import SUBLAYER, TRANSITION


def relative_depth(array: xr.DataArray) -> np.ndarray:
    """Relative depth of each sublayer or transition of states or a result, float64 in [0, 1].

    Of S sublayers, the one with index i is at i / (S − 1), and the transition that leaves it half a step later,
    at (i + ½) / (S − 1). A single sublayer has no depth relative to others: NaN.
    """
    if TRANSITION in array.dims:
        return (np.arange(array.sizes[TRANSITION]) + 0.5) / array.sizes[TRANSITION]
    return sublayer_depths(array.sizes[SUBLAYER])


def sublayer_depths(n_sublayers: int) -> np.ndarray:
    """Relative depth of each of so many sublayers; NaN where there is but one."""
    return np.linspace(0.0, 1.0, n_sublayers) if n_sublayers > 1 else np.full(n_sublayers, np.nan)
