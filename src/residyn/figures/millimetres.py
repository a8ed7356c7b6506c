"""Placing on a page in millimetres from its lower left corner: axes, words, letters of panels, legends."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from residyn.figures import style

LETTER_MM = 1.16
"""Width of a letter of small type, on the average."""


def share_of(fig: Figure, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A box (left, bottom, width, height) in millimetres as shares of the page."""
    width, height = (inches / style.MM for inches in fig.get_size_inches())
    left, bottom, across, up = box
    return (left / width, bottom / height, across / width, up / height)


def words(
    fig: Figure, x: float, y: float, said: str, *, size: float = style.SMALL_PT, ha: str = "left",
    weight: str = "normal", color: str = style.MUTED,
) -> None:  # fmt: skip
    """Write words on the page, on a line at y."""
    left, bottom, _, _ = share_of(fig, (x, y, 0.0, 0.0))
    fig.text(
        left, bottom, said, fontsize=size, ha=ha, va="baseline", fontweight=weight, color=color, parse_math=False
    )


def letter(fig: Figure, said: str, y: float, x: float = 1.5) -> None:
    """The letter of a panel."""
    words(fig, x, y, said, size=style.LETTER_PT, weight="bold", color=style.INK)


def entries(fig: Figure, at: tuple[float, float], handles: Sequence[tuple[Artist, str]]) -> None:
    """A legend's row with its top left corner at a place of the page; names are no formulas."""
    left, top, _, _ = share_of(fig, (*at, 0.0, 0.0))
    legend = fig.legend(
        [handle for handle, _ in handles],
        ["entry"] * len(handles),
        loc="upper left",
        bbox_to_anchor=(left, top),
        ncols=len(handles),
        columnspacing=1.2,
        borderaxespad=0,
        borderpad=0,
        fontsize=style.SMALL_PT,
        frameon=False,
    )
    for text, (_, name) in zip(legend.get_texts(), handles, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
