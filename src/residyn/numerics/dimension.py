"""How many dimensions points fill: from the spectrum of their variance, and from their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from residyn.numerics.pca import centred

LEAST_POINTS = 3
"""Fewest distinct points with a first and a second neighbour."""

_TILE_VALUES = 1 << 21
"""Distances, or coordinates of pairs, held at a time: 16 MiB."""

_EPS = float(np.finfo(np.float64).eps)
_ROUNDINGS = 8
"""Roundings of a point's own format, over its length, by which two points may differ and be the same."""


class TwoNN(NamedTuple):
    """An intrinsic dimension, and the points it comes from: distinct ones, and copies and near-copies dropped."""

    dimension: float
    n_points: int
    n_duplicates: int


def participation_ratio(eigenvalues: np.ndarray) -> float:
    """(Σλ)² / Σλ² of the variances (K,) along principal axes, in [1, K]; NaN where all are 0.

    K where all are equal, 1 where one carries everything.
    """
    square = float((eigenvalues**2).sum())
    return float(eigenvalues.sum()) ** 2 / square if square > 0 else float("nan")


def participation_ratios(points: np.ndarray, left_out: Sequence[np.ndarray]) -> np.ndarray:
    """Participation ratio of points (N, D) without each of some sets of units, given by position: (sets,).

    (tr C)² / ‖C‖² of the covariance C needs no eigenvalues, and a unit left out of the Gram matrix is one product
    taken away. NaN where the rest does not vary.
    """
    deviation, _ = centred(points)
    n_points, n_units = deviation.shape
    wide = n_units > n_points
    whole = deviation @ deviation.T if wide else deviation.T @ deviation
    ratios = np.full(len(left_out), np.nan)
    for row, units in enumerate(left_out):
        if wide:
            part = whole - deviation[:, units] @ deviation[:, units].T
        else:
            kept = np.setdiff1d(np.arange(n_units), units)
            part = whole[np.ix_(kept, kept)]
        square = float(np.einsum("ij,ij->", part, part))
        if square > 0:
            ratios[row] = np.trace(part) ** 2 / square
    return ratios


def isotropic_ceiling(n_points: int, n_units: int) -> float:
    """Participation ratio to expect of N points of D independent units of equal variance: ND / (N + D).

    What the participation ratio of a sample cannot be expected to exceed, because N points fill at most N − 1
    dimensions and fill them unevenly. From E[tr C] = D and E[‖C‖²] = D + D(D + 1)/n of a sample covariance
    with n degrees of freedom, up to terms of relative size 1/(N + D).
    """
    return n_points * n_units / (n_points + n_units)


def components_for(eigenvalues: np.ndarray, share: float = 0.9) -> float:
    """The fewest principal axes that carry `share` of the total variance, in 1 … K; NaN where there is none.

    `eigenvalues` (K,) are sorted, the largest first.
    """
    cumulative = np.cumsum(eigenvalues)
    if not cumulative.size or cumulative[-1] <= 0:
        return float("nan")
    # Nine of ten equal axes carry nine tenths, whichever way the last digit of the sum was rounded.
    return float(np.searchsorted(cumulative, share * cumulative[-1] * (1 - 1e-12)) + 1)


def two_nn(points: np.ndarray, discard: float = 0.1) -> TwoNN:
    """Intrinsic dimension of points (N, D) from the ratio μ = r₂/r₁ of their two nearest distances.

    Where the density is even on the scale of r₂, −ln(1 − F(μ)) = d · ln μ: d is the slope of the line through
    the origin fitted by least squares, with F(μ₍ᵢ₎) = i/N and the share `discard` of largest ratios left out
    (Facco et al. 2017, Sci. Rep. 7:12140; equal to scikit-dimension's linear fit).

    Copies of a point are dropped, all but one, and counted: they would put r₁ at 0, and μ at 1 for others. So are
    points as near to it as roundings of one state in their format are, of which r₁ would measure the rounding.
    NaN for fewer than `LEAST_POINTS` distinct points, where fewer than 2 ratios are kept, and where every μ is 1.
    """
    distinct, distances = _apart(_distinct(points))
    n = len(distinct)
    duplicates = len(points) - n
    # The largest ratio has F = 1, which no line passes through.
    kept = min(int(n * (1 - discard)), n - 1)
    if n < LEAST_POINTS or kept < 2:
        return TwoNN(float("nan"), n, duplicates)
    x = np.sort(np.log(distances[:, 1] / distances[:, 0]))[:kept]
    y = -np.log1p(-np.arange(1, kept + 1) / n)
    square = float(x @ x)
    return TwoNN(float(x @ y) / square if square > 0 else float("nan"), n, duplicates)


def nearest_two(points: np.ndarray) -> np.ndarray:
    """Euclidean distances from each of the points (N ≥ 3, D) to its two nearest others, (N, 2), rising.

    Candidates are found by ‖x‖² + ‖y‖² − 2x·y, a tile of points at a time. That form cancels for points that
    are close beside their length, so every pair that its rounding error leaves in question is measured again
    from differences: the distances are those of a search through all differences.
    """
    points = np.ascontiguousarray(centred(points)[0])
    n, n_units = points.shape
    square = np.einsum("nd,nd->n", points, points)
    # Rounding moves ‖x‖² + ‖y‖² − 2x·y by up to 2Dε(‖x‖² + ‖y‖²), where ‖y‖² ≤ 2‖x‖² + 2‖x − y‖².
    slack = 8 * n_units * _EPS
    nearest = np.empty((n, 2))
    height = max(1, _TILE_VALUES // n)
    for start in range(0, n, height):
        tile = np.arange(start, min(start + height, n))
        rough = (-2 * points[tile]) @ points.T
        rough += square[tile, None]
        rough += square
        rough[np.arange(len(tile)), tile] = np.inf
        first = np.argpartition(rough, 1, axis=1)[:, :2]
        bound = _squared(points, np.repeat(tile, 2), first.ravel()).reshape(-1, 2).max(axis=1)
        in_question = bound + slack * (bound + square[tile])
        row, other = np.nonzero(rough <= in_question[:, None])
        exact = _squared(points, tile[row], other)
        order = np.lexsort((exact, row))
        begin = np.searchsorted(row, np.arange(len(tile)))
        nearest[tile] = exact[order][begin[:, None] + [0, 1]]
    return np.sqrt(nearest)


def _squared(points: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances of the pairs (a, b) of points, from their differences."""
    distances = np.empty(len(a))
    height = max(1, _TILE_VALUES // points.shape[1])
    for start in range(0, len(a), height):
        pairs = slice(start, start + height)
        difference = points[a[pairs]]
        difference -= points[b[pairs]]
        distances[pairs] = np.einsum("nd,nd->n", difference, difference)
    return distances


def _apart(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct points without those that rounding alone keeps from an earlier one, and their `nearest_two`."""
    if len(points) < LEAST_POINTS:
        return points, np.empty((0, 2))
    distances = nearest_two(points)
    points, kind = points.astype(np.float64), points.dtype
    step = _ROUNDINGS * np.finfo(np.result_type(kind, np.float32)).eps
    same = (step * np.linalg.norm(points, axis=1)) ** 2
    close = np.flatnonzero(distances[:, 0] ** 2 <= same)
    dropped = np.zeros(len(points), dtype=bool)
    for i in close:
        # Only such a point is near another: the others need not be looked at.
        rest = close[(close > i) & ~dropped[close]]
        if not dropped[i] and len(rest):
            dropped[rest] = _squared(points, np.full(len(rest), i), rest) <= np.maximum(same[i], same[rest])
    kept = points[~dropped]
    if not dropped.any() or len(kept) < LEAST_POINTS:
        return kept, distances[~dropped]
    return kept, nearest_two(kept)


def _distinct(points: np.ndarray) -> np.ndarray:
    """The points without later copies of the same values, in their order."""
    # Adding 0 makes −0 and 0 the same bytes.
    contiguous = np.ascontiguousarray(points + 0.0)
    first: dict[bytes, int] = {}
    for i, point in enumerate(contiguous):
        first.setdefault(point.tobytes(), i)
    return contiguous[list(first.values())]
