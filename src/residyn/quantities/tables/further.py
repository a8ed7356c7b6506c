"""Tables of mutual information, principal components, dimension, massive units, orbits and controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.quantities.massive import massive_table
from residyn.quantities.orbits import orbits_table
from residyn.quantities.robustness import without_massive_table
from residyn.quantities.tables.controls import dependence_table, kinematics_table, kurtosis_table
from residyn.quantities.tables.curves import quartiles, row_labels
from residyn.schema import SUBLAYER, TRANSITION, UNIT


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
            "mean": _mean(values),
            "q25": q25,
            "median": median,
            "q75": q75,
        }
        if "mutual_information_shuffle" in results:
            shuffled = results["mutual_information_shuffle"].sel(estimator=estimator)
            columns["shuffle_mean"] = _mean(shuffled.transpose(UNIT, TRANSITION).values)
        columns |= {
            f"{name}_mean": _mean(information[name].transpose(UNIT, TRANSITION).values)
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
    """Per sublayer: participation ratio and its ceiling, components for 90 %, TwoNN, and the explained shares."""
    ratio = results["participation_ratio"]
    columns = {
        "participation_ratio": ratio.values,
        "participation_ratio_ceiling": ratio["ceiling"].values,
        **{name: results[name].values for name in ("components_for_90", "two_nn") if name in results},
    }
    if "explained_variance_by_sublayer" in results:
        shares = results["explained_variance_by_sublayer"].transpose("space", SUBLAYER)
        columns |= {
            f"explained {space}": row for space, row in zip(shares["space"].values, shares.values, strict=True)
        }
    return pd.DataFrame({**row_labels(ratio, SUBLAYER), **columns})


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean of each column without NaN and infinities; NaN for a column of nothing else."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0.0).sum(axis=0)
    return np.divide(total, finite.sum(axis=0), out=np.full(values.shape[1], np.nan), where=finite.any(axis=0))


FURTHER: dict[str, tuple[str, Callable[[xr.Dataset], pd.DataFrame]]] = {
    "kinematics": ("angular_velocity", kinematics_table),
    "dependence": ("skip_correlation", dependence_table),
    "kurtosis": ("kurtosis", kurtosis_table),
    "orbits": ("rotations", orbits_table),
    "mutual_information": ("mutual_information", information_table),
    "explained_variance": ("explained_variance", explained_variance_table),
    "dimension": ("participation_ratio", dimension_table),
    "massive_units": ("massive_ratio", lambda results: massive_table(results["massive_ratio"])),
    "without_massive": ("magnitude_without_massive", without_massive_table),
}
"""Name of the table → the result that it needs, and what makes it."""
