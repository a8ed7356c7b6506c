"""Whether states of different samples draw together, as labelled results: distances, neighbours, alignment."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import nan, pca, surrogates
from residyn.numerics.convergence import NEIGHBOURS, QUARTERS, convergence, growth_of
from residyn.numerics.groups import weighted_mean
from residyn.numerics.pairs import alignment
from residyn.quantities.measure import INTERVAL
from residyn.quantities.replicates import Plan, plan_of, with_ends
from residyn.quantities.together import LEAST_TOGETHER, some_together
from residyn.schema import (
    BOUND,
    BOUNDS,
    CURVE,
    SUBLAYER,
    TRANSITION,
    along,
    documents_of,
    label_result,
    transition_coords,
)
from residyn.walk import loaded

OTHER, QUARTER, DIRECTION = "other_sublayer", "distance_quarter", "direction"
_QUARTERS = ("nearest", "second", "third", "farthest")
_DIRECTIONS = ("forwards", "backwards")
_GROWTH = (
    "mean over pairs of samples of different groups of documents of ln(d′/d) of their distances at successive "
    "sublayers, minus the mean over samples of ln(‖h′‖/‖h‖): below 0, states draw together beside their lengths; "
    "pairs in the same state at either sublayer are left out"
)
_PAIRS_SOURCE = "finite-time growth of distances between trajectories; Benettin et al. 1980, Meccanica 15:9"


def convergences(states: xr.DataArray, seed: int = 0) -> xr.Dataset:
    """How states of different samples draw together or apart from sublayer to sublayer, beside a random walk.

    Of at most 512 samples, drawn by the seed (attributes `n_samples` and `drawn_from`):

    - pair_growth (transition): the growth of distances minus that of norms, in ln per transition, with
      pair_growth_curve (bound, transition), the ends of its 95 % interval over documents;
      pair_growth_by_distance (distance_quarter, transition), of quarters of the pairs by their distance before.
      NAME_walk are those of one random walk with each sample's norms, step lengths and angles (see the null
      `random_walk`): pairs that are close move apart, and far ones together, for no other reason than chance.
    - neighbours_kept_curve (bound, transition): share of a sample's 10 nearest neighbours, of other documents,
      that are among its 10 nearest afterwards, in [0, 1]; and neighbours_kept_walk.
    - information_imbalance (direction, transition): 2/n of the mean rank afterwards of the nearest neighbour
      before, and the other way round; near 0 where one order of distances tells the other, about 1 where it tells
      nothing.
    - cka (sublayer, other_sublayer): debiased linear centred kernel alignment of all pairs of sublayers, in
      [−1, 1].

    Memory: the states of those samples, and their pairs at every sublayer in float32. Raises DataError for fewer
    than 8 samples, and where the states break the data contract, have one sublayer, or are not finite.

    >>> rd.convergences(states)["pair_growth_curve"].dims
    ('bound', 'transition')
    """
    whole = plan_of(states, seed=seed)
    places = transition_coords(states)
    some, plan = some_together(states, whole)
    values = loaded(some)
    if len(values) < LEAST_TOGETHER:
        raise DataError(
            f"At least {LEAST_TOGETHER} samples are compared with each other; there are {len(values)}."
        )
    group, documents = plan.group, documents_of(some)
    with pca.one_thread():
        found = convergence(values, group, documents, plan.n_groups)
        growth = growth_of(found, group, plan.weights)
        made = _made(some, plan, places, growth, found.kept)
        if values.shape[2] >= surrogates.LEAST_UNITS:
            walked = surrogates.random_walk(values, np.random.default_rng([seed, 1]))
            walk = convergence(walked, group, documents, plan.n_groups)
            made |= _of_walk(some, places, growth_of(walk, group, plan.weights[:1])[:, 0], walk.kept)
        cka = alignment(found.centred)
    labels = {DIRECTION: list(_DIRECTIONS), **places}
    made["information_imbalance"] = label_result(
        found.imbalance,
        (DIRECTION, TRANSITION),
        labels,
        quantity="information_imbalance",
        units="1",
        definition="2/n of the mean rank of distances afterwards of the sample that is nearest before, and the "
        "other way round, among samples of other documents",
        source="Glielmo et al. 2022, PNAS Nexus 1:pgac039",
        states=some,
        title="Information imbalance of successive states",
    )
    made["cka"] = label_result(
        cka,
        (SUBLAYER, OTHER),
        {**along(states, SUBLAYER), OTHER: states[SUBLAYER].values},
        quantity="cka",
        units="1",
        definition="debiased linear centred kernel alignment of the states of two sublayers",
        source="Kornblith et al. 2019, arXiv:1905.00414; Nguyen et al. 2021, arXiv:2010.15327",
        states=some,
        title="Alignment of all pairs of sublayers",
    )
    return xr.Dataset(made)


def _made(
    states: xr.DataArray, plan: Plan, places: dict[str, Any], growth: np.ndarray, kept: np.ndarray
) -> dict[str, xr.DataArray]:
    """Growth and neighbours with their intervals."""
    bounded = {BOUND: list(BOUNDS), **places}
    said = {"states": states, "source": _PAIRS_SOURCE, "units": "ln per transition"}
    title = "Growth of distances beside that of norms"
    growing = label_result(
        growth[0, 0], (TRANSITION,), places, quantity="pair_growth", definition=_GROWTH, title=title, **said
    )
    curve = label_result(
        with_ends(growth[0], plan, (-np.inf, np.inf)),
        (BOUND, TRANSITION),
        bounded,
        quantity="pair_growth",
        definition=f"{_GROWTH}; low and high: {INTERVAL}",
        statistic="value",
        title=title,
        **said,
        **plan.describe(),
    )
    by_distance = label_result(
        growth[1:, 0],
        (QUARTER, TRANSITION),
        {QUARTER: list(_QUARTERS[:QUARTERS]), **places},
        quantity="pair_growth_by_distance",
        definition=f"{_GROWTH}; of quarters of the pairs by their distance before",
        title=title,
        **said,
    )
    near = label_result(
        with_ends(weighted_mean(kept, plan.group, plan.weights), plan, (0.0, 1.0)),
        (BOUND, TRANSITION),
        bounded,
        quantity="neighbours_kept",
        units="1",
        definition=f"mean over samples of the share of the {NEIGHBOURS} nearest neighbours, of other documents, "
        f"that are among the {NEIGHBOURS} nearest at the next sublayer; low and high: {INTERVAL}",
        source="neighbourhood overlap; Doimo et al. 2020, arXiv:2007.03506",
        states=states,
        statistic="mean over samples",
        title="Nearest neighbours kept",
        **plan.describe(),
    )
    return {
        "pair_growth": growing,
        f"pair_growth{CURVE}": curve,
        "pair_growth_by_distance": by_distance,
        f"neighbours_kept{CURVE}": near,
    }


def _of_walk(
    states: xr.DataArray, places: dict[str, Any], growth: np.ndarray, kept: np.ndarray
) -> dict[str, xr.DataArray]:
    walk = "of a random walk with each sample's norms, step lengths and angles"
    said: dict[str, Any] = {"states": states, "source": "null: random_walk"}
    units = "ln per transition"
    return {
        "pair_growth_walk": label_result(
            growth[0], (TRANSITION,), places, quantity="pair_growth_walk", units=units,
            definition=f"{_GROWTH}; {walk}", title="Growth of distances in a random walk", **said,
        ),
        "pair_growth_by_distance_walk": label_result(
            growth[1:], (QUARTER, TRANSITION), {QUARTER: list(_QUARTERS[:QUARTERS]), **places},
            quantity="pair_growth_by_distance_walk", units=units, definition=f"{_GROWTH}; {walk}",
            title="Growth of distances in a random walk", **said,
        ),
        "neighbours_kept_walk": label_result(
            nan.finite_mean(kept, axis=0), (TRANSITION,), places, quantity="neighbours_kept_walk", units="1",
            definition=f"share of the {NEIGHBOURS} nearest neighbours kept; {walk}",
            title="Nearest neighbours kept in a random walk", **said,
        ),
    }  # fmt: skip
