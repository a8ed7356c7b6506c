"""Panels G and H: mutual information of each unit between successive sublayers, in nats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from residyn.axis_names import axis_names
from residyn.errors import DataError, UsageError
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import depth, images, parts
from residyn.quantities.summaries import curve as curve_of
from residyn.quantities.summaries import summary
from residyn.schema import TRANSITION, UNIT

ESTIMATOR = "estimator"
_QUANTITY = "mutual_information"
_BESIDE = "kde"
"""The estimator drawn beside the chosen one: the paper's."""
_HATCH = "////"
_SHUFFLED = ((0, (1, 1.2)), (0, (4, 1.5)))
"""Dashes of the baselines of the first estimator and of the one beside it."""
_STRETCH = 1.3
"""How much higher a reference may make the view."""


def mutual_information(
    result: xr.DataArray,
    *,
    estimator: str | None = None,
    order: np.ndarray | None = None,
    vmax: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Panel G: mutual information of each unit between successive sublayers, as a heat map in nats.

    `result` is `mutual_information` (estimator, transition, unit), or one estimator's (transition, unit);
    `estimator` chooses, None takes the first. Dark is 0 and light is `vmax` (the paper: 5); None ends the
    scale at the 99th percentile. Estimates beyond it, and those below 0, which an unbiased estimator of
    nothing must have, are marked by an arrow on the colour bar; undefined ones (NaN) are grey. `order` and the
    strip of kinds are as in panel C. Raises DataError for another result, order or an absent estimator,
    UsageError for a vmax that is not positive.

    >>> ax = rd.plot.mutual_information(rd.mutual_information(states))
    """
    if vmax is not None and not vmax > 0:
        raise UsageError(f"vmax is the positive end of the colour scale in nats, or None; got {vmax}.")
    chosen, name = _choose(result, estimator)
    order = images.order_of(chosen, order)
    values = images.sorted_by(chosen, order)
    top = vmax if vmax is not None else max(images.quantile(values, 0.99), 1e-3)
    with style.context():
        ax = style.new_axes(ax)
        label = f"MI (nats), {name.removeprefix('Gaussian ')}"
        image = images.draw(ax, values, style.INFORMATION, Normalize(0.0, top))
        images.by_transition(ax, image, values, chosen, label, by_rank=order is not None)
    return ax


def mutual_information_curve(
    result: xr.DataArray,
    *,
    shuffle: xr.DataArray | None = None,
    reference: Mapping[str, Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Panel H: mutual information over depth, the mean over units, in nats.

    `result` is `mutual_information` (estimator, transition, unit). The first estimator is drawn as filled dots
    by kind, with a band from the first to the third quartile of the units (units are no replicates: the band
    is a spread, not an interval of the mean); the paper's KDE, where it was computed too, as hollow ones.
    `shuffle`, `mutual_information_shuffle` (estimator, transition) or of each unit, adds for each a dotted
    line: what the estimator finds between samples that were shuffled, so between nothing. A hatched ground
    marks transitions at which more than half of the samples are tied (coordinate `tie_share`), where
    estimators for continuous values mislead; a line marks `ceiling`, ln N − 1, where it lies within the view.
    `reference` is as in panel E, on the same scale; where it rises far above the model's own curve it leaves
    the view, and its highest value is written at the edge. Raises DataError for another result or a reference
    without values.

    >>> ax = rd.plot.mutual_information_curve(rd.mutual_information(states))
    """
    chosen, name = _choose(result, None)
    places, curve = depth.places_of(chosen), summary(chosen, "mean")
    shuffled = {} if shuffle is None else _shuffled(shuffle, len(places.groups))
    with style.context():
        ax = style.new_axes(ax)
        depth.dots(ax, curve, places)
        marks = [depth.dot_entry(name, filled=True), *_beside(result, places, ax)]
        drawn = [key for key in _drawn(result) if key in shuffled]
        dotted = _baselines(ax, {key: shuffled[key] for key in drawn})
        tied = _ties(ax, chosen)
        depth.finish(ax, curve)
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        dashed = [] if reference is None else [_reference(ax, reference, len(places.groups))]
        ceiling = _ceiling(ax, result)
        ax.set_ylabel("mutual information (nats)")
        short = [(handle, label.split()[0]) for handle, label in depth.entries(places)]
        short = short if axis_names(curve.attrs).of_a_model else depth.entries(places)
        band = depth.band_entry(
            axis_names(curve.attrs).said("middle half of units") if len(marks) == 1 else "middle half"
        )
        rows = [dashed, [*short, *tied, *ceiling], [marks[0], band], [*marks[1:], *dotted]]
        parts.legend_above(ax, *(row for row in rows if row))
    return ax


def _choose(result: Any, estimator: str | None) -> tuple[xr.DataArray, str]:
    """One estimator's (transition, unit), and its name for a label."""
    coords = ("kind", "from_layer")
    if isinstance(result, xr.DataArray) and ESTIMATOR not in result.dims:
        parts.expect(result, _QUANTITY, (TRANSITION, UNIT), coords)
        there = [str(result[ESTIMATOR].values)] if ESTIMATOR in result.coords else []
        chosen = result
    else:
        parts.expect(result, _QUANTITY, (ESTIMATOR, TRANSITION, UNIT), (*coords, ESTIMATOR))
        there = _names(result)
        chosen = result.isel({ESTIMATOR: there.index(estimator) if estimator in there else 0})
    if estimator is not None and estimator not in there:
        raise DataError(
            f"This mutual information was estimated by {', '.join(there) or 'an unnamed estimator'}; "
            f"got estimator={estimator!r}. Choose one of them, or compute it: "
            f"residyn.mutual_information(states, estimator={estimator!r})."
        )
    label = _label(estimator or there[0]) if there else "estimator not named"
    return chosen.transpose(TRANSITION, UNIT), label


def _names(result: xr.DataArray) -> list[str]:
    return [str(name) for name in result[ESTIMATOR].values]


def _label(estimator: str) -> str:
    return style.ESTIMATOR_NAMES.get(estimator) or style.plain(estimator, 16)


def _drawn(result: xr.DataArray) -> list[str]:
    """The estimators that panel H draws: the first, and the paper's beside it."""
    if ESTIMATOR not in result.coords:
        return []
    there = _names(result) if ESTIMATOR in result.dims else [str(result[ESTIMATOR].values)]
    return [there[0], *(name for name in there[1:] if name == _BESIDE)]


def _beside(result: xr.DataArray, places: depth.Places, ax: Axes) -> list[tuple[Artist, str]]:
    """Draw the paper's estimator hollow, where it is not the one drawn already; its legend entry."""
    if len(_drawn(result)) < 2:
        return []
    other = result.isel({ESTIMATOR: _names(result).index(_BESIDE)})
    depth.hollow(ax, curve_of(other, "mean").values, places, _BESIDE, zorder=1.8)
    return [depth.dot_entry(_label(_BESIDE), filled=False)]


def _shuffled(shuffle: Any, n_transitions: int) -> dict[str, np.ndarray]:
    """The baseline of each estimator."""
    by_unit = isinstance(shuffle, xr.DataArray) and UNIT in shuffle.dims
    dims = (ESTIMATOR, TRANSITION, UNIT) if by_unit else (ESTIMATOR, TRANSITION)
    parts.expect(shuffle, "mutual_information_shuffle", dims, (ESTIMATOR,))
    if shuffle.sizes[TRANSITION] != n_transitions:
        raise DataError(
            f"The shuffled baseline has {shuffle.sizes[TRANSITION]} transitions, the mutual information "
            f"{n_transitions}. Pass both of the same states."
        )
    lines = curve_of(shuffle, "mean").transpose(ESTIMATOR, TRANSITION).values
    return dict(zip(_names(shuffle), lines, strict=True))


def _baselines(ax: Axes, baselines: Mapping[str, np.ndarray]) -> list[tuple[Artist, str]]:
    """Draw each estimator's baseline, with dashes of its own; the legend's entries."""
    lines = [
        ax.plot(values, linestyle=dashes, linewidth=0.8, color=style.INK, zorder=1.5, label="_shuffled")[0]
        for values, dashes in zip(baselines.values(), _SHUFFLED, strict=False)
    ]
    names = ["shuffled", *(f"{_label(key)} shuffled" for key in list(baselines)[1:])]
    return list(zip(lines, names, strict=False))


def _ties(ax: Axes, chosen: xr.DataArray) -> list[tuple[Artist, str]]:
    """Hatch the transitions at which most samples are tied, in the mean over units; the legend's entry."""
    if "tie_share" not in chosen.coords:
        return []
    mean = curve_of(chosen["tie_share"], "mean").values
    look = {"facecolor": "#ececec", "edgecolor": style.HAIRLINE, "hatch": _HATCH, "linewidth": 0}
    tied = np.flatnonzero(mean > 0.5)
    for transition in tied:
        ax.axvspan(transition - 0.5, transition + 0.5, zorder=0.5, label="_tied", **look)
    return [(Patch(**look), "tied samples")] if tied.size else []


def _reference(ax: Axes, reference: Mapping[str, Any], n_transitions: int) -> tuple[Line2D, str]:
    """Draw the reference on the same scale, but never at the cost of the model's own curve."""
    bottom, own_top = ax.get_ylim()
    entry = depth.reference_line(ax, reference, n_transitions)
    place, values = (np.asarray(numbers, dtype=np.float64) for numbers in entry[0].get_data())
    highest = int(np.nanargmax(values)) if np.isfinite(values).any() else 0
    wanted, most = 1.06 * values[highest], bottom + _STRETCH * (own_top - bottom)
    ax.set_ylim(bottom, float(np.nanmax([own_top, min(wanted, most)])))
    if wanted > most:
        left = place[highest] < n_transitions / 2
        ax.annotate(
            f"↑ {values[highest]:.2g}", (place[highest], 1.0), xycoords=("data", "axes fraction"),
            xytext=(5 if left else -5, -1), textcoords="offset points", ha="left" if left else "right", va="top",
            fontsize=style.SMALL_PT, color=style.MUTED, parse_math=False, zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    return entry


def _ceiling(ax: Axes, result: xr.DataArray) -> list[tuple[Artist, str]]:
    height = float(result.attrs.get("ceiling", np.nan))
    low, high = ax.get_ylim()
    if not low < height < high:
        return []
    line = ax.axhline(height, linestyle=(0, (6, 1.5, 1, 1.5)), linewidth=0.6, color=style.INK, zorder=1.6)
    return [(line, "ln N − 1")]


MUTUAL_INFORMATION = Panel(
    stem="panel_g",
    letter="G",
    title="Mutual information of each unit",
    shape="map",
    needs=("mutual_information",),
    draw=lambda inputs, ax: mutual_information(inputs.results["mutual_information"], order=inputs.order, ax=ax),
)
MUTUAL_INFORMATION_CURVE = Panel(
    stem="panel_h",
    letter="H",
    title="Mutual information over the depth",
    needs=("mutual_information",),
    draw=lambda inputs, ax: mutual_information_curve(
        inputs.results["mutual_information"],
        shuffle=inputs.results.get("mutual_information_shuffle"),
        reference=inputs.published("mutual_information"),
        ax=ax,
    ),
)
