"""Tables of samples beside each other: a row a transition, and a row a pair of sublayers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from residyn.quantities.convergence import DIRECTION, OTHER, QUARTER
from residyn.quantities.tables.curves import interval_columns, row_labels
from residyn.schema import BOUND, SUBLAYER, TRANSITION

_WITH_INTERVAL = ("pair_growth", "neighbours_kept", "population_growth", "population_skew")


def together_table(results: xr.Dataset) -> pd.DataFrame:
    """Per transition: growth of distances beside that of norms, of all pairs and of quarters by distance;
    neighbours kept, information imbalance, and the flow of the population. The ends of intervals over documents,
    and what a random walk has, stand beside them where there are any.
    """
    columns: dict[str, np.ndarray] = {}
    for name in _WITH_INTERVAL:
        if f"{name}_curve" not in results:
            continue
        columns[name] = results[f"{name}_curve"].sel({BOUND: "value"}).values
        columns |= {f"{name}_{end}": values for end, values in interval_columns(results, name).items()}
        if f"{name}_walk" in results:
            columns[f"{name}_walk"] = results[f"{name}_walk"].values
    by_distance = results["pair_growth_by_distance"]
    columns |= {
        f"pair_growth {name}": by_distance.sel({QUARTER: name}).values for name in by_distance[QUARTER].values
    }
    imbalance = results["information_imbalance"]
    rows = zip(imbalance[DIRECTION].values, imbalance.transpose(DIRECTION, TRANSITION).values, strict=True)
    columns |= {f"information_imbalance {name}": row for name, row in rows}
    if "population_r2" in results:
        columns["population_r2"] = results["population_r2"].values
    return pd.DataFrame({**row_labels(by_distance, TRANSITION), **columns})


def layer_pairs_table(results: xr.Dataset) -> pd.DataFrame:
    """Per pair of sublayers: the angle between states, that of a walk with the same norms and angles, and the
    alignment of the populations, where it was computed.
    """
    angle = results["angular_distance"].transpose(SUBLAYER, OTHER)
    n = angle.sizes[OTHER]
    names = ("angular_distance", "angular_distance_walk", "cka")
    maps = {name: results[name].transpose(SUBLAYER, OTHER).values.ravel() for name in names if name in results}
    labels = {name: np.repeat(values, n) for name, values in row_labels(angle, SUBLAYER).items()}
    return pd.DataFrame({**labels, OTHER: np.tile(angle[OTHER].values, len(angle)), **maps})
