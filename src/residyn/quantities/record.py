"""A quantity as one record: what it is, the sums that one walk gathers for it, and its one formula.

The formula serves the result and its replicates alike: samples are put into groups of whole documents, sums are
gathered once a group, and a replicate counts groups with weights. Row 0 of the weights is the data itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from residyn.numerics import nan
from residyn.quantities import measure
from residyn.quantities.replicates import RESAMPLES
from residyn.quantities.sums import Axis, Depth, Drawing, Gather, Note, Over

if TYPE_CHECKING:
    from residyn.walk import Progress


@dataclass(frozen=True, kw_only=True, repr=False)
class Quantity:
    """One quantity of states along depth; called with states, it gives the labelled result.

    name, units, definition, source
                as docs, tables, figures and the result's attributes have them
    axis        what there is one value for
    title, label
                of a figure and of its axis; by default made of the name and the units
    bounds      least and largest value
    gather      the sums it needs
    per_sample  (gathered, depth) → (n, P): a value for each sample; the curve is their mean over samples
    value       (weights (R, G), weighed, depth) → (R, P) or, with `over` = "unit", (R, P, D); either this or
                per_sample is given
    over        what the values have beside the axis, and the curve summarises: "sample", "unit" or nothing
    summary     values (R, P, D) of units → the curve (R, P); None where there is no curve
    statistic   in words, what the curve is: "median over units"
    keeps       whether the result keeps what the curve summarises, or is the curve alone
    note        further coordinates and attributes of the result
    undefined   where values are NaN, in words
    null_curve  the result that says what its curve is under a null, by name: by the skip path alone, of a random
                walk, in a random basis
    panel       the letter of Figure 1 that shows it
    drawing     "curve": the generic panel; "bespoke": a panel of its own
    compared, without_massive
                whether it stands in comparisons of runs, and again without massive units
    """

    name: str
    axis: Axis
    units: str
    definition: str
    source: str
    gather: Gather
    per_sample: Callable[[Any, Depth], np.ndarray] | None = None
    value: Callable[[np.ndarray, Any, Depth], np.ndarray] | None = None
    over: Over | None = None
    summary: Callable[[np.ndarray], np.ndarray] | None = nan.finite_mean
    statistic: str = ""
    keeps: bool = True
    note: Note | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    undefined: str = ""
    bounds: tuple[float, float] = (float("-inf"), float("inf"))
    title: str = ""
    label: str = ""
    null_curve: str = ""
    panel: str = ""
    drawing: Drawing = "curve"
    compared: bool = False
    without_massive: bool = False

    def __post_init__(self) -> None:
        if (self.per_sample is None) == (self.value is None):
            raise ValueError(f"{self.name} needs one formula: per_sample or value")
        if (self.per_sample is not None) != (self.over == "sample"):
            raise ValueError(f"{self.name}: per_sample goes with over='sample'")
        if not self.statistic:
            object.__setattr__(self, "statistic", f"mean over {self.over}s" if self.over else "value")
        object.__setattr__(self, "__doc__", self._documented())

    def _documented(self) -> str:
        """What `help` says: title, definition, source, and an example of the result and of its curve."""
        place = () if self.axis == "path" else (str(self.axis),)
        over = (str(self.over),) if self.keeps and self.over else ()
        dims = (*over, *place) if self.over == "sample" else (*place, *over)
        source = "" if self.source in ("", "definition") else f" Source: {self.source}."
        lines = [f"{self.title or self.name}: {self.definition}.{source}", ""]
        lines += [f">>> rd.{self.name}(states).dims", str(dims)]
        if self.summary is not None:
            lines += [f">>> rd.{self.name}.curve(states).dims", str(("bound", *place))]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<quantity {self.name}, along {self.axis}s: {self.definition}>"

    def in_replicates(self, weights: np.ndarray, weighed: Any, depth: Depth) -> np.ndarray:
        """Its values in each replicate, (R, P) or (R, P, D); not for a quantity with a value per sample."""
        if self.value is None:
            raise TypeError(f"{self.name} has a value per sample; its curve is their mean")
        return self.value(weights, weighed, depth)

    def __call__(self, states: xr.DataArray, *, progress: Progress | None = None) -> xr.DataArray:
        """The labelled result of these states, from one reading."""
        return measure.result_of(self, states, progress)

    def curve(self, states: xr.DataArray, *, resamples: int = RESAMPLES, seed: int = 0) -> xr.DataArray:
        """Its curve along depth, (bound, place): its value and the ends of its 95 % interval over documents."""
        return measure.curve_of(self, states, resamples, seed)
