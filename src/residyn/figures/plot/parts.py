"""What panels share: the check of what they are given, the depth axis, the legend of transition kinds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colorbar import Colorbar
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation
from mpl_toolkits.mplot3d import Axes3D

from residyn.axis_names import AxisNames, axis_names
from residyn.errors import DataError
from residyn.figures import style

MOST_TICKS = 8
_LARGE = 1e4
_LEGEND_ROW_PT = 8.5
_DIGIT_MM = 1.5
"""A digit of a tick's label, on the wide side."""
_LINE_LETTERS = 32
"""Of a label along axes that are a panel high."""


def expect(result: Any, quantity: str, dims: Sequence[str], coords: Sequence[str] = ()) -> None:
    """Raise DataError unless `result` is the named quantity with these dimensions and coordinates."""
    if not isinstance(result, xr.DataArray):
        raise DataError(
            f"This panel draws the result {quantity!r}, got {type(result).__name__}. "
            f"Pass residyn.{quantity}(states), or results[{quantity!r}] of an opened run."
        )
    came = result.attrs.get("quantity", result.name)
    if came != quantity:
        raise DataError(
            f"This panel draws the result {quantity!r}, got {came!r} with dimensions {result.dims}. "
            f"Pass residyn.{quantity}(states), or results[{quantity!r}] of an opened run."
        )
    if set(result.dims) != set(dims) or 0 in result.shape:
        raise DataError(
            f"The result {quantity!r} needs the dimensions {tuple(dims)}, each of at least one entry; "
            f"got {dict(result.sizes)}. Pass it whole, as it was computed."
        )
    missing = [name for name in coords if name not in result.coords]
    if missing:
        raise DataError(
            f"The result {quantity!r} needs the coordinate {' and '.join(map(repr, missing))}; "
            f"it has {', '.join(map(str, result.coords)) or 'none'}. Pass it whole, as it was computed."
        )


def with_units(label: str, result: xr.DataArray) -> str:
    """A label with the result's units behind it; shares and activations have none."""
    units = style.plain(result.attrs.get("units", "1"), limit=24)
    return label if units in ("1", "", "activation") else f"{label} ({units})"


def kind_names(result: xr.DataArray | xr.Dataset) -> Mapping[str, str]:
    """What kinds of transitions are called: of a recording, all are steps from place to place."""
    names = axis_names(result.attrs)
    own = {} if names.of_a_model else {"block": style.plain(names.step, limit=32)}
    return {**style.KIND_NAMES, **own}


def site_names(result: xr.DataArray | xr.Dataset) -> Mapping[str, str]:
    """What states are called by their site: of a recording, as a place is."""
    names = axis_names(result.attrs)
    own = {} if names.of_a_model else {"block": style.plain(names.depth, limit=24)}
    return {**style.SITE_NAMES, **own}


def kinds_of(result: xr.DataArray | xr.Dataset) -> list[str]:
    """The kind of each transition; DataError for one that residyn does not know."""
    kinds = [str(kind) for kind in result["kind"].values]
    unknown = sorted(set(kinds) - set(style.KIND_COLOURS))
    if unknown:
        raise DataError(
            f"A transition is of the kind {', '.join(style.KIND_COLOURS)}; "
            f"got {', '.join(map(repr, unknown))}. Label results with residyn.schema.transition_coords."
        )
    return kinds


_ROOM_FOR_LABELS = 24
"""Characters of tick labels that lie side by side below a panel, all as wide as the widest; more are turned."""


def layer_ticks(layers: Sequence[int] | np.ndarray) -> tuple[list[int], list[str]]:
    """Positions and labels of about `MOST_TICKS` layers, each at its first entry along a depth axis.

    The step is the smallest of 1, 2, 4, 5 or 8 times a power of ten that leaves at most `MOST_TICKS` labels.
    """
    first: dict[int, int] = {}
    for position, layer in enumerate(int(layer) for layer in layers):
        first.setdefault(layer, position)
    steps = (factor * 10**power for power in range(7) for factor in (1, 2, 4, 5, 8))
    step = next(step for step in steps if sum(layer % step == 0 for layer in first) <= MOST_TICKS)
    shown = [layer for layer in sorted(first) if layer % step == 0] or [min(first)]
    return [first[layer] for layer in shown], [str(layer) for layer in shown]


def label_depth(ax: Axes, axis: Literal["x", "y"], layers: Sequence[int] | np.ndarray, names: AxisNames) -> None:
    """Tick an axis by layer, each at its first state or transition, and name how many belong to a layer."""
    positions, labels = layer_ticks(layers)
    per_layer = max(np.unique(np.asarray(layers), return_counts=True)[1])
    depth = style.plain(names.depth, limit=24)
    name = depth if per_layer == 1 else f"{depth} ({per_layer} sublayers each)"
    if names.places:
        labels = [style.plain(names.place(int(label)), limit=10 if axis == "x" else 7) for label in labels]
    if axis == "x":
        long = max(map(len, labels)) * len(labels) > _ROOM_FOR_LABELS
        ax.set_xticks(positions, labels, **({"rotation": 40, "ha": "right"} if long else {}), parse_math=False)
        ax.set_xlabel(name)
    else:
        ax.set_yticks(positions, labels, parse_math=False)
        ax.set_ylabel(name)


def present(kinds: Sequence[str]) -> list[str]:
    """The kinds that occur, in the palette's order."""
    return [kind for kind in style.KIND_COLOURS if kind in kinds]


def swatch(colour: str) -> Line2D:
    """A small square of a colour, as a legend's handle."""
    return marker(colour, "s", 4.5)


def legend_above(ax: Axes, *rows: Sequence[tuple[Artist, str]]) -> None:
    """Legends above `ax`, where no data can lie, one for each row of entries (handle, name), top row first.

    Names are drawn as they are: neither as formulas, nor left out where they begin with an underscore.
    """
    for above, row in enumerate(reversed(rows)):
        raised = ScaledTranslation(0, above * _LEGEND_ROW_PT / 72, ax.figure.dpi_scale_trans)
        legend = ax.legend(
            [handle for handle, _ in row],
            ["entry"] * len(row),
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            bbox_transform=ax.transAxes + raised,
            ncols=len(row),
            columnspacing=0.9,
            handlelength=1.0,
            handletextpad=0.4,
            borderaxespad=0.15,
            borderpad=0.15,
            fontsize=style.SMALL_PT,
            frameon=False,
        )
        for text, (_, name) in zip(legend.get_texts(), row, strict=True):
            text.set_parse_math(False)
            text.set_text(name)
        if above < len(rows) - 1:  # the next one would take its place
            ax.add_artist(legend)
            legend.set_clip_path(None)  # or the layout would take it to lie inside the axes


def ticks_within(low: float, high: float, about: int) -> np.ndarray:
    """About so many round numbers from `low` to `high`.

    A locator left to an axis also proposes the next one beyond each end, which is laid out though not drawn.
    """
    ticks = np.asarray(MaxNLocator(about, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    return ticks[(ticks >= low) & (ticks <= high)]


def width_mm(ax: Axes) -> float:
    """How wide axes are printed."""
    return float(ax.get_window_extent().width) / ax.figure.dpi / style.MM


def ticks_with_room(low: float, high: float, most: int, room_mm: float) -> np.ndarray:
    """Round numbers from `low` to `high`, some of them left out where labels need more than `room_mm`."""
    ticks = ticks_within(low, high, most)
    if len(ticks) < 2:
        return ticks
    wide = _DIGIT_MM * (1 + max(len(f"{tick:g}") for tick in ticks))
    return ticks[:: math.ceil(wide * (high - low) / (room_mm * (ticks[1] - ticks[0])))]


def lowered(labels: Sequence[str], apart_mm: Sequence[float] | np.ndarray) -> list[str]:
    """Labels of an axis, each below the one before where it would touch it."""
    wide = [max(map(len, label.split("\n"))) for label in labels]
    placed = list(labels)
    for place, room in enumerate(apart_mm, start=1):
        if room < _DIGIT_MM * (1 + (wide[place - 1] + wide[place]) / 2) and placed[place - 1] == labels[place - 1]:
            placed[place] = "\n" * (1 + labels[place - 1].count("\n")) + labels[place]
    return placed


def in_two(label: str) -> str:
    """A label on one line, or where it is longer than axes are high on two, broken near its middle."""
    breaks = [at for at, letter in enumerate(label) if letter == " "]
    if len(label) <= _LINE_LETTERS or not breaks:
        return label
    middle = min(breaks, key=lambda at: abs(at - len(label) / 2))
    return f"{label[:middle]}\n{label[middle + 1 :]}"


def shorten_numbers(axis: Axis) -> None:
    """Write large numbers along an axis that has its limits as 20k or 1.5M; a common power would stand apart."""
    if max(map(abs, axis.get_view_interval())) >= _LARGE:
        axis.set_major_formatter(EngFormatter(sep=""))


def dress_bar(bar: Colorbar, label: str) -> None:
    """A colour bar's label and sizes."""
    bar.set_label(label, size=style.BASE_PT, parse_math=False)
    bar.ax.tick_params(labelsize=style.SMALL_PT, width=style.LINE_PT, length=2, pad=1.5)
    bar.outline.set_linewidth(style.LINE_PT)


def say(ax: Axes, words: str) -> None:
    """Words in the middle of axes that have nothing to show, and no ticks."""
    for axis in (ax.xaxis, ax.yaxis, *([ax.zaxis] if isinstance(ax, Axes3D) else [])):
        axis.set_ticks([])
    where = ax.text2D if isinstance(ax, Axes3D) else ax.text
    where(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", fontsize=style.BASE_PT)


def marker(colour: str, shape: str, size: float) -> Line2D:
    """A marker alone, as a legend's handle."""
    return Line2D([], [], linestyle="none", marker=shape, markersize=size, markeredgewidth=0, color=colour)
