"""Kurtosis of states over their units in random bases: beside it the quantity `kurtosis` says if units are
privileged.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.numerics import basis as numerics
from residyn.numerics import pca
from residyn.numerics.surrogates import haar_rotation
from residyn.schema import SAMPLE, SUBLAYER, UNIT, along, check_states, label_result
from residyn.settings import Precision
from residyn.walk import each_block

MOST_ROTATED = 200
"""Most samples whose states are rotated: a rotation costs a product of D² for every state."""
_MOST_ROTATIONS, _ROTATED_UNITS = 3, 4096
"""Rotations by default: the first, and fewer where these give the second's number of units in all."""


def kurtosis_rotated(
    states: xr.DataArray, repeats: int | None = None, seed: int = 0, *, precision: Precision = "float32"
) -> xr.DataArray:
    """Mean kurtosis of each state over its units after common random rotations, (sample, sublayer).

    The mean over `repeats` rotations of all states together, drawn uniformly from `seed`, by default 3, or 2 from
    2,048 units on and 1 from 4,096: the rotated units of a wide state are many already. Of at most 200 samples
    chosen by the seed; NaN for the others, which `n_rotated` leaves out, and for a zero state. Rotations know no
    units: attribute `isotropic`, 3(D − 1)/(D + 1), is its mean over all of them, whatever the states. States that
    are alike stay alike, and differ from it together. A `kurtosis` far above it says that the units are not just
    any basis: Elhage et al. 2023, Privileged bases in the transformer residual stream.

    `precision` is that of the products with rotations: "float32" moves a value by less than 1e-4 of it.

    `n_undefined` counts NaN among the samples used. Memory beside the results: the states of the rotated samples
    and two matrices of D². Raises UsageError for fewer than one repeat or a negative seed, DataError where the
    states break the data contract, are empty, or hold a non-finite value.

    >>> rd.kurtosis_rotated(states, repeats=2).dims
    ('sample', 'sublayer')
    """
    if repeats is not None and (
        isinstance(repeats, bool) or not isinstance(repeats, int | np.integer) or repeats < 1
    ):
        raise UsageError(f"Kurtosis after rotation is a mean over at least 1 rotation; got repeats={repeats!r}.")
    if seed < 0:
        raise UsageError(f"seed is an integer, 0 or more; got {seed}.")
    if precision not in get_args(Precision):
        raise UsageError(f"precision is {' or '.join(get_args(Precision))}; got {precision!r}.")
    check_states(states)
    if repeats is None:
        repeats = min(_MOST_ROTATIONS, -(-_ROTATED_UNITS // max(1, states.sizes[UNIT])))
    rng = np.random.default_rng(seed)
    n_samples, n_units = states.sizes[SAMPLE], states.sizes[UNIT]
    chosen = np.sort(rng.permutation(n_samples)[:MOST_ROTATED])
    rows = np.concatenate(list(each_block(states.isel({SAMPLE: chosen}), np.array)))
    rotated = np.full((n_samples, states.sizes[SUBLAYER]), np.nan)
    rotated[chosen] = _rotated(rows, int(repeats), rng, np.dtype(precision))
    return label_result(
        rotated,
        (SAMPLE, SUBLAYER),
        along(states, SAMPLE, SUBLAYER),
        quantity="kurtosis_rotated",
        units="1",
        definition="D Σ(h − h̄)⁴ / (Σ(h − h̄)²)² over the D units of a state; "
        f"mean over {int(repeats)} common Haar rotations h → hQ",
        source="Elhage et al. 2023, Privileged bases in the transformer residual stream",
        states=states,
        parameters={"repeats": int(repeats), "samples": len(chosen), "precision": precision},
        seed=int(seed),
        n_undefined=int(np.isnan(rotated[chosen]).sum()),
        n_rotated=len(chosen),
        isotropic=numerics.isotropic_kurtosis(n_units),
    )


def _rotated(rows: np.ndarray, repeats: int, rng: np.random.Generator, kind: np.dtype[Any]) -> np.ndarray:
    """Mean kurtosis of rows (n, S, D) over rotations, (n, S)."""
    total = np.zeros(rows.shape[:2])
    with pca.one_thread():
        for _ in range(repeats):
            total += numerics.kurtosis_rotated(rows, haar_rotation(rows.shape[2], rng).astype(kind))
    return total / repeats
