"""What units do over depth: their means, their size, their sign (panel B)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.numerics import geometry
from residyn.numerics.moments import Moments
from residyn.quantities.gathers import MOMENTS, PATHS
from residyn.quantities.record import Quantity
from residyn.quantities.sums import Depth, Labels
from residyn.schema import UNIT


def _ranked(_states: xr.DataArray, _found: Moments, mean: np.ndarray, _depth: Depth) -> Labels:
    order = np.argsort(mean[-1], kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return Labels({"rank": (UNIT, rank)})


def _sign_kept(weights: np.ndarray, found: Moments, _: Depth) -> np.ndarray:
    sign = np.sign(found.mean)
    return (sign == sign[:, -1:]).astype(np.float64)


MEAN_ACTIVATION = Quantity(
    name="mean_activation",
    title="Mean activation",
    axis="sublayer",
    over="unit",
    units="activation",
    definition="mean of h over samples; rank = position of the unit by its mean at the last sublayer",
    source="Fernando & Guitchounts 2025, Fig. 1B",
    gather=MOMENTS,
    value=lambda _weights, found, _depth: found.mean,
    summary=None,
    note=_ranked,
    panel="B",
    drawing="bespoke",
)

MAGNITUDE = Quantity(
    name="magnitude",
    title="Mean magnitude of an activation",
    axis="sublayer",
    over="sample",
    keeps=False,
    units="activation",
    definition="mean of |h| over samples and units",
    source="Fernando & Guitchounts 2025, Fig. 1B (claim: magnitude grows with depth)",
    gather=PATHS,
    per_sample=lambda sums, _: geometry.mean_magnitude(sums),
    bounds=(0.0, np.inf),
    panel="B",
    compared=True,
    without_massive=True,
)

SIGN_KEPT = Quantity(
    name="sign_kept",
    title="Units that have their final sign",
    axis="sublayer",
    over="unit",
    keeps=False,
    units="share of units",
    definition="share of units whose mean over samples has the sign it has at the last sublayer",
    source="Fernando & Guitchounts 2025, Fig. 1B (claim: units keep their sign)",
    gather=MOMENTS,
    value=_sign_kept,
    statistic="share of units",
    bounds=(0.0, 1.0),
    panel="B",
    compared=True,
    without_massive=True,
)

DENSITY = Quantity(
    name="density",
    title="Population density",
    axis="sublayer",
    over="sample",
    units="1",
    definition="(Σ|h|/D)² / (Σh²/D) over the D units; NaN for a zero vector",
    source="Treves & Rolls 1991, Network 2:371",
    gather=PATHS,
    per_sample=lambda sums, _: geometry.density(sums),
    bounds=(0.0, 1.0),
    undefined="the state is zero",
    panel="B",
    compared=True,
    without_massive=True,
)

NORM = Quantity(
    name="norm",
    title="Length of the state",
    axis="sublayer",
    over="sample",
    units="activation",
    definition="‖h‖₂ over units",
    source="definition",
    gather=PATHS,
    per_sample=lambda sums, _: geometry.norm(sums),
    bounds=(0.0, np.inf),
    compared=True,
)
