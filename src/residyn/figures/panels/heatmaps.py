"""Panels B, C and D: heat maps over the units, sorted by their mean activation at the last sublayer."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from residyn.errors import DataError, UsageError
from residyn.figures import style
from residyn.figures.panels import parts
from residyn.schema import SUBLAYER, TRANSITION, UNIT

KINDS = "transition_kind"
_DOTS = 720
"""Dots that a panel of 88 mm has at 300 dpi, along either axis; see `_image`."""


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
    values = _sorted(result.transpose(SUBLAYER, UNIT), None)
    limit = clip if clip is not None else _quantile(np.abs(values), 0.98)
    with style.context():
        ax = style.new_axes(ax)
        image = _image(ax, values, style.DIVERGING.with_extremes(bad=style.UNDEFINED), -limit, limit)
        parts.label_depth(ax, "y", result["layer"].values)
        _label_units(ax, values.shape[1], by_rank=True)
        _colourbar(ax, image, f"mean ({parts.units_of(result, 'activation')})", values)
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
    kinds = parts.kinds_of(result)
    order = _order(result, order)
    values = _sorted(result.transpose(TRANSITION, UNIT), order)
    with style.context():
        ax = style.new_axes(ax)
        image = _image(ax, values, style.SEQUENTIAL, vmin, 1.0)
        parts.label_depth(ax, "y", result["from_layer"].values)
        _label_units(ax, values.shape[1], by_rank=order is not None)
        _colourbar(ax, image, "Pearson r", values, left=1.085)
        _kind_strip(ax, kinds)
        _kind_legend(ax, kinds, undefined=bool(np.isnan(values).any()))
        style.dress(ax, frame=True)
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
    order = _order(result, order)
    chosen = result.isel({KINDS: present.index(kind)}).transpose("bin", UNIT)
    values = _sorted(chosen, order)
    centres = np.asarray(result["bin"].values, dtype=float)
    half = (centres[1] - centres[0]) / 2 if len(centres) > 1 else 0.5
    with style.context():
        ax = style.new_axes(ax)
        top = max(_quantile(values, 0.995), 1e-3)
        image = _image(ax, values, style.DENSITY, 0.0, top, y=(centres[0] - half, centres[-1] + half))
        ax.set_ylabel("Pearson r")
        ax.yaxis.set_major_locator(MaxNLocator(5))
        _label_units(ax, values.shape[1], by_rank=order is not None)
        _note_negative(ax, result)
        counted = "" if kind == "all" else f" ({style.KIND_NAMES[kind]})"
        _colourbar(ax, image, f"share of transitions{counted}", values)
        style.dress(ax, frame=True)
    return ax


def _order(result: xr.DataArray, order: np.ndarray | None) -> np.ndarray | None:
    """Each unit's rank: the one given, else the result's own, else None."""
    if order is None:
        return result["rank"].values if "rank" in result.coords else None
    ranks = np.asarray(order)
    if ranks.shape != (result.sizes[UNIT],):
        raise DataError(
            f"order holds one rank for each of the {result.sizes[UNIT]} units, got shape {ranks.shape}. "
            "Pass mean_activation(states)['rank'] of the same states."
        )
    return ranks


def _sorted(result: xr.DataArray, order: np.ndarray | None) -> np.ndarray:
    """The values (rows, units), with the columns in the order of their ranks."""
    ranks = result["rank"].values if order is None and "rank" in result.coords else order
    values = np.asarray(result.values, dtype=np.float32)
    return values if ranks is None else values[:, np.argsort(ranks, kind="stable")]


def _quantile(values: np.ndarray, share: float) -> float:
    """A quantile of the defined values; 1 where there is none or it is 0, so that a colour scale exists."""
    defined = values[np.isfinite(values)]
    return float(np.quantile(defined, share)) or 1.0 if defined.size else 1.0


def _image(
    ax: Axes,
    values: np.ndarray,
    colours: Colormap,
    low: float,
    high: float,
    *,
    y: tuple[float, float] | None = None,
) -> AxesImage:
    """Draw (rows, units) as an image, honest at any number of units.

    With more units than dots, some must share a dot. `interpolation_stage="rgba"` averages their *colours*
    (with an antialiasing filter, so that no stripe appears or vanishes by where a unit falls on the dots):
    one massive unit then weighs as one among its neighbours, which averaging the values would not give.
    The same filter would blur neighbours into each other where there are fewer of them than dots; repeating
    each row and each column until there are as many as dots keeps their edges sharp.
    """
    rows, units = (max(1, -(-_DOTS // size)) for size in values.shape)
    repeated = values.repeat(rows, axis=0).repeat(units, axis=1)
    bottom, top = y or (-0.5, len(values) - 0.5)
    return ax.imshow(
        np.ma.masked_invalid(repeated),
        cmap=colours,
        vmin=low,
        vmax=high,
        origin="lower",
        extent=(0, values.shape[1], bottom, top),
        aspect="auto",
        interpolation="antialiased",
        interpolation_stage="rgba",
    )


def _label_units(ax: Axes, n_units: int, *, by_rank: bool) -> None:
    ax.set_xlim(0, n_units)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    ax.set_xlabel("unit, by mean at last sublayer" if by_rank else "unit")


def _colourbar(ax: Axes, image: AxesImage, label: str, values: np.ndarray, left: float = 1.035) -> None:
    """A colour bar beside `ax`, inside its layout slot, with an arrow at each end that values lie beyond."""
    low, high = image.get_clim()
    defined = values[np.isfinite(values)]
    below, above = bool((defined < low).any()), bool((defined > high).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    # The locator also proposes the tick beyond each end, which would be laid out though it is not drawn.
    ticks = np.asarray(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    bar = ax.figure.colorbar(
        image,
        cax=ax.inset_axes((left, 0.0, 0.035, 1.0)),
        extend=extend,
        extendfrac=0.04,
        ticks=ticks[(ticks >= low) & (ticks <= high)],
    )
    bar.set_label(label, size=style.BASE_PT, parse_math=False)
    bar.ax.tick_params(labelsize=style.SMALL_PT, width=style.LINE_PT, length=2, pad=1.5)
    bar.outline.set_linewidth(style.LINE_PT)


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


def _kind_strip(ax: Axes, kinds: list[str]) -> None:
    names = list(style.KIND_COLOURS)
    strip = ax.inset_axes((1.015, 0.0, 0.035, 1.0))
    strip.imshow(
        np.array([[names.index(kind)] for kind in kinds]),
        cmap=ListedColormap(list(style.KIND_COLOURS.values())),
        vmin=-0.5,
        vmax=len(names) - 0.5,
        origin="lower",
        extent=(0, 1, -0.5, len(kinds) - 0.5),
        aspect="auto",
        interpolation="nearest",
    )
    strip.set_axis_off()
    strip.set_label("transition kind")


def _kind_legend(ax: Axes, kinds: list[str], *, undefined: bool) -> None:
    """What the strip's colours mean, and the grey of NaN where there is any, above the panel."""
    entries = [(parts.swatch(style.KIND_COLOURS[kind]), kind) for kind in parts.present(kinds)]
    if undefined:
        entries.append((parts.swatch(style.UNDEFINED), "undefined"))
    parts.legend_above(ax, *([entries] if len(entries) < 4 else [entries[:2], entries[2:]]))
