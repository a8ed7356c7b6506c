"""Every run's curves in one tidy table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from residyn.comparison.depth import relative_depth
from residyn.comparison.quantities import compared, curve_of, named, shared_estimator
from residyn.errors import DataError
from residyn.quantities.measure import INTERVAL
from residyn.schema import BOUND, SUBLAYER, TRANSITION

COLUMNS = ("run", "quantity", "place", "depth", "kind", "statistic", "value", "low", "high", "interval")


def curves(runs: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """The curves of runs over relative depth, one row per run, quantity and sublayer or transition.

    `runs` are results by the name of the run. Columns: run; quantity; place, the label of the sublayer or
    transition; depth, relative, in [0, 1]; kind of the transition ("within", "cross", "block"; "" for a
    sublayer); statistic, such as "mean over samples" or "median over units"; value; low and high, the ends of its
    95 % interval over documents, NaN where the run has none; and interval, what they are.

    Compared is every quantity whose record says so, mutual_information, participation_ratio, and
    explained_variance_by_sublayer of the global space, in the units of the results. Of mutual information only the
    estimator that all runs with any share is compared, the first in their order; its name is part of the quantity
    ("mutual_information gcmi"). A run that lacks a result is left out of that quantity, as `differences` says.
    Undefined values are NaN. Raises DataError where there is no run, or none has any of these results.
    """
    if not runs:
        raise DataError("Curves are compared between runs; there are none. Name results by run.")
    estimator = shared_estimator(runs)
    frames = [
        _rows(curve).assign(run=run, quantity=named(name, estimator))
        for name in compared()
        for run, results in runs.items()
        if (curve := curve_of(results, name, estimator)) is not None
    ]
    if not frames:
        raise DataError(
            f"Runs are compared by {', '.join(compared())}; none of {', '.join(runs)} has any of them. "
            "Analyze them first: residyn analyze DIR."
        )
    return pd.concat(frames, ignore_index=True).reindex(columns=list(COLUMNS))


def _rows(curve: xr.DataArray) -> pd.DataFrame:
    depth = TRANSITION if TRANSITION in curve.dims else SUBLAYER
    value, low, high = (curve.sel({BOUND: end}).values.astype(np.float64) for end in ("value", "low", "high"))
    return pd.DataFrame(
        {
            "place": curve[depth].values.astype(str),
            "depth": relative_depth(curve),
            "kind": curve["kind"].values.astype(str) if depth == TRANSITION else "",
            "statistic": str(curve.attrs.get("statistic", "value")),
            "value": value,
            "low": low,
            "high": high,
            "interval": INTERVAL if np.isfinite(low).any() else "",
        }
    )
