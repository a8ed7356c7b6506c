"""Any curve along depth that has no panel of its own."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import dots, layers, parts
from residyn.quantities.measure import BOUND, BOUNDS
from residyn.schema import SUBLAYER, TRANSITION


def curve(result: xr.DataArray, *, label: str = "", ax: Axes | None = None) -> Axes:
    """A quantity's curve along depth with its interval.

    `result` is what `QUANTITY.curve(states)` returns, or NAME_curve of `analyze`: (bound, transition) or (bound,
    sublayer). A dot is the value at a place, in the colour of the transition's kind or the state's site; a band is
    its 95 % interval over documents. `label` is written at the axis; by default the quantity and its units. Raises
    DataError for another result.
    """
    depth = next((dim for dim in (TRANSITION, SUBLAYER) if dim in getattr(result, "dims", ())), None)
    if depth is None or set(result.dims) != {BOUND, depth}:
        raise DataError(
            f"A curve has the dimensions {BOUND} and {TRANSITION} or {SUBLAYER}; got "
            f"{getattr(result, 'dims', type(result).__name__)}. Pass QUANTITY.curve(states), such as "
            "residyn.cosine.curve(states)."
        )
    values = dots.Summary(*(np.asarray(result.sel({BOUND: end}).values, dtype=np.float64) for end in BOUNDS))
    with style.context():
        ax = style.new_axes(ax)
        if depth == TRANSITION:
            kinds = parts.kinds_of(result)
            dots.by_kind(ax, values, kinds)
            entries = parts.kind_entries(kinds)
        else:
            sites = layers.sites_of(result["site"].values)
            dots.by_site(ax, values, sites)
            entries = [layers.site_entry(site) for site in layers.present(sites)]
        dots.finish(ax, result, values.mean)
        ax.set_ylabel(label or _label(result), parse_math=False)
        parts.legend_above(ax, entries, [dots.band_entry("over documents", "95 % interval")])
    return ax


def _label(result: xr.DataArray) -> str:
    name = str(result.attrs.get("quantity", "value")).replace("_", " ")
    units = str(result.attrs.get("units", "1"))
    return style.plain(name if units == "1" else f"{name} ({units})", 48)
