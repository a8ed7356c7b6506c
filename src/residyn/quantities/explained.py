"""Share of each sublayer's variance along given axes, in each replicate."""

from __future__ import annotations

from typing import Any

import numpy as np

from residyn.numerics import moments, nan
from residyn.numerics.groups import few_at_once
from residyn.numerics.moments import GroupMoments, Moments
from residyn.quantities.sums import Depth, Gather

_LEAST_VARIANCE = 1e-12
"""Of a sublayer's mean square: what rounding leaves where a replicate holds one state only."""


def scores_along(axes: np.ndarray) -> Gather:
    """Moments by group of the states' scores along axes (K, D), and of their units: two `GroupMoments`."""

    def reduce_block(block: np.ndarray, _: Depth) -> tuple[Moments, Moments]:
        scores = np.stack([block[:, s].astype(np.float64) @ axes.T for s in range(block.shape[1])], axis=1)
        return moments.from_block(scores), moments.from_block(block)

    return Gather(reduce_block, _merged, join=_joined)


def explained(weights: np.ndarray, gathered: tuple[GroupMoments, GroupMoments]) -> np.ndarray:
    """Variance along the axes over that along all, about the mean of each replicate's own samples, (R, S).

    In [0, 1]; NaN where a replicate's states are all the same.
    """
    square = np.einsum("rg,gs->rs", weights, gathered[1].square.sum(axis=2))
    along, whole = (
        np.concatenate(
            [moments.replicated(groups, some).m2.sum(axis=2) for some in few_at_once(weights, groups.mean.size)]
        )
        for groups in gathered
    )
    return nan.ratio(along, np.where(whole > _LEAST_VARIANCE * square, whole, 0.0))


def _merged(parts: Any) -> tuple[Moments, Moments]:
    scores, units = zip(*parts, strict=True)
    return moments.merged(scores), moments.merged(units)


def _joined(groups: Any) -> tuple[GroupMoments, GroupMoments]:
    scores, units = zip(*groups, strict=True)
    return moments.by_group(scores), moments.by_group(units)
