"""How every figure looks: sizes, type, colours; how user text becomes a label.

Sizes are final print sizes: a two-column journal figure is 180 mm wide and nothing in it is set smaller than
6.5 pt. Nothing here changes matplotlib's global settings, needs a display, or imports pyplot.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import matplotlib.style
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from residyn.schema import MIXERS, SITES

Kind = TypeVar("Kind", bound=Axes)

MM = 1 / 25.4
"""Inches in a millimetre."""

WIDTH_MM = 180.0
PANEL_MM = (88.0, 66.0)
DPI = 300
_SCREEN_DPI = 150

SMALL_PT, BASE_PT, TITLE_PT, LETTER_PT = 6.5, 7.0, 8.0, 9.0
LINE_PT = 0.6

INK, MUTED, HAIRLINE, UNDEFINED = "#222222", "#555555", "#9a9a9a", "#c4c4c4"

KIND_COLOURS = {"within": "#2a9a55", "cross": "#1f4e9c", "block": "#e69f00"}
"""Colour of a transition kind. Lightness differs as well as hue: 56, 34 and 71 in CIELAB."""

KIND_MARKERS = {"within": "o", "cross": "s", "block": "D"}
"""Marker of a transition kind, so that print without colour can be read."""

KIND_NAMES = {"within": "within layer", "cross": "cross layer", "block": "whole block"}

_OTHER_MIXER = "#955072"
SITE_COLOURS = {
    "attn": KIND_COLOURS["within"],
    **{site: _OTHER_MIXER for site in MIXERS if site != "attn"},
    "mlp": KIND_COLOURS["cross"],
    "block": KIND_COLOURS["block"],
    "out": INK,
}
"""Colour of a state: that of the part of the network that reads it, as its arrow in panel A. Mixers of tokens that
are not attention share one, and markers tell them apart."""

SITE_MARKERS = {
    "attn": "o", "mamba": "v", "conv": "P", "linear_attn": "p", "mixer": "h", "mlp": "s", "block": "D", "out": "^",
}  # fmt: skip
SITE_NAMES = {site: f"{site} state" for site in SITES} | {"linear_attn": "linear attn state", "out": "output"}

TARGET_COLOURS = {
    "grid": INK,
    "disc": "#8f4fb0",
    "isotropic": "#c46a1b",
    "swap": "#2f8f95",
    "sample": "#c2588f",
}
"""Colour of a kind of teleport target."""

TARGET_MARKERS = {"grid": "o", "disc": "D", "isotropic": "^", "swap": "s", "sample": "v"}
TARGET_NAMES = {"disc": "in plane", "sample": "a sample's state", "swap": "towards a sample"}

ESTIMATOR_NAMES = {"gcmi": "Gaussian copula", "ksg": "KSG", "kde": "KDE", "binned": "binned"}

DIVERGING = LinearSegmentedColormap.from_list(
    "residyn_diverging",
    ["#122a6b", "#2f66c4", "#86b4f0", "#ffffff", "#f6b3d3", "#d03e8a", "#78094d"],
)
SEQUENTIAL = LinearSegmentedColormap.from_list(
    "residyn_correlation", ["#fdf3e7", "#f3c99f", "#dd8a6b", "#a8466c", "#5b1a5e", "#230a35"]
).with_extremes(under="#ffffff", bad=UNDEFINED)
"""For correlations: of hues that no kind of transition has."""
DENSITY = LinearSegmentedColormap.from_list(
    "residyn_density", ["#ffffff", "#f5d3b3", "#ea8f6c", "#b8425f", "#5f1d5e", "#1d0b30"]
).with_extremes(bad=UNDEFINED)
INFORMATION = LinearSegmentedColormap.from_list(
    "residyn_information", ["#0a0713", "#2c2356", "#30558f", "#3389a0", "#57bda3", "#c3ecb4", "#fbffe6"]
).with_extremes(bad=UNDEFINED)
RETENTION = LinearSegmentedColormap.from_list(
    "residyn_retention", ["#0d2a80", "#2a6fd6", "#8fb0d8", "#b0b0b0", "#dc8fb8", "#cf3285", "#73084a"]
).with_extremes(bad=UNDEFINED)
"""For thin marks on white: its middle, which says "nothing happens", is grey."""
DEPTH = LinearSegmentedColormap.from_list("residyn_depth", colormaps["viridis"](np.linspace(0.0, 0.95, 256)))
"""Colours of layers: viridis without its last yellow, which a thin line on white would lose."""

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same glyphs everywhere
    "font.size": BASE_PT,
    "mathtext.fontset": "dejavusans",
    "text.usetex": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlesize": BASE_PT,
    "axes.labelsize": BASE_PT,
    "axes.labelpad": 2.5,
    "axes.linewidth": LINE_PT,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,  # it would stand where the legend does
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": LINE_PT,
    "ytick.major.width": LINE_PT,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "legend.fontsize": SMALL_PT,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.3,
    "lines.linewidth": 0.8,
    "lines.markersize": 3.0,
    "patch.linewidth": LINE_PT,
    "hatch.linewidth": 0.4,
    "figure.dpi": _SCREEN_DPI,
    "savefig.dpi": DPI,
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,  # text stays text that an editor can open
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "residyn",  # element ids without chance: the same figure gives the same bytes
    "path.simplify": True,
    "agg.path.chunksize": 0,
}

_BIDI_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


@contextmanager
def context() -> Iterator[None]:
    """Matplotlib's defaults with residyn's type and sizes, for the length of a `with` block.

    The user's own settings neither reach a figure drawn inside nor are they changed by it.
    """
    with matplotlib.style.context(["default", _RC]):
        yield


class ShownFigure(Figure):
    """A figure that a notebook shows as a picture, although pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_SCREEN_DPI)
        return buffer.getvalue()


def new_figure(width_mm: float, height_mm: float, *, layout: Any = None) -> ShownFigure:
    """An empty white figure of the given print size, not registered with pyplot."""
    return ShownFigure(figsize=(width_mm * MM, height_mm * MM), layout=layout, facecolor="white")


def shown(ax: Kind) -> Kind:
    """The axes of a figure of its own, which a notebook shows as the figure's picture."""
    figure = ax.get_figure(root=True)
    if isinstance(figure, ShownFigure):
        ax._repr_png_ = figure._repr_png_  # type: ignore[attr-defined]
    return ax


def new_axes(ax: Axes | None, size_mm: tuple[float, float] = PANEL_MM) -> Axes:
    """`ax`, or the axes of a new one-panel figure where `ax` is None; a notebook shows these as a picture."""
    return ax if ax is not None else shown(new_figure(*size_mm, layout="constrained").subplots())


def dress(ax: Axes, *, frame: bool = False) -> None:
    """Set an axes' ticks and spines to residyn's sizes, also when the caller made it under other settings.

    `frame` keeps all four spines, as around a heat map; otherwise only the left and bottom ones stay.
    """
    ax.tick_params(which="major", labelsize=SMALL_PT, width=LINE_PT, length=2.5, pad=2, color=INK, labelcolor=INK)
    for side, spine in ax.spines.items():
        spine.set_visible(frame or side in ("left", "bottom"))
        spine.set_linewidth(LINE_PT)
        spine.set_color(INK)
    ax.xaxis.label.set_fontsize(BASE_PT)
    ax.yaxis.label.set_fontsize(BASE_PT)


def tint(colour: str, strength: float) -> tuple[float, float, float]:
    """`colour` mixed with white: strength 1 is the colour, 0 is white. Opaque, so overlaps add nothing."""
    red, green, blue = (1 - strength * (1 - channel) for channel in to_rgb(colour))
    return red, green, blue


def plain(text: object, limit: int = 60) -> str:
    """User text (model names, module paths, file names) made safe to draw and to store.

    Line breaks and tabs become spaces; control characters, lone surrogates, noncharacters and marks that turn
    the writing direction become "�"; more than `limit` characters are shortened in the middle. A Text made of
    it also needs `parse_math=False`, because a "$" in a name is no formula.
    """
    spaced = " ".join(str(text).split())
    kept = "".join("\ufffd" if _undrawable(character) else character for character in spaced)
    if len(kept) <= limit:
        return kept
    head = limit // 2
    tail = limit - 1 - head
    return f"{kept[:head]}…{kept[len(kept) - tail :]}"


def _undrawable(character: str) -> bool:
    point = ord(character)
    return (
        unicodedata.category(character) in ("Cc", "Cs")
        or character in _BIDI_CONTROLS
        or point & 0xFFFE == 0xFFFE
        or 0xFDD0 <= point <= 0xFDEF
    )
