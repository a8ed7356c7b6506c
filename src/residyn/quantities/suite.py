"""Every result of panels B–K and their controls, part by part: an interrupted analysis goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.quantities import states as per_state
from residyn.quantities import units as per_unit
from residyn.quantities.basis import basis
from residyn.quantities.correlations import correlation_density
from residyn.quantities.dependence import dependence, information_excess
from residyn.quantities.dimensions import dimensions
from residyn.quantities.information import Options, mutual_informations
from residyn.quantities.kinematics import kinematics
from residyn.quantities.massive import massive_ratio, massive_units
from residyn.quantities.orbits import orbits
from residyn.quantities.robustness import without_massive
from residyn.schema import SAMPLE, provenance_of, transition_coords
from residyn.settings import AnalysisSettings
from residyn.spaces import explained_variance, explained_variance_by_sublayer, fit_space, pc_scores
from residyn.walk import Progress, summaries_of

Stages = Callable[[str, str], AbstractContextManager[Progress]]
"""Opened for each part with its name and what it counts; gives a function called with (done, total)."""

SPACE = "space"
HELD_OUT = 0.5
"""Share of the samples that the space of the curve "held out" has not seen."""
LEAST_SAMPLES = 4
"""Fewest samples whose halves have a variance each."""


class Part(NamedTuple):
    """Some results that are computed together: `compute` is given those of the parts before it.

    `first` is a result that is there if and only if the part is done.
    """

    name: str
    counts: str
    first: str
    compute: Callable[[xr.DataArray, AnalysisSettings, xr.Dataset, Progress], xr.Dataset]


def analyze(
    states: xr.DataArray,
    settings: AnalysisSettings | None = None,
    *,
    stages: Stages | None = None,
    earlier: xr.Dataset | None = None,
    keep: Callable[[xr.Dataset], object] | None = None,
) -> xr.Dataset:
    """Compute the results of panels B–K and their controls.

    Returns a Dataset of

    - mean_activation, magnitude, sign_kept, unit_correlation, correlation_density, norm, density, cosine,
      velocity, relative_velocity (B–F), each equal to what the function of its name returns;
    - mutual_information and, with shuffles, mutual_information_shuffle (estimator, transition, unit) (G, H);
    - massive_ratio (sublayer, unit);
    - pc_scores of the first three components of the global space, that space (pc_axes, pc_mean, …: see
      `Space.from_dataset`) and explained_variance (sublayer, component) (I, J);
    - explained_variance_by_sublayer (space, sublayer) (K) of the global space, of one fitted without the samples
      it is judged on, of equalised sublayers, of z-scored units, and without massive units;
    - participation_ratio, components_for_90 and two_nn (sublayer);
    - the curves without massive units, as `without_massive` gives them;
    - what `kinematics`, `dependence` (with `information_excess`), `basis` and `orbits` return.

    `settings` are the choices that these leave open. `stages(name, counts)` is opened for each part and gives its
    progress function. Parts whose results are in `earlier` are not computed again; the caller answers for their
    being of the same states and settings. `keep` is called with all results so far when a part is done.

    A part that these states are too few or too alike for is left out; attribute `not_computed` says why.
    Memory beside the results: two blocks of the states and what each part's function says. Raises DataError where
    the states break the data contract, are empty, have but one sublayer, or hold a non-finite value; UsageError
    for settings out of range.
    """
    settings = settings or AnalysisSettings()
    settings.check()
    transition_coords(states)
    results = earlier
    if results is None:
        results = xr.Dataset(attrs={**provenance_of(states), "settings": settings.to_json()})
    lacking: list[str] = []
    for part in PARTS:
        if part.first in results:
            continue
        try:
            with (stages or _silent)(part.name, part.counts) as progress:
                made = part.compute(states, settings, results, progress)
        except DataError as error:
            # States that break the contract fail in the first part. A later one fails where it alone has too
            # little to work with, such as one sample for a principal component; the others are still worth having.
            if part is PARTS[0]:
                raise
            lacking.append(f"{part.name}: {error}")
            continue
        results = results.merge(made, join="exact", compat="no_conflicts", combine_attrs="override")
        if keep is not None:
            keep(results)
    return results.assign_attrs(not_computed="\n".join(lacking)) if lacking else results


@contextmanager
def _silent(_name: str, _counts: str) -> Iterator[Progress]:
    yield lambda done, total: None


def _activations(
    states: xr.DataArray, _settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    """Panels B–F, in one reading of the states."""
    moments, sums = summaries_of(states, progress)
    correlation = per_unit.unit_correlation_from(moments, states)
    results = (
        per_unit.mean_activation_from(moments, states),
        per_unit.magnitude_from(sums, states),
        per_unit.sign_kept_from(moments, states),
        correlation,
        correlation_density(correlation),
        per_state.norm_from(sums, states),
        per_state.density_from(sums, states),
        per_state.cosine_from(sums, states),
        per_state.velocity_from(sums, states),
        per_state.relative_velocity_from(sums, states),
    )
    return xr.Dataset({str(result.name): result for result in results})


def _information(
    states: xr.DataArray, settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    """Panels G and H."""
    options = Options(
        k=settings.neighbours,
        repeats=settings.shuffles,
        seed=settings.analysis_seed,
        device=settings.analysis_device,
    )
    return mutual_informations(states, settings.estimators, options, progress)


def _massive(
    states: xr.DataArray, _settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    return xr.Dataset({"massive_ratio": massive_ratio(states, progress=progress)})


def _space(
    states: xr.DataArray, settings: AnalysisSettings, results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    """Panels I, J and K: the global space in full, and of the others what they explain."""
    if states.sizes[SAMPLE] < LEAST_SAMPLES:
        raise DataError(f"half of at least {LEAST_SAMPLES} samples is held out; there are {states.sizes[SAMPLE]}.")
    ratio = results["massive_ratio"]
    options: dict[str, dict[str, Any]] = {
        "global": {},
        "held out": {"hold_out": HELD_OUT},
        "equalised": {"equalize": True},
        "z-scored": {"standardize": True},
        **{f"without {top} massive": {"without": massive_units(ratio, top)} for top in settings.leave_out},
    }
    made: dict[Hashable, xr.DataArray] = {}
    shares: dict[str, xr.DataArray] = {}
    for done, (name, option) in enumerate(options.items()):
        progress(done, len(options))
        space = fit_space(states, settings.components, seed=settings.analysis_seed, **option)
        samples = "held_out" if "hold_out" in option else None
        cumulative = explained_variance(states, space, samples=samples)
        shares[name] = explained_variance_by_sublayer(cumulative)
        if name == "global":
            scores = pc_scores(states, space)
            made |= {**space.to_dataset(), "pc_scores": scores, "explained_variance": cumulative}
    progress(len(options), len(options))
    # Where the spaces differ stands in the coordinate; what they have in common in the attributes.
    names = xr.DataArray(np.array(list(shares)), dims=(SPACE,), name=SPACE)
    together = xr.concat(list(shares.values()), names, combine_attrs="drop_conflicts")
    return xr.Dataset({**made, "explained_variance_by_sublayer": together})


def _dimensions(
    states: xr.DataArray, _settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    return dimensions(states, progress=progress)


def _robustness(
    states: xr.DataArray, settings: AnalysisSettings, results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    return without_massive(states, results, settings.leave_out, progress)


def _kinematics(
    states: xr.DataArray, _settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    return kinematics(states, progress)


def _dependence(
    states: xr.DataArray, settings: AnalysisSettings, results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    found = dependence(states, settings.analysis_seed, progress)
    if "mutual_information" in results:
        found["information_excess"] = information_excess(results["mutual_information"])
    return found


def _basis(
    states: xr.DataArray, settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    return basis(states, seed=settings.analysis_seed, progress=progress)


def _orbits(
    _states: xr.DataArray, settings: AnalysisSettings, results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    return orbits(results["mean_activation"], seed=settings.analysis_seed, progress=progress)


PARTS = (
    Part("activations and transitions", "samples", "mean_activation", _activations),
    Part("mutual information", "units", "mutual_information", _information),
    Part("massive units", "sublayers", "massive_ratio", _massive),
    Part("principal components", "spaces", "explained_variance_by_sublayer", _space),
    Part("dimension", "sublayers", "participation_ratio", _dimensions),
    Part("without massive units", "sublayers", "magnitude_without_massive", _robustness),
    Part("kinematics without norms", "samples", "angular_velocity", _kinematics),
    Part("beyond the skip path", "units", "skip_correlation", _dependence),
    Part("privileged basis", "samples", "kurtosis", _basis),
    Part("unit orbits", "nulls", "rotations", _orbits),
)
