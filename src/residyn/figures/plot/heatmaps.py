"""Panels B, C and D: heat maps over the units, sorted by their mean activation at the last sublayer."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm, Normalize
from matplotlib.ticker import MaxNLocator

from residyn.axis_names import axis_names
from residyn.errors import DataError, UsageError
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import images, parts
from residyn.schema import SUBLAYER, TRANSITION, UNIT
from residyn.words import percent

KINDS = "transition_kind"
_SMALL, _FURTHEST, _TICKS = 0.1, 1e4, 3
"""Of B's colours: which sublayers have small means, how far beyond these colours reach, ticks on either side."""
_WEAK, _HIDDEN = 0.05, 0.02
"""Shares of the correlations that the colours of C may hide, and the view of D."""


def mean_activation(result: xr.DataArray, *, clip: float | None = None, ax: Axes | None = None) -> Axes:
    """Panel B: the sample mean of each unit at each sublayer, as a heat map.

    `result` is `mean_activation` (sublayer, unit) with the coordinate `rank` along the units: x follows it,
    y is depth from the first sublayer at the bottom. Colours run from blue (negative) over white (0) to
    magenta, and end at ±`clip` (the paper, for Llama 3.1 8B: ±1), in proportion to the value; None ends them at
    the 99th percentile of the magnitudes, in proportion to the value up to what is usual in a sublayer of small
    means, and to its logarithm beyond: means that grow a hundredfold over depth can be seen in early layers too.
    Raises DataError for another result, UsageError for a clip that is not positive.

    >>> ax = rd.plot.mean_activation(rd.mean_activation(states), clip=1)
    """
    parts.expect(result, "mean_activation", (SUBLAYER, UNIT), ("rank", "layer"))
    if clip is not None and not clip > 0:
        raise UsageError(f"clip is the positive end of the colour scale, or None; got {clip}.")
    values = images.sorted_by(result.transpose(SUBLAYER, UNIT), None)
    norm, ticks = (Normalize(-clip, clip), None) if clip is not None else _both_ways(np.abs(values))
    with style.context():
        ax = style.new_axes(ax)
        image = images.draw(ax, values, style.DIVERGING.with_extremes(bad=style.UNDEFINED), norm)
        parts.label_depth(ax, "y", result["layer"].values, axis_names(result.attrs))
        images.label_units(ax, values.shape[1], axis_names(result.attrs), by_rank=True)
        images.colourbar(ax, image, parts.with_units("mean activation", result), values, ticks=ticks)
        style.dress(ax, frame=True)
    return ax


def _both_ways(sizes: np.ndarray) -> tuple[AsinhNorm, list[float]]:
    """A scale of colours that is linear about 0 and logarithmic further out, and its ticks."""
    limit = images.quantile(sizes, 0.99)
    usual = np.nanmedian(sizes[np.isfinite(sizes).any(axis=1)], axis=1)
    linear = max(min(images.quantile(usual[usual > 0], _SMALL), limit), limit / _FURTHEST)
    norm = AsinhNorm(linear_width=linear, vmin=-limit, vmax=limit)
    powers = 10.0 ** np.arange(np.floor(np.log10(linear)), np.ceil(np.log10(limit)) + 1)
    steps = [step for step in powers if linear <= step <= limit][-_TICKS:]
    if len(steps) < 2:
        steps = parts.ticks_within(0.0, limit, 3)[1:].tolist()
    return norm, [*(-step for step in reversed(steps)), 0.0, *steps]


def unit_correlation(
    result: xr.DataArray, *, vmin: float | None = None, order: np.ndarray | None = None, ax: Axes | None = None
) -> Axes:
    """Panel C: Pearson r over samples of each unit between successive sublayers, as a heat map.

    `result` is `unit_correlation` (transition, unit). Colours deepen from `vmin` (the paper: 0.75) to 1, lower
    values are nearly white, and undefined ones (NaN: a constant unit) are grey; None begins them at the 5th
    percentile of the values, and at 0.75 at the latest. `order` holds each unit's
    rank, as the coordinate `rank` of panel B; None takes the result's own `rank`, else the model's order.
    The strip on the right shows each transition's kind. Raises DataError for another result or order,
    UsageError unless −1 ≤ vmin < 1.

    >>> ax = rd.plot.unit_correlation(rd.unit_correlation(states), vmin=0.5)
    """
    parts.expect(result, "unit_correlation", (TRANSITION, UNIT), ("kind", "from_layer"))
    if vmin is not None and not -1 <= vmin < 1:
        raise UsageError(f"vmin is a correlation below 1, such as 0.75, or None; got {vmin}.")
    order = images.order_of(result, order)
    values = images.sorted_by(result.transpose(TRANSITION, UNIT), order)
    with style.context():
        ax = style.new_axes(ax)
        image = images.draw(
            ax, values, style.SEQUENTIAL, Normalize(_weakest(values) if vmin is None else vmin, 1.0)
        )
        images.by_transition(ax, image, values, result, "Pearson r", by_rank=order is not None)
    return ax


def _weakest(values: np.ndarray) -> float:
    """Where colours of correlations begin: at a twentieth of them, rounded down to a tenth."""
    return min(0.75, float(np.floor(10 * images.quantile(values, _WEAK)) / 10))


def correlation_density(
    result: xr.DataArray,
    *,
    kind: Literal["all", "within", "cross", "block"] = "all",
    order: np.ndarray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Panel D: for each unit, which share of its transitions has an r in each bin of [0, 1].

    `result` is `correlation_density` (kind, bin, unit), with the bins' centres as the coordinate `bin`;
    `kind` chooses the transitions counted. `order` is as for `unit_correlation`. The view begins where a fiftieth
    of the correlations lies below it, and words above say how many do. The colour scale ends at the 99.5th
    percentile of the shares. Raises DataError for another result, order or an absent kind.

    >>> ax = rd.plot.correlation_density(rd.correlation_density(rd.unit_correlation(states)), kind="within")
    """
    parts.expect(result, "correlation_density", (KINDS, "bin", UNIT), (KINDS, "bin"))
    present = [str(name) for name in result[KINDS].values]
    if kind not in present:
        raise DataError(f"This density counts the kinds {', '.join(present)}; got {kind!r}. Choose one of them.")
    order = images.order_of(result, order)
    chosen = result.isel({KINDS: present.index(kind)}).transpose("bin", UNIT)
    values = images.sorted_by(chosen, order)
    centres = np.asarray(result["bin"].values, dtype=float)
    half = (centres[1] - centres[0]) / 2 if len(centres) > 1 else 0.5
    with style.context():
        ax = style.new_axes(ax)
        top = max(images.quantile(values, 0.995), 1e-3)
        image = images.draw(
            ax, values, style.DENSITY, Normalize(0.0, top), y=(centres[0] - half, centres[-1] + half)
        )
        first = _first_shown(values)
        ax.set_ylim(centres[first] - half, centres[-1] + half)
        ax.set_ylabel("Pearson r")
        ax.yaxis.set_major_locator(MaxNLocator(5))
        images.label_units(ax, values.shape[1], axis_names(result.attrs), by_rank=order is not None)
        _note_below(ax, chosen, centres[first] - half, values[:first])
        counted = "" if kind == "all" else f" ({style.KIND_NAMES[kind]})"
        images.colourbar(ax, image, f"share of transitions{counted}", values)
        style.dress(ax, frame=True)
    return ax


def _first_shown(values: np.ndarray) -> int:
    """The first bin of (bins, units) to show: a fiftieth of what was counted lies in those before it."""
    below = np.nancumsum(np.nansum(values, axis=1))
    return int(np.searchsorted(below, _HIDDEN * below[-1])) if below[-1] > 0 else 0


def _note_below(ax: Axes, result: xr.DataArray, edge: float, hidden: np.ndarray) -> None:
    """Say above the panel which share of the correlations lies below its view, where any does."""
    negative = result["share_negative"].values if "share_negative" in result.coords else np.zeros(1)
    share = float(np.nanmean(negative)) + float(
        np.nansum(hidden) / max(np.isfinite(result.values).all(axis=0).sum(), 1)
    )
    if share > 0:
        ax.text(
            1.0,
            1.015,
            f"{percent(share, 2)} below r = {edge:.2g}",
            transform=ax.transAxes,
            ha="right",
            va="bottom",
            fontsize=style.SMALL_PT,
            color=style.MUTED,
            parse_math=False,
        )


MEAN_ACTIVATION = Panel(
    stem="panel_b",
    letter="B",
    title="Mean activation of each unit",
    shape="map",
    needs=("mean_activation",),
    required=True,
    draw=lambda inputs, ax: mean_activation(inputs.results["mean_activation"], ax=ax),
)
UNIT_CORRELATION = Panel(
    stem="panel_c",
    letter="C",
    title="Correlation of successive states",
    shape="map",
    needs=("unit_correlation",),
    required=True,
    draw=lambda inputs, ax: unit_correlation(inputs.results["unit_correlation"], order=inputs.order, ax=ax),
)
CORRELATION_DENSITY = Panel(
    stem="panel_d",
    letter="D",
    title="How often a unit's correlation is strong",
    shape="map",
    needs=("correlation_density",),
    required=True,
    draw=lambda inputs, ax: correlation_density(inputs.results["correlation_density"], order=inputs.order, ax=ax),
)
