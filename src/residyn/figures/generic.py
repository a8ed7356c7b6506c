"""A panel of any result along depth, or of one number a unit or sample, drawn from its attributes alone."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from residyn.axis_names import axis_names
from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import bars, depth, parts
from residyn.quantities.summaries import depth_of, summary
from residyn.schema import BOUND, SAMPLE, UNIT

_LONGEST = 52


def panel(result: xr.DataArray) -> Panel:
    """The generic panel of a result, under the name that the result has among others."""
    name = str(result.name)
    return Panel(
        stem=f"control_{result.attrs.get('quantity', name)}",
        title=title_of(result)[:1].upper() + title_of(result)[1:],
        draw=lambda inputs, ax: draw(inputs.results[name], ax=ax),
        needs=(name,),
    )


def title_of(result: xr.DataArray) -> str:
    """What a result is called: its attribute `title`, else its quantity's name in words."""
    named = result.attrs.get("title") or str(result.attrs.get("quantity", result.name)).replace("_", " ")
    return style.plain(named, _LONGEST)


def draw(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """A curve over depth, or a histogram where the result has no depth.

    `result` has the dimension `transition` or `sublayer`, and may have `sample` or `unit` beside it: a dot is the
    mean over samples or the median over units, by kind of transition or by site, a band the middle half.
    A curve (bound, transition or sublayer) has its 95 % interval over documents as the band instead. Without
    depth, the result is of samples or units, and bars count them. The axis is named by the attribute `label`, else
    by title and units. Raises DataError for a result of other dimensions.
    """
    along = depth_of(result) if isinstance(result, xr.DataArray) else ""
    rest = set(result.dims) - {along, BOUND} if isinstance(result, xr.DataArray) else {None}
    if len(rest) > 1 or not rest <= {SAMPLE, UNIT} or not (along or rest) or 0 in result.shape:
        raise DataError(
            "A generic panel is of values by transition or sublayer, for samples or units or neither, or of one "
            f"value a sample or unit; got {getattr(result, 'sizes', type(result).__name__)!r}. "
            "Choose one of the other dimensions' entries: result.isel(...)."
        )
    with style.context():
        ax = style.new_axes(ax)
        if not along:
            return _histogram(ax, result, str(*rest))
        places = depth.places_of(result)
        curve = summary(result)
        with_interval = {"low", "high"} <= set(curve.coords)
        if with_interval:
            curve = curve.assign(q25=curve["low"].variable, q75=curve["high"].variable)
        depth.dots(ax, curve, places)
        depth.finish(ax, curve)
        ax.set_ylabel(parts.in_two(_label(result)), parse_math=False)
        words = ["95 % interval over documents"] if with_interval else [f"middle half of {of}s" for of in rest]
        bands = [depth.band_entry(axis_names(result.attrs).said(one)) for one in words]
        parts.legend_above(ax, depth.entries(places, curve["value"].values), *([bands] if bands else []))
    return ax


def _histogram(ax: Axes, result: xr.DataArray, of: str) -> Axes:
    values = np.asarray(result.values, dtype=np.float64)
    style.dress(ax)
    ax.set_xlabel(_label(result), parse_math=False)
    ax.set_ylabel(axis_names(result.attrs).said(f"{of}s"))
    known = values[np.isfinite(values)]
    if known.size:
        bars.draw(ax, known)
    else:
        parts.say(ax, axis_names(result.attrs).said(f"undefined for every {of}"))
    return ax


def _label(result: xr.DataArray) -> str:
    if result.attrs.get("label"):
        return style.plain(axis_names(result.attrs).said(result.attrs["label"]), _LONGEST)
    title = title_of(result)
    # A label is no heading: only a name of capitals keeps the first.
    label = title[:1].lower() + title[1:] if title[1:2].islower() else title
    return axis_names(result.attrs).said(parts.with_units(label, result))
