"""Curves of states over depth with their replicates: what claims are judged by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import pca
from residyn.quantities.dimensions import resampled_ratios
from residyn.quantities.explained import explained, scores_along
from residyn.quantities.gathers import MOMENTS
from residyn.quantities.information.replicates import information_beyond_shuffle, mean_information
from residyn.quantities.measure import depth_of, gather, rows_of
from residyn.quantities.ranks import RANK_CORRELATION, RANK_THROUGHOUT, rank_curves
from residyn.quantities.registry import quantities, quantity_named
from residyn.quantities.replicates import Plan
from residyn.quantities.subsample import plan_of_some, some_of
from residyn.quantities.sums import Depth
from residyn.quantities.together import TOGETHER, curves_together
from residyn.schema import SAMPLE, SUBLAYER, UNIT, check_states, transition_coords
from residyn.spaces import fit_space
from residyn.walk import Reading, read_together

EXPLAINED, INFORMATION = "explained_variance_by_sublayer", "mutual_information"
RATIO, DIRECTION_RATIO = "participation_ratio", "direction_participation_ratio"
KSG_INFORMATION, KDE_INFORMATION = "ksg_information", "kde_information"
_ALONG_UNITS = (INFORMATION, KSG_INFORMATION, KDE_INFORMATION, RANK_CORRELATION, RANK_THROUGHOUT)
_OF_THEIR_OWN = (EXPLAINED, RATIO, DIRECTION_RATIO, *_ALONG_UNITS, *TOGETHER)
"""Curves whose replicates have code of their own."""
COMPONENTS = 100
"""Components of the global space whose explained variance is judged: the paper's."""


@dataclass(frozen=True)
class Curves:
    """Curves over depth of some states by name, each (1 + B, P): the data's in row 0, its replicates below.

    P places are sublayers, transitions or the path as a whole, as the quantity has them.
    """

    curves: Mapping[str, np.ndarray]
    depth: Depth
    n_samples: int
    n_groups: int
    n_units: int

    def with_curves(self, curves: Mapping[str, np.ndarray]) -> Curves:
        """Other curves of the same states."""
        return replace(self, curves=curves)


def known_curves() -> tuple[str, ...]:
    """The names of all curves that there are."""
    return (
        *(name for name, one in quantities().items() if one.summary is not None),
        *_OF_THEIR_OWN,
    )


@pca.one_thread()
def curves(
    states: xr.DataArray, plan: Plan, names: Collection[str] | None = None, *, axes: np.ndarray | None = None
) -> Curves:
    """The named curves with the plan's replicates; by default all of `known_curves()`.

    Those of registered quantities come from one reading of the states; explained_variance_by_sublayer, along
    `axes` (K, D), by default the first `COMPONENTS` global components of these states, from the same one
    (replicates keep the axes; left out where these span all there is); participation_ratio from one along
    sublayers, of at most 2,000 samples. One along units makes mutual_information (gcmi), ksg_information and
    kde_information (minus what the estimator makes of shuffled samples), and rank_correlation and
    rank_correlation_throughout (of Spearman's correlations), of at most 4,000 samples drawn by the plan's seed.
    pair_growth, population_growth, rotation_ratio and rotation_p are of at most 512 samples, loaded at once.

    Memory: a few times (groups × sublayers × units) in float64. Raises DataError where the states break the data
    contract, are empty or not finite; UsageError for a name that there is not.
    """
    check_states(states)
    transition_coords(states)
    wanted = known_curves() if names is None else tuple(names)
    registered = [quantity_named(name) for name in wanted if name not in _OF_THEIR_OWN]
    made: dict[str, np.ndarray] = {}
    along = None
    if EXPLAINED in wanted:
        axes = _fewer_than_all(states, axes)
        # States without components are read all the same: what is not finite in them is to be told.
        along = MOMENTS if axes is None else scores_along(axes)
    gathers = [*(quantity.gather for quantity in registered), *([] if along is None else [along])]
    if gathers:
        read = gather(states, gathers, plan)
        made |= rows_of(registered, read.whole, read.depth, plan)
        if along is not None and along is not MOMENTS:
            made[EXPLAINED] = explained(plan.weights, read.whole[along])
    some, of_some = some_of(states, plan.seed), plan_of_some(plan, plan.seed)
    ratios = [name for name in (RATIO, DIRECTION_RATIO) if name in wanted]
    if ratios:
        readings = [resampled_ratios(some, of_some, directions=name == DIRECTION_RATIO) for name in ratios]
        made |= dict(zip(ratios, read_together(some, readings, along=SUBLAYER), strict=True))
    made |= _along_units(some, of_some, [name for name in _ALONG_UNITS if name in wanted])
    made |= curves_together(states, plan, wanted)
    return Curves(made, depth_of(states), states.sizes[SAMPLE], plan.n_groups, states.sizes[UNIT])


def _along_units(states: xr.DataArray, plan: Plan, names: Collection[str]) -> dict[str, np.ndarray]:
    """Those of `_ALONG_UNITS` that are named, all from one reading of the states; none without names."""
    readings: dict[str, Reading] = {}
    if INFORMATION in names:
        readings[INFORMATION] = mean_information(states, plan)
    if KSG_INFORMATION in names:
        readings[KSG_INFORMATION] = information_beyond_shuffle(states, plan, "ksg")
    if KDE_INFORMATION in names:
        readings[KDE_INFORMATION] = information_beyond_shuffle(states, plan, "kde")
    if {RANK_CORRELATION, RANK_THROUGHOUT}.intersection(names):
        readings[RANK_CORRELATION] = rank_curves(states, plan)
    if not readings:
        return {}
    made = dict(zip(readings, read_together(states, list(readings.values()), along=UNIT), strict=True))
    if RANK_CORRELATION in made:
        made |= made[RANK_CORRELATION]
    return {name: made[name] for name in names}


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
