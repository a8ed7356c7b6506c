"""Panels of samples beside each other: whether they draw together, and how their population flows and rotates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from residyn.axis_names import axis_names
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import depth, layers, parts
from residyn.quantities.convergence import QUARTER
from residyn.quantities.flows import CONDITION, DRAW, NULL, PLANE
from residyn.quantities.summaries import whole
from residyn.schema import BOUND, SUBLAYER, TRANSITION

_KINDS = ("kind", "from_layer")
_NULL_COLOURS = ("#b8b8b8", "#e0b070")
_MOST_PATHS = 24
"""Paths that are drawn: more would hide one another."""
_LEAVING, _ROOM = 0.1, 0.12
"""Share of the paths that may leave the view on a side, and the room around the others in its widths: one path
that goes far would leave the others a dot.
"""


def growth(result: xr.DataArray, walk: xr.DataArray | None, label: str, *, ax: Axes | None = None) -> Axes:
    """A curve of transitions about 0, filled, with its interval, beside a random walk's, hollow, if there is one.

    `result` is NAME_curve (bound, transition) of `pair_growth` or `population_growth`, and `walk` NAME_walk
    (transition). Raises DataError for other results, or where they are of different states.
    """
    _expect_one_of(result, ("pair_growth", "population_growth"))
    with style.context():
        ax = style.new_axes(ax)
        ax.axhline(0, color=style.HAIRLINE, linewidth=0.5, zorder=0.8, label="_zero")
        depth.beside_null(ax, result, walk, "random walk")
        ax.set_ylabel(label)
    return ax


def share(
    result: xr.DataArray,
    walk: xr.DataArray | None,
    label: str,
    *,
    level: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A curve of transitions between 0 and 1, beside a random walk's; a dashed line at `level`, if one is given.

    `result` is `neighbours_kept_curve` or `population_skew_curve`; else as `growth`.
    """
    _expect_one_of(result, ("neighbours_kept", "population_skew"))
    with style.context():
        ax = style.new_axes(ax)
        if level is not None:
            ax.axhline(level, color=style.MUTED, linewidth=0.6, linestyle=(0, (4, 2)), zorder=0.8, label="_level")
        depth.beside_null(ax, result, walk, "random walk")
        ax.set_ylabel(label)
        ax.set_ylim(0, 1)
    return ax


def _expect_one_of(result: xr.DataArray, names: Sequence[str]) -> None:
    """Raise DataError unless a result is the curve of one of these quantities."""
    came = getattr(result, "attrs", {}).get("quantity")
    named = next((name for name in names if name == came), names[0])
    parts.expect(result, named, (BOUND, TRANSITION), _KINDS)


def growth_by_distance(result: xr.DataArray, walk: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The mean growth of distances over all transitions, of quarters of the pairs by their distance before.

    `result` is `pair_growth_by_distance` (distance_quarter, transition), filled; `walk` is that of a random walk,
    hollow. Raises DataError for other results.
    """
    dims = (QUARTER, TRANSITION)
    parts.expect(result, "pair_growth_by_distance", dims, (QUARTER,))
    parts.expect(walk, "pair_growth_by_distance_walk", dims, (QUARTER,))
    names = [str(name) for name in result[QUARTER].values]
    places = np.arange(len(names))
    with style.context():
        ax = style.new_axes(ax)
        style.dress(ax)
        ax.axhline(0, color=style.HAIRLINE, linewidth=0.5, zorder=0.8, label="_zero")
        for one, filled, label in ((result, True, "data"), (walk, False, "walk")):
            means = [whole(row) for row in one.transpose(*dims).values]
            ax.plot(
                places, means, color=style.HAIRLINE, linewidth=0.5, marker="o", markersize=4, markeredgewidth=0.6,
                markerfacecolor=style.MUTED if filled else "white", markeredgecolor=style.MUTED, label=label,
            )  # fmt: skip
        ax.set_xticks(places, names)
        ax.set_xlabel("quarter of pairs, by distance")
        ax.set_ylabel("growth of distances (ln)")
        entries = [depth.dot_entry("data", filled=True), depth.dot_entry("random walk", filled=False)]
        parts.legend_above(ax, entries)
    return ax


def rotation(ratio: xr.DataArray, drawn: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The rotation ratio with its interval, over how often draws of each null have one.

    `ratio` is `rotation_ratio` (bound) and `drawn` is `rotation_drawn` (rotation_null, rotation_draw). Raises
    DataError for other results.
    """
    parts.expect(ratio, "rotation_ratio", (BOUND,))
    parts.expect(drawn, "rotation_drawn", (NULL, DRAW), (NULL,))
    value, low, high = (float(ratio.sel({BOUND: end})) for end in ("value", "low", "high"))
    edges = np.linspace(0, 1, 41)
    with style.context():
        ax = style.new_axes(ax)
        style.dress(ax)
        entries, tallest = [], 0.0
        for colour, name in zip(_NULL_COLOURS, drawn[NULL].values, strict=False):
            known = drawn.sel({NULL: name}).values
            known = known[np.isfinite(known)]
            if not known.size:
                continue
            shares = np.histogram(known, edges)[0] / known.size
            ax.stairs(shares, edges, fill=True, color=colour, alpha=0.85, label=str(name))
            tallest = max(tallest, float(shares.max()))
            entries.append((Patch(facecolor=colour, linewidth=0), style.plain(name, 20)))
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1.15 * tallest if tallest else 1.0)
        if np.isfinite(value):
            ax.axvline(value, color=style.INK, linewidth=1.0, label="data")
            ax.axvspan(low, high, color=style.tint(style.INK, 0.12), linewidth=0, zorder=0.5, label="_interval")
        ax.set_xlabel("R², a rotation over any map")
        ax.set_ylabel("share of draws")
        data = Line2D([], [], color=style.INK, linewidth=1.0)
        parts.legend_above(ax, [(data, "data, 95 %")], entries)
    return ax


def rotation_plane(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Paths of samples in the plane of the fastest rotation, coloured by layer, from the ring to the dot.

    `result` is `rotation_plane` (condition, sublayer, plane_axis), of which the first paths are drawn. Both axes
    have one scale, and thin lines cross at the centre that the plane turns about. A path that goes far leaves the
    view. Raises DataError for another result.
    """
    parts.expect(result, "rotation_plane", (CONDITION, SUBLAYER, PLANE), ("layer",))
    paths = result.transpose(CONDITION, SUBLAYER, PLANE).values[:_MOST_PATHS]
    layer = result["layer"].values
    with style.context():
        ax = style.new_axes(ax)
        paths_in_plane(ax, paths, layer)
        low = np.minimum(np.quantile(paths.min(axis=1), _LEAVING, axis=0), 0.0)
        high = np.maximum(np.quantile(paths.max(axis=1), 1 - _LEAVING, axis=0), 0.0)
        reach = (0.5 + _ROOM) * (float((high - low).max()) or 1.0)
        ax.axhline(0, color=style.HAIRLINE, linewidth=style.LINE_PT, zorder=0, label="_centre")
        ax.axvline(0, color=style.HAIRLINE, linewidth=style.LINE_PT, zorder=0, label="_centre")
        for axis, middle in zip("xy", (low + high) / 2, strict=True):
            getattr(ax, f"set_{axis}lim")(middle - reach, middle + reach)
        ax.set_aspect("equal", adjustable="box")
        ax.set_xlabel("fastest rotation, axis 1")
        ax.set_ylabel("fastest rotation, axis 2")
        layers.colourbar(ax, layers.colours_of(layer), layer, axis_names(result.attrs))
    return ax


def paths_in_plane(ax: Axes, paths: np.ndarray, layer: np.ndarray) -> None:
    """Draw paths (n, S, 2), coloured by layer (S,), from the ring to the dot."""
    style.dress(ax)
    rgba = layers.colours_of(layer).to_rgba(layer)
    for path in paths:
        steps = np.stack([path[:-1], path[1:]], axis=1)
        ax.add_collection(LineCollection(list(steps), colors=rgba[:-1], linewidth=0.5, alpha=0.8))
        ring = {"markerfacecolor": "white", "markeredgecolor": rgba[0], "markeredgewidth": 0.5}
        ax.plot(*path[0], "o", markersize=2.4, **ring)
        ax.plot(*path[-1], "o", markersize=2.4, color=rgba[-1], markeredgewidth=0)


PAIR_GROWTH = Panel(
    stem="dynamics_pair_growth",
    figure="dynamics",
    place=30,
    title="Whether texts draw together",
    needs=("pair_growth_curve",),
    draw=lambda inputs, ax: growth(
        inputs.results["pair_growth_curve"],
        inputs.results.get("pair_growth_walk"),
        "growth of distances (ln)",
        ax=ax,
    ),
)
NEIGHBOURS_KEPT = Panel(
    stem="dynamics_neighbours_kept",
    figure="dynamics",
    place=31,
    title="Nearest neighbours kept",
    needs=("neighbours_kept_curve",),
    draw=lambda inputs, ax: share(
        inputs.results["neighbours_kept_curve"],
        inputs.results.get("neighbours_kept_walk"),
        "nearest neighbours kept",
        ax=ax,
    ),
)
GROWTH_BY_DISTANCE = Panel(
    stem="dynamics_growth_by_distance",
    figure="dynamics",
    place=32,
    title="Growth of distances, near and far",
    needs=("pair_growth_by_distance", "pair_growth_by_distance_walk"),
    draw=lambda inputs, ax: growth_by_distance(
        inputs.results["pair_growth_by_distance"], inputs.results["pair_growth_by_distance_walk"], ax=ax
    ),
)
POPULATION_GROWTH = Panel(
    stem="dynamics_population_growth",
    figure="dynamics",
    place=40,
    title="Growth of the population's volume",
    needs=("population_growth_curve",),
    draw=lambda inputs, ax: growth(
        inputs.results["population_growth_curve"],
        inputs.results.get("population_growth_walk"),
        "growth of volume (ln)",
        ax=ax,
    ),
)
ROTATION = Panel(
    stem="dynamics_rotation",
    figure="dynamics",
    place=41,
    title="Rotation of the population",
    needs=("rotation_ratio", "rotation_drawn"),
    draw=lambda inputs, ax: rotation(inputs.results["rotation_ratio"], inputs.results["rotation_drawn"], ax=ax),
)
ROTATION_PLANE = Panel(
    stem="dynamics_rotation_plane",
    figure="dynamics",
    place=42,
    title="Paths in the plane of the fastest rotation",
    needs=("rotation_plane",),
    shape="map",
    draw=lambda inputs, ax: rotation_plane(inputs.results["rotation_plane"], ax=ax),
)
POPULATION_SKEW = Panel(
    stem="dynamics_population_skew",
    title="Skew share of the population's flow",
    needs=("population_skew_curve",),
    draw=lambda inputs, ax: share(
        inputs.results["population_skew_curve"],
        inputs.results.get("population_skew_walk"),
        "skew share of the flow",
        level=0.5,
        ax=ax,
    ),
)
