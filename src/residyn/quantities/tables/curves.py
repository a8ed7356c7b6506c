"""Tables of what is one number per sample or unit at each sublayer or transition, and their summary."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from residyn.numerics.resampling import bootstrap_mean
from residyn.quantities.correlations import KINDS, TRANSITION_KIND
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION, UNIT

_INTERVAL = "95 % bootstrap interval over samples"
_SPREAD = "quartiles over units and transitions: a spread, not an interval"


class Shape(NamedTuple):
    """How a quantity becomes rows: what a row is, and over what it is summed up."""

    row: str
    over: str | None


SHAPES = {
    "mean_activation": Shape(SUBLAYER, UNIT),
    "magnitude": Shape(SUBLAYER, None),
    "sign_kept": Shape(SUBLAYER, None),
    "norm": Shape(SUBLAYER, SAMPLE),
    "density": Shape(SUBLAYER, SAMPLE),
    "unit_correlation": Shape(TRANSITION, UNIT),
    "cosine": Shape(TRANSITION, SAMPLE),
    "velocity": Shape(TRANSITION, SAMPLE),
    "relative_velocity": Shape(TRANSITION, SAMPLE),
}


def row_labels(array: xr.DataArray, row: str) -> dict[str, np.ndarray]:
    names = {SUBLAYER: (SUBLAYER, "layer", "site"), TRANSITION: (TRANSITION, "from_layer", "kind")}[row]
    return {name: array[name].values for name in names}


def values_of(array: xr.DataArray, shape: Shape, resamples: int, seed: int) -> dict[str, Any]:
    if shape.over is None:
        return {str(array.name): array.values}
    values = array.transpose(shape.over, shape.row).values
    if shape.over == SAMPLE:
        estimate = bootstrap_mean(values, resamples=resamples, seed=seed)
        return {
            "n_samples": estimate.n,
            "mean": estimate.mean,
            "sd": estimate.sd,
            "ci_low": estimate.low,
            "ci_high": estimate.high,
        }
    q25, median, q75 = quartiles(values)
    return {"n_units": (~np.isnan(values)).sum(axis=0), "q25": q25, "median": median, "q75": q75}


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


def summary(results: xr.Dataset, resamples: int, seed: int) -> pd.DataFrame:
    """One row per quantity of transitions and kind, with what its low and high ends are."""
    rows = []
    for name, array, shape in _of_transitions(results):
        for kind, part in _by_kind(array):
            row = {"quantity": name, "kind": kind, "n_transitions": part.sizes[TRANSITION], "over": shape.over}
            rows.append({**row, **_summarized(part, shape, resamples, seed)})
    names = "quantity kind n_transitions over n statistic value low high low_and_high resamples seed"
    return pd.DataFrame(rows, columns=names.split()).astype({"resamples": "Int64", "seed": "Int64"})


def _of_transitions(results: xr.Dataset) -> Iterator[tuple[str, xr.DataArray, Shape]]:
    for name, shape in SHAPES.items():
        if name in results and shape.row == TRANSITION:
            yield name, results[name], shape
    if "mutual_information" in results:
        for estimator in results["estimator"].values:
            array = results["mutual_information"].sel(estimator=estimator)
            yield f"mutual_information {estimator}", array, Shape(TRANSITION, UNIT)


def _by_kind(array: xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    kind = array["kind"].values
    for name in KINDS:
        if name in kind:
            yield name, array.isel({TRANSITION: np.flatnonzero(kind == name)})


def _summarized(part: xr.DataArray, shape: Shape, resamples: int, seed: int) -> dict[str, Any]:
    if shape.over == SAMPLE:
        # A sample's transitions are not independent: they are averaged first, and samples are resampled.
        means = part.mean(TRANSITION, skipna=True).values[:, None]
        e = bootstrap_mean(means, resamples=resamples, seed=seed)
        return {
            "n": int(e.n[0]),
            "statistic": "mean",
            "value": e.mean[0],
            "low": e.low[0],
            "high": e.high[0],
            "low_and_high": _INTERVAL,
            "resamples": resamples,
            "seed": seed,
        }
    pooled = part.values.reshape(-1, 1)
    q25, median, q75 = quartiles(pooled)[:, 0]
    return {
        "n": int((~np.isnan(part.values)).any(axis=0).sum()),
        "statistic": "median",
        "value": median,
        "low": q25,
        "high": q75,
        "low_and_high": _SPREAD,
    }
