"""Axes that two networks share: matched units over relative depth, beside the best orthogonal map and chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import parts

_BAND = 0.18
_COLUMNS = ("run", "other", "depth", "map", "value", "low", "high")
_LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "orthogonal": ("best orthogonal map", {"color": "#0072b2", "linestyle": "-", "marker": "s"}),
    "matched": ("units matched", {"color": style.INK, "linestyle": "-", "marker": "o"}),
    "rotated": ("units matched after a random rotation", {"color": "#d55e00", "linestyle": (0, (3, 1.2))}),
    "shuffled": ("units matched, texts out of order", {"color": style.HAIRLINE, "linestyle": (0, (1, 1))}),
}
"""Of each kind of map its name and its line, in the order of the legend."""


def shared_axes(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """How well units of two networks agree on held-out texts once they are matched, over relative depth.

    `table` is `comparison.shared_axes_table`, the rows of one pair of runs: a line for each kind of map, with a
    band from low to high. Raises DataError for a table without rows, of other columns, or of several pairs.
    """
    check_axes(table)
    pairs = set(zip(table["run"], table["other"], strict=True))
    if len(pairs) != 1:
        raise DataError(f"Shared axes of one pair of runs are drawn; got {len(pairs)}. Pass the rows of one.")
    with style.context():
        ax = style.new_axes(ax)
        ax.axhline(0.0, color=style.HAIRLINE, linewidth=0.4, zorder=0)
        for name, (_, look) in _LOOKS.items():
            rows: pd.DataFrame = table.loc[table["map"] == name, :].sort_values("depth")
            depth, value, low, high = (rows[one].to_numpy(np.float64) for one in ("depth", "value", "low", "high"))
            if np.isfinite(low).any():
                ax.fill_between(depth, low, high, color=look["color"], alpha=_BAND, linewidth=0, zorder=1)
            ax.plot(
                depth, value, linewidth=1.0, markersize=2.6, markeredgewidth=0, zorder=2, label=f"_{name}", **look
            )
        ax.set_xlim(-0.03, 1.03)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        values = table[["value", "low"]].to_numpy(np.float64)
        known = values[np.isfinite(values)]
        ax.set_ylim(min(-0.1, 1.05 * known.min(initial=0.0)), 1.04)
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        style.dress(ax)
        if not known.size:
            parts.say(ax, "undefined")
    return ax


def check_axes(table: pd.DataFrame) -> None:
    """Raise DataError unless a table has rows, and the columns of shared axes."""
    missing = [name for name in _COLUMNS if not isinstance(table, pd.DataFrame) or name not in table]
    if missing or not len(table):
        what = f"it lacks {', '.join(missing)}" if missing else "it has no rows"
        raise DataError(
            f"Shared axes are drawn from a table with the columns {', '.join(_COLUMNS)}; {what}. "
            "Pass comparison.shared_axes_table(…)."
        )


def map_entries() -> list[tuple[Artist, str]]:
    """The legend's entries of the kinds of maps."""
    return [
        (Line2D([], [], linewidth=1.2, markersize=3.0, markeredgewidth=0, **look), name)
        for name, look in _LOOKS.values()
    ]
