"""What is said of a quantity that has no words of its own."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.quantities.measure import BOUND, BOUNDS
from residyn.report.captions.phrases import NAMES, by_kind
from residyn.report.words import interval, listed
from residyn.schema import TRANSITION


def course(results: xr.Dataset, *, name: str, title: str) -> tuple[str, ...]:
    """How a curve begins and ends over the depth, with its intervals; by kind of transition where it is along
    these.
    """
    curve = results[name]
    parts = (
        {NAMES[kind]: part for kind, part in by_kind(curve).items()} if TRANSITION in curve.dims else {"": curve}
    )
    said = [f"{found} {words}".strip() for words, part in parts.items() if (found := _from_to(part))]
    return (f"{title}: {listed(said)}.",) if said else ()


def _from_to(curve: xr.DataArray) -> str:
    values, low, high = (curve.sel({BOUND: end}).values for end in BOUNDS)
    known = np.flatnonzero(~np.isnan(values))
    if not known.size:
        return ""
    first, last = (interval(*map(float, (values[i], low[i], high[i]))) for i in (known[0], known[-1]))
    return f"from {first} to {last}" if known.size > 1 else first
