"""The nulls by name: what each preserves, what it destroys, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics import surrogates
from residyn.schema import SUBLAYER, check_states, transition_coords

Make = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Null:
    """A law of states made of the states themselves.

    `title` is what it makes of them, in words; `preserves` and `destroys` say what a quantity can and cannot owe
    to it. `make` takes an array (N, S, D), the kinds of its transitions (S − 1,) and a generator.
    """

    name: str
    title: str
    preserves: str
    destroys: str
    make: Make

    def draw(self, states: xr.DataArray, rng: np.random.Generator) -> xr.DataArray:
        """One draw: states labelled as these are, float32, in memory, with the attribute `null`.

        Raises DataError where the states break the data contract, are empty, or are not finite.
        """
        check_states(states)
        values = np.asarray(states.values, dtype=np.float32)
        if not values.size or not np.isfinite(values).all():
            held = " and hold NaN or an infinity" if values.size else ""
            raise DataError(
                f"Surrogates are drawn of finite states, of at least one sample; these are {dict(states.sizes)}"
                f"{held}. Capture them again, or leave such samples out."
            )
        kind = np.asarray(transition_coords(states)["kind"][1]) if states.sizes[SUBLAYER] > 1 else np.empty(0, str)
        return states.copy(data=self.make(values, kind, rng)).assign_attrs(null=self.name)


def _plain(make: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Make:
    return lambda states, _kind, rng: make(states, rng)


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
    """States drawn from a null, (sample, sublayer, unit), float32, labelled as `states`, which may be lazy.

    Attributes `null` and `seed` say which draw it is; `NULLS` says what each null preserves and destroys. What
    it preserves it preserves to the rounding of float32. The same states, null and seed give the same bits.

    In memory, which holds the states and the surrogate, 4·N·S·D bytes each, and the work on one sublayer: choose
    samples first where that is too much, `states.isel(sample=slice(200))`. Raises UsageError for an unknown null
    or a negative seed; DataError where the states break the data contract, are empty, or are not finite, and for
    random walks of fewer than three units.
    """
    chosen = null_named(null)
    if seed < 0:
        raise UsageError(f"seed is an integer, 0 or more; got {seed}.")
    return chosen.draw(states, np.random.default_rng(seed)).assign_attrs(seed=seed)
