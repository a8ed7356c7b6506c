"""Checkpoints of a model over the steps of its training: one statistic, and verdicts with when they begin."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import comparison as panels
from residyn.figures.plot import parts

_LOGARITHMIC_FROM = 10.0
"""Steps above 0 that span this factor stand on a logarithmic axis."""
_MOST_TICKS = 5
_BAND = 0.18
_COLUMNS = ("step", "of", "label", "name", "statistic", "kind", "value", "low", "high", "threshold", "verdict")
_KINDS = {"": style.INK, **style.KIND_COLOURS}


def over_steps(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """One statistic of checkpoints over the steps of training.

    `table` is `comparison.checkpoint_table`, the rows of one name: a line a kind of transition, with its interval
    as a band; of a claim's statistic also its threshold, dashed, and its verdict as each step's mark. Steps that
    span a factor of 10 are on a logarithmic axis, which is linear from 0 to the first step above it. Raises
    DataError for a table without rows, of other columns, or of several statistics.
    """
    check_checkpoints(table)
    names = table["name"].unique()
    if len(names) != 1:
        raise DataError(f"One statistic is drawn over steps; got {len(names)}. Pass the table's rows of one name.")
    with style.context():
        ax = style.new_axes(ax)
        for kind, rows in table.groupby("kind", sort=False):
            _line(ax, rows, _KINDS.get(str(kind), style.MUTED))
        threshold = table["threshold"].to_numpy(np.float64)
        if np.isfinite(threshold).any():
            ax.axhline(
                threshold[np.isfinite(threshold)][0], color=style.MUTED, linewidth=0.6, linestyle=(0, (3, 2))
            )
        scale_steps(ax, table["step"].to_numpy())
        ax.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))
        # A power or an offset that all numbers share would stand where the title is.
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}".replace("-", "−")))
        ax.margins(y=0.12)
        style.dress(ax)
        if not np.isfinite(table["value"].to_numpy(np.float64)).any():
            parts.say(ax, "undefined")
    return ax


def check_checkpoints(table: pd.DataFrame) -> None:
    """Raise DataError unless a table has rows, and the columns of statistics of checkpoints."""
    missing = [name for name in _COLUMNS if not isinstance(table, pd.DataFrame) or name not in table]
    if missing or not len(table):
        what = f"it lacks {', '.join(missing)}" if missing else "it has no rows"
        raise DataError(
            f"Checkpoints are drawn from a table with the columns {', '.join(_COLUMNS)}; {what}. "
            "Pass comparison.checkpoint_table(…)."
        )


def scale_steps(ax: Axes, steps: Sequence[int] | np.ndarray) -> None:
    """Let a horizontal axis show steps: logarithmic where they span much, with a place for step 0."""
    ordered = np.unique(np.asarray(steps, dtype=np.float64))
    above = ordered[ordered > 0]
    first, last = ordered[0], ordered[-1]
    if len(above) > 1 and above[-1] >= _LOGARITHMIC_FROM * above[0]:
        # Up to the first step above 0 the axis is linear, which gives 0 its place; a decade is as long as that.
        ax.set_xscale("symlog", linthresh=above[0], linscale=1.0)
        decades = [10.0**power for power in range(math.ceil(math.log10(above[0])), 1 + int(math.log10(last)))]
        shown = above if len(ordered) <= _MOST_TICKS else decades[:: -(-len(decades) // _MOST_TICKS)]
        ax.xaxis.set_major_locator(FixedLocator([*([0.0] if first == 0 else []), *shown]))
        ax.xaxis.set_minor_locator(NullLocator())
        ends = ax.xaxis.get_transform().transform(np.array([first, last]))
        room = 0.05 * (ends[1] - ends[0])
        ax.set_xlim(*ax.xaxis.get_transform().inverted().transform(np.array([ends[0] - room, ends[1] + room])))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        room = 0.05 * (last - first) or 1.0
        ax.set_xlim(first - room, last + room)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: in_short(step)))


def in_short(step: float) -> str:
    """A step as it stands below an axis: 500, 2k, 143k, 1.2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if step >= size:
            return f"{step / size:.3g}{letter}"
    return f"{step:.0f}"


def verdicts_over_steps(
    claims: pd.DataFrame,
    steps: Sequence[int],
    from_step: Sequence[float],
    *,
    letters: int = 58,
    ax: Axes | None = None,
) -> Axes:
    """Verdicts of checkpoints on claims, in columns by step, and a bar below those from which on a claim holds.

    `claims` is `claims_table` with the checkpoints in columns, in the order of their `steps`; `from_step` that of
    `beginnings`, one for each claim, NaN for none. Marks are those of `claim_matrix`; the words of a claim are
    shortened to so many `letters`. Raises DataError for a table without rows, or other numbers of steps or claims.
    """
    if not len(claims) or claims.shape != (len(from_step), len(steps)):
        raise DataError(
            f"Verdicts over steps need a claim a row and a step a column; got {claims.shape} for {len(from_step)} "
            f"claims and {len(steps)} steps. Pass claims_table, steps and beginnings of the same checkpoints."
        )
    with style.context():
        ax = panels.claim_matrix(claims, letters=letters, ax=ax)
        for row, begin in enumerate(from_step):
            if not math.isnan(begin):
                place = list(steps).index(int(begin))
                ax.plot(
                    [place - 0.35, len(steps) - 0.65], [row + 0.42] * 2, color=style.INK, linewidth=1.2,
                    solid_capstyle="butt", label="_begins",
                )  # fmt: skip
        every = -(-len(steps) // max(1, int(ax.get_window_extent().width / ax.figure.dpi * 72 / 14)))
        shown = range(0, len(steps), every)
        ax.set_xticks(shown, [in_short(steps[place]) for place in shown])
        for label in ax.get_xticklabels():
            label.set(color=style.INK, fontweight="normal")
    return ax


def _line(ax: Axes, rows: pd.DataFrame, colour: str) -> None:
    rows = rows.sort_values("step")
    step, value, low, high = (rows[name].to_numpy(np.float64) for name in ("step", "value", "low", "high"))
    if np.isfinite(low).any():
        ax.fill_between(step, low, high, color=colour, alpha=_BAND, linewidth=0, zorder=1)
    kind = str(rows["kind"].iloc[0])
    ax.plot(step, value, color=colour, linewidth=0.9, zorder=2, label=f"_{kind}")
    for place, at, verdict in zip(step, value, rows["verdict"], strict=True):
        if verdict in panels.VERDICT_NAMES:
            mark = panels.dot(str(verdict), place, at)
            mark.set(markersize=3.2, zorder=3)
            ax.add_line(mark)
    if not set(rows["verdict"]) & set(panels.VERDICT_NAMES):
        look = {"marker": style.KIND_MARKERS.get(kind, "o"), "markersize": 2.6, "markeredgewidth": 0}
        ax.plot(step, value, linestyle="none", color=colour, zorder=3, label=f"_{kind} marks", **look)
