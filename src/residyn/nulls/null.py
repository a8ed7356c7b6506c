"""What a null of states is, and how surrogates are drawn from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from residyn.schema import SUBLAYER, transition_coords
from residyn.walk import loaded

Make = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Null:
    """A law of states made of the states themselves.

    `title` is what it makes of them, in words; `preserves` and `destroys` say what a quantity can and cannot owe
    to it. `make` takes an array (N, S, D), the kinds of its transitions (S − 1,) and a generator. `least_units` is
    the fewest units in which it can be drawn.
    """

    name: str
    title: str
    preserves: str
    destroys: str
    make: Make
    least_units: int = 1

    def draw(self, states: xr.DataArray, rng: np.random.Generator) -> xr.DataArray:
        """One draw: states labelled as these are, float32, in memory, with the attribute `null`.

        Raises DataError where the states break the data contract, are empty, or are not finite.
        """
        values = loaded(states).astype(np.float32, copy=False)
        kind = np.asarray(transition_coords(states)["kind"][1]) if states.sizes[SUBLAYER] > 1 else np.empty(0, str)
        return states.copy(data=self.make(values, kind, rng)).assign_attrs(null=self.name)


def whatever_the_kinds(make: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Make:
    """A draw that treats transitions of all kinds alike, as `Null.make` takes it."""
    return lambda states, _kind, rng: make(states, rng)
