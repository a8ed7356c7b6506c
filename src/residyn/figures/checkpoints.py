"""Checkpoints of a model on one page: every statistic over the steps of training, and verdicts by step."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import shorten, wrap

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from residyn.figures import style
from residyn.figures.millimetres import LETTER_MM, entries, letter, share_of, words
from residyn.figures.plot import checkpoints as panels
from residyn.figures.plot import comparison as compared
from residyn.figures.plot import parts

_LEFTS = (12.0, 56.0, 100.0, 144.0)
_AXES_MM = (33.0, 19.0)
_TITLE, _BELOW = 8.0, 5.5
"""Room above axes for a title of two lines, and below them for the numbers."""
_ROW = _TITLE + _AXES_MM[1] + _BELOW
_HEAD, _DEPTH, _FOOT = 10.0, 4.0, 2.0
"""Room above a part for its letter and legend, below it for the name of its axis, and at the foot of the page."""
_CLAIM_ROW, _WIDEST, _RIGHT = 3.9, 5.4, 178.0
_ALL_COLUMNS = 100.0
"""Width of the verdicts of all steps, at the most."""
_TITLE_LETTERS = 33


def checkpoint_figure(table: pd.DataFrame, claims: pd.DataFrame, beginnings: pd.DataFrame) -> Figure:
    """A page of what training does to the statistics of a model.

    `table` is `comparison.checkpoint_table`: A, means of curves, a small plot each, and B, the statistics of
    claims, each with its threshold and the verdict at each step. `claims` is `claims_table` with the checkpoints
    in columns, in the order of their steps, and `beginnings` what is said of them: C, verdicts by step, with a bar
    from where on a claim holds; left out with B where there are no verdicts. Left out are statistics that are not
    defined at any step, and premises, which say whether a claim can be judged. Raises DataError for other tables.
    """
    panels.check_checkpoints(table)
    of_curves, of_claims = (_shown(table, of) for of in ("curve", "claim"))
    steps = sorted(int(step) for step in table["step"].unique())
    heights = [_part_height(of_curves), _part_height(of_claims), _HEAD + len(claims) * _CLAIM_ROW + 3.0]
    if not len(claims):
        heights[2] = 0.0
    with style.context():
        fig = style.new_figure(style.WIDTH_MM, sum(heights) + _FOOT)
        top = sum(heights) + _FOOT
        for name, rows, height in (("A", of_curves, heights[0]), ("B", of_claims, heights[1])):
            if len(rows):
                _part(fig, name, rows, top)
            top -= height
        if len(claims):
            _verdicts(fig, claims, beginnings, steps, top)
    return fig


def _shown(table: pd.DataFrame, of: str) -> pd.DataFrame:
    """The rows of curves or of claims that are drawn."""
    rows: pd.DataFrame = table.loc[(table["of"] == of) & ~table["premise"].astype(bool), :]
    defined = set(rows.loc[rows["value"].notna(), "name"])
    return rows.loc[rows["name"].isin(list(defined)), :]


def _part_height(rows: pd.DataFrame) -> float:
    n = len(set(rows["name"]))
    return _HEAD + -(-n // len(_LEFTS)) * _ROW + _DEPTH if n else 0.0


def _part(fig: Figure, name: str, rows: pd.DataFrame, top: float) -> None:
    """Small plots of all statistics of a table's rows, in their order, with a legend above."""
    letter(fig, name, top - 5.0)
    if name == "A":
        words(fig, 6.0, top - 5.0, "means of curves over depth", size=style.BASE_PT, color=style.INK)
        kinds = [
            (Line2D([], [], color=style.KIND_COLOURS[kind], linewidth=1.2), style.KIND_NAMES[kind])
            for kind in parts.present(list(map(str, rows["kind"].unique())))
        ]
        band = (Patch(facecolor=style.tint(style.INK, 0.18), linewidth=0), "95 % interval over documents")
        entries(fig, (56.0, top - 3.0), [*kinds, band])
    else:
        words(fig, 6.0, top - 5.0, "statistics of claims", size=style.BASE_PT, color=style.INK)
        line = (Line2D([], [], color=style.MUTED, linewidth=0.8, linestyle=(0, (3, 2))), "threshold")
        marks = [one for one in compared.verdict_entries() if one[1] in compared.VERDICT_NAMES]
        entries(fig, (56.0, top - 3.0), [*marks, line])
    names = list(dict.fromkeys(rows["name"]))
    for place, one in enumerate(names):
        row, column = divmod(place, len(_LEFTS))
        bottom = top - _HEAD - row * _ROW - _TITLE - _AXES_MM[1]
        ax = fig.add_axes(share_of(fig, (_LEFTS[column], bottom, *_AXES_MM)))
        own = rows.loc[rows["name"] == one]
        panels.over_steps(own, ax=ax)
        if place + len(_LEFTS) >= len(names):
            ax.set_xlabel("training step")
        for line, said in enumerate(_title(own)):
            words(fig, _LEFTS[column] - 4.0, bottom + _AXES_MM[1] + 4.4 - 2.8 * line, said, color=style.INK)


def _title(rows: pd.DataFrame) -> Iterator[str]:
    """Two lines at the most: what a curve is, or the labels of the claims and what decides them."""
    first = rows.iloc[0]
    if first["of"] == "curve":
        yield compared.title_of(str(first["name"]))
        yield str(first["statistic"])
        return
    said = style.plain(f"{first['label']}  {first['statistic']}", 400)
    lines = wrap(said, _TITLE_LETTERS)
    yield from (
        lines if len(lines) < 3 else (lines[0], shorten(" ".join(lines[1:]), _TITLE_LETTERS, placeholder=" …"))
    )


def _verdicts(fig: Figure, claims: pd.DataFrame, beginnings: pd.DataFrame, steps: list[int], top: float) -> None:
    width = min(_WIDEST * len(steps), _ALL_COLUMNS)
    height = len(claims) * _CLAIM_ROW
    left = _RIGHT - width
    ax = fig.add_axes(share_of(fig, (left, top - _HEAD - height, width, height)))
    panels.verdicts_over_steps(
        claims, steps, beginnings["from_step"].tolist(), letters=int((left - 14.0) / LETTER_MM), ax=ax
    )
    letter(fig, "C", top - 5.0)
    words(fig, 6.0, top - 5.0, "verdicts by training step", size=style.BASE_PT, color=style.INK)
    bar = (Line2D([], [], color=style.INK, linewidth=1.4), "from here on it holds")
    entries(fig, (56.0, top - 3.0), [*compared.verdict_entries(), bar])
