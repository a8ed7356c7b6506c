"""The sentence about any result, made of its attributes alone."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.figures.generic import title_of
from residyn.quantities.summaries import by_kind, depth_of, summary, whole
from residyn.report.captions.phrases import NAMES
from residyn.schema import TRANSITION
from residyn.words import interval, listed, number


def caption(result: xr.DataArray) -> tuple[str, ...]:
    """Where a result begins and ends over the depth, by kind of transition; of a result without depth, its median.

    Of a curve with an interval, both ends have theirs. Places where nothing is defined are passed over; nothing is
    said of a result that is nowhere defined.
    """
    title, units = title_of(result), str(result.attrs.get("units", "1"))
    tail = "" if units in ("1", "") else f" ({units})"
    along = depth_of(result)
    if not along:
        middle = whole(result, "median")
        over = " and ".join(f"{dim}s" for dim in result.dims)
        return (f"The median of {title} over {over} is {number(middle)}{tail}.",) if np.isfinite(middle) else ()
    found = summary(result)
    parts = {"": found}
    if along == TRANSITION:
        kinds = by_kind(found["value"])
        names = {"block": ""} if kinds.keys() == {"block"} else NAMES
        parts = {names[kind]: found.sel({along: part[along].values}) for kind, part in kinds.items()}
    said = [f"{course} {where}".strip() for where, part in parts.items() if (course := _course(part))]
    return (f"{title[:1].upper()}{title[1:]}{tail}: {listed(said)}.",) if said else ()


def _course(found: xr.Dataset) -> str:
    """The first and the last value of a curve that are defined, with their intervals."""
    values = found["value"].values
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return ""
    unknown = np.full(len(values), np.nan)
    low, high = (found[end].values if end in found.coords else unknown for end in ("low", "high"))
    first, last = (interval(*map(float, (values[i], low[i], high[i]))) for i in (known[0], known[-1]))
    return f"from {first} to {last}" if known.size > 1 else first
