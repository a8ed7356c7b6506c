"""The results that runs are compared by, and how each is taken from a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from residyn.quantities.tables.curves import SHAPES, Shape
from residyn.schema import SUBLAYER, TRANSITION, UNIT

GLOBAL = "global"
"""The space whose explained variance is compared: the paper's."""

ESTIMATOR = "estimator"
INFORMATION, EXPLAINED = "mutual_information", "explained_variance_by_sublayer"

COMPARED: dict[str, Shape] = {
    **{name: SHAPES[name] for name in ("cosine", "velocity", "relative_velocity", "norm", "density")},
    "unit_correlation": SHAPES["unit_correlation"],
    INFORMATION: Shape(TRANSITION, UNIT),
    "magnitude": SHAPES["magnitude"],
    "sign_kept": SHAPES["sign_kept"],
    "participation_ratio": Shape(SUBLAYER, None),
    EXPLAINED: Shape(SUBLAYER, None),
}


def shared_estimator(runs: Mapping[str, xr.Dataset]) -> str | None:
    """The estimator of mutual information that every run with any has, the first in the first one's order."""
    having = [names for results in runs.values() if (names := estimators_of(results))]
    return next((name for name in having[0] if all(name in names for names in having)), None) if having else None


def estimators_of(results: xr.Dataset) -> list[str]:
    """The estimators of a run's mutual information, in their order; none where it lacks it, or names none."""
    if INFORMATION not in results or ESTIMATOR not in results[INFORMATION].coords:
        return []
    # That of one estimator, as `mutual_information` returns it, has its name and no dimension of names.
    return [str(name) for name in np.atleast_1d(results[INFORMATION][ESTIMATOR].values)]


def result_of(results: xr.Dataset, quantity: str, estimator: str | None) -> xr.DataArray | None:
    """A run's result as it is compared, or None where the run lacks it."""
    if quantity not in results:
        return None
    array = results[quantity]
    if quantity == INFORMATION:
        if estimator not in estimators_of(results):
            return None
        return array.sel({ESTIMATOR: estimator}) if ESTIMATOR in array.dims else array
    if quantity == EXPLAINED and "space" in array.dims:
        return array.sel(space=GLOBAL) if GLOBAL in array["space"].values else None
    return array
