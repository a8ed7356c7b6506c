"""Correlation of each unit's ranks at successive sublayers: curves that no monotone map of a state moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from residyn.numerics import moments
from residyn.numerics.information import average_ranks
from residyn.numerics.moments import GroupMoments
from residyn.quantities.gathers import MOMENTS
from residyn.quantities.measure import depth_of, rows_of
from residyn.quantities.registry import quantity_named
from residyn.quantities.replicates import Plan
from residyn.walk import Reading

RANK_CORRELATION, RANK_THROUGHOUT = "rank_correlation", "rank_correlation_throughout"

_OF_VALUES = {RANK_CORRELATION: "unit_correlation", RANK_THROUGHOUT: "correlation_throughout"}
"""The quantity that each curve is, with ranks in the place of values."""
_UNITS_AT_ONCE = 64


def rank_curves(states: xr.DataArray, plan: Plan) -> Reading:
    """A walk along units: rank_correlation (1 + B, T) and rank_correlation_throughout (1 + B, 1), by name.

    rank_correlation is the median over units of Spearman's correlation between a unit's values at successive
    sublayers; rank_correlation_throughout is correlation_throughout of these correlations. Ranks are taken once,
    over all samples, ties sharing their mean rank, and are the samples' scores in every replicate. Undefined
    where unit_correlation and correlation_throughout are. Memory beside the block: 64 units in float64, and the
    sums of all units, (groups × sublayers × units).
    """
    rows = [np.flatnonzero(plan.group == g) for g in range(plan.n_groups)]
    depth = depth_of(states)

    def of_units(block: np.ndarray) -> GroupMoments:
        ranks = average_ranks(block.transpose(2, 1, 0)).transpose(2, 1, 0)
        return moments.by_group([moments.from_block(ranks[samples]) for samples in rows])

    def reduce_band(block: np.ndarray, _: int) -> list[GroupMoments]:
        starts = range(0, block.shape[2], _UNITS_AT_ONCE)
        return [of_units(block[:, :, start : start + _UNITS_AT_ONCE]) for start in starts]

    def finish(bands: list[list[GroupMoments]]) -> dict[str, np.ndarray]:
        joined = _beside([part for band in bands for part in band])
        made = rows_of([quantity_named(name) for name in _OF_VALUES.values()], {MOMENTS: joined}, depth, plan)
        return {name: made[of_values] for name, of_values in _OF_VALUES.items()}

    return Reading(reduce_band, finish)


def _beside(parts: Sequence[GroupMoments]) -> GroupMoments:
    """The sums of all units, from those of some each."""
    mean, deviation, square, product = (
        np.concatenate([getattr(part, name) for part in parts], axis=-1)
        for name in ("mean", "deviation", "square", "product")
    )
    return GroupMoments(parts[0].sizes, mean, deviation, square, product)
