"""The nulls by name: what each preserves, what it destroys, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics import surrogates
from residyn.schema import check_states, transition_coords

Draw = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Null:
    """A law of states made of the states themselves.

    `title` is what it makes of them, in words; `preserves` and `destroys` say what a quantity can and cannot owe
    to it. `draw(states, kind, rng)` takes an array (N, S, D) and the kinds of its transitions (S − 1,).
    """

    name: str
    title: str
    preserves: str
    destroys: str
    draw: Draw


def _plain(draw: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Draw:
    return lambda states, _kind, rng: draw(states, rng)


NULLS: Mapping[str, Null] = {
    null.name: null
    for null in (
        Null(
            "shuffle_samples",
            "samples shuffled at each sublayer",
            "each sublayer's cloud: its means, variances, spectrum and distances",
            "which state of one sublayer belongs to which of the next",
            _plain(surrogates.shuffle_samples),
        ),
        Null(
            "permute_units",
            "units permuted at each sublayer",
            "norms, density, and the distances between the samples of a sublayer",
            "which unit of one sublayer is which of the next",
            _plain(surrogates.permute_units),
        ),
        Null(
            "rotate_basis",
            "a random basis",
            "everything that has no basis: norms, cosines, velocities, spectra",
            "the units: sparseness, massive activations, signs, and correlations of single units",
            _plain(surrogates.rotate_basis),
        ),
        Null(
            "shuffle_sublayers",
            "sublayers in random order",
            "the states of every sublayer, and which samples they are of",
            "the order of depth",
            _plain(surrogates.shuffle_sublayers),
        ),
        Null(
            "flip_increments",
            "steps of random sign",
            "the size of every step of every unit, and the first state",
            "the direction of steps relative to one another and to the state",
            _plain(surrogates.flip_increments),
        ),
        Null(
            "permute_increments",
            "steps in random order within their kind",
            "the first and the last state, and the steps of each kind",
            "the order of the steps",
            surrogates.permute_increments,
        ),
        Null(
            "random_walk",
            "random walks of the same lengths and angles",
            "each sample's first state, norms, velocities, cosines and turning angles",
            "every direction that samples share, the basis, and all longer memory",
            _plain(surrogates.random_walk),
        ),
    )
}


def null_named(name: str) -> Null:
    """The null of this name. Raises UsageError, naming those there are."""
    if name not in NULLS:
        raise UsageError(f"A null of states is one of {', '.join(NULLS)}; got {name!r}.")
    return NULLS[name]


def surrogate(states: xr.DataArray, null: str, seed: int = 0) -> xr.DataArray:
    """States drawn from a null, labelled as the states are, float32, with attributes `null` and `seed`.

    In memory, which holds the states and, while they are drawn, two copies in float64: choose samples first
    where that is too much, `states.isel(sample=slice(200))`. See `NULLS` for what each null preserves and
    destroys. Raises UsageError for an unknown null; DataError where the states break the data contract, are
    empty, or are not finite.
    """
    chosen = null_named(null)
    check_states(states)
    values = states.values
    if not values.size or not np.isfinite(values).all():
        raise DataError(
            f"Surrogates are drawn of finite states, of at least one sample; these are {dict(states.sizes)}"
            f"{' and hold NaN or an infinity' if values.size else ''}. Capture them again, or leave some out."
        )
    kind = np.asarray(transition_coords(states)["kind"][1])
    drawn = chosen.draw(values, kind, np.random.default_rng(seed)).astype(np.float32)
    return states.copy(data=drawn).assign_attrs(null=null, seed=seed)
