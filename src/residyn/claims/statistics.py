"""The statistics of the claims: functions of curves over depth, each row of which is one replicate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from residyn.numerics import trends

Curves = Mapping[str, np.ndarray]
THIRDS = np.array([0.0, 1 / 3, 2 / 3, 1.0])
WHOLE = np.array([0.0, 1.0])


class Statistic(Protocol):
    """Of curves (R, P) and the kinds of transitions (T,), one number a row, (R,)."""

    def __call__(self, curves: Curves, kind: np.ndarray) -> np.ndarray:
        """The statistic of each row; NaN where it is not defined."""
        ...


def trend_of(name: str) -> Statistic:
    """Spearman's rank correlation of a curve with depth."""
    return lambda curves, kind: trends.trend(curves[name])


def gap_of(name: str, until: float = 1.0) -> Statistic:
    """Mean over layers, up to a relative depth, of a curve within the layer minus across to the next."""

    def gap(curves: Curves, kind: np.ndarray) -> np.ndarray:
        pairs = trends.pairs_of_kinds(kind)
        early = pairs[:, 1] <= until * (len(kind) - 1)
        return trends.kind_gap(curves[name], pairs[early])

    return gap


def mean_of(name: str, start: float = 0.0, stop: float = 1.0, *, but_last: bool = False) -> Statistic:
    """Mean of a curve over relative depths from `start` to `stop`; without its last place, if that is fixed."""

    def mean(curves: Curves, kind: np.ndarray) -> np.ndarray:
        curve = curves[name][:, :-1] if but_last else curves[name]
        return _mean_between(curve, start, stop)

    return mean


def drop_of(name: str) -> Statistic:
    """Share of a curve's start, its first two places, that is lost between 1/6 and 1/3 of the depth."""

    def drop(curves: Curves, kind: np.ndarray) -> np.ndarray:
        curve = curves[name]
        start = _mean_between(curve[:, :2], 0.0, 1.0)
        later = _mean_between(curve, 1 / 6, 1 / 3)
        return 1 - np.divide(later, start, out=np.full(len(curve), np.nan), where=start > 0)

    return drop


def early_slope_of(name: str) -> Statistic:
    """Steepness of a curve in the first third of the depth minus half its slope over all, over its mean."""

    def slope(curves: Curves, kind: np.ndarray) -> np.ndarray:
        curve = trends.smoothed(curves[name])
        first = trends.slopes(curve, THIRDS)[:, 0]
        return (np.abs(first) - trends.slopes(curve, WHOLE)[:, 0] / 2) / _mean_between(curve, 0.0, 1.0)

    return slope


def late_slope_of(name: str) -> Statistic:
    """Slope of a curve in the last third of the depth minus the steeper of the two before, over its mean."""

    def slope(curves: Curves, kind: np.ndarray) -> np.ndarray:
        curve = trends.smoothed(curves[name])
        found = trends.slopes(curve, THIRDS)
        return (found[:, 2] - found[:, :2].max(axis=1)) / _mean_between(curve, 0.0, 1.0)

    return slope


def weakest_of(name: str, beyond: str = "") -> Statistic:
    """The smallest of a curve's values; minus the largest of another curve's, where one is named."""

    def weakest(curves: Curves, kind: np.ndarray) -> np.ndarray:
        if not curves[name].shape[1] or (beyond and not curves[beyond].shape[1]):
            return np.full(len(curves[name]), np.nan)
        least = curves[name].min(axis=1)
        return least - curves[beyond].max(axis=1) if beyond else least

    return weakest


def _mean_between(curve: np.ndarray, start: float, stop: float) -> np.ndarray:
    depth = np.linspace(0, 1, curve.shape[1]) if curve.shape[1] > 1 else np.zeros(curve.shape[1])
    inside = (depth >= start - 1e-12) & (depth <= stop + 1e-12) & np.isfinite(curve[0])
    return curve[:, inside].mean(axis=1) if inside.any() else np.full(len(curve), np.nan)
