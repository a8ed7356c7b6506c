"""Panels as images inside the page: the files of the figures stage, or drawn as it draws them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from residyn.figures import style
from residyn.figures.figure1 import provenance_of
from residyn.figures.layout import alone
from residyn.figures.panel import Inputs, Panel, Shape
from residyn.figures.saving import rendered
from residyn.report.record import Picture

_PIXELS_PER_MM = 6.4
"""Of the page: 7 pt in print is read as 16 pixels, and a PNG has about two of its own for each of them."""


_SMALL_WIDTH, _COLOURS = 640, 128
"""Pixels across of a small picture, two for each of the page's, and its colours."""


def picture(panel: Panel, inputs: Inputs, alt: str, file: Path | None = None, *, dpi: int = style.DPI) -> Picture:
    """A panel alone as PNG: what its `file` holds, or where there is none, what the figures stage would write.

    `dpi` is the dots of an inch in print: of the file, or to draw with.
    """
    return embedded(_drawn(panel, inputs, dpi) if file is None else file.read_bytes(), alt, dpi)


def embedded(content: bytes, alt: str, dpi: int) -> Picture:
    """A PNG of so many dots an inch in print, as it stands inside a page."""
    # A PNG begins with its signature and the width and height of the image.
    width, height = (int.from_bytes(content[at : at + 4]) for at in (16, 20))
    scale = _PIXELS_PER_MM / (style.MM * dpi)
    address = f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
    return Picture(address, round(width * scale), round(height * scale), alt)


def small(file: Path, alt: str) -> Picture:
    """A PNG file at a size at which its panels can be told apart, and not read."""
    with Image.open(file) as whole:
        height = round(whole.height * _SMALL_WIDTH / whole.width)
        reduced = whole.convert("RGB").resize((_SMALL_WIDTH, height), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    reduced.quantize(_COLOURS).save(content, "PNG", optimize=True)
    address = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
    return Picture(address, _SMALL_WIDTH // 2, height // 2, alt)


def is_wide(shape: Shape) -> bool:
    """Whether a panel needs the page's whole width."""
    return shape == "row"


def _drawn(panel: Panel, inputs: Inputs, dpi: int) -> bytes:
    with style.context():
        fig = alone(panel, inputs)
    return rendered(fig, "png", provenance_of(inputs.results), dpi=dpi)
