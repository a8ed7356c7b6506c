"""The sums that several quantities share."""

from __future__ import annotations

import numpy as np

from residyn.numerics import geometry, kinematics, layer_angles, moments
from residyn.quantities.sums import Depth, Gather, summed

MOMENTS = Gather(
    lambda block, _: moments.from_block(block),
    moments.merged,
    join=moments.by_group,
    weigh=moments.replicated,
)
"""Moments over samples of each unit: formulas are given those of each replicate, with a leading axis R."""

PATHS = Gather(lambda block, _: geometry.path_sums(block), geometry.concatenate, by_group=False)
"""Sums over units of each sample's path: `PathSums`."""

KINEMATICS = Gather(
    lambda block, depth: kinematics.path_kinematics(block, [str(kind) for kind in depth.kind]),
    kinematics.concatenate,
    by_group=False,
)
"""How each sample's path turns: `Kinematics`."""


LAYER_ANGLES = summed(lambda block, _: layer_angles.angle_sums(block))
"""Of all pairs of sublayers, sums by group (G, S, S): of angles, of those of a walk with the same norms and
angles, and of how many are defined.
"""


def unit_vectors(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of vectors (n, P, D): the sum of their unit vectors (P, D), and how many have a length (P,)."""
    rows = vectors.astype(np.float64)
    length = np.linalg.norm(rows, axis=2, keepdims=True)
    rows /= np.where(length > 0, length, 1.0)
    return rows.sum(axis=0), (length[..., 0] > 0).sum(axis=0).astype(np.float64)


def _steps(block: np.ndarray, _: Depth) -> tuple[np.ndarray, np.ndarray]:
    sums, counts = zip(
        *(
            unit_vectors(np.subtract(block[:, s + 1 : s + 2], block[:, s : s + 1], dtype=np.float64))
            for s in range(block.shape[1] - 1)
        ),
        strict=True,
    )
    return np.concatenate(sums), np.concatenate(counts)


STEP_DIRECTIONS = summed(_steps)
"""The sum of the steps' unit vectors (G, T, D), and how many have a length (G, T)."""


def mean_cosine_between_groups(weights: np.ndarray, sums: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Mean cosine between two vectors of samples of different groups, (R, P), from sums of their unit vectors.

    Pairs of one group are left out: they may share a document, and a replicate that holds a group twice would
    compare samples with themselves. NaN where fewer than two groups have a vector with a length.
    """
    total, count = sums
    inner = np.einsum("gpd,hpd->pgh", total, total, optimize=True)
    own = np.diagonal(inner, axis1=1, axis2=2)
    together = np.einsum("rg,pgh,rh->rp", weights, inner, weights, optimize=True) - weights**2 @ own.T
    pairs = (weights @ count) ** 2 - weights**2 @ count**2
    return np.divide(together, pairs, out=np.full(together.shape, np.nan), where=pairs > 0)
