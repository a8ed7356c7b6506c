"""Panels of all pairs of sublayers: how far states turn between them, and how alike populations are placed."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke

from residyn.axis_names import axis_names
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import depth, images, parts
from residyn.quantities.convergence import OTHER
from residyn.schema import SUBLAYER

_SITES = ("site", "layer")
_BOUND_CURVE = ("bound", SUBLAYER)


def angular_distance(result: xr.DataArray, walk: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The angle between the states of all pairs of sublayers: the data's above the diagonal, a walk's below it.

    `result` is `angular_distance` and `walk` `angular_distance_walk`, (sublayer, other_sublayer) in half turns.
    Colours begin at 0 and end at the largest of both. Raises DataError for other results.
    """
    for one, name in ((result, "angular_distance"), (walk, "angular_distance_walk")):
        parts.expect(one, name, (SUBLAYER, OTHER), _SITES)
    data, walked = (one.transpose(SUBLAYER, OTHER).values for one in (result, walk))
    both = np.where(np.tri(len(data), k=-1, dtype=bool), data, walked)
    # Rows run upwards: what lies above the diagonal of the page is below that of the matrix.
    return _map(both, result, "angle (half turns)", Normalize(0.0, _most(both)), ax, words=("data", "walk"))


def cka(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The debiased linear alignment of the states of all pairs of sublayers; negative ones are shown as 0.

    `result` is `cka` (sublayer, other_sublayer). Raises DataError for another result.
    """
    parts.expect(result, "cka", (SUBLAYER, OTHER), _SITES)
    return _map(result.transpose(SUBLAYER, OTHER).values, result, "CKA, debiased", Normalize(0.0, 1.0), ax)


def angle_over_quarter(result: xr.DataArray, walk: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The angle between states a quarter of the layers apart, over the depth at which it begins, beside a walk's.

    `result` is `angle_over_quarter_curve` (bound, sublayer), filled with its interval; `walk` is
    `angle_over_quarter_walk_curve`, hollow. Raises DataError for other results, or where they are of different
    states.
    """
    for one, name in ((result, "angle_over_quarter"), (walk, "angle_over_quarter_walk")):
        parts.expect(one, name, _BOUND_CURVE, _SITES)
    with style.context():
        ax = style.new_axes(ax)
        depth.beside_null(ax, result, walk.sel(bound="value"), "walk")
        ax.set_ylabel(axis_names(result.attrs).said("angle over a quarter of\nthe layers (half turns)"))
        ax.set_ylim(bottom=0)
    return ax


def _most(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size and known.max() > 0 else 1.0


def _map(
    values: np.ndarray,
    result: xr.DataArray,
    label: str,
    norm: Normalize,
    ax: Axes | None,
    *,
    words: tuple[str, str] | None = None,
) -> Axes:
    """A square map of sublayers by sublayers; `words` name what lies above its diagonal, and what below."""
    layers, names = result["layer"].values, axis_names(result.attrs)
    with style.context():
        ax = style.new_axes(ax)
        image = images.draw(ax, values, style.SEQUENTIAL, norm)
        # Squares of the map are centred on whole numbers, along both axes.
        left, right, bottom, top = image.get_extent()
        image.set_extent((left - 0.5, right - 0.5, bottom, top))
        ax.set_xlim(-0.5, len(values) - 0.5)
        parts.label_depth(ax, "x", layers, names)
        parts.label_depth(ax, "y", layers, names)
        ax.set_xlabel(style.plain(names.depth, limit=24))
        ax.set_ylabel(style.plain(names.depth, limit=24))
        images.colourbar(ax, image, label, values)
        style.dress(ax, frame=True)
        if words is not None:
            outline = [withStroke(linewidth=1.6, foreground="white")]
            ax.plot(
                [-0.5, len(values) - 0.5],
                [-0.5, len(values) - 0.5],
                color="white",
                linewidth=0.8,
                label="_diagonal",
            )
            for text, (x, y) in zip(words, ((0.06, 0.94), (0.94, 0.06)), strict=True):
                ax.text(
                    x, y, text, transform=ax.transAxes, fontsize=style.SMALL_PT, path_effects=outline,
                    ha="left" if x < 0.5 else "right", va="top" if y > 0.5 else "bottom",
                )  # fmt: skip
    return ax


ANGULAR_DISTANCE = Panel(
    stem="dynamics_angular_distance",
    figure="dynamics",
    place=20,
    title="Angles between all pairs of sublayers",
    needs=("angular_distance", "angular_distance_walk"),
    shape="map",
    draw=lambda inputs, ax: angular_distance(
        inputs.results["angular_distance"], inputs.results["angular_distance_walk"], ax=ax
    ),
)
CKA = Panel(
    stem="dynamics_cka",
    figure="dynamics",
    place=21,
    title="Alignment of all pairs of sublayers",
    needs=("cka",),
    shape="map",
    draw=lambda inputs, ax: cka(inputs.results["cka"], ax=ax),
)
ANGLE_OVER_QUARTER = Panel(
    stem="dynamics_angle_over_quarter",
    figure="dynamics",
    place=22,
    title="Angles over a quarter of the layers",
    needs=("angle_over_quarter_curve", "angle_over_quarter_walk_curve"),
    draw=lambda inputs, ax: angle_over_quarter(
        inputs.results["angle_over_quarter_curve"], inputs.results["angle_over_quarter_walk_curve"], ax=ax
    ),
)
