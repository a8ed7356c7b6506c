"""Curves over depth: a dot, filled or hollow, for each transition by kind or state by site, with bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from residyn.axis_names import AxisNames, axis_names
from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import layers, parts
from residyn.quantities.summaries import depth_of, summary
from residyn.schema import TRANSITION

_FACTORS = ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
"""Of powers of ten, at which a logarithmic axis is ticked: as many as there is room for."""
_FEWEST_TICKS, _MOST_TICKS = 3, 8
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NEAREST = 1e-7
"""How close to 1 a value can be told from it in float32."""
_BAND = 0.3
"""How strongly a band takes its dots' colour."""


@dataclass(frozen=True)
class Places:
    """The places along depth, each of a group (a kind of transition or a site) with its look and name."""

    groups: list[str]
    colours: Mapping[str, str]
    markers: Mapping[str, str]
    names: Mapping[str, str]

    @property
    def present(self) -> list[str]:
        """The groups that occur, in the palette's order."""
        return [group for group in self.colours if group in self.groups]

    def of(self, group: str) -> np.ndarray:
        """Which places are of a group."""
        return np.asarray(self.groups) == group

    def marker_size(self, group: str) -> float:
        """Markers shrink where many stand side by side; all but the dot are drawn smaller for equal weight."""
        size = float(np.clip(260 / len(self.groups), 2.0, 3.4))
        return size * (1.0 if self.markers[group] == "o" else 0.9)


def places_of(result: xr.DataArray | xr.Dataset) -> Places:
    """The places of a result along its transitions or sublayers; DataError for an unknown kind or site."""
    if TRANSITION in result.dims:
        return Places(parts.kinds_of(result), style.KIND_COLOURS, style.KIND_MARKERS, parts.kind_names(result))
    sites = layers.sites_of(result["site"].values)
    return Places(sites, style.SITE_COLOURS, style.SITE_MARKERS, parts.site_names(result))


def dots(ax: Axes, curve: xr.Dataset, places: Places, *, band: bool = True) -> None:
    """A dot per place in its group's colour and marker, a line that joins the dots, and a band per group.

    `curve` is a `summary` along depth; the band reaches from `q25` to `q75`.
    """
    value, low, high = (curve[name].values for name in ("value", "q25", "q75"))
    depth = np.arange(len(value))
    ax.plot(depth, value, color=style.HAIRLINE, linewidth=0.5, zorder=2, label="_joined")
    for group in places.present:
        here, colour, marker = places.of(group), places.colours[group], places.markers[group]
        if band and here.sum() > 1:
            shade = (*style.tint(colour, 1), _BAND)
            ax.fill_between(depth[here], low[here], high[here], color=shade, linewidth=0, zorder=1)
        elif band:  # a band over one point has no area
            ax.vlines(depth[here], low[here], high[here], color=style.tint(colour, _BAND), linewidth=4, zorder=1)
        ax.plot(
            depth[here], value[here], linestyle="none", marker=marker, markersize=places.marker_size(group),
            markeredgewidth=0, color=colour, zorder=3, label=group,
        )  # fmt: skip


def hollow(ax: Axes, value: np.ndarray, places: Places, name: str, *, zorder: float = 2.1) -> None:
    """A hollow mark per place in its group's colour and marker, and a thin line that joins them."""
    depth = np.arange(len(value))
    ax.plot(depth, value, color=style.HAIRLINE, linewidth=0.35, zorder=zorder, label=f"_{name}")
    for group in places.present:
        here = places.of(group)
        ax.plot(
            depth[here], value[here], linestyle="none", marker=places.markers[group], markerfacecolor="white",
            markersize=0.9 * places.marker_size(group), markeredgecolor=places.colours[group],
            markeredgewidth=0.5, zorder=zorder + 0.1, label=f"{group} {name}",
        )  # fmt: skip


def beside_null(
    ax: Axes, result: xr.DataArray, null: xr.DataArray | None, name: str, *, own_name: str = "data"
) -> None:
    """A curve (bound, place) filled, its interval as the band, beside a null's (place) hollow where there is one;
    with the depth axis and the legend. Raises DataError where they are of different places.
    """
    places, own = places_of(result), summary(result)
    dots(ax, own.assign(q25=own["low"].variable, q75=own["high"].variable), places)
    curves = [dot_entry(own_name, filled=True)]
    if null is not None:
        same_places(result, null)
        hollow(ax, null.values, places, name)
        curves.append(dot_entry(name, filled=False))
    finish(ax, own)
    parts.legend_above(ax, [*curves, band_entry("95 %")], entries(places))


def same_places(result: xr.DataArray, control: xr.DataArray) -> None:
    """Raise DataError unless both have the same places along depth."""
    along = depth_of(result)
    if not np.array_equal(result[along].values, control[along].values):
        raise DataError(
            f"{result.name} and {control.name} are drawn over the same {along}s; they have "
            f"{result.sizes[along]} and {control.sizes[along]}, or other ones. Pass both of the same states."
        )


def entries(places: Places, drawn: np.ndarray | None = None) -> list[tuple[Artist, str]]:
    """The legend's entries of the groups that occur: marker and name; of values drawn, those that have one."""
    return [
        (parts.marker(places.colours[group], places.markers[group], 3.2), places.names[group])
        for group in places.present
        if drawn is None or np.isfinite(drawn[places.of(group)]).any() or not np.isfinite(drawn).any()
    ]


def dot_entry(name: str, *, filled: bool) -> tuple[Artist, str]:
    """The legend's entry of filled or hollow marks on their line."""
    dot = Line2D(
        [], [], linewidth=0.5, color=style.HAIRLINE, marker="o", markersize=3.2, markeredgewidth=0.5,
        markerfacecolor=style.MUTED if filled else "white", markeredgecolor=style.MUTED,
    )  # fmt: skip
    return dot, name


def band_entry(name: str) -> tuple[Artist, str]:
    """The legend's entry of the bands."""
    return Patch(facecolor=style.tint(style.INK, _BAND), linewidth=0), name


def label_log(ax: Axes) -> None:
    """Plain numbers along a logarithmic vertical axis that has its limits: 1, 2, 5, 10, or fewer."""
    low, high = ax.get_ylim()
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    _tick(ax, [np.multiply.outer(powers, factors).ravel() for factors in _FACTORS])


def near_one(ax: Axes, values: np.ndarray) -> None:
    """Give `ax` a vertical scale on which values close to 1 are apart: logarithmic in 1 − value, 1 at the top.

    The scale ends a little beyond the largest of the `values`, and at the latest where float32 knows no more.
    """
    apart = 1.0 - np.asarray(values, dtype=np.float64)
    known = apart[np.isfinite(apart) & (apart > 0)]
    least = max(float(known.min()) / 2, _NEAREST) if known.size else _NEAREST
    ax.set_yscale(
        "function",
        functions=(
            lambda y: -np.log10(np.maximum(1.0 - np.asarray(y), least)),
            lambda y: 1.0 - 10.0 ** -np.asarray(y),
        ),
    )
    ax.yaxis.set_minor_locator(NullLocator())


def label_near_one(ax: Axes) -> None:
    """Plain numbers along such an axis that has its limits: 0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, … or fewer."""
    powers = 10.0 ** -np.arange(0.0, 8.0)
    _tick(ax, [1.0 - np.multiply.outer(powers, factors).ravel() for factors in _FACTORS])


def _tick(ax: Axes, proposed: list[np.ndarray]) -> None:
    """Tick the first of the proposed sets of numbers of which few enough lie within the limits, else the last.

    Where too few of all lie there, the limits are so close that the axis is ticked as a linear one.
    """
    low, high = ax.get_ylim()
    within = [ticks[(ticks >= low - 1e-12) & (ticks <= high + 1e-12)] for ticks in proposed]
    chosen = next((ticks for ticks in within if len(ticks) <= _MOST_TICKS), within[-1])
    if len(within[0]) < _FEWEST_TICKS:
        chosen = parts.ticks_within(low, high, _FEWEST_TICKS + 1)
        ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(FixedLocator(np.sort(chosen).tolist()))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _number(value: float) -> str:
    """A tick's number, with a power of ten where it would begin with more than three zeros."""
    digits, _, power = f"{value:.8g}".partition("e")
    raised = f"×10{str(int(power)).translate(_RAISED)}" if power else ""
    return f"{digits.replace('-', '−')}{raised}"


def finish(ax: Axes, curve: xr.Dataset) -> None:
    """The depth axis in layers, margins and spines; words instead of a curve where nothing is defined."""
    along, value = depth_of(curve["value"]), curve["value"].values
    span(ax, curve[layer_name(along)].values, axis_names(curve.attrs))
    ax.margins(y=0.06)
    plain_numbers(ax)
    style.dress(ax)
    if not np.isfinite(value).any():
        parts.say(ax, axis_names(curve.attrs).said(f"undefined for every {along}"))


def plain_numbers(ax: Axes) -> None:
    """Short numbers along a linear vertical axis: a common power of ten would stand where the legend does."""
    if ax.get_yscale() == "linear":
        ax.autoscale_view(scalex=False)
        parts.shorten_numbers(ax.yaxis)


def layer_name(along: str) -> str:
    """The coordinate that holds the layer of each place along a dimension of depth."""
    return "from_layer" if along == TRANSITION else "layer"


def span(ax: Axes, layer: np.ndarray, names: AxisNames) -> None:
    """The horizontal axis over all places along depth, ticked by layer."""
    parts.label_depth(ax, "x", layer, names)
    ax.set_xlim(-0.5 - 0.01 * len(layer), len(layer) - 0.5 + 0.01 * len(layer))


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
    right.set_ylabel("dashed, its own scale", color=style.MUTED)
    return right
