"""The curves that runs are compared by, and how each is taken from a run."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import xarray as xr

from residyn.numerics import nan
from residyn.quantities.registry import quantities
from residyn.quantities.tables.curves import quartiles
from residyn.schema import BOUND, BOUNDS, BY_KIND, CURVE, SAMPLE, SUBLAYER, TRANSITION, TRANSITION_KIND, UNIT

GLOBAL = "global"
"""The space whose explained variance is compared: the paper's."""

ESTIMATOR = "estimator"
INFORMATION, EXPLAINED, RATIO = "mutual_information", "explained_variance_by_sublayer", "participation_ratio"


def compared() -> tuple[str, ...]:
    """The names of the quantities that runs are compared by."""
    return (*(name for name, one in quantities().items() if one.compared), INFORMATION, RATIO, EXPLAINED)


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


def named(quantity: str, estimator: str | None) -> str:
    """What a quantity is called where runs are compared: mutual information by its estimator."""
    return f"{quantity} {estimator}" if quantity == INFORMATION else quantity


def means_by_kind(
    results: xr.Dataset, quantity: str, estimator: str | None
) -> dict[str, tuple[float, float, float]]:
    """A curve's mean over the transitions of each kind ("all", too), with the ends of its interval; empty without.

    Means that are not defined are left out.
    """
    array = results.get(f"{quantity}{BY_KIND}")
    if array is None or (quantity == INFORMATION and estimator is None):
        return {}
    if ESTIMATOR in array.dims:
        array = array.sel({ESTIMATOR: estimator})
    found = {}
    for kind in map(str, array[TRANSITION_KIND].values):
        one = array.sel({TRANSITION_KIND: kind})
        value, low, high = (float(one.sel({BOUND: end})) for end in BOUNDS)
        if not math.isnan(value):
            found[kind] = (value, low, high)
    return found


def means_over_depth(
    results: xr.Dataset, quantity: str, estimator: str | None
) -> dict[str, tuple[float, float, float]]:
    """A run's curve as one number for each kind of transition, and "" where it has a value a sublayer.

    With the ends of the interval where the results hold it, which of sublayers they do not: NaN. Empty where the
    run lacks the curve, or it is not defined anywhere.
    """
    found = {kind: ends for kind, ends in means_by_kind(results, quantity, estimator).items() if kind != "all"}
    curve = None if found else curve_of(results, quantity, estimator)
    if curve is None:
        return found
    values = curve.sel({BOUND: BOUNDS[0]}).values.astype(np.float64)
    kinds = curve["kind"].values.astype(str) if TRANSITION in curve.dims else np.full(len(values), "")
    means = {kind: float(nan.finite_mean(values[kinds == kind][None])[0]) for kind in dict.fromkeys(kinds)}
    return {str(kind): (mean, math.nan, math.nan) for kind, mean in means.items() if not math.isnan(mean)}


def curve_of(results: xr.Dataset, quantity: str, estimator: str | None) -> xr.DataArray | None:
    """A run's curve as it is compared, (bound, place): its value and the ends of its interval; None where it lacks
    it.

    Results that hold no curve, as those of earlier versions, give the value alone: its ends are NaN.
    """
    if quantity not in results or (quantity == INFORMATION and estimator not in estimators_of(results)):
        return None
    stored = results.get(f"{quantity}{CURVE}")
    array = results[quantity] if stored is None else stored
    if quantity == INFORMATION and ESTIMATOR in array.dims:
        array = array.sel({ESTIMATOR: estimator})
    if quantity == EXPLAINED and "space" in array.dims:
        if GLOBAL not in array["space"].values:
            return None
        array = array.sel(space=GLOBAL)
    return array if stored is not None else _without_interval(array)


def _without_interval(result: xr.DataArray) -> xr.DataArray:
    """The curve of a result: means over samples, medians over units (means of information), or the values."""
    depth = [dim for dim in result.dims if dim not in (SAMPLE, UNIT)]
    known = quantities().get(str(result.name))
    statistic = "value" if known is None else known.statistic
    values = result.values.astype(np.float64)
    if SAMPLE in result.dims:
        values = nan.finite_mean(result.transpose(*depth, SAMPLE).values)
    elif UNIT in result.dims:
        of_units = result.transpose(*depth, UNIT).values
        statistic = "median over units"
        values = quartiles(of_units.T)[1]
        if result.name == INFORMATION:
            statistic, values = "mean over units", nan.finite_mean(of_units)
    unknown = np.full(values.shape, np.nan)
    kept = {name: c for name, c in result.coords.items() if c.dims == tuple(depth) or name == SUBLAYER}
    curve = xr.DataArray(np.stack([values, unknown, unknown]), dims=(BOUND, *depth), coords=kept, name=result.name)
    return curve.assign_coords({BOUND: list(BOUNDS)}).assign_attrs(statistic=statistic)
