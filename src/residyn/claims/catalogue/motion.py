"""Claims about how states move (panels E, F)."""

from __future__ import annotations

from residyn.claims.catalogue.correlation import LEAST_GAP
from residyn.claims.claim import Claim, Criterion, gap, trend
from residyn.claims.conditions import MASSIVE, NORM_FREE, PERMUTED, POSITIONS, SIGNS, TOKENS, UNTRAINED
from residyn.claims.depth_nulls import REORDERED_STEPS
from residyn.claims.statistics import rise_of, share_of_rise

CLAIM_8 = Claim(
    number=8,
    claim="Cosine similarity grows with depth and is higher within layers",
    panel="E",
    criteria=(
        *trend("cosine", "cosine similarity"),
        gap("cosine", "cosine similarity", LEAST_GAP, units="cosine"),
    ),
    imitations=(SIGNS, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
)

CLAIM_9 = Claim(
    number=9,
    claim="Velocity is flat early and grows most steeply in the last third",
    panel="F",
    criteria=(
        Criterion(
            name="velocity_rise",
            statistic="rise of velocity from the first places to the last",
            needs=("velocity",),
            compute=rise_of("velocity"),
            threshold=0.0,
            units="activation",
        ),
        Criterion(
            name="velocity_early",
            statistic="share of velocity's rise in the first third of the depth",
            needs=("velocity",),
            compute=share_of_rise("velocity", 0),
            threshold=1 / 6,
            above=False,
            units="share",
        ),
        Criterion(
            name="velocity_late",
            statistic="share of velocity's rise in the last third of the depth",
            needs=("velocity",),
            compute=share_of_rise("velocity", 2),
            threshold=0.5,
            null=REORDERED_STEPS,
            units="share",
        ),
    ),
    imitations=(TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, NORM_FREE, MASSIVE),
)
