"""All evidence of some states."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import geometry, pca
from residyn.numerics.groups import weighted_mean
from residyn.numerics.spectra import participation_ratios
from residyn.quantities.evidence.explained import explained
from residyn.quantities.evidence.information import information
from residyn.quantities.evidence.record import Evidence, Plan, kinds_of
from residyn.quantities.evidence.shared import shared_direction
from residyn.quantities.evidence.sums import read
from residyn.quantities.evidence.units import unit_curves
from residyn.schema import SAMPLE, SUBLAYER, check_states
from residyn.spaces import fit_space
from residyn.walk import each_block

CURVES = {
    "paths": ("magnitude", "density", "norm", "cosine", "velocity", "relative_velocity"),
    "units": (
        "sign_kept",
        "correlation",
        "skip_correlation",
        "strong_throughout",
        "skip_strong_throughout",
        "information_floor",
        "straightness",
        "offset",
    ),
    "shared": ("shared_direction",),
    "explained": ("explained",),
    "dimension": ("participation_ratio",),
    "information": ("information",),
}
"""The parts, each of which can be asked for by itself, and the curves that it makes."""
PARTS = tuple(CURVES)

COMPONENTS = 100
"""Components of the global space whose explained variance is judged: the paper's."""
LARGEST_GRAM = 2000
"""Most samples whose participation ratio is resampled: it takes matrices of their number squared."""


def evidence(
    states: xr.DataArray,
    plan: Plan,
    parts: Collection[str] = PARTS,
    *,
    axes: np.ndarray | None = None,
) -> Evidence:
    """The curves over depth that claims are judged by, with the plan's replicates.

    paths: magnitude, density, norm (R, S), cosine, velocity, relative_velocity (R, T), means over samples.
    units: see `unit_curves`. shared: see `shared_direction`. explained (R, S): share of each sublayer's
    variance along `axes` (K, D), by default the first `COMPONENTS` global components of these states;
    replicates keep the axes; left out where these span all there is. dimension: participation_ratio (R, S), of
    at most `LARGEST_GRAM` samples. information: see `information`.

    What these states are too few or too uniform for is left out. Memory: a few times (groups × sublayers ×
    units) in float64. Raises DataError where the states break the data contract, are empty or not finite.
    """
    check_states(states)
    kind = kinds_of(states)
    curves: dict[str, np.ndarray] = {}
    with pca.one_thread():
        if set(parts) & {"paths", "units", "shared", "explained"}:
            curves |= _of_readings(states, plan, parts, axes)
        if "dimension" in parts:
            curves["participation_ratio"] = _dimensions(states, plan)
        if "information" in parts:
            curves["information"] = information(states, plan.group, plan.weights)
    return Evidence(curves, kind, states.sizes[SAMPLE], plan.n_groups)


def _of_readings(
    states: xr.DataArray, plan: Plan, parts: Collection[str], axes: np.ndarray | None
) -> dict[str, np.ndarray]:
    sizes = np.bincount(plan.group, minlength=plan.n_groups).astype(np.float64)
    axes = _fewer_than_all(states, axes) if "explained" in parts else None
    found = read(states, plan.group, axes)
    curves: dict[str, np.ndarray] = {}
    if "paths" in parts:
        of_paths = {
            "magnitude": geometry.mean_magnitude(found.paths),
            "density": geometry.density(found.paths),
            "norm": geometry.norm(found.paths),
            "cosine": geometry.cosine(found.paths),
            "velocity": geometry.velocity(found.paths),
            "relative_velocity": geometry.relative_velocity(found.paths),
        }
        curves |= {name: weighted_mean(values, plan.group, plan.weights) for name, values in of_paths.items()}
    if "units" in parts:
        curves |= unit_curves(found, sizes, plan.weights, kinds_of(states))
    if "shared" in parts:
        curves["shared_direction"] = shared_direction(found.sums, plan.weights)
    if axes is not None:
        curves["explained"] = explained(found, axes, plan.group, plan.weights)
    return curves


def _fewer_than_all(states: xr.DataArray, axes: np.ndarray | None) -> np.ndarray | None:
    """The axes, or the first components of these states; None where they span all that the states do.

    Such axes explain everything, and what is left of 1 is rounding.
    """
    n_samples, n_sublayers, n_units = states.shape
    if axes is None:
        try:
            axes = fit_space(states, COMPONENTS).axes.values
        except DataError:
            # States that are all the same have no components.
            return None
    return axes if len(axes) < min(n_units, n_samples * n_sublayers - 1) else None


def _dimensions(states: xr.DataArray, plan: Plan) -> np.ndarray:
    n = states.sizes[SAMPLE]
    rows = np.arange(n)
    if n > LARGEST_GRAM:
        rows = np.sort(np.random.default_rng(plan.seed).permutation(n)[:LARGEST_GRAM])
    group = plan.group[rows]

    def of_band(band: np.ndarray) -> np.ndarray:
        return np.stack(
            [participation_ratios(band[rows, s], group, plan.weights) for s in range(band.shape[1])], axis=1
        )

    return np.concatenate(list(each_block(states, of_band, along=SUBLAYER)), axis=1)
