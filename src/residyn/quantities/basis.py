"""Whether the units are a privileged basis: kurtosis over them, before and after a common random rotation."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.numerics import basis as numerics
from residyn.numerics import pca
from residyn.numerics.surrogates import haar_rotation
from residyn.schema import SAMPLE, SUBLAYER, UNIT, along, label_result
from residyn.walk import Progress, each_numbered_block

MOST_ROTATED = 200
"""Most samples whose states are rotated: a rotation costs a product of D² for every state."""


def basis(states: xr.DataArray, repeats: int = 3, seed: int = 0, progress: Progress | None = None) -> xr.Dataset:
    """Kurtosis of each state over its D units, and the same in random bases.

    kurtosis (sample, sublayer): the fourth standardised moment over units, in [1, D − 2 + 1/(D − 1)]: 3 for a
    Gaussian, large where few units carry the state. NaN where all units are equal.
    kurtosis_rotated (sample, sublayer): the mean of the same over `repeats` rotations of all states together,
    drawn uniformly from `seed`, for at most 200 samples chosen by it; NaN for the others, which `n_rotated` leaves
    out, and for a zero state. Rotations know no units: attribute `isotropic`, 3(D − 1)/(D + 1), is its mean over
    all of them, whatever the states. States that are alike stay alike, and differ from it together. A kurtosis far
    above it says that the units are not just any basis: Elhage et al. 2023, Privileged bases in the transformer
    residual stream.

    `n_undefined` counts NaN among the samples used. Memory beside the results: the states of the rotated samples
    and two matrices of D². `progress` is called with the samples read. Raises UsageError for fewer than one
    repeat or a negative seed, DataError where the states break the data contract, are empty, or hold a non-finite
    value.
    """
    if isinstance(repeats, bool) or not isinstance(repeats, int | np.integer) or repeats < 1:
        raise UsageError(f"Kurtosis after rotation is a mean over at least 1 rotation; got repeats={repeats!r}.")
    if seed < 0:
        raise UsageError(f"seed is an integer, 0 or more; got {seed}.")
    rng = np.random.default_rng(seed)
    n_samples, n_units = states.sizes.get(SAMPLE, 0), states.sizes.get(UNIT, 0)
    chosen = np.sort(rng.permutation(n_samples)[:MOST_ROTATED])

    def of_block(block: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
        inside = chosen[(chosen >= first) & (chosen < first + len(block))]
        return numerics.kurtosis(block), block[inside - first]

    own, kept = zip(*each_numbered_block(states, of_block, progress), strict=True)
    rows = np.concatenate(kept)
    rotated = np.full((n_samples, states.sizes[SUBLAYER]), np.nan)
    rotated[chosen] = _rotated(rows, int(repeats), rng)
    parameters = {"repeats": int(repeats), "samples": len(chosen)}
    return xr.Dataset(
        {
            "kurtosis": _label(states, np.concatenate(own), slice(None), "kurtosis", "in the basis of the units"),
            "kurtosis_rotated": _label(
                states,
                rotated,
                chosen,
                "kurtosis_rotated",
                f"mean over {int(repeats)} common Haar rotations h → hQ",
                parameters=parameters,
                seed=int(seed),
                n_rotated=len(chosen),
                isotropic=numerics.isotropic_kurtosis(n_units),
            ),
        }
    )


def _rotated(rows: np.ndarray, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Mean kurtosis of rows (n, S, D) over rotations, (n, S)."""
    total = np.zeros(rows.shape[:2])
    with pca.one_thread():
        for _ in range(repeats):
            total += numerics.kurtosis_rotated(rows, haar_rotation(rows.shape[2], rng))
    return total / repeats


def _label(
    states: xr.DataArray, values: np.ndarray, used: Any, quantity: str, how: str, **notes: Any
) -> xr.DataArray:
    return label_result(
        values,
        (SAMPLE, SUBLAYER),
        along(states, SAMPLE, SUBLAYER),
        quantity=quantity,
        units="1",
        definition=f"D Σ(h − h̄)⁴ / (Σ(h − h̄)²)² over the D units of a state; {how}",
        source="Elhage et al. 2023, Privileged bases in the transformer residual stream",
        states=states,
        n_undefined=int(np.isnan(values[used]).sum()),
        **notes,
    )
