"""Tables of what is one number per sample or unit at each sublayer or transition, and their summary."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.axis_names import axis_names
from residyn.numerics import nan
from residyn.quantities.registry import quantities
from residyn.quantities.summaries import places
from residyn.schema import BOUND, BY_KIND, CURVE, SAMPLE, SUBLAYER, TRANSITION, TRANSITION_KIND, UNIT

ESTIMATOR = "estimator"


def row_labels(array: xr.DataArray, row: str) -> dict[str, np.ndarray]:
    """The columns that name the rows of a table: sublayer, layer and site; or transition, from_layer and kind.

    Where places along depth are areas or time bins of a recording, a column `place` with their names comes first.
    """
    place = {} if axis_names(array.attrs).of_a_model else {"place": np.array(places(array, row))}
    names = {SUBLAYER: (SUBLAYER, "layer", "site"), TRANSITION: (TRANSITION, "from_layer", "kind")}[row]
    return {**place, **{name: array[name].values for name in names}}


def depth_of(array: xr.DataArray) -> str | None:
    """The dimension of a result that is along depth; None where it has none."""
    return next((dim for dim in (SUBLAYER, TRANSITION) if dim in array.dims), None)


def curve_tables(results: xr.Dataset) -> Iterator[tuple[str, pd.DataFrame]]:
    """A table for each registered quantity that the results hold, by its name."""
    for name in quantities():
        if name in results and (row := depth_of(results[name])) is not None:
            array = results[name]
            columns = {**spread_columns(array, row), **interval_columns(results, name)}
            yield name, pd.DataFrame({**row_labels(array, row), **columns})


def spread_columns(array: xr.DataArray, row: str) -> dict[str, Any]:
    """How values are spread: n_samples, mean and sd over samples; or n_units and quartiles over units; or the
    value.
    """
    if SAMPLE in array.dims:
        values = array.transpose(SAMPLE, row).values
        known = ~np.isnan(values)
        n = known.sum(axis=0)
        mean = nan.ratio(np.where(known, values, 0.0).sum(axis=0), n)
        square = (np.where(known, values - mean, 0.0) ** 2).sum(axis=0)
        return {"n_samples": n, "mean": mean, "sd": np.sqrt(nan.ratio(square, np.maximum(n - 1, 0)))}
    if UNIT in array.dims:
        values = array.transpose(UNIT, row).values
        q25, median, q75 = quartiles(values)
        return {"n_units": (~np.isnan(values)).sum(axis=0), "q25": q25, "median": median, "q75": q75}
    return {str(array.name): array.values}


def interval_columns(results: xr.Dataset, name: str, **chosen: str) -> dict[str, np.ndarray]:
    """ci_low and ci_high, the ends of the 95 % interval over documents; none where the results have none.

    `chosen` are labels to select, such as an estimator.
    """
    curve = results.get(f"{name}{CURVE}")
    if curve is None:
        return {}
    ends = curve.sel(chosen)
    return {f"ci_{end}": ends.sel({BOUND: end}).values for end in ("low", "high")}


def quartiles(values: np.ndarray) -> np.ndarray:
    """Quartiles (3, K) of the columns of values (N, K), without NaN; NaN for a column of nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        # Between two infinities, as of information between equal ranks, no quantile is interpolated.
        warnings.filterwarnings("ignore", "invalid value encountered", RuntimeWarning)
        return np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)


def density_table(density: xr.DataArray) -> pd.DataFrame:
    """Each kind's share of r < 0 and in each bin, as the mean over units with transitions of that kind."""
    inside = density.transpose(TRANSITION_KIND, "bin", UNIT).values
    negative = density["share_negative"].transpose(TRANSITION_KIND, UNIT).values
    known = ~np.isnan(negative)
    rows = []
    for i, kind in enumerate(density[TRANSITION_KIND].values):
        shares = np.vstack([negative[i], inside[i]])[:, known[i]]
        mean = shares.mean(axis=1) if known[i].any() else np.full(len(shares), np.nan)
        left, right = ([end, *density[name].values] for end, name in ((-1.0, "bin_left"), (0.0, "bin_right")))
        rows.append(pd.DataFrame({"kind": kind, "bin_left": left, "bin_right": right, "share": mean}))
    return pd.concat(rows, ignore_index=True)


def summary(results: xr.Dataset) -> pd.DataFrame:
    """One row per quantity of transitions and kind: the mean of its curve there, with its interval."""
    rows = []
    for name in map(str, results.data_vars):
        array = results[name]
        if not name.endswith(BY_KIND):
            continue
        quantity = name.removesuffix(BY_KIND)
        if ESTIMATOR in array.dims:
            for estimator in map(str, array[ESTIMATOR].values):
                rows += _by_kind(f"{quantity} {estimator}", array.sel({ESTIMATOR: estimator}))
        else:
            rows += _by_kind(quantity, array)
    names = "quantity kind n_transitions statistic value low high n_groups resamples seed"
    return pd.DataFrame(rows, columns=names.split())


def _by_kind(quantity: str, array: xr.DataArray) -> Iterator[dict[str, Any]]:
    said = {
        "statistic": array.attrs["statistic"],
        "n_groups": array.attrs["n_groups"],
        "resamples": array.attrs["resamples"],
        "seed": array.attrs["resampling_seed"],
    }
    for kind in (str(kind) for kind in array[TRANSITION_KIND].values if kind != "all"):
        one = array.sel({TRANSITION_KIND: kind})
        ends = {end: float(one.sel({BOUND: end})) for end in ("value", "low", "high")}
        yield {"quantity": quantity, "kind": kind, "n_transitions": int(one["n_transitions"]), **said, **ends}
