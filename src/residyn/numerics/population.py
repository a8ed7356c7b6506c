"""How the states of a population of samples flow: linear maps from states to steps, and how far they rotate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from residyn.errors import DataError
from residyn.numerics import fitted_maps, pca
from residyn.numerics.fitted_maps import Products
from residyn.numerics.tensor_entropy import law_of

RANK = 20
"""Most principal components in which the map of a transition is fitted."""
SAMPLES_A_COMPONENT = 4
"""Fewest samples for each of them."""
FOLDS = 5
PLANE_OF = 6
"""Principal components in which the best rotation is sought: those of Churchland et al. 2012."""
KEPT, CONDITIONS = 20, 64
"""Principal components that surrogates are drawn in, and most samples whose paths are compared with theirs."""
DRAWS = 100


class Flow(NamedTuple):
    """Of each transition: the map's products by group, its penalty, and what it predicts held out."""

    products: list[Products]
    penalty: list[float]
    share: np.ndarray


class Rotation(NamedTuple):
    """Of paths whose mean is taken away at each place: products of states and steps by group along the first
    components, and these coordinates themselves (n, S, K).
    """

    products: Products
    coordinates: np.ndarray


def flow_of(states: np.ndarray, group: np.ndarray, n_groups: int) -> Flow:
    """The linear map from states (n, S, D) to steps of each transition, in the first principal components of the
    states that it leaves: of at most `RANK`, and as few as leave `SAMPLES_A_COMPONENT` samples for each.

    Each of `FOLDS` folds holds out whole groups. Raises DataError for too few samples for one component.
    """
    folds = np.stack([np.arange(n_groups) % FOLDS == f for f in range(min(FOLDS, n_groups))]).astype(np.float64)
    rank = min(RANK, len(states) // SAMPLES_A_COMPONENT)
    if not rank:
        raise DataError(f"A map of states takes at least {SAMPLES_A_COMPONENT} samples; there are {len(states)}.")
    products, penalties, shares = [], [], []
    for s in range(states.shape[1] - 1):
        before = states[:, s].astype(np.float64)
        found, mean = pca.components_of(before, rank)
        x = (before - mean) @ found.axes.T
        y = (states[:, s + 1] - before) @ found.axes.T
        of = fitted_maps.products_of(x, y, group, n_groups)
        penalty, share = fitted_maps.best_penalty(of, folds)
        products.append(of)
        penalties.append(penalty)
        shares.append(share)
    return Flow(products, penalties, np.array(shares))


def maps_of(found: Flow, weights: np.ndarray) -> list[np.ndarray]:
    """The map of each transition in each replicate, (R, K, K)."""
    return [
        fitted_maps.ridge(fitted_maps.centred(of, weights), penalty)
        for of, penalty in zip(found.products, found.penalty, strict=True)
    ]


def equalised(states: np.ndarray) -> np.ndarray:
    """Deviations (n, S, D) of states from their mean over samples at each place, over their root mean square.

    What all samples do alike, and the growth of norms, are no part of what is left. Zero where states are equal.
    """
    deviation = states - states.mean(axis=0, dtype=np.float64)
    size = np.sqrt(np.einsum("nsd,nsd->s", deviation, deviation) / len(states))
    return deviation / np.where(size > 0, size, 1.0)[:, None]


def along_components(paths: np.ndarray, n: int) -> np.ndarray:
    """Coordinates (n, S, K) of equalised paths along their first principal components."""
    flat = paths.reshape(-1, paths.shape[2])
    found, _ = pca.components_of(flat, n)
    return (flat @ found.axes.T).reshape(*paths.shape[:2], -1)


def rotation_of(coordinates: np.ndarray, group: np.ndarray, n_groups: int) -> Rotation:
    """Products by group of states and steps of all places, along the first `PLANE_OF` of these coordinates."""
    first = coordinates[:, :, :PLANE_OF]
    x, y = first[:, :-1], np.diff(first, axis=1)
    flat = x.reshape(-1, x.shape[2]), y.reshape(-1, x.shape[2])
    by_row = np.repeat(group, x.shape[1])
    return Rotation(fitted_maps.products_of(*flat, by_row, n_groups), first)


def ratios(found: Rotation, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R² of the best skew map over that of the best map, and the former itself, (R,) each."""
    free, turning = fitted_maps.rotation_shares(fitted_maps.centred(found.products, weights))
    return np.divide(turning, free, out=np.full(len(free), np.nan), where=free > 0), turning


def ratios_of_surrogates(coordinates: np.ndarray, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """The ratio and the share of rotation (draws, 2) of surrogates with the tensor marginal moments of paths.

    `coordinates` (n, S, K) are along principal components; each surrogate has its own means, sizes and components.
    """
    law = law_of(coordinates.transpose(1, 2, 0))
    return np.array([ratio_of(law.draw(rng).transpose(2, 0, 1)) for _ in range(draws)])


def ratio_of(paths: np.ndarray) -> tuple[float, float]:
    """The ratio and the share of rotation of one draw's paths (n, S, D), with components of its own."""
    own = along_components(equalised(paths), PLANE_OF)
    ratio, turning = ratios(rotation_of(own, np.zeros(len(own), dtype=int), 1), np.ones((1, 1)))
    return float(ratio[0]), float(turning[0])
