"""What a curve does over depth: its trend, its slopes, and the gap between two kinds of places.

Curves are rows (R, P) of P places in order of depth. Places that are not finite in the first row are left out
of all.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.stats import rankdata


def trend(curves: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each curve with depth, (R,), in [−1, 1]; NaN below 3 places or if flat."""
    known = np.isfinite(curves[0])
    if known.sum() < 3:
        return np.full(len(curves), np.nan)
    ranks = rankdata(curves[:, known], axis=1)
    depth = np.arange(ranks.shape[1], dtype=np.float64)
    ranks -= ranks.mean(axis=1, keepdims=True)
    depth -= depth.mean()
    scale = np.sqrt((ranks**2).sum(axis=1) * (depth @ depth))
    return np.divide(ranks @ depth, scale, out=np.full(len(curves), np.nan), where=scale > 0)


def slopes(curves: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Least-squares slopes over relative depth (0 at the first place, 1 at the last) between bounds, (R, B − 1).

    `bounds` are relative depths that grow; a place on a bound belongs to both sides. NaN where a stretch has
    fewer than two defined places.
    """
    depth = np.linspace(0, 1, curves.shape[1])
    known = np.isfinite(curves[0])
    found = np.full((len(curves), len(bounds) - 1), np.nan)
    for i, (start, stop) in enumerate(itertools.pairwise(bounds)):
        inside = known & (depth >= start - 1e-12) & (depth <= stop + 1e-12)
        x = depth[inside] - depth[inside].mean() if inside.any() else depth[inside]
        if inside.sum() > 1:
            found[:, i] = curves[:, inside] @ x / (x @ x)
    return found


def pairs_of_kinds(kind: np.ndarray) -> np.ndarray:
    """Positions of each transition within a layer and of the one across layers that follows it, (L, 2)."""
    follows = (kind[:-1] == "within") & (kind[1:] == "cross")
    first = np.flatnonzero(follows)
    return np.stack([first, first + 1], axis=1)


def kind_gap(curves: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Mean over layers of the value within the layer minus that across to the next, (R,); NaN without a pair."""
    gaps = curves[:, pairs[:, 0]] - curves[:, pairs[:, 1]]
    gaps = gaps[:, np.isfinite(gaps[0])]
    return gaps.mean(axis=1) if gaps.shape[1] else np.full(len(curves), np.nan)


def smoothed(curves: np.ndarray) -> np.ndarray:
    """Means of neighbouring places, (R, P − 1): what alternates from place to place falls out."""
    return (curves[:, :-1] + curves[:, 1:]) / 2
