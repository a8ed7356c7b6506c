"""What a panel is, and what panels are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from residyn.axis_names import AxisNames, axis_names
from residyn.figures.reference import paper_reference
from residyn.sitemap import SiteMap

Shape = Literal["schematic", "map", "curve", "scaled", "space", "row"]
"""What room a panel takes: "scaled" is a curve with a second scale on its right, "row" fills a page's width."""


@dataclass(frozen=True)
class Teleports:
    """Results of teleports to draw, as panel L and beside it.

    `flow` of `flow(jumps, space)`, with targets on a grid; `summary` of `summary(flow)` or `beside(trained,
    untrained)`, and `returns` of `return_fraction(flow)`, where there are any; `host` is the number of the
    host whose arrows are drawn.

    >>> moved = rd.Teleports(run.teleports["flow"], run.teleports["summary"], run.teleports["return_fraction"])
    >>> figure = rd.figure1(run.results, teleports=moved)
    """

    flow: xr.Dataset
    summary: xr.Dataset | None = None
    returns: xr.Dataset | None = None
    host: int = 0


@dataclass(frozen=True)
class Inputs:
    """All that panels are drawn from: results, and where they are known the site map, teleports, noise floor and
    local maps and outputs by network.

    `reference` asks for the paper's curves over E, F and H.
    """

    results: xr.Dataset
    sites: SiteMap | None = None
    teleports: Teleports | None = None
    noise: xr.Dataset | None = None
    reference: bool = False
    jacobians: Mapping[str, xr.Dataset] = field(default_factory=dict)
    outputs: Mapping[str, xr.Dataset] = field(default_factory=dict)

    @property
    def order(self) -> np.ndarray | None:
        """Each unit's rank in panel B, which all maps over units follow."""
        coords = self.results["mean_activation"].coords
        return coords["rank"].values if "rank" in coords else None

    @property
    def names(self) -> AxisNames:
        """What the axes of the states are called."""
        return axis_names(self.results.attrs)

    @property
    def n_components(self) -> int:
        """How many principal components the scores hold; 0 without scores."""
        return self.results["pc_scores"].sizes["pc"] if "pc_scores" in self.results else 0

    def published(self, quantity: str) -> Mapping[str, Any] | None:
        """The paper's curve of a quantity, where it is asked for."""
        return paper_reference(quantity) if self.reference else None

    def noise_of(self, quantity: str) -> xr.DataArray | None:
        """The noise floor of a quantity, where it was measured."""
        return None if self.noise is None else self.noise.get(f"{quantity}_noise")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel, declared beside what draws it; the registry finds it there.

    stem        the name of its file and of its section
    title       what the report calls it
    draw        draws it from the inputs into axes, and returns these
    needs       the results without which it is left out
    when        what else must be there
    letter      Figure 1's letter; "" for a panel that has only a file and a section of its own
    beside      the letter that such a panel belongs to
    figure      another composite that shows it, one of `pages.PAGES`, and its `place`: panels follow these numbers
    required    whether Figure 1 cannot be made without its results
    repeats     whether it shows again what the panel before it with the same letter shows
    shape       the room it takes; `shape_with_reference` where the paper's curve is laid over it
    definition  what it shows, where that is not the definition of the results `defined_by`, by default `needs`
    """

    stem: str
    title: str
    draw: Callable[[Inputs, Axes], Axes]
    needs: tuple[str, ...] = ()
    when: Callable[[Inputs], bool] = lambda _: True
    letter: str = ""
    beside: str = ""
    figure: str = ""
    place: int = 0
    required: bool = False
    repeats: bool = False
    shape: Shape = "curve"
    shape_with_reference: Shape | None = None
    definition: str = ""
    defined_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.definition and not self.defined_by:
            object.__setattr__(self, "defined_by", self.needs)

    def can_be_drawn(self, inputs: Inputs) -> bool:
        """Whether the inputs hold what it needs."""
        return all(name in inputs.results for name in self.needs) and self.when(inputs)

    def shape_for(self, inputs: Inputs) -> Shape:
        """The room that it takes when it is drawn from these inputs."""
        return (self.shape_with_reference if inputs.reference else None) or self.shape
