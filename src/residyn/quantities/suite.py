"""Every result of some states, step by step: an interrupted analysis goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import xarray as xr

from residyn.dataset import Results
from residyn.errors import DataError
from residyn.progress import told
from residyn.quantities.steps import STEPS
from residyn.schema import (
    check_states,
    provenance_of,
    transition_coords,
)
from residyn.settings import AnalysisSettings
from residyn.walk import Progress

Stages = Callable[[str, str], AbstractContextManager[Progress]]
"""Opened for each step with its name and what it counts; gives a function called with (done, total)."""


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
    - Where settings ask for it, what `autoencoded` returns.
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
        if step.first in results or not step.asked(settings):
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
