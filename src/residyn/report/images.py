"""Panels as images inside the page, drawn anew from the results."""

from __future__ import annotations

import base64
import io
import warnings
from typing import Literal

import matplotlib as mpl
from matplotlib.figure import Figure

from residyn.figures import style
from residyn.figures.layout import alone
from residyn.figures.panel import Inputs, Panel, Shape
from residyn.report.record import Picture

Format = Literal["svg", "png"]

_FORMATS: dict[Shape, Format] = {"schematic": "svg", "curve": "svg", "scaled": "svg"}
"""Lines and letters are smaller and sharper as SVG; maps and clouds of paths are PNG."""
_MEDIA = {"svg": "image/svg+xml", "png": "image/png"}
_PIXELS_PER_MM = 6.4
"""Of the page: 7 pt in print is read as 16 pixels."""
_SHARPNESS = 2
"""Pixels of a PNG for one of the page, so that it is sharp on fine screens and in print."""


def picture(panel: Panel, inputs: Inputs, alt: str, *, sharpness: int = _SHARPNESS) -> Picture:
    """Draw a panel alone, as SVG or PNG, whichever suits its shape. Letters are outlines: no font is asked for.

    `sharpness` is how many pixels a PNG has for one of the page, along either side.
    """
    kind = _FORMATS.get(panel.shape_for(inputs), "png")
    with style.context(), mpl.rc_context({"svg.fonttype": "path"}):
        fig = alone(panel, inputs)
        width, height = (round(inches / style.MM * _PIXELS_PER_MM) for inches in fig.get_size_inches())
        content = _rendered(fig, kind, sharpness)
    address = f"data:{_MEDIA[kind]};base64,{base64.b64encode(content).decode('ascii')}"
    return Picture(address, width, height, alt)


def is_wide(shape: Shape) -> bool:
    """Whether a panel needs the page's whole width."""
    return shape == "row"


def _rendered(fig: Figure, kind: Format, sharpness: int) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A name in a script that no installed font covers is drawn as boxes; the panel is right all the same.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        # Neither date nor version: the same results give the same page.
        unsigned = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        fig.savefig(buffer, format=kind, dpi=_PIXELS_PER_MM / style.MM * sharpness, metadata=unsigned)
    return buffer.getvalue()
