"""What curves over transitions share: dots by kind, their band, a reference, the depth axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import parts

_BAND = 0.3
"""How strongly a band takes its kind's colour."""


class Summary(NamedTuple):
    """Of each transition: the mean and the quartiles, NaN where nothing is defined."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def summary(values: np.ndarray) -> Summary:
    """Mean and quartiles over the rows of (rows, transitions), without NaN."""
    found = np.full((3, values.shape[1]), np.nan)
    for index, column in enumerate(values.T):
        defined = column[np.isfinite(column)]
        if defined.size:
            found[:, index] = (defined.mean(), *np.quantile(defined, (0.25, 0.75)))
    return Summary(*found)


def by_kind(ax: Axes, values: Summary, kinds: Sequence[str]) -> None:
    """A dot per transition in its kind's colour and marker, a band per kind, and a line that joins the dots."""
    by_group(ax, values, kinds, style.KIND_COLOURS, style.KIND_MARKERS)


def by_site(ax: Axes, values: Summary, sites: Sequence[str], *, band: bool = True) -> None:
    """A dot per state in its site's colour and marker, a band per site, and a line that joins the dots."""
    by_group(ax, values, sites, style.SITE_COLOURS, style.SITE_MARKERS, band=band)


def by_group(
    ax: Axes,
    values: Summary,
    groups: Sequence[str],
    colours: Mapping[str, str],
    markers: Mapping[str, str],
    *,
    band: bool = True,
) -> None:
    """A dot per place in the colour and marker of its group, a band per group, and a line that joins the dots.

    Groups are drawn in the order of `colours`.
    """
    depth, which = np.arange(len(groups)), np.asarray(groups)
    ax.plot(depth, values.mean, color=style.HAIRLINE, linewidth=0.5, zorder=2, label="_joined")
    for group in (name for name in colours if name in groups):
        here, colour = which == group, colours[group]
        low, high = values.low[here], values.high[here]
        if band and here.sum() > 1:
            ax.fill_between(depth[here], low, high, color=(*style.tint(colour, 1), _BAND), linewidth=0, zorder=1)
        elif band:  # a band over one point has no area
            ax.vlines(depth[here], low, high, color=style.tint(colour, _BAND), linewidth=4, zorder=1)
        ax.plot(
            depth[here],
            values.mean[here],
            linestyle="none",
            marker=markers[group],
            markersize=marker_size(len(depth), markers[group]),
            markeredgewidth=0,
            color=colour,
            zorder=3,
            label=group,
        )


def marker_size(n_places: int, marker: str) -> float:
    """Markers shrink where many stand side by side; all but the dot are drawn smaller for equal weight."""
    return float(np.clip(260 / n_places, 2.0, 3.4)) * (1.0 if marker == "o" else 0.9)


def band_entry(of: str, what: str = "middle half of") -> tuple[Patch, str]:
    """The legend's entry of the bands."""
    return Patch(facecolor=style.tint(style.INK, _BAND), linewidth=0), f"{what} {of}"


def reference_line(
    ax: Axes, reference: Mapping[str, Any], n_transitions: int, *, own_scale: bool = False
) -> tuple[Line2D, str]:
    """Draw a reference dashed, its values spread evenly over the depth; the legend's entry.

    `own_scale` gives it a scale of its own, from 0, on the right: activations of two models have no common
    scale, and the larger would flatten the smaller.
    """
    values = np.asarray(reference.get("values", ()), dtype=np.float64)
    if values.ndim != 1 or values.size < 2:
        raise DataError(
            'A reference is {"label": ..., "values": [...]} with at least two values over depth; '
            f"got values of shape {values.shape}. Pass one value per transition of the other model."
        )
    where = _right_scale(ax) if own_scale else ax
    depth = np.linspace(0, n_transitions - 1, values.size)
    (line,) = where.plot(depth, values, linestyle=(0, (4, 2)), linewidth=0.7, color=style.MUTED, zorder=2.5)
    if own_scale:
        where.set_ylim(bottom=0)
        where.set_yticks(parts.ticks_within(*where.get_ylim(), 6))
    return line, style.plain(reference.get("label", "reference"), limit=36)


def _right_scale(ax: Axes) -> Axes:
    """Axes over `ax` with a scale on the right, drawn below what `ax` shows."""
    right = ax.twinx()
    right.set_zorder(ax.get_zorder() - 1)
    ax.patch.set_visible(False)
    style.dress(right)
    for side in ("left", "bottom"):
        right.spines[side].set_visible(False)
    right.spines["right"].set_visible(True)
    right.spines["right"].set_color(style.MUTED)
    right.tick_params(axis="y", color=style.MUTED, labelcolor=style.MUTED)
    right.set_ylabel("dashed, on a scale of its own", color=style.MUTED)
    return right


def finish(ax: Axes, result: xr.DataArray, mean: np.ndarray) -> None:
    """The depth axis in layers, margins and spines; words instead of a curve where nothing is defined.

    `result` is along transitions or sublayers.
    """
    of_transitions = "from_layer" in result.coords
    parts.label_depth(ax, "x", result["from_layer" if of_transitions else "layer"].values)
    ax.set_xlim(-0.5 - 0.01 * len(mean), len(mean) - 0.5 + 0.01 * len(mean))
    ax.margins(y=0.06)
    style.dress(ax)
    if not np.isfinite(mean).any():
        ax.set_yticks([])
        parts.say(ax, f"undefined for every {'transition' if of_transitions else 'sublayer'}")
