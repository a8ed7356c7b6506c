"""How far states turn over a stretch of depth, and what their norms and angles alone would make of it."""

from __future__ import annotations

import numpy as np

from residyn.numerics import nan
from residyn.quantities.gathers import LAYER_ANGLES
from residyn.quantities.record import Quantity
from residyn.quantities.sums import Depth

STRETCH = 4
"""Of what share of the layers a stretch is one part."""


def _apart(depth: Depth) -> int:
    """How many sublayers a stretch has: those of a quarter of the layers, so that it ends at a state of the site
    at which it begins.
    """
    n_layers = len(np.unique(depth.layer))
    per_layer = max(1, len(depth.layer) // n_layers)
    return per_layer * max(1, round(n_layers / STRETCH))


def _over_stretches(weights: np.ndarray, sums: np.ndarray, counts: np.ndarray, depth: Depth) -> np.ndarray:
    """Means over samples (R, S) of sums (G, S, S) between the ends of stretches; NaN where one has no end."""
    apart = _apart(depth)
    along = np.full((len(weights), len(depth.layer)), np.nan)
    total, count = (weights @ np.diagonal(one, apart, axis1=1, axis2=2) for one in (sums, counts))
    along[:, : total.shape[1]] = nan.ratio(total, count)
    return along


ANGLE_OVER_QUARTER = Quantity(
    name="angle_over_quarter",
    title="Angle between states a quarter of the depth apart",
    label="angle over a quarter of the layers (half turns)",
    axis="sublayer",
    units="half turns",
    definition="mean over samples of arccos(cos)/π of a state and that of its site a quarter of the layers on",
    source="Gromov et al. 2024, arXiv:2403.17887 (angular distance)",
    gather=LAYER_ANGLES,
    value=lambda weights, sums, depth: _over_stretches(weights, sums[0], sums[2], depth),
    undefined="there is no later state a quarter of the layers on, or either state is zero",
    bounds=(0.0, 1.0),
    drawing="bespoke",
    null_curve="angle_over_quarter_walk",
)

ANGLE_OVER_QUARTER_WALK = Quantity(
    name="angle_over_quarter_walk",
    title="Angle of a walk over a quarter of the depth",
    axis="sublayer",
    units="half turns",
    definition="the same of the expected inner products of a walk that keeps each sample's norms, step lengths, "
    "angles between states and steps, and turning angles, and is random in all else",
    source="closed form of the null `random_walk`",
    gather=LAYER_ANGLES,
    value=lambda weights, sums, depth: _over_stretches(weights, sums[1], sums[2], depth),
    undefined="there is no later state a quarter of the layers on, or either state is zero",
    bounds=(0.0, 1.0),
    drawing="bespoke",
)
