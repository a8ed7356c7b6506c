"""Samples that are compared with one another: few enough that all pairs of them fit into memory and time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr

from residyn.numerics import fitted_maps, pca, population
from residyn.numerics.convergence import convergence, growth_of
from residyn.numerics.multiple import p_values
from residyn.quantities.replicates import Plan
from residyn.schema import DRAWN_FROM, SAMPLE, documents_of
from residyn.walk import loaded

PAIR_GROWTH, POPULATION_GROWTH = "pair_growth", "population_growth"
ROTATION_RATIO, ROTATION_P = "rotation_ratio", "rotation_p"
TOGETHER = (PAIR_GROWTH, POPULATION_GROWTH, ROTATION_RATIO, ROTATION_P)
"""Curves over depth of samples that are compared with one another, or a number of their whole paths."""

MOST_TOGETHER = 512
"""Most samples of which all pairs are compared; of more, so many are drawn."""
LEAST_TOGETHER = 8
"""Fewest samples that are compared with one another."""
_MOST_BYTES = 512 << 20
"""Most memory of their states in float64; of wider or deeper ones fewer samples are drawn."""


def some_together(states: xr.DataArray, plan: Plan, most: int = MOST_TOGETHER) -> tuple[xr.DataArray, Plan]:
    """States of at most so many samples, drawn by the plan's seed where there are more, and the plan of them.

    Results of these have their number as `n_samples`, and as `drawn_from` the number of all where it is another.
    """
    n, n_sublayers, n_units = states.shape
    fitting = max(LEAST_TOGETHER, min(most, _MOST_BYTES // max(1, 8 * n_sublayers * n_units)))
    if n <= fitting:
        return states, plan
    rows = np.sort(np.random.default_rng(plan.seed).permutation(n)[:fitting])
    return states.isel({SAMPLE: rows}).assign_attrs({DRAWN_FROM: n}), replace(plan, group=plan.group[rows])


def curves_together(states: xr.DataArray, plan: Plan, names: Collection[str]) -> dict[str, np.ndarray]:
    """Those of `TOGETHER` that are named, (1 + B, P) each: the data's in row 0, its replicates below.

    Of states that are too few or all alike they are NaN. Raises DataError for states that are not finite.
    """
    if not set(names) & set(TOGETHER):
        return {}
    some, of_some = some_together(states, plan)
    values = loaded(some)
    undefined = np.full((len(plan.weights), values.shape[1] - 1), np.nan)
    made = {name: undefined if name in TOGETHER[:2] else undefined[:, :1] for name in names if name in TOGETHER}
    if len(values) < LEAST_TOGETHER:
        return made
    with pca.one_thread():
        if PAIR_GROWTH in made:
            found = convergence(values, of_some.group, documents_of(some), plan.n_groups, ranks=False)
            made[PAIR_GROWTH] = growth_of(found, of_some.group, plan.weights)[0]
        if POPULATION_GROWTH in made:
            maps = population.maps_of(population.flow_of(values, of_some.group, plan.n_groups), plan.weights)
            made[POPULATION_GROWTH] = np.stack([fitted_maps.log_growth(one) for one in maps], axis=1)
        if {ROTATION_RATIO, ROTATION_P} & set(made):
            turns = _rotations(states, plan, ROTATION_P in made)
            made |= {name: rows for name, rows in turns.items() if name in made}
    return made


class Rotated(NamedTuple):
    """Of at most `CONDITIONS` samples: their equalised paths along components, the products of states and steps,
    and the rotation ratio and the share of rotation in each replicate (1 + B,).
    """

    states: xr.DataArray
    coordinates: np.ndarray
    found: population.Rotation
    ratio: np.ndarray
    share: np.ndarray

    def ratios_of_surrogates(self, seed: int) -> np.ndarray:
        """The ratio of surrogates with the paths' tensor marginal moments, (draws,)."""
        return population.ratios_of_surrogates(self.coordinates, np.random.default_rng(seed))[:, 0]


def rotated(states: xr.DataArray, plan: Plan) -> Rotated | None:
    """How far the paths of samples rotate; None where these are all the same."""
    some, of_some = some_together(states, plan, population.CONDITIONS)
    paths = population.equalised(loaded(some))
    if not paths.any():
        return None
    coordinates = population.along_components(paths, population.KEPT)
    found = population.rotation_of(coordinates, of_some.group, plan.n_groups)
    return Rotated(some, coordinates, found, *population.ratios(found, plan.weights))


def _rotations(states: xr.DataArray, plan: Plan, beside: bool) -> dict[str, np.ndarray]:
    """The rotation ratio, and with `beside` p of it among surrogates with the tensor marginal moments."""
    found = rotated(states, plan)
    if found is None:
        return {}
    made = {ROTATION_RATIO: found.ratio[:, None]}
    if beside:
        drawn = found.ratios_of_surrogates(plan.seed)
        made[ROTATION_P] = np.array([p_values(np.asarray(one), drawn, "greater") for one in found.ratio])[:, None]
    return made
