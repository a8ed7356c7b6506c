"""Claims about how states move (panels E, F)."""

from __future__ import annotations

from residyn.claims.claim import (
    MASSIVE,
    NORM_FREE,
    ORDER,
    SIGNS,
    TOKENS,
    UNTRAINED,
    Claim,
    Part,
    gap_part,
    trend_part,
)
from residyn.claims.statistics import early_slope_of, late_slope_of

CLAIM_8 = Claim(
    number=8,
    claim="Cosine similarity grows with depth and is higher within layers",
    panel="E",
    parts=(trend_part("cosine", "cosine similarity"), gap_part("cosine", "cosine similarity")),
    imitations=(SIGNS, TOKENS, UNTRAINED),
    removals=(MASSIVE,),
)

CLAIM_9 = Claim(
    number=9,
    claim="Velocity is flat early and grows most steeply in the last third",
    panel="F",
    parts=(
        Part(
            "velocity_early",
            "steepness of velocity in the first third beyond half its mean slope, in mean velocities",
            ("velocity",),
            early_slope_of("velocity"),
            0.0,
            None,
            above=False,
            units="per depth",
        ),
        Part(
            "velocity_late",
            "slope of velocity in the last third beyond the steepest one before, in mean velocities",
            ("velocity",),
            late_slope_of("velocity"),
            0.0,
            ORDER,
            units="per depth",
        ),
    ),
    imitations=(TOKENS, UNTRAINED),
    removals=(NORM_FREE, MASSIVE),
)
