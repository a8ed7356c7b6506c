"""Tables of mutual information, dependence, principal components, dimension, massive units and orbits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.numerics import nan
from residyn.quantities.autoencoder import NAME, OF_COMPONENTS
from residyn.quantities.massive import massive_table
from residyn.quantities.orbits import orbits_mean_table, orbits_table
from residyn.quantities.robustness import without_massive_table
from residyn.quantities.tables.curves import interval_columns, quartiles, row_labels, spread_columns
from residyn.quantities.tables.together import layer_pairs_table, together_table
from residyn.schema import BOUND, CURVE, SUBLAYER, TRANSITION, UNIT

_OF_STEPS = ("step_correlation", "step_r2", "step_information", "step_r2_joint")


def information_table(results: xr.Dataset) -> pd.DataFrame:
    """Per estimator and transition, over units: count, mean (panel H), quartiles, the means of what qualifies
    them.
    """
    information = results["mutual_information"]
    frames = []
    for estimator in information["estimator"].values:
        values = information.sel(estimator=estimator).transpose(UNIT, TRANSITION).values
        q25, median, q75 = quartiles(values)
        columns: dict[str, Any] = {
            "n_units": (~np.isnan(values)).sum(axis=0),
            "mean": nan.finite_mean(values, axis=0),
            **interval_columns(results, "mutual_information", estimator=str(estimator)),
            "q25": q25,
            "median": median,
            "q75": q75,
        }
        if "mutual_information_shuffle" in results:
            shuffled = results["mutual_information_shuffle"].sel(estimator=estimator)
            columns["shuffle_mean"] = nan.finite_mean(shuffled.transpose(UNIT, TRANSITION).values, axis=0)
        columns |= {
            f"{name}_mean": nan.finite_mean(information[name].transpose(UNIT, TRANSITION).values, axis=0)
            for name in ("gaussian_floor", "tie_share")
        }
        labels = {"estimator": str(estimator), **row_labels(information, TRANSITION)}
        frames.append(pd.DataFrame({**labels, **columns}))
    return pd.concat(frames, ignore_index=True)


def explained_variance_table(results: xr.Dataset) -> pd.DataFrame:
    """Cumulative share of a sublayer's variance by the number of global components (panel J), one row each."""
    cumulative = results["explained_variance"].transpose(SUBLAYER, "component")
    n_components = cumulative.sizes["component"]
    labels = row_labels(cumulative, SUBLAYER)
    return pd.DataFrame(
        {
            **{name: np.repeat(values, n_components) for name, values in labels.items()},
            "components": np.tile(cumulative["component"].values, cumulative.sizes[SUBLAYER]),
            "share": cumulative.values.ravel(),
        }
    )


def dimension_table(results: xr.Dataset) -> pd.DataFrame:
    """Per sublayer: participation ratio and its ceiling, components for 90 %, TwoNN, and explained shares."""
    ratio = results["participation_ratio"]
    columns = {
        "participation_ratio": ratio.values,
        **{
            f"participation_ratio_{end}": values
            for end, values in interval_columns(results, "participation_ratio").items()
        },
        "participation_ratio_ceiling": ratio["ceiling"].values,
        **{name: results[name].values for name in ("components_for_90", "two_nn") if name in results},
    }
    if "explained_variance_by_sublayer" in results:
        shares = results["explained_variance_by_sublayer"].transpose("space", SUBLAYER)
        columns |= {
            f"explained {space}": row for space, row in zip(shares["space"].values, shares.values, strict=True)
        }
    if OF_COMPONENTS in results:
        curve = results[f"{NAME}{CURVE}"]
        columns |= {NAME: curve.sel({BOUND: "value"}).values}
        columns |= {f"{NAME}_{end}": values for end, values in interval_columns(results, NAME).items()}
        columns |= {OF_COMPONENTS: results[OF_COMPONENTS].values}
    return pd.DataFrame({**row_labels(ratio, SUBLAYER), **columns})


def dependence_table(results: xr.Dataset) -> pd.DataFrame:
    """One row per quantity and transition: median and quartiles over units; for step_r2_joint its one value."""
    frames = []
    for name in (name for name in _OF_STEPS if name in results):
        result = results[name]
        columns: dict[str, Any] = {"quantity": name, **row_labels(result, TRANSITION)}
        if UNIT in result.dims:
            spread = spread_columns(result, TRANSITION)
            columns |= {"statistic": "median over units", "n_units": spread["n_units"], "value": spread["median"]}
            columns |= {"q25": spread["q25"], "q75": spread["q75"]}
        else:
            columns |= {"statistic": "all units together", "n_units": results.sizes[UNIT], "value": result.values}
            columns |= {"q25": np.nan, "q75": np.nan}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def rotated_table(results: xr.Dataset) -> pd.DataFrame:
    """Per sublayer, kurtosis after rotation: count, mean and sd over the samples that were rotated, and an
    interval.
    """
    array = results["kurtosis_rotated"]
    columns = {**spread_columns(array, SUBLAYER), **interval_columns(results, "kurtosis_rotated")}
    return pd.DataFrame({**row_labels(array, SUBLAYER), **columns})


FURTHER: dict[str, tuple[str, Callable[[xr.Dataset], pd.DataFrame]]] = {
    "dependence": ("step_correlation", dependence_table),
    "kurtosis_rotated": ("kurtosis_rotated", rotated_table),
    "orbits_mean": ("rotations_mean_difference", orbits_mean_table),
    "orbits": ("rotations", orbits_table),
    "mutual_information": ("mutual_information", information_table),
    "explained_variance": ("explained_variance", explained_variance_table),
    "dimension": ("participation_ratio", dimension_table),
    "layer_pairs": ("angular_distance", layer_pairs_table),
    "together": ("pair_growth_by_distance", together_table),
    "massive_units": ("massive_ratio", lambda results: massive_table(results["massive_ratio"])),
    "without_massive": ("magnitude_without_massive", without_massive_table),
}
"""Name of the table → the result that it needs, and what makes it."""
