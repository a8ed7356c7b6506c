"""The strokes that panel A is drawn with: stream, branch, box, sum, read-out.

Positions are millimetres of the panel at its printed size (`SIZE_MM`): type has a fixed size in print, so
boxes must fit the words in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from residyn.figures import style

SIZE_MM = (58.0, 70.0)
STREAM = 28.8
"""Where the stream stands."""
READ_EDGE = 22.0
"""Where the words on the states end, to the left of the stream."""
FLOOR, CEILING = 8.0, 66.5
"""The edges of the block."""
LETTERS = 17
"""Characters that fit into a box, or beside the stream, in one line."""
BRANCH_GAP = 1.6
"""Least distance of boxes on a branch."""

_BOX_WIDTH, _LINE, _PADDING = 24.0, 2.75, 1.7
_ARROW = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0}


@dataclass(frozen=True)
class Box:
    """A module: what it is, and its name, either of them perhaps empty."""

    title: str
    name: str = ""

    @property
    def lines(self) -> list[str]:
        return ([self.title] if self.title else []) + (wrap(self.name, 2) if self.name else [])

    @property
    def height(self) -> float:
        return _PADDING + _LINE * len(self.lines)


def wrap(name: str, most: int, letters: int = LETTERS) -> list[str]:
    """A module's name in at most `most` lines, broken behind "." and "_", shortened where it must be."""
    pieces = [style.plain(piece, letters) for piece in re.findall(r"[^._]*[._]|[^._]+", style.plain(name, 80))]
    lines = [""]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > letters and lines[-1]:
            lines.append("")
        lines[-1] += piece
    if len(lines) > most:
        lines = [*lines[: most - 1], style.plain("".join(lines[most - 1 :]), letters)]
    return lines


def words(ax: Axes, x: float, y: float, text: str, **how: Any) -> None:
    """Small grey words, never read as a formula; `how` overrides what a Text takes."""
    ax.text(
        x,
        y,
        text,
        **{"fontsize": style.SMALL_PT, "color": style.MUTED, "va": "center", "parse_math": False, **how},
    )


def background(ax: Axes, name: str) -> None:
    """The area of one block, with its path in the corner."""
    ax.add_patch(
        FancyBboxPatch(
            (0.8, FLOOR),
            SIZE_MM[0] - 1.2,
            CEILING - FLOOR,
            boxstyle="round,pad=0,rounding_size=1.6",
            facecolor="#f4f4f2",
            edgecolor="none",
            zorder=0,
        )
    )
    words(ax, 2.4, CEILING - 1.4, style.plain(name, 20), va="top")


def ends(ax: Axes, kind: str) -> None:
    """The stream's arrow out of the block, in its last transition's colour, and the words at both ends."""
    ax.annotate(
        "",
        (STREAM, SIZE_MM[1] - 0.2),
        (STREAM, CEILING - 0.3),
        arrowprops={
            **_ARROW,
            "arrowstyle": "-|>,head_width=0.28,head_length=0.5",
            "color": style.KIND_COLOURS[kind],
            "linewidth": 2.0,
        },
    )
    words(ax, STREAM + 2.2, FLOOR + 2.4, "residual stream")
    words(ax, STREAM + 2.2, SIZE_MM[1] - 1.6, "next layer")


def stream(ax: Axes, low: float, high: float, kind: str) -> None:
    """A stretch of the stream, in the colour of the transition that it is part of."""
    ax.plot(
        (STREAM, STREAM),
        (low, high),
        color=style.KIND_COLOURS[kind],
        linewidth=2.0,
        solid_capstyle="butt",
        zorder=2,
    )


def branch(ax: Axes, boxes: Sequence[Box], *, x: float, bottom: float, join: float, colour: str) -> None:
    """A side branch: out of the stream at `bottom`, up through its boxes at `x`, back into it at `join`."""
    ax.plot((STREAM, x, x), (bottom, bottom, join), color=style.INK, linewidth=0.8, zorder=1)
    towards = STREAM + (1.7 if x > STREAM else -1.7)
    ax.annotate("", (towards, join), (x, join), arrowprops={**_ARROW, "color": colour, "linewidth": 1.2})
    gap = (join - bottom - sum(box.height for box in boxes)) / (len(boxes) + 1)
    low = bottom + gap
    for box in boxes:
        draw_box(ax, x, low + box.height / 2, box, colour=colour)
        low += box.height + gap


def draw_box(ax: Axes, x: float, y: float, box: Box, *, colour: str, width: float = _BOX_WIDTH) -> None:
    """A box around its words: in `colour` with a bold title, or white and thin without one."""
    titled = bool(box.title)
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - box.height / 2),
            width,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.9",
            linewidth=0.8 if titled else 0.5,
            facecolor=style.tint(colour, 0.16) if titled else "white",
            edgecolor=colour if titled else style.MUTED,
            zorder=3,
        )
    )
    top = y + _LINE * (len(box.lines) - 1) / 2
    for index, line in enumerate(box.lines):
        bold = {"fontsize": style.BASE_PT, "fontweight": "bold"} if titled and index == 0 else {}
        colour_of_text = style.MUTED if titled and index else style.INK
        words(
            ax,
            x,
            top - index * _LINE,
            line,
            ha="center",
            va="center_baseline",
            color=colour_of_text,
            zorder=4,
            **bold,
        )


def add(ax: Axes, y: float, factors: Sequence[float], kept: float, colour: str) -> None:
    """The ⊕ on the stream, with what the branch's modules and the stream are multiplied by where that is not 1."""
    ink = {"markeredgecolor": style.INK, "markeredgewidth": 0.8}
    ax.plot(STREAM, y, marker="o", markersize=9, markerfacecolor="white", zorder=5, **ink)
    ax.plot(STREAM, y, marker="+", markersize=6, zorder=6, **ink)
    said = [] if kept == 1.0 else [f"stream ×{kept:.3g}"]
    if any(factor != 1.0 for factor in factors):
        said += [f"×{factor:.3g}" for factor in dict.fromkeys(factors)]
    if said:
        words(ax, STREAM + 3.0, y + 0.5, ", ".join(said), va="bottom", color=colour)


def stream_norm(ax: Axes, y: float, name: str) -> None:
    """A norm that the whole stream passes through, its name beside it."""
    draw_box(ax, STREAM, y, Box("", "norm"), colour=style.INK, width=9.0)
    words(ax, STREAM + 5.4, y, "\n".join(wrap(name, 2)), linespacing=1.1)


def read_out(ax: Axes, y: float, title: str, lines: Sequence[str], colour: str) -> None:
    """The arrow from the stream to a state's name, and below it the lines that say where it is read."""
    ax.annotate(
        "",
        (READ_EDGE + 0.6, y),
        (STREAM, y),
        arrowprops={**_ARROW, "color": colour, "linewidth": 1.4},
        zorder=3,
    )
    ax.plot(STREAM, y, marker="o", markersize=4.5, color=colour, markeredgecolor="white", zorder=5)
    words(ax, READ_EDGE, y, title, ha="right", color=colour, fontsize=style.BASE_PT, fontweight="bold")
    words(ax, READ_EDGE, y - 1.7, "\n".join(lines), ha="right", va="top", linespacing=1.12)
