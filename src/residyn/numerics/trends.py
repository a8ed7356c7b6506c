"""What a curve does over depth: its trend, and how two kinds of places alternate in it.

Curves are rows (R, P) of P places in order of depth. Places that are not finite in the first row are left out
of all.
"""

from __future__ import annotations

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


def pairs_of_kinds(kind: np.ndarray) -> np.ndarray:
    """Positions of each transition within a layer and of the one across layers that follows it, (L, 2)."""
    follows = (kind[:-1] == "within") & (kind[1:] == "cross")
    first = np.flatnonzero(follows)
    return np.stack([first, first + 1], axis=1)


def between_neighbours(kind: np.ndarray) -> np.ndarray:
    """Positions of the transitions with one of the other kind, within or across, on both sides."""
    inner = np.arange(1, max(1, len(kind) - 1))
    known = np.isin(kind, ("within", "cross"))
    both = (kind[inner - 1] == kind[inner + 1]) & (kind[inner] != kind[inner - 1]) if len(inner) else inner == 0
    return inner[both & known[inner] & known[inner - 1]] if len(inner) else inner


def without_alternation(curve: np.ndarray) -> np.ndarray:
    """A curve (P,) without what alternates from place to place: means over five places, weighted 1 2 2 2 1.

    A straight line stays as it is. Two places from either end, where there are no five, the line goes straight
    on. A curve of fewer than five places becomes its mean.
    """
    if len(curve) < 5:
        return np.full(len(curve), curve.mean())
    inner = np.convolve(curve, np.array([1, 2, 2, 2, 1]) / 8, mode="valid")
    slope = np.gradient(inner) if len(inner) > 1 else np.zeros(1)
    before, after = (inner[0] - slope[0] * np.array([2, 1])), (inner[-1] + slope[-1] * np.array([1, 2]))
    return np.concatenate([before, inner, after])


def smoothed(curves: np.ndarray) -> np.ndarray:
    """Means of neighbouring places, (R, P − 1): what alternates from place to place falls out."""
    return (curves[:, :-1] + curves[:, 1:]) / 2
