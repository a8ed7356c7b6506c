"""The statistics of the claims: functions of curves over depth, each row of which is one replicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from residyn.numerics import nan, trends
from residyn.quantities.sums import Depth
from residyn.schema import role_of

Rows = Mapping[str, np.ndarray]
THIRDS = (0.0, 1 / 3, 2 / 3, 1.0)
ROUNDING = 1e-9
"""Below this, beside curves of order 1, a difference is rounding and counts as none."""


class Statistic(Protocol):
    """Of curves (R, P) along the places of `depth`, one number a row, (R,)."""

    def __call__(self, curves: Rows, depth: Depth) -> np.ndarray:
        """The statistic of each row; NaN where it is not defined."""
        ...


def trend_of(name: str, *, falls: bool = False) -> Statistic:
    """Spearman's rank correlation of a curve with depth, of each kind of places apart; the one nearest to denial.

    Curves of two kinds interleave: one correlation over both would tend to 0.5 the further the kinds are apart,
    however strictly each of them rises.
    """

    def trend(curves: Rows, depth: Depth) -> np.ndarray:
        curve = curves[name]
        found = np.stack([trends.trend(curve[:, places]) for places in by_kind(curve.shape[1], depth)])
        return found.max(axis=0) if falls else found.min(axis=0)

    return trend


def early_trend_of(name: str) -> Statistic:
    """Spearman's rank correlation with depth, over the first third of it, of the means of neighbouring places."""

    def trend(curves: Rows, depth: Depth) -> np.ndarray:
        curve = trends.smoothed(curves[name])
        return trends.trend(curve[:, _between(curve.shape[1], 0.0, 1 / 3)])

    return trend


def change_of(name: str, until: float = 1.0) -> Statistic:
    """The last value minus the first one up to a relative depth, of each kind with two such places; their mean."""

    def change(curves: Rows, depth: Depth) -> np.ndarray:
        curve = curves[name]
        early = np.arange(curve.shape[1]) <= until * (curve.shape[1] - 1) + ROUNDING
        known = np.isfinite(curve[0]) & early
        kinds = [places[known[places]] for places in by_kind(curve.shape[1], depth)]
        ends = [places[[0, -1]] for places in kinds if len(places) > 1]
        if not ends:
            return np.full(len(curve), np.nan)
        return _snapped(np.mean([curve[:, last] - curve[:, first] for first, last in ends], axis=0))

    return change


def inverse(statistic: Callable[[str], Statistic], name: str) -> Statistic:
    """A statistic of 1 over a curve."""
    return lambda curves, depth: statistic(name)(
        {name: nan.ratio(np.ones_like(curves[name]), curves[name])}, depth
    )


def gap_of(name: str, until: float = 1.0) -> Statistic:
    """How far a curve lies higher within layers than across them, beside its neighbours of the other kind.

    Of every place with a neighbour of the other kind on both sides: its value minus the mean of these two, with
    the sign turned across layers; the mean within and the mean across, averaged. A straight line gives 0, and so
    does one that bends evenly.
    """

    def gap(curves: Rows, depth: Depth) -> np.ndarray:
        curve = curves[name]
        middle = trends.between_neighbours(depth.kind)
        middle = middle[middle <= until * (len(depth.kind) - 1)]
        apart = curve[:, middle] - (curve[:, middle - 1] + curve[:, middle + 1]) / 2
        known, within = np.isfinite(apart[0]), depth.kind[middle] == "within"
        if not (known & within).any() or not (known & ~within).any():
            return np.full(len(curve), np.nan)
        return _snapped((apart[:, known & within].mean(axis=1) - apart[:, known & ~within].mean(axis=1)) / 2)

    return gap


def mean_of(name: str, start: float = 0.0, stop: float = 1.0, *, but_last: bool = False) -> Statistic:
    """Mean of a curve over relative depths from `start` to `stop`; without its last place, if that is fixed."""

    def mean(curves: Rows, depth: Depth) -> np.ndarray:
        curve = curves[name][:, :-1] if but_last else curves[name]
        return _mean_between(curve, start, stop)

    return mean


def mean_of_kind(name: str, kind: str) -> Statistic:
    """Mean of a curve over the transitions of a kind, or over the states from which they leave."""

    def mean(curves: Rows, depth: Depth) -> np.ndarray:
        curve = curves[name][:, : len(depth.kind)]
        return _mean_between(curve[:, depth.kind == kind], 0.0, 1.0)

    return mean


def least_of(name: str, stop: float = 1.0) -> Statistic:
    """The smallest value of a curve up to a relative depth."""

    def least(curves: Rows, depth: Depth) -> np.ndarray:
        curve = curves[name]
        early = _between(curve.shape[1], 0.0, stop) & np.isfinite(curve[0])
        return curve[:, early].min(axis=1) if early.any() else np.full(len(curve), np.nan)

    return least


def first_of(name: str, places: int) -> Statistic:
    """Mean of a curve's first places."""
    return lambda curves, depth: _mean_between(curves[name][:, :places], 0.0, 1.0)


def drop_of(name: str) -> Statistic:
    """Share of a curve's start, its first two places, that is lost between 1/6 and 1/3 of the depth."""

    def drop(curves: Rows, depth: Depth) -> np.ndarray:
        curve = curves[name]
        start = _mean_between(curve[:, :2], 0.0, 1.0)
        later = _mean_between(curve, 1 / 6, 1 / 3)
        return 1 - nan.ratio(later, start)

    return drop


def share_of_rise(name: str, third: int) -> Statistic:
    """Share of a curve's rise from its first place to its last that falls into a third of the depth, 0, 1 or 2.

    Of the means of neighbouring places, between which it is a straight line. NaN where the curve does not rise.
    """

    def share(curves: Rows, depth: Depth) -> np.ndarray:
        start, stop = (_at(trends.smoothed(curves[name]), where) for where in THIRDS[third : third + 2])
        whole = rise_of(name)(curves, depth)
        return _snapped(nan.ratio(stop - start, whole))

    return share


def rise_of(name: str) -> Statistic:
    """How far a curve rises from its first place to its last, of the means of neighbouring places."""

    def rise(curves: Rows, depth: Depth) -> np.ndarray:
        curve = trends.smoothed(curves[name])
        return _at(curve, 1.0) - _at(curve, 0.0)

    return rise


def apart_of(name: str, yardstick: str) -> Statistic:
    """How far the mean of a curve over depth is from that of another one, on either side."""

    def apart(curves: Rows, depth: Depth) -> np.ndarray:
        return np.abs(_snapped(_mean_between(curves[name], 0.0, 1.0) - _mean_between(curves[yardstick], 0.0, 1.0)))

    return apart


def beyond_of(name: str, yardstick: str, start: float = 0.0) -> Statistic:
    """How far the mean of a curve lies above that of another one, over the places from a relative depth on."""

    def beyond(curves: Rows, depth: Depth) -> np.ndarray:
        return _snapped(_mean_between(curves[name] - curves[yardstick], start, 1.0))

    return beyond


def largest_of(name: str, beyond: str = "") -> Statistic:
    """The largest of a curve's values; minus the smallest of another curve's, where one is named."""

    def largest(curves: Rows, depth: Depth) -> np.ndarray:
        if not curves[name].shape[1] or (beyond and not curves[beyond].shape[1]):
            return np.full(len(curves[name]), np.nan)
        most = curves[name].max(axis=1)
        return _snapped(most - curves[beyond].min(axis=1)) if beyond else most

    return largest


def by_kind(n_places: int, depth: Depth) -> list[np.ndarray]:
    """The places of each kind of transitions, or of each role of sublayers; all, where there are no kinds.

    Kinds are those that take turns within layers: where no layer has two states, all places are of one kind.
    """
    if len(np.unique(depth.layer)) == len(depth.layer):
        return [np.arange(n_places)]
    roles = np.array([role_of(site) for site in depth.site.tolist()])
    kinds = {len(depth.kind): depth.kind, len(roles): roles}.get(n_places)
    if kinds is None or not n_places:
        return [np.arange(n_places)]
    return [np.flatnonzero(kinds == name) for name in dict.fromkeys(kinds.tolist())]


def _between(n_places: int, start: float, stop: float) -> np.ndarray:
    depth = np.linspace(0, 1, n_places) if n_places > 1 else np.zeros(n_places)
    return (depth >= start - ROUNDING) & (depth <= stop + ROUNDING)


def _mean_between(curve: np.ndarray, start: float, stop: float) -> np.ndarray:
    inside = _between(curve.shape[1], start, stop) & np.isfinite(curve[0])
    return curve[:, inside].mean(axis=1) if inside.any() else np.full(len(curve), np.nan)


def _at(curve: np.ndarray, where: float) -> np.ndarray:
    """The value at a relative depth, on the straight line between its two places."""
    if not curve.shape[1]:
        return np.full(len(curve), np.nan)
    place = where * (curve.shape[1] - 1)
    below = int(place)
    above = min(below + 1, curve.shape[1] - 1)
    return curve[:, below] + (place - below) * (curve[:, above] - curve[:, below])


def _snapped(values: np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) < ROUNDING, 0.0, values)
