"""Panels B, C and D: heat maps over the units, sorted by their mean activation at the last sublayer."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from residyn.errors import DataError, UsageError
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import images, parts
from residyn.schema import SUBLAYER, TRANSITION, UNIT

KINDS = "transition_kind"


def mean_activation(result: xr.DataArray, *, clip: float | None = None, ax: Axes | None = None) -> Axes:
    """Panel B: the sample mean of each unit at each sublayer, as a heat map.

    `result` is `mean_activation` (sublayer, unit) with the coordinate `rank` along the units: x follows it,
    y is depth from the first sublayer at the bottom. Colours run from blue (negative) over white (0) to
    magenta, and end at ±`clip` (the paper, for Llama 3.1 8B: ±1); None ends them at the 98th percentile of
    the magnitudes, which fits models whose activations are larger.
    Raises DataError for another result, UsageError for a clip that is not positive.
    """
    parts.expect(result, "mean_activation", (SUBLAYER, UNIT), ("rank", "layer"))
    if clip is not None and not clip > 0:
        raise UsageError(f"clip is the positive end of the colour scale, or None; got {clip}.")
    values = images.sorted_by(result.transpose(SUBLAYER, UNIT), None)
    limit = clip if clip is not None else images.quantile(np.abs(values), 0.98)
    with style.context():
        ax = style.new_axes(ax)
        image = images.draw(ax, values, style.DIVERGING.with_extremes(bad=style.UNDEFINED), -limit, limit)
        parts.label_depth(ax, "y", result["layer"].values)
        images.label_units(ax, values.shape[1], by_rank=True)
        images.colourbar(ax, image, f"mean ({parts.units_of(result, 'activation')})", values)
        style.dress(ax, frame=True)
    return ax


def unit_correlation(
    result: xr.DataArray, *, vmin: float = 0.75, order: np.ndarray | None = None, ax: Axes | None = None
) -> Axes:
    """Panel C: Pearson r over samples of each unit between successive sublayers, as a heat map.

    `result` is `unit_correlation` (transition, unit). Green deepens from `vmin` (the paper: 0.75) to 1, lower
    values are nearly white, and undefined ones (NaN: a constant unit) are grey. `order` holds each unit's
    rank, as the coordinate `rank` of panel B; None takes the result's own `rank`, else the model's order.
    The strip on the right shows each transition's kind. Raises DataError for another result or order,
    UsageError unless −1 ≤ vmin < 1.
    """
    parts.expect(result, "unit_correlation", (TRANSITION, UNIT), ("kind", "from_layer"))
    if not -1 <= vmin < 1:
        raise UsageError(f"vmin is a correlation below 1, such as 0.75; got {vmin}.")
    order = images.order_of(result, order)
    values = images.sorted_by(result.transpose(TRANSITION, UNIT), order)
    with style.context():
        ax = style.new_axes(ax)
        image = images.draw(ax, values, style.SEQUENTIAL, vmin, 1.0)
        images.by_transition(ax, image, values, result, "Pearson r", by_rank=order is not None)
    return ax


def correlation_density(
    result: xr.DataArray,
    *,
    kind: Literal["all", "within", "cross", "block"] = "all",
    order: np.ndarray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Panel D: for each unit, which share of its transitions has an r in each bin of [0, 1].

    `result` is `correlation_density` (kind, bin, unit), with the bins' centres as the coordinate `bin`;
    `kind` chooses the transitions counted. `order` is as for `unit_correlation`. The colour scale ends at
    the 99.5th percentile of the shares. Raises DataError for another result, order or an absent kind.
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
        image = images.draw(ax, values, style.DENSITY, 0.0, top, y=(centres[0] - half, centres[-1] + half))
        ax.set_ylabel("Pearson r")
        ax.yaxis.set_major_locator(MaxNLocator(5))
        images.label_units(ax, values.shape[1], by_rank=order is not None)
        _note_negative(ax, result)
        counted = "" if kind == "all" else f" ({style.KIND_NAMES[kind]})"
        images.colourbar(ax, image, f"share of transitions{counted}", values)
        style.dress(ax, frame=True)
    return ax


def _note_negative(ax: Axes, result: xr.DataArray) -> None:
    """Say above the panel how many correlations lie below its bins, where the result counted any."""
    count = result.attrs.get("n_negative", 0)
    if count:
        ax.text(
            1.0,
            1.015,
            f"{count} r < 0 not shown",
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
