"""The geometry of a path as a Gram matrix, and the angle between two: plain arrays in, plain arrays out."""

from __future__ import annotations

import numpy as np

from residyn.comparison.depth import sublayer_depths

_SAME_POINT = 1e-12
"""A path whose points are no further apart than this, relative to their distance from 0, is one point: what is
left is rounding."""


def resampled(path: np.ndarray, n_depths: int) -> np.ndarray:
    """A path (S, D) at so many relative depths from 0 to 1, (n_depths, D), linear between its states.

    NaN where S < 2.
    """
    if len(path) < 2:
        return np.full((n_depths, path.shape[1]), np.nan)
    place = np.interp(np.linspace(0.0, 1.0, n_depths), sublayer_depths(len(path)), np.arange(len(path)))
    below = np.minimum(place.astype(int), len(path) - 2)
    share = (place - below)[:, None]
    return (1 - share) * path[below] + share * path[below + 1]


def geometry_of_path(path: np.ndarray, n_depths: int) -> np.ndarray:
    """The Gram matrix (n_depths, n_depths) of a path (S, D), resampled and centred, of Frobenius norm 1.

    It determines the path up to rotation, translation and scale. NaN for a path that is one point, has fewer
    than two states, or holds a value that is not finite.
    """
    points = resampled(path.astype(np.float64), n_depths)
    centred = points - points.mean(axis=0)
    size, spread = np.abs(points).max(initial=0.0), np.abs(centred).max(initial=0.0)
    if not np.isfinite(size) or spread <= _SAME_POINT * size:
        return np.full((n_depths, n_depths), np.nan)
    # Scaled before it is squared: the Gram matrix of very large or small states is then finite and not 0.
    centred = centred / spread
    gram = centred @ centred.T
    return gram / np.linalg.norm(gram)


def between_geometries(one: np.ndarray, other: np.ndarray) -> float:
    """Angle between two matrices of Frobenius norm 1, radians; in [0, π/2] for Gram matrices; NaN where one is.

    As 2·atan2(‖a − b‖, ‖a + b‖), which keeps its digits where the arc cosine of a number near 1 has none.
    """
    return float(2 * np.arctan2(np.linalg.norm(one - other), np.linalg.norm(one + other)))
