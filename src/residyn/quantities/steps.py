"""The steps of an analysis in their order, each some results that are computed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import pca
from residyn.numerics.groups import weighted_mean
from residyn.quantities import autoencoder, robustness
from residyn.quantities.basis import kurtosis_rotated
from residyn.quantities.convergence import convergences
from residyn.quantities.correlations import correlation_density
from residyn.quantities.dependence import information_excess, joint_steps, unit_steps
from residyn.quantities.dimensions import filled_dimensions, ratios_without, resampled_ratios
from residyn.quantities.flows import flows
from residyn.quantities.gathers import LAYER_ANGLES
from residyn.quantities.information import Options, informations
from residyn.quantities.information.curves import information_curves
from residyn.quantities.information.replicates import UNITS_SHUFFLED, information_deviations
from residyn.quantities.layer_pairs import angular_distances
from residyn.quantities.massive import massive_ratio, massive_units
from residyn.quantities.measure import INTERVAL, gather, labelled_all
from residyn.quantities.orbits import orbits
from residyn.quantities.registry import quantities
from residyn.quantities.replicates import Plan, plan_of, with_ends
from residyn.quantities.subsample import plan_of_some, some_of
from residyn.schema import (
    BOUND,
    BOUNDS,
    CURVE,
    SAMPLE,
    SUBLAYER,
    UNIT,
    along,
    documents_of,
    label_result,
)
from residyn.settings import AnalysisSettings
from residyn.spaces import explained_variance_by_sublayer, fit_spaces
from residyn.walk import Progress, Reading, read_together

SPACE = "space"
HELD_OUT = 0.5
"""Share of the samples that the space of the curve "held out" has not seen."""
LEAST_SAMPLES = 4
"""Fewest samples whose halves have a variance each."""


class Step(NamedTuple):
    """Some results that are computed together: `compute` is given those of the steps before it.

    `first` is a result that is there if and only if the step is done, and `asked` whether settings ask for it.
    """

    name: str
    counts: str
    first: str
    compute: Callable[[xr.DataArray, AnalysisSettings, xr.Dataset, Progress], xr.Dataset]
    asked: Callable[[AnalysisSettings], bool] = lambda _: True


def _massive(
    states: xr.DataArray, settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    return xr.Dataset({"massive_ratio": massive_ratio(states, seed=settings.analysis_seed, progress=progress)})


def _quantities(
    states: xr.DataArray, settings: AnalysisSettings, results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    """Every registered quantity, and the curves without massive units, in one reading of the states."""
    chosen, again = list(quantities().values()), robustness.taking_part()
    plan = plan_of(states)
    gone = robustness.units_left_out(results["massive_ratio"], settings.leave_out)
    found = gather(
        states,
        [quantity.gather for quantity in chosen],
        plan,
        progress,
        without=robustness.rest(gone),
        also=robustness.gathered_again(again),
    )
    made = labelled_all(chosen, states, found, plan)
    density = correlation_density(made["unit_correlation"])
    return xr.Dataset(
        {
            **made,
            str(density.name): density,
            **angular_distances(states, found.whole[LAYER_ANGLES]),
            **robustness.walked(states, again, found, gone),
        }
    )


def _units(
    states: xr.DataArray, settings: AnalysisSettings, results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    """What needs every sample of a unit, of some samples: mutual information, and the dependence of steps on
    states.
    """
    plan = plan_of_some(plan_of(states), settings.analysis_seed)
    states = some_of(states, settings.analysis_seed)
    options = Options(
        k=settings.neighbours,
        repeats=settings.shuffles,
        seed=settings.analysis_seed,
        device=settings.analysis_device,
        precision=settings.precision,
        shuffled_units=UNITS_SHUFFLED,
    )
    information, steps, deviations = read_together(
        states,
        [
            informations(states, settings.estimators, options),
            unit_steps(states, settings.analysis_seed),
            _resampled(states, plan, settings),
        ],
        progress,
        along=UNIT,
    )
    nats = information["mutual_information"]
    gone = robustness.units_left_out(results["massive_ratio"], settings.leave_out)
    return xr.Dataset(
        {
            **information,
            **steps,
            "information_excess": information_excess(nats),
            **information_curves(states, nats, deviations, plan),
            **robustness.informations(states, nats, gone),
        }
    )


def _resampled(states: xr.DataArray, plan: Plan, settings: AnalysisSettings) -> Reading:
    """How replicates of gcmi's mean differ from it, where gcmi is asked for; else nothing is read for them."""
    return (
        information_deviations(states, plan)
        if "gcmi" in settings.estimators
        else Reading(lambda *_: None, lambda _: None)
    )


def _sublayers(
    states: xr.DataArray, settings: AnalysisSettings, results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    """What needs every sample of a sublayer, of some samples: how many dimensions it fills, and the joint
    dependence of steps.
    """
    plan = plan_of_some(plan_of(states), settings.analysis_seed)
    states = some_of(states, settings.analysis_seed)
    gone = robustness.units_left_out(results["massive_ratio"], settings.leave_out)
    with pca.one_thread():
        filled, rows, without, joint = read_together(
            states,
            [
                filled_dimensions(states),
                resampled_ratios(states, plan),
                ratios_without(list(gone.values())),
                joint_steps(states, settings.analysis_seed),
            ],
            progress,
            along=SUBLAYER,
        )
    ratio = filled["participation_ratio"]
    ends = with_ends(rows, plan, (1.0, np.inf))
    curve = _curve(states, ratio, np.stack([ratio.values, *ends[1:]]), plan, "value")
    return xr.Dataset(
        {
            **filled,
            f"participation_ratio{CURVE}": curve,
            **joint,
            **robustness.labelled_ratios(states, without, gone),
        }
    )


def _space(
    states: xr.DataArray, settings: AnalysisSettings, results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    """The global space in full, and of the others what they explain."""
    if states.sizes[SAMPLE] < LEAST_SAMPLES:
        raise DataError(f"half of at least {LEAST_SAMPLES} samples is held out; there are {states.sizes[SAMPLE]}.")
    ratio = results["massive_ratio"]
    # Of a single document nothing can be held out.
    several = len(np.unique(documents_of(states))) > 1
    options: dict[str, dict[str, Any]] = {
        "global": {},
        **({"held out": {"hold_out": HELD_OUT}} if several else {}),
        "equalised": {"equalize": True},
        "z-scored": {"standardize": True},
        **{f"without {top} massive": {"without": massive_units(ratio, top)} for top in settings.leave_out},
    }
    fitted = fit_spaces(states, options, settings.components, seed=settings.analysis_seed, progress=progress)
    space, cumulative, scores = fitted["global"]
    shares = {name: explained_variance_by_sublayer(one.explained) for name, one in fitted.items()}
    # Where the spaces differ stands in the coordinate; what they have in common in the attributes.
    names = xr.DataArray(np.array(list(shares)), dims=(SPACE,), name=SPACE)
    together = xr.concat(list(shares.values()), names, combine_attrs="drop_conflicts")
    return space.to_dataset().assign(
        {"pc_scores": scores, "explained_variance": cumulative, "explained_variance_by_sublayer": together}
    )


def _basis(
    states: xr.DataArray, settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    seed, precision = settings.analysis_seed, settings.precision
    rotated, plan = kurtosis_rotated(states, seed=seed, precision=precision), plan_of(states)
    rows = weighted_mean(rotated.values, plan.group, plan.weights)
    progress(1, 1)
    curve = _curve(states, rotated, with_ends(rows, plan, (1.0, np.inf)), plan, "mean over samples")
    return xr.Dataset({"kurtosis_rotated": rotated, f"kurtosis_rotated{CURVE}": curve})


def _curve(
    states: xr.DataArray, result: xr.DataArray, values: np.ndarray, plan: Plan, statistic: str
) -> xr.DataArray:
    """The curve of a result along the sublayers, (bound, sublayer)."""
    return label_result(
        values,
        (BOUND, SUBLAYER),
        {BOUND: list(BOUNDS), **along(states, SUBLAYER)},
        quantity=str(result.name),
        units=result.attrs["units"],
        definition=f"{statistic} of: {result.attrs['definition']}; low and high: {INTERVAL}",
        source=result.attrs["source"],
        states=states,
        statistic=statistic,
        **plan.describe(),
    )


def _orbits(
    _states: xr.DataArray, settings: AnalysisSettings, results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    return orbits(results["mean_activation"], seed=settings.analysis_seed, progress=progress)


def _together(
    states: xr.DataArray, settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    found = convergences(states, settings.analysis_seed)
    progress(1, 2)
    made = found.assign(flows(states, settings.analysis_seed))
    progress(2, 2)
    return made


def _autoencoder(
    states: xr.DataArray, settings: AnalysisSettings, _results: xr.Dataset, progress: Progress
) -> xr.Dataset:
    return autoencoder.autoencoded(states, seed=settings.analysis_seed, progress=progress)


STEPS = (
    Step("massive units", "sublayers", "massive_ratio", _massive),
    Step("activations and transitions", "samples", "mean_activation", _quantities),
    Step("information", "units", "mutual_information", _units),
    Step("dimension", "sublayers", "participation_ratio", _sublayers),
    Step("principal components", "samples", "explained_variance_by_sublayer", _space),
    Step("privileged basis", "rotations", "kurtosis_rotated", _basis),
    Step("unit orbits", "nulls", "rotations", _orbits),
    Step("samples together", "parts", "pair_growth", _together),
    Step("autoencoder", "epochs", autoencoder.PATHS, _autoencoder, lambda settings: settings.autoencoder),
)
