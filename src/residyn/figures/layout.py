"""Where panels stand: alone, or in the composite's rows of three columns or one, in millimetres of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from matplotlib.figure import Figure

from residyn.figures import style
from residyn.figures.panel import Inputs, Panel, Shape
from residyn.figures.plot.strokes import SIZE_MM as SCHEMATIC_MM
from residyn.figures.plot.teleports import ROW_BOX, ROW_MM
from residyn.figures.plot.trajectories import SPACE_BOX

_COLUMNS = (14.0, 75.0, 134.0)
"""Left edges of the axes."""
_WIDTHS = {"map": 30.0, "curve": 41.0, "scaled": 31.0, "space": 41.0}
"""Of the axes: a map leaves room for its colour bar, a scaled curve for a scale on the right."""
_WIDE = ((14.0, 54.0), (103.0, 54.0))
"""Left edge and width in a first row of two maps."""
_ACROSS = (14.0, 148.0)
"""Left edge and width of axes that fill a row, which leave room for a colour bar."""
_MARGIN, _FOOT = 0.5, 6.0
_TITLE_MM = 5.0
"""Above a panel in a file of its own, for its title."""
_LETTER = (14.0, 2.2)
"""How far a panel's letter stands to the left of its axes, and above them."""


class RowHeights(NamedTuple):
    """Heights of a row: the axes, what legends above and labels below them need."""

    above: float
    axes: float
    below: float

    @property
    def height(self) -> float:
        return self.above + self.axes + self.below


_FIRST, _NEXT, _WHOLE = RowHeights(7.0, 54.0, 12.0), RowHeights(10.0, 37.0, 9.5), RowHeights(10.0, 25.5, 9.0)
_LOWER = 4.0
"""Taken from the axes of later rows where one more row must fit on the page."""
_LEGEND_ROW = 3.0
"""Added above the axes of later rows for another row of a legend."""


class PanelBox(NamedTuple):
    """Left, bottom, width and height of axes, and where the panel's letter begins."""

    left: float
    bottom: float
    width: float
    height: float
    letter: tuple[float, float]


_FIRST_STEMS = ("panel_a", "panel_b", "panel_c")


def rows_of(shapes: Mapping[str, Shape]) -> list[list[str]]:
    """The panels of each row: those of Figure 1's first, where they are, then three by three, then those that fill
    a row.
    """
    whole = [[name] for name, shape in shapes.items() if shape == "row"]
    first = [name for name in shapes if name in _FIRST_STEMS]
    rest = [name for name in shapes if name not in first and [name] not in whole]
    n = len(_COLUMNS)
    return [*([first] if first else []), *(rest[start : start + n] for start in range(0, len(rest), n)), *whole]


def arrange(shapes: Mapping[str, Shape], *, tall_legends: bool) -> tuple[float, dict[str, PanelBox]]:
    """The page's height, and the place of each panel named in `shapes`, in their order.

    `tall_legends` makes room for one more row in the legends of the later rows.
    """
    rows = rows_of(shapes)
    lower = _LOWER * ("row" in shapes.values())
    later = _NEXT._replace(above=_NEXT.above + _LEGEND_ROW * tall_legends, axes=_NEXT.axes - lower)
    heights = [
        _FIRST if names[0] in _FIRST_STEMS else _WHOLE if shapes[names[0]] == "row" else later for names in rows
    ]
    total = _FOOT + sum(row.height for row in heights) + _MARGIN
    places: dict[str, PanelBox] = {}
    top = total - _MARGIN
    for names, row in zip(rows, heights, strict=True):
        top -= row.height
        for column, name in enumerate(names):
            places[name] = _place(shapes[name], column, len(names), top, row)
    return total, places


def _place(shape: Shape, column: int, n_columns: int, bottom: float, row: RowHeights) -> PanelBox:
    letter_y = bottom + row.below + row.axes + _LETTER[1]
    if shape == "schematic":
        return PanelBox(1.5, bottom, *SCHEMATIC_MM, (1.0, letter_y))
    if shape == "row":
        return PanelBox(_ACROSS[0], bottom + row.below, _ACROSS[1], row.axes, (1.0, letter_y))
    left, width = _WIDE[column] if row is _FIRST and n_columns == 2 else (_COLUMNS[column], _WIDTHS[shape])
    letter = (max(left - _LETTER[0], 1.0), letter_y)
    if shape == "space":  # its words lie inside the axes' box
        return PanelBox(left - 11.0, bottom + 2.0, width + 9.0, row.axes + row.below - 2.0, letter)
    return PanelBox(left, bottom + row.below, width, row.axes, letter)


def alone(panel: Panel, inputs: Inputs) -> Figure:
    """A new figure of one panel under its title; to be called in `style.context`."""
    shape = panel.shape_for(inputs)
    if shape in ("space", "row"):
        in_space = shape == "space"
        width, height = style.PANEL_MM if in_space else ROW_MM
        left, bottom, wide, high = SPACE_BOX if in_space else ROW_BOX
        fig = style.new_figure(width, height + _TITLE_MM)
        box = (left, bottom * height / (height + _TITLE_MM), wide, high * height / (height + _TITLE_MM))
        _entitle(fig, panel, inputs)
        panel.draw(inputs, fig.add_axes(box, projection="3d" if in_space else None))
        return fig
    width, height = SCHEMATIC_MM if shape == "schematic" else style.PANEL_MM
    fig = style.new_figure(width, height + _TITLE_MM, layout="constrained")
    _entitle(fig, panel, inputs)
    panel.draw(inputs, fig.subplots())
    return fig


def _entitle(fig: Figure, panel: Panel, inputs: Inputs) -> None:
    fig.suptitle(inputs.names.said(panel.title), x=0.015, ha="left", fontsize=style.TITLE_PT, parse_math=False)
