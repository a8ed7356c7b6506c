"""Whether the states of different samples draw together from place to place: sums over pairs, and neighbours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from residyn.numerics import pairs

QUARTERS = 4
NEIGHBOURS = 10


class Convergence(NamedTuple):
    """Of n samples in G groups along T transitions between S states.

    growth, pairs  (1 + 4, T, G, G), sums of ln(d′/d) over pairs of two groups, and how many: of all pairs, then of
                   each quarter of them by d, the nearest first
    norm_growth    (n, T), ln(‖h′‖/‖h‖); NaN where either is zero
    kept           (n, T), share of the 10 nearest neighbours kept; NaN where ties leave none
    imbalance      (2, T), information imbalance from a state to the next, and back
    centred        (S, n (n − 1)/2) float32, u-centred inner products over their root sum of squares
    """

    growth: np.ndarray
    pairs: np.ndarray
    norm_growth: np.ndarray
    kept: np.ndarray
    imbalance: np.ndarray
    centred: np.ndarray


def convergence(
    states: np.ndarray, group: np.ndarray, document: np.ndarray, n_groups: int, *, ranks: bool = True
) -> Convergence:
    """What `Convergence` says of states (n ≥ 4, S ≥ 2, D), real and finite, of samples of a group and a document.

    Pairs of one group, and pairs whose distance is zero before or after, are in no sum. Samples of one document
    are no neighbours of each other. Without `ranks`, `kept` and `imbalance` are NaN and `centred` is empty.
    Memory: a dozen arrays (n, n) in float64.
    """
    n, n_places, _ = states.shape
    member = (group == np.arange(n_groups)[:, None]).astype(np.float64)
    growth = np.zeros((1 + QUARTERS, n_places - 1, len(member), len(member)))
    count = np.zeros_like(growth)
    apart = group[:, None] != group
    same = (document[:, None] == document) & ~np.eye(n, dtype=bool)
    kept, imbalance = np.full((n, n_places - 1), np.nan), np.full((2, n_places - 1), np.nan)
    centred = np.empty((n_places if ranks else 0, n * (n - 1) // 2), dtype=np.float32)
    before = order_before = np.empty(0)
    for s in range(n_places):
        squared = pairs.squared_distances(states[:, s])
        with np.errstate(divide="ignore"):
            after = np.log(squared) / 2
        if s:
            for row, chosen in enumerate(_quarters(before, apart & np.isfinite(before) & np.isfinite(after))):
                ratio = np.subtract(after, before, out=np.zeros_like(after), where=chosen)
                growth[row, s - 1] = member @ ratio @ member.T
                count[row, s - 1] = member @ chosen @ member.T
        before = after
        if ranks:
            order = pairs.ranks_of(np.where(same, np.inf, squared))
            if s:
                kept[:, s - 1] = pairs.neighbours_kept(order_before, order, NEIGHBOURS)
                imbalance[:, s - 1] = (
                    pairs.information_imbalance(order_before, order),
                    pairs.information_imbalance(order, order_before),
                )
            order_before = order
            centred[s] = _normed(pairs.u_centred(-squared / 2))
    return Convergence(growth, count, _norm_growth(states), kept, imbalance, centred)


def growth_of(found: Convergence, group: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean growth of distances minus that of norms, (1 + 4, R, T), of all pairs and of quarters, in replicates.

    `weights` (R, G) count groups; a pair of two groups counts as often as the product of theirs. NaN where
    nothing is left.
    """
    total, n = (
        np.einsum("rg,qtgh,rh->qrt", weights, one, weights, optimize=True) for one in (found.growth, found.pairs)
    )
    known = np.isfinite(found.norm_growth)
    member = (group == np.arange(weights.shape[1])[:, None]).astype(np.float64)
    norms = weights @ (member @ np.where(known, found.norm_growth, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n > 0, total / n, np.nan) - norms / (weights @ (member @ known))


def _quarters(distance: np.ndarray, known: np.ndarray) -> list[np.ndarray]:
    """Which pairs (n, n) are known, and which of these are in each quarter by their distance."""
    if not known.any():
        return [known] * (1 + QUARTERS)
    ends = np.quantile(distance[known], np.linspace(0, 1, QUARTERS + 1)[1:-1])
    quarter = np.searchsorted(ends, distance)
    return [known, *(known & (quarter == q) for q in range(QUARTERS))]


def _norm_growth(states: np.ndarray) -> np.ndarray:
    length = np.stack(
        [np.linalg.norm(states[:, s].astype(np.float64), axis=1) for s in range(states.shape[1])], axis=1
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.diff(np.log(length), axis=1)
    return np.where(np.isfinite(growth), growth, np.nan)


def _normed(centred: np.ndarray) -> np.ndarray:
    """The entries above the diagonal over their length; zero without variance."""
    entries = centred[np.triu_indices(len(centred), 1)]
    length = np.linalg.norm(entries)
    return entries / length if length > 0 else entries
