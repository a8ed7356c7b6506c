"""The second composite, "Dynamics": the panels that declare it, on one page."""

from __future__ import annotations

from itertools import chain, product
from string import ascii_uppercase

from matplotlib.figure import Figure

from residyn.figures.composite import compose
from residyn.figures.panel import Inputs
from residyn.figures.registry import composite_panels

NAME = "dynamics"
"""What a panel's field `figure` says, and what the composite's file is called."""


def dynamics(inputs: Inputs, *, title: str | None = None) -> Figure | None:
    """The panels of which `figure` is "dynamics" and whose results are there, lettered in their order; None where
    there are none.

    They show how states move, as dynamics: what is written, which way populations flow, whether states of
    different texts draw together, how far layers are from one another.
    """
    panels = composite_panels(NAME, inputs)
    # A to Z, then AA, AB and so on.
    letters = chain(ascii_uppercase, map("".join, product(ascii_uppercase, repeat=2)))
    return compose(dict(zip(letters, panels, strict=False)), inputs, title=title) if panels else None
