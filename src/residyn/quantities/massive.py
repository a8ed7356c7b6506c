"""Massive units: those whose largest activation towers over their sublayer, and what the results are without them.

A few units of many models carry activations a hundred or a thousand times the typical one (Sun et al. 2024). They
own norms, cosines, velocities and principal components; what a result says of the other units is seen when they
are left out.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.quantities.subsample import some_of
from residyn.schema import SAMPLE, SUBLAYER, UNIT, along, label_result
from residyn.walk import Progress, each_block

MASSIVE = 100.0
"""Ratio from which a unit is counted as massive, in the attribute `n_massive`."""


def massive_ratio(states: xr.DataArray, *, seed: int = 0, progress: Progress | None = None) -> xr.DataArray:
    """Largest |h| of each unit over the samples, over the median |h| of its sublayer, (sublayer, unit), ≥ 0.

    The median is over all samples and units of the sublayer, or over 4,000 samples drawn by the seed where there
    are more (attribute `median_of`). About 5 for Gaussian units and 1000 samples; NaN
    where the median is 0, as in a sublayer most of whose activations are exactly 0 (attribute `n_undefined`
    counts). `n_massive` counts the units that reach 100 at some sublayer. Sun et al. 2024, arXiv:2402.17762, who
    ask for 1000 within one state; the last token of a text is rarely where activations are largest. Raises
    DataError where the states break the data contract, are empty or hold a non-finite value.

    >>> int(rd.massive_ratio(states).attrs["n_massive"])
    0
    """
    some = some_of(states, seed)
    bands = each_block(some, _largest_and_median, progress, along=SUBLAYER)
    largest, median = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    if some is not states:
        largest = functools.reduce(np.maximum, each_block(states, lambda block: np.abs(block).max(axis=0)))
    ratio = np.full(largest.shape, np.nan)
    np.divide(largest, median, out=ratio, where=median > 0, casting="same_kind")
    notes: dict[str, Any] = {} if some is states else {"median_of": some.sizes[SAMPLE], "seed": int(seed)}
    with np.errstate(invalid="ignore"):
        reached = (ratio >= MASSIVE).any(axis=0)
    return label_result(
        ratio,
        (SUBLAYER, UNIT),
        along(states, SUBLAYER, UNIT),
        quantity="massive_ratio",
        units="1",
        definition="max over samples of |h| over the median of |h| over samples and units, per sublayer",
        source="Sun et al. 2024, arXiv:2402.17762",
        states=states,
        n_massive=int(reached.sum()),
        n_undefined=int(np.isnan(ratio).sum()),
        **notes,
    )


def massive_units(ratio: xr.DataArray, top: int) -> np.ndarray:
    """Positions of the `top` units of the largest ratio at any sublayer, largest first; all but one at the most.

    `ratio` is `massive_ratio`. Equal units keep their order; undefined ratios count as 0. Raises DataError for
    another result, UsageError for a negative number.

    >>> rd.massive_units(rd.massive_ratio(states), top=3).shape
    (3,)
    """
    if not isinstance(ratio, xr.DataArray) or ratio.attrs.get("quantity") != "massive_ratio":
        raise DataError("Massive units are found in massive_ratio(states); got another result. Pass that one.")
    if top < 0:
        raise UsageError(f"The number of massive units to leave out is 0 or more; got {top}.")
    peak = np.nan_to_num(ratio.transpose(SUBLAYER, UNIT).values).max(axis=0)
    return np.argsort(-peak, kind="stable")[: min(top, len(peak) - 1)]


def massive_table(ratio: xr.DataArray, top: int = 20) -> pd.DataFrame:
    """The `top` units by their largest ratio: unit, ratio, and the sublayer, layer and site where it is
    reached.
    """
    units = massive_units(ratio, top)
    values = np.nan_to_num(ratio.transpose(SUBLAYER, UNIT).values)[:, units]
    peak = values.argmax(axis=0)
    return pd.DataFrame(
        {
            "unit": ratio[UNIT].values[units],
            "ratio": values.max(axis=0),
            "at_sublayer": ratio[SUBLAYER].values[peak],
            "at_layer": ratio["layer"].values[peak],
            "at_site": ratio["site"].values[peak],
            "massive": values.max(axis=0) >= MASSIVE,
        }
    )


def leave_out(states: xr.DataArray, units: Sequence[int] | np.ndarray) -> xr.DataArray:
    """The states without the units at these positions.

    >>> rd.leave_out(states, [0, 5]).sizes["unit"]
    14
    """
    kept = np.setdiff1d(np.arange(states.sizes[UNIT]), np.asarray(units, dtype=np.int64))
    return states.isel({UNIT: kept})


def _largest_and_median(band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a band (N, s, D): max over samples of |h| (s, D), and the median of |h| (s, 1)."""
    largest, median = np.empty(band.shape[1:], band.dtype), np.empty((band.shape[1], 1), band.dtype)
    for s in range(band.shape[1]):
        size = np.abs(band[:, s])
        largest[s], median[s] = size.max(axis=0), np.median(size)
    return largest, median
