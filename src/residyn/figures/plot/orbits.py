"""Orbits of units: how often their phase portraits turn beside what nulls make of it, and portraits themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator, MultipleLocator

from residyn.axis_names import axis_names
from residyn.errors import DataError, UsageError
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import bars, layers, parts
from residyn.quantities.summaries import rotations_of_nulls

_NULLS = {
    "points shuffled": ("#c2588f", "v", "points shuffled (the paper's)"),
    "signs flipped": ("#1f4e9c", "s", "signs of steps flipped"),
    "steps permuted": ("#2a9a55", "D", "steps permuted"),
    "phases drawn": ("#8a5cc2", "^", "phases drawn (as smooth)"),
}
"""Colour, marker and name of each null."""
_ROOM, _FIRST, _APART = 1.14, 1.14, 0.16
"""Heights over that of the tallest bar: of the axes without nulls, of the first null, and between nulls."""


def orbits(results: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Turns of units' phase portraits: their mean, a histogram over units, and above it each null's mean ± 2 sd.

    `results` holds `rotations` (unit), `rotations_null_mean` and `rotations_null_sd` (null, unit), as
    `residyn.orbits` gives them; a null's interval is the mean over units of its mean, and the root of the mean
    of its variance: a unit inside it turns as that null makes a unit turn. How the mean over units, a line, stands
    to the nulls is `rotations_mean_difference` and `rotations_mean_p`. Counter-clockwise is positive. Raises
    DataError for other results.

    >>> ax = rd.plot.orbits(rd.orbits(rd.mean_activation(states), repeats=20))
    """
    missing = [name for name in ("rotations", "rotations_null_mean", "rotations_null_sd") if name not in results]
    if missing:
        raise DataError(f"Orbits are drawn from residyn.orbits(mean_activation); missing: {', '.join(missing)}.")
    turns = results["rotations"].values
    turns = turns[np.isfinite(turns)]
    with style.context():
        ax = style.new_axes(ax)
        style.dress(ax)
        said = axis_names(results["rotations"].attrs).said
        ax.set_xlabel(said("rotations of a unit, counter-clockwise > 0"))
        ax.set_ylabel(said("units"))
        if not len(turns):
            ax.text(0.5, 0.5, "undefined", transform=ax.transAxes, ha="center", va="center", color=style.MUTED)
            return ax
        tallest = bars.draw(ax, turns, _bins(turns).tolist())
        ax.axvline(
            float(turns.mean()), color=style.MUTED, linewidth=0.9, linestyle="--", label=said("mean over units")
        )
        nulls = rotations_of_nulls(results)
        for row, (null, (mean, sd)) in enumerate(nulls.items()):
            colour, marker, name = _NULLS.get(null, (style.MUTED, "o", style.plain(null)))
            ax.errorbar(
                mean, tallest * (_FIRST + _APART * row), xerr=2 * sd, fmt=marker, color=colour, markersize=3.6,
                elinewidth=0.9, capsize=2.0, capthick=0.9, label=f"{name}, ± 2 sd",
            )  # fmt: skip
        ax.set_ylim(0, tallest * (_ROOM + _APART * len(nulls)))
        # Nulls stand at no number of units: the scale ends with the bars.
        ax.set_yticks(parts.ticks_within(0, tallest, 5))
        ax.spines["left"].set_bounds(0, tallest)
        ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderpad=0.0)
    return ax


def _bins(turns: np.ndarray) -> np.ndarray:
    """Half turns, or wider where there would be too many."""
    low, high = np.floor(turns.min()), np.ceil(turns.max())
    width = max(0.5, np.ceil((high - low) / 60 * 2) / 2)
    return np.arange(low - width / 2, high + 1.5 * width, width)


def phase_portraits(
    mean_activation: xr.DataArray, *, units: Sequence[int] | None = None, ax: Axes | None = None
) -> Axes:
    """Paths of a few units in the plane of mean activation and its gradient over depth, coloured by layer.

    `mean_activation` is the result of that name; `units` are positions, by default three whose means span the
    last sublayer's from low to high. Each path is divided by its largest |value| along either axis, so that
    units of all sizes can be seen; it begins at the ring and ends at the dot. Raises DataError for another
    result, UsageError for units that it lacks.

    >>> ax = rd.plot.phase_portraits(rd.mean_activation(states), units=[0, 3])
    """
    if not isinstance(mean_activation, xr.DataArray) or set(mean_activation.dims) != {"sublayer", "unit"}:
        raise DataError("Phase portraits are of mean activations (sublayer, unit). Pass residyn.mean_activation.")
    x = mean_activation.transpose("unit", "sublayer").values
    chosen = _spread(x[:, -1]) if units is None else [int(unit) for unit in units]
    if not chosen or not all(0 <= unit < len(x) for unit in chosen) or x.shape[1] < 2:
        raise UsageError(f"Portraits are of units 0 … {len(x) - 1} over two sublayers or more; got {chosen}.")
    depth = mean_activation["layer"].values
    with style.context():
        ax = style.new_axes(ax)
        style.dress(ax)
        colours = layers.colours_of(depth)
        rgba = colours.to_rgba(depth)
        ax.axhline(0, color=style.HAIRLINE, linewidth=style.LINE_PT, zorder=0)
        ax.axvline(0, color=style.HAIRLINE, linewidth=style.LINE_PT, zorder=0)
        for unit in chosen:
            points = np.stack([_within_one(x[unit]), _within_one(np.gradient(x[unit]))], axis=1)
            steps = np.stack([points[:-1], points[1:]], axis=1)
            ax.add_collection(LineCollection(list(steps), colors=rgba[:-1], linewidth=0.8))
            ax.plot(*points[0], "o", markersize=3, markerfacecolor="white", markeredgecolor=rgba[0])
            ax.plot(*points[-1], "o", markersize=3, color=rgba[-1])
        ax.set_xlim(-1.08, 1.08)
        ax.set_ylim(-1.08, 1.08)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MultipleLocator(0.5))
        ax.set_xlabel("mean activation, over its largest")
        ax.set_ylabel("its gradient, over its largest")
        layers.colourbar(ax, colours, depth, axis_names(mean_activation.attrs))
    return ax


def _spread(last: np.ndarray, n: int = 3) -> list[int]:
    """Units at evenly spaced ranks of their last mean."""
    order = np.argsort(last, kind="stable")
    return [int(unit) for unit in np.unique(order[np.linspace(0, len(order) - 1, min(n, len(order))).astype(int)])]


def _within_one(values: np.ndarray) -> np.ndarray:
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values


ORBITS = Panel(
    stem="control_orbits",
    beside="B",
    title="Rotations of units",
    needs=("rotations", "rotations_null_mean", "rotations_null_sd"),
    defined_by=("rotations", "rotations_null_mean"),
    draw=lambda inputs, ax: orbits(inputs.results, ax=ax),
)
PHASE_PORTRAITS = Panel(
    stem="control_phase_portraits",
    beside="B",
    title="Phase portraits of units",
    needs=("rotations", "mean_activation"),
    definition="A unit's mean activation over samples against its gradient along depth, each divided by its "
    "largest size; a path begins at the ring and ends at the dot.",
    draw=lambda inputs, ax: phase_portraits(inputs.results["mean_activation"], ax=ax),
)
