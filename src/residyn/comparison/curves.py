"""Every run's curves in one tidy table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from residyn.comparison.depth import relative_depth
from residyn.comparison.quantities import COMPARED, INFORMATION, result_of, shared_estimator
from residyn.errors import DataError
from residyn.quantities.tables import RESAMPLES, SEED
from residyn.quantities.tables.curves import Shape, values_of
from residyn.schema import SAMPLE, TRANSITION, UNIT

BOOTSTRAP = "95 % bootstrap interval over samples"
QUARTILES = "quartiles over units: a spread, not an interval"
COLUMNS = ("run", "quantity", "place", "depth", "kind", "statistic", "value", "low", "high", "interval")


class _Summary(NamedTuple):
    """What a curve's points are, and the names of their columns in the tables of a single run."""

    statistic: str
    value: str | None
    low: str | None
    high: str | None
    interval: str


_SUMMARIES = {
    SAMPLE: _Summary("mean", "mean", "ci_low", "ci_high", BOOTSTRAP),
    UNIT: _Summary("median", "median", "q25", "q75", QUARTILES),
    None: _Summary("value", None, None, None, ""),
}


def curves(runs: Mapping[str, xr.Dataset], *, resamples: int = RESAMPLES, seed: int = SEED) -> pd.DataFrame:
    """The curves of runs over relative depth, one row per run, quantity and sublayer or transition.

    `runs` are results by the name of the run. Columns: run; quantity; place, the label of the sublayer or
    transition; depth, relative, in [0, 1]; kind of the transition ("within", "cross", "block"; "" for a
    sublayer); statistic; value; low and high, with what they are in `interval`:

    - cosine, velocity, relative_velocity, norm, density: the mean over samples with its 95 % bootstrap interval;
    - unit_correlation, mutual_information: the median over units and their quartiles, which are a spread;
    - magnitude, sign_kept, participation_ratio, explained_variance_by_sublayer (of the global space): the value.

    Values have the units of the results. Of mutual information only the estimator that all runs with any share
    is compared, the first in their order; its name is part of the quantity ("mutual_information gcmi"). A run
    that lacks a result is left out of that quantity, as `differences` says. Undefined values are NaN. Raises
    DataError where there is no run, or none has any of these results.
    """
    if not runs:
        raise DataError("Curves are compared between runs; there are none. Name results by run.")
    estimator = shared_estimator(runs)
    frames = [
        _curve(array, shape, resamples, seed).assign(run=run, quantity=_named(name, estimator))
        for name, shape in COMPARED.items()
        for run, results in runs.items()
        if (array := result_of(results, name, estimator)) is not None
    ]
    if not frames:
        raise DataError(
            f"Runs are compared by {', '.join(COMPARED)}; none of {', '.join(runs)} has any of them. "
            "Analyze them first: residyn analyze DIR."
        )
    table = pd.concat(frames, ignore_index=True).reindex(columns=list(COLUMNS))
    table.attrs.update(resamples=resamples, seed=seed)
    return table


def _named(quantity: str, estimator: str | None) -> str:
    return f"{quantity} {estimator}" if quantity == INFORMATION else quantity


def _curve(array: xr.DataArray, shape: Shape, resamples: int, seed: int) -> pd.DataFrame:
    summary = _SUMMARIES[shape.over]
    found: dict[str, Any] = values_of(array.astype(np.float64), shape, resamples, seed)
    undefined = np.full(array.sizes[shape.row], np.nan)
    return pd.DataFrame(
        {
            "place": array[shape.row].values.astype(str),
            "depth": relative_depth(array),
            "kind": array["kind"].values.astype(str) if shape.row == TRANSITION else "",
            "statistic": summary.statistic,
            "value": found[summary.value or str(array.name)],
            "low": found[summary.low] if summary.low else undefined,
            "high": found[summary.high] if summary.high else undefined,
            "interval": summary.interval,
        }
    )
