"""Surrogates: states drawn from a null."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.nulls.catalogue import NULLS
from residyn.nulls.null import Null


def null_of(null: str | Null) -> Null:
    """The null of this name, or the null itself. Raises UsageError, naming those there are."""
    if isinstance(null, Null):
        return null
    if null not in NULLS:
        raise UsageError(f"A null of states is one of {', '.join(NULLS)}, or a Null; got {null!r}.")
    return NULLS[null]


def surrogate(states: xr.DataArray, null: str | Null, seed: int = 0) -> xr.DataArray:
    """States drawn from a null, (sample, sublayer, unit), float32, labelled as `states`, which may be lazy.

    `null` is a name of `NULLS`, or a `Null` of your own. Attributes `null` and `seed` say which draw it is;
    `NULLS` says what each null preserves and destroys. What it preserves it preserves to the rounding of float32.
    The same states, null and seed give the same bits.

    In memory, which holds the states and the surrogate, 4·N·S·D bytes each, and the work on one sublayer: choose
    samples first where that is too much, `states.isel(sample=slice(200))`. Raises UsageError for an unknown null
    or a negative seed; DataError where the states break the data contract, are empty, or are not finite, and for
    random walks of fewer than three units.

    >>> rd.surrogate(states, "permute_units", seed=1).attrs["null"]
    'permute_units'
    """
    chosen = null_of(null)
    if seed < 0:
        raise UsageError(f"seed is an integer, 0 or more; got {seed}.")
    return chosen.draw(states, np.random.default_rng(seed)).assign_attrs(seed=seed)
