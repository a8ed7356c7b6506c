"""Tables of the controls: kinematics without norms, dependence beyond the skip path, kurtosis over units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.numerics.resampling import bootstrap_mean
from residyn.quantities.tables.curves import quartiles, row_labels
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION, UNIT

_OF_SAMPLES = (
    "angular_velocity",
    "radial_step",
    "tangential_step",
    "acceleration",
    "turning_angle",
    "straightness",
)
_OF_UNITS = ("skip_correlation", "correlation_excess", "step_correlation", "step_r2", "step_information")


def kinematics_table(results: xr.Dataset, *, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """One row per quantity and place: mean over samples, with a 95 % bootstrap interval.

    `place` is the transition or sublayer, `kind` its kind or site, `layer` the layer it leaves or is in; all three
    are empty for straightness, which is of the whole path. Places where no sample has a value are left out.
    """
    frames, columns = [], []
    for name in _OF_SAMPLES:
        if name in results:
            places, values = _places(results[name])
            defined = ~np.isnan(values).all(axis=0)
            frames.append(pd.DataFrame({"quantity": name, **places})[defined])
            columns.append(values[:, defined])
    # One bootstrap for all: every quantity sees the same draws of samples.
    estimate = bootstrap_mean(np.concatenate(columns, axis=1), resamples=resamples, seed=seed)
    return pd.concat(frames, ignore_index=True).assign(
        n_samples=estimate.n, mean=estimate.mean, sd=estimate.sd, ci_low=estimate.low, ci_high=estimate.high
    )


def dependence_table(results: xr.Dataset) -> pd.DataFrame:
    """One row per quantity and transition: median and quartiles over units; for step_r2_joint its one value."""
    frames = []
    for name in (*_OF_UNITS, "step_r2_joint"):
        if name not in results:
            continue
        result = results[name]
        columns: dict[str, Any] = {"quantity": name, **row_labels(result, TRANSITION)}
        if UNIT in result.dims:
            values = result.transpose(UNIT, TRANSITION).values
            q25, median, q75 = quartiles(values)
            n_units = (~np.isnan(values)).sum(axis=0)
            columns |= {"statistic": "median over units", "n_units": n_units, "value": median}
            columns |= {"q25": q25, "q75": q75}
        else:
            columns |= {"statistic": "all units together", "n_units": results.sizes[UNIT], "value": result.values}
            columns |= {"q25": np.nan, "q75": np.nan}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def kurtosis_table(results: xr.Dataset, *, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Per sublayer: mean kurtosis over samples with a 95 % bootstrap interval; the same after rotation."""
    own = results["kurtosis"]
    columns: dict[str, Any] = row_labels(own, SUBLAYER)
    for prefix, name in (("", "kurtosis"), ("rotated_", "kurtosis_rotated")):
        if name in results:
            values = results[name].transpose(SAMPLE, SUBLAYER).values
            known = values[~np.isnan(values).all(axis=1)] if prefix else values
            e = bootstrap_mean(known, resamples=resamples, seed=seed)
            columns |= {f"{prefix}n_samples": e.n, f"{prefix}mean": e.mean, f"{prefix}sd": e.sd}
            columns |= {f"{prefix}ci_low": e.low, f"{prefix}ci_high": e.high}
    return pd.DataFrame(columns)


def _places(result: xr.DataArray) -> tuple[dict[str, Any], np.ndarray]:
    """What a row is called, and the values (sample, row)."""
    if result.dims == (SAMPLE,):
        whole = {"place": ["whole path"], "layer": pd.array([pd.NA], dtype="Int64"), "kind": ["path"]}
        return whole, result.values[:, None]
    depth, layer, kind = (
        (SUBLAYER, "layer", "site") if SUBLAYER in result.dims else (TRANSITION, "from_layer", "kind")
    )
    layers = pd.array(result[layer].values, dtype="Int64")
    named = {"place": result[depth].values, "layer": layers, "kind": result[kind].values}
    return named, result.transpose(SAMPLE, depth).values
