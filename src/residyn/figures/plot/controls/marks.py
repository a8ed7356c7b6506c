"""What panels of controls share: a curve's control drawn hollow beside it, and the check that both fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import dots


def rows(result: xr.DataArray, over: str, depth: str) -> np.ndarray:
    """The values as (samples or units, places along depth), float64."""
    return np.asarray(result.transpose(over, depth).values, dtype=np.float64)


def medians(values: np.ndarray) -> dots.Summary:
    """Median and quartiles over the rows of (rows, places) of what is finite, NaN where nothing is."""
    found = np.full((3, values.shape[1]), np.nan)
    for index, column in enumerate(values.T):
        defined = column[np.isfinite(column)]
        if defined.size:
            found[:, index] = np.quantile(defined, (0.5, 0.25, 0.75))
    return dots.Summary(*found)


def same_depth(result: xr.DataArray, control: xr.DataArray, depth: str) -> None:
    """Raise DataError unless both have the same places along depth."""
    if not np.array_equal(result[depth].values, control[depth].values):
        raise DataError(
            f"{result.name} and {control.name} are drawn over the same {depth}s; they have "
            f"{result.sizes[depth]} and {control.sizes[depth]}, or other ones. Pass both of the same states."
        )


def hollow(
    ax: Axes,
    values: np.ndarray,
    which: Sequence[str],
    name: str,
    *,
    colours: Mapping[str, str] = style.KIND_COLOURS,
    markers: Mapping[str, str] = style.KIND_MARKERS,
) -> None:
    """A hollow mark per place in the colour and marker of its kind or site, and a thin line that joins them."""
    depth = np.arange(len(which))
    ax.plot(depth, values, color=style.HAIRLINE, linewidth=0.35, zorder=2.1, label=f"_{name}")
    for kind in (kind for kind in colours if kind in which):
        here = np.asarray(which) == kind
        ax.plot(
            depth[here], values[here], linestyle="none", marker=markers[kind], markerfacecolor="white",
            markersize=0.9 * dots.marker_size(len(which), markers[kind]), markeredgecolor=colours[kind],
            markeredgewidth=0.5, zorder=2.2, label=f"{kind} {name}",
        )  # fmt: skip


def label_log(ax: Axes) -> None:
    """Plain numbers along a logarithmic vertical axis: 1, 3, 10, 30, …"""
    ax.set_yscale("log", nonpositive="mask")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def dot(*, filled: bool) -> Line2D:
    """A legend's handle of filled or hollow marks on their line."""
    face = style.MUTED if filled else "white"
    return Line2D(
        [], [], linewidth=0.5, color=style.HAIRLINE, marker="o", markersize=3.2,
        markerfacecolor=face, markeredgecolor=style.MUTED, markeredgewidth=0.5,
    )  # fmt: skip
