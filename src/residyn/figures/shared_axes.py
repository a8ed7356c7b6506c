"""Axes that the first of some runs shares with each other one, on one page."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from residyn.figures import style
from residyn.figures.millimetres import entries, share_of, words
from residyn.figures.plot import axes as panels

_LEFTS = (14.0, 72.0, 130.0)
_AXES_MM = (46.0, 36.0)
_HEAD, _TITLE, _BELOW = 11.0, 5.0, 9.0
"""Room for the legend, above axes for their title, and below them for numbers and the name of the axis."""
_ROW = _TITLE + _AXES_MM[1] + _BELOW
MOST_PAIRS = 9


def shared_axes_figure(table: pd.DataFrame) -> Figure:
    """A page with a plot for each run that the first one was matched with, the first nine of them.

    `table` is `comparison.shared_axes_table`. Raises DataError for a table without rows or of other columns.
    """
    panels.check_axes(table)
    pairs = list(dict.fromkeys(zip(table["run"], table["other"], strict=True)))
    drawn = pairs[:MOST_PAIRS]
    n_rows = -(-len(drawn) // len(_LEFTS))
    height = _HEAD + n_rows * _ROW + 3.0
    with style.context():
        fig = style.new_figure(style.WIDTH_MM, height)
        words(
            fig, _LEFTS[0], height - 3.5, f"{style.plain(pairs[0][0], 60)}, matched with others", color=style.INK
        )
        entries(fig, (_LEFTS[0], height - 6.0), panels.map_entries())
        for place, (run, other) in enumerate(drawn):
            row, column = divmod(place, len(_LEFTS))
            bottom = height - _HEAD - row * _ROW - _TITLE - _AXES_MM[1]
            ax = fig.add_axes(share_of(fig, (_LEFTS[column], bottom, *_AXES_MM)))
            panels.shared_axes(table.loc[(table["run"] == run) & (table["other"] == other), :], ax=ax)
            ax.set_xlabel("relative depth")
            if not column:
                ax.set_ylabel("mean r, held-out documents")
            title = f"with {style.plain(other, 34)}"
            words(fig, _LEFTS[column], bottom + _AXES_MM[1] + 1.6, title, color=style.INK)
        if len(pairs) > len(drawn):
            said = f"{len(pairs) - len(drawn)} more in the table"
            words(fig, style.WIDTH_MM / 2, 1.0, said, ha="center")
    return fig
