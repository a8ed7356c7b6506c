"""A page of panels at their places, each with its letter, and a line at the foot on what all of it is of."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residyn.figures import style
from residyn.figures.layout import PanelBox, arrange
from residyn.figures.panel import Inputs, Panel, Shape

_TITLE_MM = 6.0


def compose(panels: Mapping[str, Panel], inputs: Inputs, *, title: str | None = None) -> Figure:
    """A page of these panels, by their letters, drawn from the inputs, in rows of three."""
    shapes: dict[str, Shape] = {panel.stem: panel.shape_for(inputs) for panel in panels.values()}
    height, places = arrange(shapes, tall_legends=inputs.reference)
    height += _TITLE_MM if title else 0.0
    with style.context():
        fig = style.new_figure(style.WIDTH_MM, height)
        for letter, panel in panels.items():
            panel.draw(inputs, _axes(fig, letter, panel, places[panel.stem]))
        _words(fig, inputs.results, title, height)
    return fig


def footer(results: xr.Dataset) -> str:
    """One line: model, samples, texts, token position, distinct last tokens; what is unknown is left out."""
    attrs = results.attrs
    words = []
    if attrs.get("model"):
        words.append(style.plain(attrs["model"], 44))
    if "n_samples" in attrs:
        words.append(f"N = {style.plain(attrs['n_samples'], 12)}")
    if attrs.get("texts"):
        words.append(style.plain(attrs["texts"], 44))
    if attrs.get("position") is not None:
        words.append(f"position: {style.plain(attrs['position'], 16)}")
    if "distinct_last_tokens" in attrs:
        words.append(f"{style.plain(attrs['distinct_last_tokens'], 12)} distinct last tokens")
    if attrs.get("capture_dtype"):
        words.append(style.plain(attrs["capture_dtype"], 12))
    return style.plain(" · ".join(words), 130)


def _axes(fig: Figure, letter: str, panel: Panel, place: PanelBox) -> Axes:
    """Axes at their place on the page, and the panel's letter beside their top left."""
    width, height = fig.get_size_inches() / style.MM
    x, y = place.letter
    fig.text(x / width, y / height, letter, fontsize=style.LETTER_PT, fontweight="bold", va="baseline")
    box = (place.left / width, place.bottom / height, place.width / width, place.height / height)
    return fig.add_axes(box, projection="3d" if panel.shape == "space" else None)


def _words(fig: Figure, results: xr.Dataset, title: str | None, height: float) -> None:
    fig.text(
        0.5, 2.0 / height, footer(results), ha="center", va="baseline", fontsize=style.SMALL_PT,
        color=style.MUTED, parse_math=False,
    )  # fmt: skip
    if title:
        fig.text(
            0.5, 1 - 4.0 / height, style.plain(title, 110), ha="center", va="center",
            fontsize=style.TITLE_PT, parse_math=False,
        )  # fmt: skip
