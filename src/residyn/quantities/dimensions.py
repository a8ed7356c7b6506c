"""How many dimensions the states of each sublayer fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from residyn.numerics import dimension, pca
from residyn.numerics.spectra import participation_ratios
from residyn.quantities.replicates import Plan
from residyn.quantities.subsample import some_of
from residyn.schema import SAMPLE, SUBLAYER, along, label_result
from residyn.walk import Progress, Reading, read_together

SHARE = 0.9
LARGEST_GRAM = 2000
"""Most samples whose participation ratio is resampled."""


class _Filled(NamedTuple):
    """What one sublayer's states fill."""

    participation_ratio: float
    components: float
    two_nn: float
    n_distinct: int


def dimensions(states: xr.DataArray, *, seed: int = 0, progress: Progress | None = None) -> xr.Dataset:
    """How many dimensions the N states of each sublayer fill, three ways, in one reading along the sublayers.

    participation_ratio (sublayer,): (Σλ)²/Σλ² of the variances λ along the sublayer's own principal axes, in
    [1, min(N − 1, D)]; its coordinate `ceiling`, ND/(N + D), is what N independent Gaussian samples of D equal
    units would give: a value near it says that N is too small, not that the states fill so much.
    components_for_90 (sublayer,): the fewest of those axes that carry 90 % of the variance.
    two_nn (sublayer,): intrinsic dimension from the ratio of the two nearest distances (Facco et al. 2017; the
    largest 10 % of ratios left out). Copies of a state, and states that differ from it by rounding as in another
    batch, are dropped first; its coordinate `n_duplicates` counts them. Sensitive to the scale of the two
    nearest samples only, where the others see the whole cloud.

    Of more than 4,000 samples so many are drawn by the seed (attribute `drawn_from`).

    NaN where all states are the same (and, for two_nn, for fewer than three different ones): attribute
    `n_undefined` of each counts them, and `note` says why. Memory beside the states of two bands of
    sublayers: a few copies of one sublayer's states in float64, and a matrix of min(N, D)². Raises DataError where
    the states break the data contract, are empty, or hold a non-finite value.

    >>> sorted(rd.dimensions(states).data_vars)
    ['components_for_90', 'participation_ratio', 'two_nn']
    """
    some = some_of(states, seed)
    with pca.one_thread():
        (found,) = read_together(some, [filled_dimensions(some)], progress, along=SUBLAYER)
    return found


def filled_dimensions(states: xr.DataArray) -> Reading:
    """A walk along sublayers that makes what `dimensions` returns."""
    return Reading(
        lambda band, _: [_filled(band[:, s]) for s in range(band.shape[1])],
        lambda bands: _labelled(states, [filled for band in bands for filled in band]),
    )


def resampled_ratios(states: xr.DataArray, plan: Plan, *, directions: bool = False) -> Reading:
    """A walk along sublayers that makes participation ratios with their replicates, (1 + B, S).

    With `directions`, of each state's direction from the mean: a few states far out cannot make the ratio.

    Of at most `LARGEST_GRAM` samples, chosen by the plan's seed: it takes matrices of their number squared.
    """
    n = states.sizes[SAMPLE]
    rows = np.arange(n)
    if n > LARGEST_GRAM:
        rows = np.sort(np.random.default_rng(plan.seed).permutation(n)[:LARGEST_GRAM])
    group = plan.group[rows]
    of = _directions if directions else np.asarray

    def reduce_band(band: np.ndarray, _: int) -> np.ndarray:
        return np.stack(
            [participation_ratios(of(band[rows, s]), group, plan.weights) for s in range(band.shape[1])], axis=1
        )

    return Reading(reduce_band, lambda bands: np.concatenate(bands, axis=1))


def _directions(states: np.ndarray) -> np.ndarray:
    """Each state's deviation from the mean, (N, D), over its length; a zero one stays."""
    apart = states.astype(np.float64)
    apart -= apart.mean(axis=0)
    length = np.linalg.norm(apart, axis=1, keepdims=True)
    return apart / np.where(length > 0, length, 1.0)


def ratios_without(gone: Sequence[np.ndarray]) -> Reading:
    """A walk along sublayers that makes participation ratios without each of these sets of units, (sets, S)."""

    def reduce_band(band: np.ndarray, _: int) -> np.ndarray:
        return np.stack([dimension.participation_ratios(band[:, s], gone) for s in range(band.shape[1])], axis=1)

    return Reading(reduce_band, lambda bands: np.concatenate(bands, axis=1))


def _labelled(states: xr.DataArray, filled: Sequence[_Filled]) -> xr.Dataset:
    ratio, components, two_nn, n_distinct = (np.array(values) for values in zip(*filled, strict=True))
    n, _, n_units = states.shape
    ceiling = np.full(len(filled), dimension.isotropic_ceiling(n, n_units))
    same = "all states are the same"
    results = (
        _label(
            states,
            ratio,
            quantity="participation_ratio",
            definition="(Σλ)² / Σλ² over the sublayer's principal axes; ceiling = ND/(N + D)",
            source="Gao et al. 2017, bioRxiv 214262",
            reason=same,
            ceiling=ceiling,
        ),
        _label(
            states,
            components,
            quantity="components_for_90",
            definition=f"fewest principal axes of the sublayer that carry {SHARE:.0%} of its variance",
            source="definition",
            reason=same,
        ),
        _label(
            states,
            two_nn,
            quantity="two_nn",
            definition="slope of −ln(1 − F(μ)) on ln μ, μ = r₂/r₁, without copies and the largest 10 % of μ",
            source="Facco et al. 2017, Sci. Rep. 7:12140",
            reason="fewer than three states differ, or neighbours are equally far",
            n_duplicates=n - n_distinct,
        ),
    )
    return xr.Dataset({str(result.name): result for result in results})


def _filled(points: np.ndarray) -> _Filled:
    eigenvalues = pca.spectrum(points)
    neighbours = dimension.two_nn(points)
    return _Filled(
        dimension.participation_ratio(eigenvalues),
        dimension.components_for(eigenvalues, SHARE),
        neighbours.dimension,
        neighbours.n_points,
    )


def _label(
    states: xr.DataArray,
    values: np.ndarray,
    *,
    quantity: str,
    definition: str,
    source: str,
    reason: str,
    **coords: np.ndarray,
) -> xr.DataArray:
    undefined = int(np.isnan(values).sum())
    result = label_result(
        values,
        (SUBLAYER,),
        {**along(states, SUBLAYER), **{name: (SUBLAYER, array) for name, array in coords.items()}},
        quantity=quantity,
        units="dimensions",
        definition=definition,
        source=source,
        states=states,
        n_undefined=undefined,
    )
    return result.assign_attrs(note=f"NaN at {undefined} sublayers: {reason}.") if undefined else result
