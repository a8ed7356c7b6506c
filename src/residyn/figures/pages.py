"""The composites beside Figure 1: the panels that declare one, on a page of their own that prints as one."""

from __future__ import annotations

from itertools import chain, product
from string import ascii_uppercase

from matplotlib.figure import Figure

from residyn.figures.composite import compose
from residyn.figures.panel import Inputs, Panel
from residyn.figures.registry import composite_panels

DYNAMICS = "dynamics"
"""How states move: what is written, which way populations flow, whether states of different texts draw together,
how far layers are from one another."""
MAPS_AND_OUTPUTS = "maps_and_outputs"
"""What becomes of a small change, what each sublayer's state would predict, and what each block is worth."""
PAGES = (DYNAMICS, MAPS_AND_OUTPUTS)
"""What a panel's field `figure` says, and what the composite's file is called."""


def page(name: str, inputs: Inputs, *, title: str | None = None) -> Figure | None:
    """The panels of which `figure` is `name` and whose results are there, lettered in their order; None where
    there are none.
    """
    panels = composite_panels(name, inputs)
    # A to Z, then AA, AB and so on.
    letters = chain(ascii_uppercase, map("".join, product(ascii_uppercase, repeat=2)))
    return compose(dict(zip(letters, panels, strict=False)), inputs, title=title) if panels else None


def panels_of_pages(inputs: Inputs) -> tuple[Panel, ...]:
    """The panels of all of these composites that the inputs allow, in the order of their places."""
    found = [panel for name in PAGES for panel in composite_panels(name, inputs)]
    return tuple(sorted(found, key=lambda panel: panel.place))
