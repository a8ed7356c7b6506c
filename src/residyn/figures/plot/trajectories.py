"""Panel I: samples' paths through the plane, or the space, of the first principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Line3DCollection

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import layers, parts
from residyn.figures.plot.paths import DrawnPaths, picture_of
from residyn.schema import MIXERS
from residyn.words import percent

SPACE_BOX = (0.1, 0.06, 0.8, 0.8)
"""The axes in a figure of one panel: a layout engine does not see what axes in space need."""
_PATH = {"color": "black", "linewidth": 0.3, "rasterized": True}


def trajectories(
    scores: xr.DataArray, *, components: Sequence[int] = (0, 1), most: int = 1000, ax: Axes | None = None
) -> Axes:
    """Panel I: each sample's path over depth in the plane of two principal components.

    `scores` is `pc_scores` (sample, sublayer, pc); `components` are two places along the last, from 0.
    Thin translucent lines are samples (at most `most`, evenly spaced among all), the thick line is the mean
    over all samples, coloured by layer, with a filled marker at each attn state, or that of another mixer, and
    a hollow one at each mlp state. The view shows everything where that costs little room; otherwise it ends at
    the 0.5th and 99.5th percentile of the points, or where the mean path does, and a line above says which share
    lies outside. A path with an undefined state (NaN) is broken there. Raises DataError for another result,
    UsageError for components that it lacks or a `most` below 1.

    >>> ax = rd.plot.trajectories(rd.pc_scores(states, rd.fit_space(states)))
    """
    picture = picture_of(scores, components, 2, most)
    with style.context():
        ax = style.new_axes(ax)
        _label(ax, picture)
        if not picture.defined:
            return ax
        lines = LineCollection(list(picture.paths), alpha=_alpha(len(picture.paths)), zorder=1, **_PATH)
        ax.add_collection(lines, autolim=False)
        colours = layers.colours_of(picture.layer)
        rgba = colours.to_rgba(picture.layer)
        ax.add_collection(
            LineCollection(list(_steps(picture.mean)), colors=rgba[:-1], linewidth=1.1, zorder=3), autolim=False
        )
        for where, how in _markers(picture, colours):
            ax.scatter(*picture.mean[where].T, zorder=4, **how)
        _set_view(ax, picture.view, 4)
        layers.colourbar(ax, colours, picture.layer, picture.names)
        _legend(ax, picture)
    return ax


def trajectories_3d(scores: xr.DataArray, *, most: int = 300, ax: Axes | None = None) -> Axes:
    """Panel I in space: as `trajectories`, along the first three components.

    Paths outside the view are cut at its walls. `ax` must have been made with projection="3d"; DataError
    where it was not.

    >>> ax = rd.plot.trajectories_3d(rd.pc_scores(states, rd.fit_space(states)))
    """
    if ax is not None and not isinstance(ax, Axes3D):
        raise DataError(
            f"A path in space needs axes in three dimensions, got {type(ax).__name__}. "
            'Make them by fig.add_subplot(projection="3d"), or leave ax out.'
        )
    picture = picture_of(scores, (0, 1, 2), 3, most)
    with style.context():
        space = ax if ax is not None else _new_space()
        _label(space, picture)
        _dress_space(space)
        if not picture.defined:
            return space
        space.add_collection3d(
            Line3DCollection(picture.paths, axlim_clip=True, alpha=_alpha(len(picture.paths)), zorder=1, **_PATH),
            autolim=False,
        )
        colours = layers.colours_of(picture.layer)
        rgba = colours.to_rgba(picture.layer)
        space.add_collection3d(
            Line3DCollection(_steps(picture.mean), colors=rgba[:-1], linewidth=1.1, zorder=3), autolim=False
        )
        for where, how in _markers(picture, colours):
            space.scatter(*picture.mean[where].T, depthshade=False, zorder=4, **how)
        _set_view(space, picture.view, 2)
        layers.corner_colourbar(space, colours, picture.layer, picture.names)
        _legend(space, picture)
    return space


def _steps(mean: np.ndarray) -> np.ndarray:
    """The mean path's steps (steps, 2 ends, components)."""
    return np.stack([mean[:-1], mean[1:]], axis=1)


def _alpha(n_paths: int) -> float:
    """Many paths are drawn fainter, so that the densest place is dark and a single path can still be seen."""
    return float(np.clip(4.0 / n_paths**0.6, 0.06, 0.5))


def _markers(picture: DrawnPaths, colours: ScalarMappable) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """Of each site: which states are marked, and how: mixers' filled, others hollow, coloured by layer."""
    size = float(np.clip(300 / len(picture.mean), 4.0, 9.0))
    site, drawn = np.array(picture.site), []
    for name in layers.present(picture.site):
        where = (site == name) & np.isfinite(picture.mean).all(axis=1)
        rgba = colours.to_rgba(picture.layer[where])
        faces = rgba if name in MIXERS else ["white"]
        look = {"marker": style.SITE_MARKERS[name], "s": size, "linewidths": 0.7, "label": name}
        drawn.append((where, {"facecolors": faces, "edgecolors": rgba, **look}))
    return drawn


def _legend(ax: Axes, picture: DrawnPaths) -> None:
    path = Line2D([], [], color="black", linewidth=0.5, alpha=0.6)
    states = [
        layers.site_entry(site, picture.sites[site], colour=style.MUTED) for site in layers.present(picture.site)
    ]
    mean = (Line2D([], [], color=style.DEPTH(0.6), linewidth=1.1), "mean")
    samples: list[tuple[Artist, str]] = [(path, "sample")]
    if picture.outside > 0:
        samples = [(path, f"sample ({percent(picture.outside, 2)} of states outside)")]
    parts.legend_above(ax, [*states, mean], samples)


def _label(ax: Axes, picture: DrawnPaths) -> None:
    for axis, label in zip("xyz", picture.labels, strict=False):
        getattr(ax, f"set_{axis}label")(label, parse_math=False)
    style.dress(ax)
    if not picture.defined:
        parts.say(ax, "undefined for every state")


def _new_space() -> Axes3D:
    ax = style.shown(style.new_figure(*style.PANEL_MM).add_axes(SPACE_BOX, projection="3d"))
    assert isinstance(ax, Axes3D)
    return ax


def _set_view(ax: Axes, view: list[tuple[float, float]], n_ticks: int) -> None:
    for name, (low, high) in zip("xyz", view, strict=False):
        getattr(ax, f"set_{name}lim")(low, high)
        getattr(ax, f"set_{name}ticks")(parts.ticks_within(low, high, n_ticks))
        parts.shorten_numbers(getattr(ax, f"{name}axis"))


def _dress_space(ax: Any) -> None:
    """Pale walls, and few ticks with their words close to them, so that words keep apart in a small panel."""
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((0.97, 0.97, 0.96, 1.0))
        axis.line.set_linewidth(style.LINE_PT)
        axis.set_tick_params(labelsize=style.SMALL_PT, pad=-3.0, width=style.LINE_PT)
        axis.label.set_fontsize(style.BASE_PT)
        axis.set_rotate_label(axis is ax.zaxis)
        axis.labelpad = -5.0 if axis is ax.zaxis else -1.0
    ax.zaxis.set_tick_params(pad=-1.0)
    ax.grid(visible=False)
    ax.computed_zorder = False  # or the samples, nearer on average, would cover their mean
    ax.set_box_aspect((4, 4, 3), zoom=0.94)
    ax.view_init(elev=24, azim=-50)


IN_THE_PLANE = Panel(
    stem="panel_i",
    letter="I",
    title="Trajectories in the plane",
    shape="map",
    needs=("pc_scores",),
    when=lambda inputs: inputs.n_components > 1,
    draw=lambda inputs, ax: trajectories(inputs.results["pc_scores"], ax=ax),
)
IN_SPACE = Panel(
    stem="panel_i_3d",
    letter="I",
    repeats=True,
    title="Trajectories in space",
    shape="space",
    needs=("pc_scores",),
    when=lambda inputs: inputs.n_components > 2,
    draw=lambda inputs, ax: trajectories_3d(inputs.results["pc_scores"], ax=ax),
)
