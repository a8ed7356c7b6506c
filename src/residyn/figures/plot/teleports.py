"""Panel L: where states that were moved to points of a plane flow from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from residyn.figures import style
from residyn.figures.panel import Inputs, Panel
from residyn.figures.plot import fields, parts
from residyn.figures.plot.fields import INJECTED, DrawnField, Sheet
from residyn.figures.plot.paths import component_name

ROW_MM = (style.WIDTH_MM, 45.0)
ROW_BOX = (14 / 180, 9 / 45, 148 / 180, 28 / 45)
"""A page of one row, and the row's axes in it."""

MOST = 6
"""How many places stand side by side."""
_KEPT = Normalize(0.0, 2.0)
_CLOUD = "#dfb04a"
_MARKER: dict[str, Any] = {"markersize": 3.4, "markeredgecolor": style.MUTED, "markeredgewidth": 0.9}
_TICKS = 4
_GAP = 0.022
"""Between two fields of a row, of the row's width."""
_GAP_WITH_SCALE = 0.062
_NEARBY, _SIGMAS = "disc", 2.0
"""Targets about the host's own state: their kind, and how far the farthest that are drawn lie, in σ."""


def teleports(
    flow: xr.Dataset,
    injected: int | str = 0,
    *,
    host: int = 0,
    cloud: xr.DataArray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Panel L: the arrows of a grid of targets at one place, in the plane of the first two components.

    `flow` is what `flow(jumps, space)` returned, whole: all its places share the view. Arrows are drawn shorter or
    longer than they are by a factor of each place, which the legend states. `injected` is a place's
    number among them, or its label; `host` a host's number.

    An arrow begins at the state written and points to where it is `horizon_steps` sublayers later (above the
    panel). It is coloured by ρ at that sublayer, in full space: which part of the displacement from the control
    is left along its own direction. Grey, 1: it was merely carried along; blue, below 1: it came back; magenta,
    above 1: it was driven further. Colours end at 0 and 2. The arrow alone says less: where the control moves
    far, all arrows follow it. The grey line is the control, from the write (hollow) to the horizon (filled);
    one that lies far from the grid is left out of the view, which the panel says. `cloud`, `pc_scores` (sample,
    sublayer, pc) of the same space, adds the states of samples at this sublayer: targets far from all of them
    are states that the model never has.

    Raises DataError for another Dataset, one without grid targets, or a cloud without this sublayer; UsageError
    for a place or a host that the flow lacks.

    >>> ax = rd.plot.teleports(run.teleports["flow"], injected=0)
    """
    fields.check_flow(flow)
    place = fields.place_of(flow, injected)
    field, sheet = fields.field_of(flow, host, place), fields.sheet_of(flow, host)
    with style.context():
        ax = style.new_axes(ax)
        points = None if cloud is None else fields.cloud_of(cloud, flow, place)
        _draw(ax, field, sheet, points, parts.width_mm(ax))
        _label(ax, cloud)
        _colourbar(ax, [field], left=1.035, width=0.035)
        entries = _entries(f", {_times(field)}", with_cloud=cloud is not None)
        _title(ax, field, f"{field.span} sublayer{'' if field.span == 1 else 's'}")
        parts.legend_above(ax, entries[:1], entries[1:], [])
    return ax


def teleport_row(
    flow: xr.Dataset, *, host: int = 0, cloud: xr.DataArray | None = None, ax: Axes | None = None
) -> Axes:
    """Panel L whole: `teleports` at up to six places side by side, evenly spaced among those of the flow.

    Arguments and errors are those of `teleports`. Above each place stands how many sublayers its arrows span and
    the factor by which they are drawn, "+12, × 0.1". The fields are children of `ax`, which fill it; the legend
    above, the colour bar on the right and the titles need room around it.

    >>> ax = rd.plot.teleport_row(run.teleports["flow"], cloud=run.results["pc_scores"])
    """
    fields.check_flow(flow)
    places = _places(flow)
    drawn = [fields.field_of(flow, host, place) for place in places]
    return _row(drawn, [fields.sheet_of(flow, host)] * len(places), _clouds(cloud, flow, places), cloud, ax)


def teleports_nearby(
    flow: xr.Dataset, *, host: int = 0, cloud: xr.DataArray | None = None, ax: Axes | None = None
) -> Axes:
    """Panel L where the model's own states are: arrows from targets about the host, at up to six places.

    As `teleport_row`, but of the targets of the kind "disc", which lie in the plane about the host's own state, up
    to twice the spread of the sublayer's states away, and with a view of its own for each place: an attraction
    would have to show here. A grid over the whole run lies mostly where the model never is. Above each place
    stands the factor by which its arrows are drawn.

    >>> ax = rd.plot.teleports_nearby(run.teleports["flow"])
    """
    fields.check_flow(flow)
    places = _places(flow)
    drawn = [fields.field_of(flow, host, place, _NEARBY, _SIGMAS) for place in places]
    clouds = _clouds(cloud, flow, places)
    sheets = [fields.near_sheet(field, points) for field, points in zip(drawn, clouds, strict=True)]
    return _row(drawn, sheets, clouds, cloud, ax)


def _places(flow: xr.Dataset) -> list[int]:
    there = flow.sizes[INJECTED]
    return [int(place) for place in np.unique(np.linspace(0, there - 1, min(MOST, there)).round())]


def _clouds(cloud: xr.DataArray | None, flow: xr.Dataset, places: list[int]) -> list[np.ndarray | None]:
    return [None if cloud is None else fields.cloud_of(cloud, flow, place) for place in places]


def _row(
    drawn: list[DrawnField],
    sheets: list[Sheet],
    clouds: list[np.ndarray | None],
    scores: xr.DataArray | None,
    ax: Axes | None,
) -> Axes:
    """Fields side by side; with a scale of its own for each where their views differ."""
    shared = all(sheet is sheets[0] for sheet in sheets)
    gap = _GAP if shared else _GAP_WITH_SCALE
    width = (1 - gap * (len(drawn) - 1)) / len(drawn)
    with style.context():
        ax = ax if ax is not None else style.shown(style.new_figure(*ROW_MM).add_axes(ROW_BOX))
        ax.set_axis_off()
        for column, (field, sheet, points) in enumerate(zip(drawn, sheets, clouds, strict=True)):
            inner = ax.inset_axes((column * (width + gap), 0.0, width, 1.0))
            _draw(inner, field, sheet, points, width * parts.width_mm(ax))
            _title(inner, field, f"+{field.span} {_times(field)}".rstrip() if shared else _times(field))
            _label(inner, scores)
            if column:
                inner.set_ylabel("")
                if shared:
                    inner.set_yticklabels([])
        _colourbar(ax, drawn, left=1.012, width=0.009)
        said = f" over {'+n sublayers' if shared else 'the horizon'}, times the factor above"
        parts.legend_above(ax, _entries(said, with_cloud=scores is not None), [])
    return ax


def _label(ax: Axes, scores: xr.DataArray | None) -> None:
    """The components' names, with their share of the variance where scores say it."""
    for axis, index in (("x", 0), ("y", 1)):
        name = f"PC{index + 1}" if scores is None else component_name(scores, index)
        getattr(ax, f"set_{axis}label")(name, parse_math=False)


def _draw(ax: Axes, field: DrawnField, sheet: Sheet, cloud: np.ndarray | None, width_mm: float) -> None:
    if cloud is not None:
        ax.scatter(
            *cloud.T, s=3.0, color=_CLOUD, alpha=0.35, linewidths=0, rasterized=True, zorder=1, label="_cloud"
        )
    _arrows(ax, field)
    _control(ax, field, sheet)
    (left, right), (bottom, top) = sheet.view
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_xticks(parts.ticks_with_room(left, right, _TICKS, width_mm))
    ax.set_yticks(parts.ticks_within(bottom, top, _TICKS))
    style.dress(ax, frame=True)


def _arrows(ax: Axes, field: DrawnField) -> None:
    if not field.defined:
        said = "no sublayer follows" if not field.span else "undefined"
        ax.text(0.5, 0.5, said, transform=ax.transAxes, ha="center", va="center", fontsize=style.SMALL_PT)
        return
    known = np.isfinite(field.move).all(axis=1)
    ax.quiver(
        *field.start[known].T, *(field.factor * field.move[known]).T, np.ma.masked_invalid(field.kept[known]),
        angles="xy", scale_units="xy", scale=1.0, units="inches", width=0.55 / 72, headwidth=4.2, headlength=4.6,
        headaxislength=4.0, minlength=0.6, cmap=style.RETENTION, norm=_KEPT, zorder=2,
    )  # fmt: skip


def _control(ax: Axes, field: DrawnField, sheet: Sheet) -> None:
    """The control's stretch between its two markers; words in a corner where the view does not show its start."""
    stretch = field.path[field.stretch]
    start = stretch[0]
    if not sheet.shows(start):
        ax.text(
            0.04, 0.04, f"control outside,\nfrom ({_number(start[0])}, {_number(start[1])})",
            transform=ax.transAxes, ha="left", va="bottom", fontsize=style.SMALL_PT, color=style.MUTED,
            parse_math=False, zorder=6,
        )  # fmt: skip
    ax.plot(*stretch.T, color="white", linewidth=2.2, zorder=3, label="_halo")
    ax.plot(*stretch.T, color=style.MUTED, linewidth=1.1, zorder=4, label="_control")
    for point, face, label in ((stretch[-1], style.MUTED, "_end"), (start, "white", "_start")):
        if field.span or label == "_start":
            ax.plot(*point, marker="o", **_MARKER, markerfacecolor=face, zorder=5, label=label)


def _number(score: float) -> str:
    digits = f"{score:.3g}" if abs(score) < 100 else f"{score:.0f}" if abs(score) < 1e5 else f"{score:.0e}"
    return digits.replace("-", "−")


def _title(ax: Axes, field: DrawnField, arrows: str) -> None:
    """The place on the left and words on its arrows on the right, over the axes."""
    for x, side, words, colour in ((0.0, "left", field.name, style.INK), (1.0, "right", arrows, style.MUTED)):
        ax.annotate(
            words, (x, 1.0), xycoords="axes fraction", xytext=(0, 2.0), textcoords="offset points",
            ha=side, va="bottom", fontsize=style.SMALL_PT, color=colour, parse_math=False,
        )  # fmt: skip


def _times(field: DrawnField) -> str:
    """The factor by which arrows are drawn, in words."""
    return f"×{field.factor:g}" if field.defined else ""


def _entries(said: str, *, with_cloud: bool) -> list[tuple[Artist, str]]:
    arrow = Line2D(
        [], [], linestyle="none", marker=r"$\rightarrow$", markersize=6, color=style.INK, markeredgewidth=0
    )
    control = Line2D([], [], color=style.MUTED, linewidth=1.1, marker="o", markerfacecolor="white", **_MARKER)
    dot = Line2D([], [], linestyle="none", marker="o", markersize=3, color=_CLOUD, markeredgewidth=0)
    entries: list[tuple[Artist, str]] = [
        (arrow, f"displacement{said}"),
        (control, "control (hollow: its start)"),
    ]
    return [*entries, (dot, "samples' states")] if with_cloud else entries


def _colourbar(ax: Axes, drawn: list[DrawnField], *, left: float, width: float) -> None:
    kept = np.concatenate([field.kept for field in drawn])
    below, above = bool((kept < _KEPT.vmin).any()), bool((kept > _KEPT.vmax).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    bar = ax.figure.colorbar(
        ScalarMappable(_KEPT, style.RETENTION), cax=ax.inset_axes((left, 0.0, width, 1.0)), extend=extend,
        extendfrac=0.06, ticks=[0.0, 0.5, 1.0, 1.5, 2.0],
    )  # fmt: skip
    parts.dress_bar(bar, "share kept, ρ\n(1: carried along)")


def _draw_row(inputs: Inputs, ax: Axes, row: Callable[..., Axes] = teleport_row) -> Axes:
    assert inputs.teleports is not None
    cloud = inputs.results["pc_scores"] if inputs.n_components > 1 else None
    return row(inputs.teleports.flow, host=inputs.teleports.host, cloud=cloud, ax=ax)


TELEPORTS = Panel(
    stem="panel_l",
    letter="L",
    title="Teleports",
    shape="row",
    definition="An arrow leads from the moved state's scores to those where it is later; grey is the control.",
    when=lambda inputs: inputs.teleports is not None,
    draw=_draw_row,
)
NEARBY = Panel(
    stem="panel_l_nearby",
    beside="L",
    title="Teleports near the host's own state",
    shape="row",
    definition="As panel L, from targets about the host, up to twice the spread of the sublayer's states away, "
    "each place with a view of its own.",
    when=lambda inputs: inputs.teleports is not None and fields.has_kind(inputs.teleports.flow, _NEARBY),
    draw=lambda inputs, ax: _draw_row(inputs, ax, teleports_nearby),
)
