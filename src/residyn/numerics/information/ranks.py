"""Ranks of samples within each sublayer, and ties."""

from __future__ import annotations

import numpy as np

from residyn.numerics.compiled import compiled
from residyn.numerics.information.pairs import checked_paths
from residyn.numerics.threads import over_rows


def tie_share(paths: np.ndarray, *, threads: int | None = None) -> np.ndarray:
    """Share of samples whose value another sample has too, (U, S), in [0, 1].

    0 where all N values of a unit differ at a sublayer, 1 where each occurs twice or more, as for a constant
    unit (0 for its single sample). Raises DataError for malformed paths.
    """
    paths = checked_paths(paths)
    shares = np.empty(paths.shape[:2])

    def work(start: int, stop: int) -> None:
        for unit in range(start, stop):
            _tied(paths[unit], sorting(paths[unit]), shares[unit])

    over_rows(work, len(paths), threads)
    return shares


def average_ranks(paths: np.ndarray, *, threads: int | None = None) -> np.ndarray:
    """The rank of each sample among those of its unit and sublayer, (U, S, N) float64, in [1, N].

    Tied samples get the mean of their ranks. Raises DataError for malformed paths.
    """
    paths = checked_paths(paths)
    ranks = np.empty(paths.shape)

    def work(start: int, stop: int) -> None:
        for unit in range(start, stop):
            ranks[unit] = doubled_ranks(paths[unit], sorting(paths[unit])) / 2

    over_rows(work, len(paths), threads)
    return ranks


def sorting(path: np.ndarray) -> np.ndarray:
    """The samples of one unit in ascending order of value at each sublayer, (S, N) int64."""
    return np.argsort(path, axis=-1)


@compiled()
def doubled_ranks(path: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Twice the rank of each sample at its sublayer, (S, N) int64, in [2, 2N]; tied samples get their mean rank.

    Twice, because a mean of ranks is a multiple of one half.
    """
    n_sublayers, n = path.shape
    ranks = np.empty((n_sublayers, n), dtype=np.int64)
    for s in range(n_sublayers):
        start = 0
        while start < n:
            stop = _end_of_ties(path[s], order[s], start)
            for place in range(start, stop):
                ranks[s, order[s, place]] = start + 1 + stop
            start = stop
    return ranks


@compiled()
def _tied(path: np.ndarray, order: np.ndarray, shares: np.ndarray) -> None:
    n_sublayers, n = path.shape
    for s in range(n_sublayers):
        tied = start = 0
        while start < n:
            stop = _end_of_ties(path[s], order[s], start)
            if stop - start > 1:
                tied += stop - start
            start = stop
        shares[s] = tied / n


@compiled()
def _end_of_ties(values: np.ndarray, order: np.ndarray, start: int) -> int:
    """The place in `order` behind the last value equal to the one at `start`."""
    stop = start + 1
    while stop < len(order) and values[order[stop]] == values[order[start]]:
        stop += 1
    return stop
