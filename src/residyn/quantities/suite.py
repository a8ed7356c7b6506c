"""Every result of some states, step by step: an interrupted analysis goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.dataset import Results
from residyn.errors import DataError
from residyn.numerics import pca
from residyn.numerics.groups import weighted_mean
from residyn.progress import told
from residyn.quantities import robustness
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
    check_states,
    documents_of,
    label_result,
    provenance_of,
    transition_coords,
)
from residyn.settings import AnalysisSettings
from residyn.spaces import explained_variance_by_sublayer, fit_spaces
from residyn.walk import Progress, Reading, read_together

Stages = Callable[[str, str], AbstractContextManager[Progress]]
"""Opened for each step with its name and what it counts; gives a function called with (done, total)."""

SPACE = "space"
HELD_OUT = 0.5
"""Share of the samples that the space of the curve "held out" has not seen."""
LEAST_SAMPLES = 4
"""Fewest samples whose halves have a variance each."""


class Step(NamedTuple):
    """Some results that are computed together: `compute` is given those of the steps before it.

    `first` is a result that is there if and only if the step is done.
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
    progress: bool | None = None,
) -> xr.Dataset:
    """Compute every registered quantity of some states, and what is no curve over depth; a Dataset.

    - Each quantity of `residyn.quantities.registry`, as calling it returns it; NAME_curve (bound, place), its mean
      or median along depth with the ends of its 95 % interval over documents; and NAME_by_kind (bound,
      transition_kind), the mean of that curve over the transitions of each kind.
    - correlation_density (transition_kind, bin, unit); mutual_information and, with shuffles,
      mutual_information_shuffle (estimator, transition, unit) of at most 192 units, drawn by the seed, with
      mutual_information_curve; massive_ratio.
    - pc_scores of the first three components of the global space, that space (pc_axes, pc_mean, …: see
      `Space.from_dataset`) and explained_variance (sublayer, component); explained_variance_by_sublayer (space,
      sublayer) of the global space, of one fitted without the samples it is judged on, of equalised sublayers, of
      z-scored units, and without massive units.
    - angular_distance and angular_distance_walk (sublayer, other_sublayer): see `angular_distances`.
    - What `dimensions`, `without_massive`, `dependence` (with `information_excess`), `kurtosis_rotated`, `orbits`,
      `convergences` and `flows` return.

    `settings` are the choices that these leave open. A bar is shown for each step in a terminal or a notebook,
    unless `progress` is False or TQDM_DISABLE is set; `stages(name, counts)` is opened for each step in its place,
    and gives its progress function. Steps whose results are in `earlier` are not computed again; the caller
    answers for their being of the same states and settings. `keep` is called with all results so far when a step
    is done.

    A step that these states are too few or too alike for is left out; `not_computed(results)` says which, and why.
    Memory beside the results: two blocks of the states and what each step's function says. Raises DataError where
    the states break the data contract, are empty, have but one sublayer, or hold a non-finite value; UsageError
    for settings out of range.

    >>> results = rd.analyze(states)
    >>> results["unit_correlation"].dims, results["unit_correlation_curve"].dims
    (('transition', 'unit'), ('bound', 'transition'))
    """
    settings = settings or AnalysisSettings()
    settings.check()
    check_states(states)
    transition_coords(states)
    results = earlier
    if results is None:
        results = Results(attrs={**provenance_of(states), "settings": settings.to_json()})
    lacking: dict[str, str] = {}
    for step in STEPS:
        if step.first in results:
            continue
        try:
            with (stages or partial(told, progress=progress))(step.name, step.counts) as tell:
                made = step.compute(states, settings, results, tell)
        except DataError as error:
            # States that break the contract fail in the first step. A later one fails where it alone has too
            # little to work with, such as one sample for a principal component; the others are still worth having.
            if step is STEPS[0]:
                raise
            lacking[step.name] = str(error)
            continue
        _in_one_order(made)
        results = results.merge(made, join="exact", compat="no_conflicts", combine_attrs="override")
        if keep is not None:
            keep(results)
    return results.assign_attrs(not_computed=json.dumps(lacking)) if lacking else results


def _in_one_order(made: xr.Dataset) -> None:
    """Lay out all values as they are read back from the disk: sums over them are then the same bits either way."""
    for name, variable in made.variables.items():
        if name not in made.indexes:
            variable.values = np.asarray(variable.values, order="C")


def not_computed(results: xr.Dataset) -> Mapping[str, str]:
    """Why each step that is lacking was left out, by the step's name; empty where none was.

    >>> dict(rd.not_computed(rd.analyze(states)))
    {}
    """
    text = str(results.attrs.get("not_computed", ""))
    if text.startswith("{"):
        return {str(step): str(reason) for step, reason in json.loads(text).items()}
    # As results of earlier versions say it: a step and its reason on each line.
    lines = (line.partition(": ") for line in text.splitlines())
    return {step: reason for step, _, reason in lines}


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


STEPS = (
    Step("massive units", "sublayers", "massive_ratio", _massive),
    Step("activations and transitions", "samples", "mean_activation", _quantities),
    Step("information", "units", "mutual_information", _units),
    Step("dimension", "sublayers", "participation_ratio", _sublayers),
    Step("principal components", "samples", "explained_variance_by_sublayer", _space),
    Step("privileged basis", "rotations", "kurtosis_rotated", _basis),
    Step("unit orbits", "nulls", "rotations", _orbits),
    Step("samples together", "parts", "pair_growth", _together),
)
