"""Per unit, over samples: mean activation, its sign, and the correlation of successive sublayers (panels B–D).

Each function reads the states once and accumulates in float64. All raise DataError where the states break the
data contract, are empty or hold a non-finite value; `unit_correlation` also where there is but one sublayer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import geometry, moments
from residyn.numerics.geometry import PathSums
from residyn.numerics.moments import Moments
from residyn.schema import SUBLAYER, TRANSITION, UNIT, along, label_result, transition_coords
from residyn.walk import moments_of, path_sums_of

_EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def mean_activation(states: xr.DataArray) -> xr.DataArray:
    """Sample mean of each unit at each sublayer, (sublayer, unit), in units of activation. Panel B.

    The coordinate `rank` along the units is each unit's position when they are sorted by their mean at the
    last sublayer, 0 the lowest; equal means keep the order of the units.
    """
    return mean_activation_from(moments_of(states), states)


def magnitude(states: xr.DataArray) -> xr.DataArray:
    """Mean of |h| over samples and units at each sublayer, (sublayer,), ≥ 0, in units of activation.

    The paper's claim that activations grow with depth, read from panel B.
    """
    return magnitude_from(path_sums_of(states), states)


def sign_kept(states: xr.DataArray) -> xr.DataArray:
    """Share of units whose sample mean has the sign it has at the last sublayer, (sublayer,), in [0, 1].

    1 at the last sublayer; a half for units without memory. A mean of exactly 0 is a sign of its own.
    The paper's claim that units keep their sign, read from panel B.
    """
    return sign_kept_from(moments_of(states), states)


def unit_correlation(states: xr.DataArray) -> xr.DataArray:
    """Pearson r over samples of each unit between successive sublayers, (transition, unit), in [−1, 1]. Panel C.

    NaN where the unit is constant at either sublayer, and everywhere for fewer than 3 samples; attribute
    `note` then says why, and `n_undefined` counts. `n_constant_units` counts the units that are constant at
    some sublayer. The coordinate `imprecise` marks where the unit's sd at either sublayer is below
    8·eps·|mean|, eps that of the states' `capture_dtype` (default float32): rounding shapes such an r.
    `n_imprecise_units` counts the units so marked somewhere. Raises DataError for an unknown capture dtype.
    """
    transition_coords(states)
    _capture_dtype(states)
    return unit_correlation_from(moments_of(states), states)


def mean_activation_from(m: Moments, states: xr.DataArray) -> xr.DataArray:
    order = np.argsort(m.mean[-1], kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return label_result(
        m.mean,
        (SUBLAYER, UNIT),
        {**along(states, SUBLAYER, UNIT), "rank": (UNIT, rank)},
        quantity="mean_activation",
        units="activation",
        definition="mean of h over samples; rank = position of the unit by its mean at the last sublayer",
        source="Fernando & Guitchounts 2025, Fig. 1B",
        states=states,
    )


def magnitude_from(sums: PathSums, states: xr.DataArray) -> xr.DataArray:
    return label_result(
        geometry.mean_magnitude(sums).mean(axis=0),
        (SUBLAYER,),
        along(states, SUBLAYER),
        quantity="magnitude",
        units="activation",
        definition="mean of |h| over samples and units",
        source="Fernando & Guitchounts 2025, Fig. 1B (claim: magnitude grows with depth)",
        states=states,
    )


def sign_kept_from(m: Moments, states: xr.DataArray) -> xr.DataArray:
    sign = np.sign(m.mean)
    return label_result(
        (sign == sign[-1]).mean(axis=1),
        (SUBLAYER,),
        along(states, SUBLAYER),
        quantity="sign_kept",
        units="share of units",
        definition="share of units whose mean over samples has the sign it has at the last sublayer",
        source="Fernando & Guitchounts 2025, Fig. 1B (claim: units keep their sign)",
        states=states,
    )


def unit_correlation_from(m: Moments, states: xr.DataArray) -> xr.DataArray:
    dtype = _capture_dtype(states)
    r = moments.correlation(m)
    constant = moments.constant(m)
    imprecise = moments.imprecise(m, _EPS[dtype])
    undefined = int(np.isnan(r).sum())
    notes: dict[str, Any] = {
        "n_constant_units": int(constant.any(axis=0).sum()),
        "n_imprecise_units": int(imprecise.any(axis=0).sum()),
        "n_undefined": undefined,
    }
    if m.count < moments.LEAST_SAMPLES:
        notes["note"] = f"NaN everywhere: r needs {moments.LEAST_SAMPLES} samples, and there are {m.count}."
    elif undefined:
        notes["note"] = f"NaN in {undefined} places, where the unit is constant over samples at either sublayer."
    return label_result(
        r,
        (TRANSITION, UNIT),
        {
            **along(states, UNIT),
            **transition_coords(states),
            "imprecise": ((TRANSITION, UNIT), imprecise[:-1] | imprecise[1:]),
        },
        quantity="unit_correlation",
        units="Pearson r",
        definition="correlation over samples of the unit's activations at successive sublayers",
        source="Fernando & Guitchounts 2025, Fig. 1C",
        states=states,
        parameters={"imprecise_below_sd": f"8 eps({dtype}) |mean|"},
        **notes,
    )


def _capture_dtype(states: xr.DataArray) -> str:
    """The precision the states were computed in."""
    dtype = str(states.attrs.get("capture_dtype", "float32")).removeprefix("torch.")
    if dtype not in _EPS:
        raise DataError(
            f"The precision of the states decides which correlations rounding shapes; attrs['capture_dtype'] is "
            f"{dtype!r}, not one of {', '.join(_EPS)}. Set it to the dtype the model ran in; in mixed "
            "precision, to the coarsest."
        )
    return dtype
