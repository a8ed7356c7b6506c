"""How a population of states flows over depth, as labelled results: maps of transitions, and rotation of paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.executors import in_order
from residyn.numerics import fitted_maps, linear_maps, pca, population, surrogates
from residyn.numerics.multiple import p_values
from residyn.quantities.measure import INTERVAL
from residyn.quantities.replicates import Plan, plan_of, with_ends
from residyn.quantities.together import LEAST_TOGETHER, rotated, some_together
from residyn.schema import (
    BOUND,
    BOUNDS,
    CURVE,
    SUBLAYER,
    TRANSITION,
    along,
    label_result,
    transition_coords,
)
from residyn.walk import loaded

NULL, DRAW, CONDITION, PLANE = "rotation_null", "rotation_draw", "condition", "plane_axis"
EIGENVALUE, PART = "eigenvalue", "part"
WALKS = 20
"""Random walks that rotation is compared with."""
_COPIES = 4
"""Of a random walk in float64, the copies that a thread may hold while its rotation is measured."""
SURROGATES = ("tensor marginals", "random walk")
_MAP = (
    "of the map A of Δ ≈ A h, by ridge regression of the step on the state in the first "
    f"principal components of the states (at most {population.RANK}), means taken away"
)
_PATHS = (
    "paths whose mean over samples is taken away at each sublayer, and whose deviations are divided by their root "
    f"mean square there, in their first {population.PLANE_OF} principal components"
)
_FLOW_SOURCE = "Schmid 2010, J. Fluid Mech. 656:5 (dynamic mode decomposition)"
_JPCA = "Churchland et al. 2012, Nature 487:51 (jPCA)"


def flows(states: xr.DataArray, seed: int = 0) -> xr.Dataset:
    """The flow of a population of samples over depth: linear maps from states to steps, and rotation of paths.

    Of at most 512 samples, drawn by the seed:

    - population_r2 (transition): share of the step's variance, within the components, that the map from the state
      predicts of documents that it has not seen, ≤ 1.
    - population_eigenvalues (transition, eigenvalue, part): real and imaginary parts of the eigenvalues of A, the
      largest |λ| first; NaN beyond the components there are. 1 + λ are those of the map to the next state.
    - population_growth (transition): mean of ln |1 + λ|, and population_growth_curve (bound, transition): below 0
      volumes in these components shrink. population_growth_walk is that of a random walk with each sample's norms
      and angles.
    - population_skew (transition) and _curve: ‖(A − Aᵀ)/2‖² / ‖A‖², in [0, 1]: about half for a map without
      structure, 1 for a pure rotation; population_skew_walk.

    Of at most 64 samples:

    - rotation_ratio (bound): R² of the best skew-symmetric map over that of the best map, of all transitions
      together, in [0, 1], with the ends of its interval; rotation_share (bound): the former R² itself.
    - rotation_drawn (rotation_null, rotation_draw): the ratio of surrogates: of tensors with the same marginal
      means and covariances over sublayers, components and samples, 100 draws; and of 20 random walks. rotation_p
      (rotation_null): share of draws, and the data, with as large a ratio. Random walks rotate in this sense too:
      the ratio is not to be read without them.
    - rotation_plane (condition, sublayer, plane_axis): paths in the plane in which that skew map turns fastest.

    Raises DataError for fewer than 8 samples, states that are all the same, and where the states break the data
    contract, have one sublayer, or are not finite.

    >>> rd.flows(states)["rotation_p"]["rotation_null"].values.tolist()
    ['tensor marginals', 'random walk']
    """
    plan = plan_of(states, seed=seed)
    places = transition_coords(states)
    some, of_some = some_together(states, plan)
    values = loaded(some)
    if len(values) < LEAST_TOGETHER:
        raise DataError(f"A flow is of at least {LEAST_TOGETHER} samples; there are {len(values)}.")
    with pca.one_thread():
        made = _maps(some, of_some, values, places, seed)
        made |= _rotation(states, plan, seed)
    return xr.Dataset(made)


def _maps(
    states: xr.DataArray, plan: Plan, values: np.ndarray, places: dict[str, Any], seed: int
) -> dict[str, xr.DataArray]:
    found = population.flow_of(values, plan.group, plan.n_groups)
    maps = population.maps_of(found, plan.weights)
    growth = np.stack([fitted_maps.log_growth(one) for one in maps], axis=1)
    skew = np.stack([linear_maps.skew_share(one) for one in maps], axis=1)
    said: dict[str, Any] = {
        "states": states, "source": _FLOW_SOURCE, "parameters": {"components": maps[0].shape[1]}, "seed": seed,
    }  # fmt: skip
    growing = f"mean of ln |1 + λ| over the eigenvalues λ {_MAP}"
    turning = f"share ‖(A − Aᵀ)/2‖²/‖A‖² {_MAP}"
    made = {
        "population_r2": label_result(
            found.share, (TRANSITION,), places, quantity="population_r2", units="1",
            definition=f"share of the step's variance, held out by documents, that is predicted by means {_MAP}",
            title="Steps that a linear flow predicts", label="held-out R² of the step", **said,
        ),
        "population_eigenvalues": label_result(
            _eigenvalues([one[0] for one in maps]), (TRANSITION, EIGENVALUE, PART),
            {**places, EIGENVALUE: np.arange(maps[0].shape[1]), PART: ["real", "imaginary"]},
            quantity="population_eigenvalues", units="1", definition=f"eigenvalues {_MAP}", **said,
        ),
        **_with_interval(
            "population_growth", growth, plan, places, (-np.inf, np.inf), units="ln per transition",
            definition=growing, title="Growth of the population's volume", **said,
        ),
        **_with_interval(
            "population_skew", skew, plan, places, (0.0, 1.0), units="1", definition=turning,
            title="Skew share of the population's flow", **said,
        ),
    }  # fmt: skip
    if values.shape[2] >= surrogates.LEAST_UNITS:
        walked = surrogates.random_walk(values, np.random.default_rng([seed, 1]))
        of_walk = population.maps_of(population.flow_of(walked, plan.group, plan.n_groups), plan.weights[:1])
        walk = "of a random walk with each sample's norms, step lengths and angles"
        for name, of, words, unit in (
            ("population_growth", fitted_maps.log_growth, growing, "ln per transition"),
            ("population_skew", linear_maps.skew_share, turning, "1"),
        ):
            made[f"{name}_walk"] = label_result(
                np.array([of(one[0]) for one in of_walk]), (TRANSITION,), places, quantity=f"{name}_walk",
                units=unit, definition=f"{words}; {walk}", **said,
            )  # fmt: skip
    return made


def _with_interval(
    name: str, rows: np.ndarray, plan: Plan, places: dict[str, Any], bounds: tuple[float, float], *,
    definition: str, **said: Any,
) -> dict[str, xr.DataArray]:  # fmt: skip
    curve = label_result(
        with_ends(rows, plan, bounds), (BOUND, TRANSITION), {BOUND: list(BOUNDS), **places}, quantity=name,
        definition=f"{definition}; low and high: {INTERVAL}", statistic="value", **said, **plan.describe(),
    )  # fmt: skip
    value = label_result(rows[0], (TRANSITION,), places, quantity=name, definition=definition, **said)
    return {name: value, f"{name}{CURVE}": curve}


def _eigenvalues(maps: list[np.ndarray]) -> np.ndarray:
    """Real and imaginary parts (T, K, 2), the largest first; of two of one size the one above the axis."""
    found = [np.linalg.eigvals(one) for one in maps]
    ordered = [one[np.lexsort((-one.imag, -np.abs(one).round(12)))] for one in found]
    return np.stack([np.stack([one.real, one.imag], axis=-1) for one in ordered])


def _ratios_of_walks(values: np.ndarray, rng: np.random.Generator) -> list[float]:
    """The rotation ratio of random walks that keep each sample's norms, steps and angles."""
    # Drawn one after another, as they are handed out: the draws do not depend on how many threads there are.
    walks = ((surrogates.random_walk(values, rng),) for _ in range(WALKS))
    memory = _COPIES * values.size * 8
    return [ratio for ratio, _ in in_order(population.ratio_of, walks, memory=memory, here=True)]


def _rotation(states: xr.DataArray, plan: Plan, seed: int) -> dict[str, xr.DataArray]:
    of_paths = rotated(states, plan)
    if of_paths is None:
        raise DataError("A population without variance has no flow; these states are all the same.")
    some, _, found, ratio, turning = of_paths
    drawn = np.full((len(SURROGATES), population.DRAWS), np.nan)
    drawn[0] = of_paths.ratios_of_surrogates(plan.seed)
    values = loaded(some)
    if values.shape[2] >= surrogates.LEAST_UNITS:
        drawn[1, :WALKS] = _ratios_of_walks(values, np.random.default_rng([seed, 2]))
    p = [float(p_values(np.asarray(ratio[0]), row[np.isfinite(row)], "greater")) for row in drawn]
    sums = fitted_maps.centred(found.products, np.ones((1, plan.n_groups)))
    plane, angle = fitted_maps.fastest_plane(fitted_maps.best_rotation(sums.xx[0], sums.xy[0]))
    nulls = {NULL: list(SURROGATES)}
    said: dict[str, Any] = {"states": some, "units": "1", "seed": seed}
    ends = {"statistic": "value", **plan.describe()}
    surrogate = "Elsayed & Cunningham 2017, Nat. Neurosci. 20:1310; null: random_walk"
    bounded = {BOUND: list(BOUNDS)}
    return {
        "rotation_ratio": label_result(
            with_ends(ratio[:, None], plan, (0.0, 1.0))[:, 0], (BOUND,), bounded, quantity="rotation_ratio",
            definition=f"R² of the best skew-symmetric map over that of the best map from state to step, of "
            f"{_PATHS}; low and high: {INTERVAL}", source=_JPCA, **said, **ends,
        ),
        "rotation_share": label_result(
            with_ends(turning[:, None], plan, (0.0, 1.0))[:, 0], (BOUND,), bounded, quantity="rotation_share",
            definition=f"R² of the best skew-symmetric map from state to step, of {_PATHS}; "
            f"low and high: {INTERVAL}",
            source=_JPCA, **said, **ends,
        ),
        "rotation_drawn": label_result(
            drawn, (NULL, DRAW), nulls, quantity="rotation_drawn",
            definition="the rotation ratio of draws of each null; NaN beyond those that there are",
            source=surrogate, **said,
        ),
        "rotation_p": label_result(
            np.array(p), (NULL,), nulls, quantity="rotation_p",
            definition="share of the draws and the data with a rotation ratio as large", source=surrogate, **said,
        ),
        "rotation_plane": label_result(
            found.coordinates @ plane.T, (CONDITION, SUBLAYER, PLANE), along(states, SUBLAYER),
            quantity="rotation_plane", definition=f"{_PATHS}, in the plane in which the best skew-symmetric map "
            "turns fastest", source=_JPCA, angle_per_transition=angle, **said,
        ),
    }  # fmt: skip
