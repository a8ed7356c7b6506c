"""The inner loops of KSG: nearest neighbours in the plane, in the maximum norm, from sorted coordinates.

A point is known by its places on both axes. Differences of sorted values stay sorted when rounded, so that a
search by the very difference that defines a distance is exact; by sums x ± d it would not be.

Compiled functions that call each other share a file: numba's cache of a caller does not see another file change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from residyn.numerics.compiled import compiled
from residyn.numerics.information.pairs import Found

_NEARBY = 8
"""How many places away an axis is asked how sparse it is."""

_STEPS = 8
"""Places taken on one side of an axis before the other side's turn."""

_FIRST_TURNS = 8
"""Turns on an axis before the other is tried; at each further trial it has four times as many."""


class Axis(NamedTuple):
    """N ascending values with −inf before the first and +inf behind the last, and the other coordinate of each.

    Both arrays are (N + 2,): the places of the points run from 1 to N.
    """

    values: np.ndarray
    across: np.ndarray


class Reach(NamedTuple):
    """The next places to visit on either side of a point, and how many turns to take."""

    low: int
    high: int
    turns: int


class Sorted(NamedTuple):
    """One unit's sublayers sorted: values (S, N + 2) with −inf and +inf at the ends, order (S, N), place (S, N).

    order[s, j] is the sample at place j + 1 of values[s], and place[s, i] the place of sample i.
    """

    values: np.ndarray
    order: np.ndarray
    place: np.ndarray


@compiled()
def sort_axes(path: np.ndarray, order: np.ndarray) -> Sorted:
    """One unit's path (S, N) and what sorts each of its sublayers, as axes."""
    n_sublayers, n = path.shape
    values = np.empty((n_sublayers, n + 2))
    place = np.empty((n_sublayers, n), dtype=np.int64)
    for s in range(n_sublayers):
        values[s, 0], values[s, n + 1] = -np.inf, np.inf
        for j in range(n):
            values[s, j + 1] = path[s, order[s, j]]
            place[s, order[s, j]] = j + 1
    return Sorted(values, order, place)


@compiled()
def estimate_unit(unit: Sorted, orders: np.ndarray, k: int, psi: np.ndarray, found: Found) -> None:
    """The estimates of one unit and of its samples, as far as `found` has room; `psi` is ψ(1) … ψ(N)."""
    n_sublayers, n = unit.order.shape
    x_by_y, y_by_x = np.zeros(n + 2), np.zeros(n + 2)
    y_place = np.zeros(n + 2, dtype=np.int64)
    counts = np.empty((n, 2), dtype=np.int64)
    most = psi[n - 1] + psi[k - 1]
    for row in range(len(orders)):
        for s in range(n_sublayers - 1):
            x, y = unit.values[s], unit.values[s + 1]
            for at in range(1, n + 1):
                to = unit.place[s + 1, orders[row, unit.order[s, at - 1]]]
                y_place[at], y_by_x[at], x_by_y[to] = to, y[to], x[at]
            _count(Axis(x, y_by_x), Axis(y, x_by_y), y_place, k, counts)
            found.mean[row, s] = most - _mean_psi(counts, psi)
            if len(found.local):
                for at in range(n):
                    said = most - psi[counts[at, 0]] - psi[counts[at, 1]]
                    found.local[row, s, unit.order[s, at]] = said


@compiled()
def _count(x: Axis, y: Axis, y_place: np.ndarray, k: int, counts: np.ndarray) -> None:
    """n_x and n_y of each sample, into counts (N, 2), in the order of axis x."""
    nearest = np.empty((2, k))
    for at in range(1, len(counts) + 1):
        to = y_place[at]
        distance = kth_distance(x, y, at, to, nearest)
        counts[at - 1, 0] = count_inside(x.values, at, distance)
        counts[at - 1, 1] = count_inside(y.values, to, distance)


@compiled()
def _mean_psi(counts: np.ndarray, psi: np.ndarray) -> float:
    """⟨ψ(n_x + 1) + ψ(n_y + 1)⟩, from how often each count occurs: the order of the samples leaves no trace."""
    n = len(psi)
    occurrences = np.zeros(n, dtype=np.int64)
    for at in range(n):
        occurrences[counts[at, 0]] += 1
        occurrences[counts[at, 1]] += 1
    total = 0.0
    for count in range(n):
        total += occurrences[count] * psi[count]
    return total / n


@compiled()
def kth_distance(x: Axis, y: Axis, at: int, to: int, nearest: np.ndarray) -> float:
    """Distance from the point at place `at` of axis x and `to` of axis y to its k-th nearest other point.

    `nearest` is (2, k) scratch. The points are visited outwards along the axis that is sparser nearby, until
    none further along it can be nearer than the k-th found. Where that takes long, the axes take turns: what is
    visited is then at most a few times the points that lie closer along the *sparser* axis, however many are
    tied along the other.
    """
    k = nearest.shape[1]
    nearest[:] = np.inf
    along_x = _spread(x.values, at) >= _spread(y.values, to)
    x_reach, y_reach = Reach(at - 1, at + 1, _FIRST_TURNS), Reach(to - 1, to + 1, _FIRST_TURNS)
    done = False
    while not done:
        if along_x:
            x_reach, done = _scan(x, at, x_reach, nearest[0], nearest[1, k - 1])
        else:
            y_reach, done = _scan(y, to, y_reach, nearest[1], nearest[0, k - 1])
        along_x = not along_x
    return min(nearest[0, k - 1], nearest[1, k - 1])


@compiled()
def count_inside(values: np.ndarray, at: int, distance: float) -> int:
    """How many others of an axis lie closer than `distance` to the one at place `at`; for 0, how many equal it."""
    radius = np.nextafter(distance, 0.0)
    here = values[at]
    first, left = 1, at - 1
    while left > 0:
        half = (left + 1) // 2
        first = first + half if here - values[first + half - 1] > radius else first
        left -= half
    end, left = at + 1, len(values) - 2 - at
    while left > 0:
        half = (left + 1) // 2
        end = end + half if values[end + half - 1] - here <= radius else end
        left -= half
    return end - first - 1


@compiled()
def _spread(values: np.ndarray, at: int) -> float:
    return values[min(at + _NEARBY, len(values) - 2)] - values[max(at - _NEARBY, 1)]


@compiled()
def _scan(axis: Axis, at: int, reach: Reach, nearest: np.ndarray, bound: float) -> tuple[Reach, bool]:
    """Visit points outwards from `at`; where the next visit begins, and whether none is needed.

    Keeps the k smallest distances in `nearest`, ascending; `bound` is what the k-th is known not to exceed.
    """
    values, across = axis.values, axis.across
    here, across_here = values[at], across[at]
    low, high = reach.low, reach.high
    farthest = nearest[len(nearest) - 1]
    limit = min(farthest, bound)
    # The infinite values at the ends stop both loops: no limit is larger.
    for _ in range(reach.turns):
        end = low - _STEPS
        while low > end:
            along = here - values[low]
            if along >= limit:
                break
            distance = max(along, abs(across_here - across[low]))
            if distance < farthest:
                farthest = _keep(nearest, distance)
                limit = min(farthest, bound)
            low -= 1
        end = high + _STEPS
        while high < end:
            along = values[high] - here
            if along >= limit:
                break
            distance = max(along, abs(across_here - across[high]))
            if distance < farthest:
                farthest = _keep(nearest, distance)
                limit = min(farthest, bound)
            high += 1
        if here - values[low] >= limit and values[high] - here >= limit:
            return Reach(low, high, 0), True
    return Reach(low, high, 4 * reach.turns), False


@compiled()
def _keep(nearest: np.ndarray, distance: float) -> float:
    """Put a distance in its place among the k smallest; the largest of them, now."""
    last = len(nearest) - 1
    place = last
    while place > 0 and nearest[place - 1] > distance:
        nearest[place] = nearest[place - 1]
        place -= 1
    nearest[place] = distance
    return nearest[last]
