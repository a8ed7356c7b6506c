"""What heat maps over units share: the order of units, the image, its colour bar, the strip of kinds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from residyn.axis_names import AxisNames, axis_names
from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import parts
from residyn.schema import UNIT

_DOTS = 720
"""Dots that a panel of 88 mm has at 300 dpi, along either axis; see `draw`."""


def order_of(result: xr.DataArray, order: np.ndarray | None) -> np.ndarray | None:
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


def sorted_by(result: xr.DataArray, order: np.ndarray | None) -> np.ndarray:
    """The values (rows, units), with the columns in the order of their ranks."""
    ranks = result["rank"].values if order is None and "rank" in result.coords else order
    values = np.asarray(result.values, dtype=np.float32)
    return values if ranks is None else values[:, np.argsort(ranks, kind="stable")]


def quantile(values: np.ndarray, share: float) -> float:
    """A quantile of the defined values; 1 where there is none or it is 0, so that a colour scale exists."""
    defined = values[np.isfinite(values)]
    return float(np.quantile(defined, share)) or 1.0 if defined.size else 1.0


def draw(
    ax: Axes,
    values: np.ndarray,
    colours: Colormap,
    norm: Normalize,
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
        norm=norm,
        origin="lower",
        extent=(0, values.shape[1], bottom, top),
        aspect="auto",
        interpolation="antialiased",
        interpolation_stage="rgba",
    )


def label_units(ax: Axes, n_units: int, names: AxisNames, *, by_rank: bool) -> None:
    ax.set_xlim(0, n_units)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    unit = style.plain(names.unit, limit=24)
    ax.set_xlabel(f"{unit}, by its last mean" if by_rank else unit, parse_math=False)


def colourbar(
    ax: Axes,
    image: AxesImage,
    label: str,
    values: np.ndarray,
    *,
    left: float = 1.035,
    ticks: Sequence[float] | None = None,
) -> None:
    """A colour bar beside `ax`, inside its layout slot, with an arrow at each end that values lie beyond."""
    low, high = image.get_clim()
    defined = values[np.isfinite(values)]
    below, above = bool((defined < low).any()), bool((defined > high).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    bar = ax.figure.colorbar(
        image,
        cax=ax.inset_axes((left, 0.0, 0.035, 1.0)),
        extend=extend,
        extendfrac=0.04,
        ticks=parts.ticks_within(low, high, 5) if ticks is None else list(ticks),
        format=None if ticks is None else FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")),
    )
    bar.ax.yaxis.set_minor_locator(NullLocator())
    parts.dress_bar(bar, label)


def by_transition(
    ax: Axes, image: AxesImage, values: np.ndarray, result: xr.DataArray, label: str, *, by_rank: bool
) -> None:
    """What is around an image of (transition, unit): depth, units, colour bar, and the strip of kinds."""
    kinds = parts.kinds_of(result)
    names, several = axis_names(result.attrs), len(set(kinds)) > 1
    parts.label_depth(ax, "y", result["from_layer"].values, names)
    label_units(ax, values.shape[1], names, by_rank=by_rank)
    colourbar(ax, image, label, values, left=1.1 if several else 1.035)
    if several:
        _kind_strip(ax, kinds)
    _kind_legend(ax, kinds if several else [], undefined=bool(np.isnan(values).any()))
    style.dress(ax, frame=True)


def _kind_strip(ax: Axes, kinds: list[str]) -> None:
    """Each row's kind beside the image, a lane for each kind: rows of two kinds do not run together."""
    names, there = list(style.KIND_COLOURS), parts.present(kinds)
    lanes = np.full((len(kinds), len(there)), np.nan)
    for row, kind in enumerate(kinds):
        lanes[row, there.index(kind)] = names.index(kind)
    strip = ax.inset_axes((1.015, 0.0, 0.05, 1.0))
    strip.imshow(
        lanes,
        cmap=ListedColormap(list(style.KIND_COLOURS.values())).with_extremes(bad="white"),
        vmin=-0.5,
        vmax=len(names) - 0.5,
        origin="lower",
        extent=(0, len(there), -0.5, len(kinds) - 0.5),
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
    if entries:
        parts.legend_above(ax, *([entries] if len(entries) < 4 else [entries[:2], entries[2:]]))
