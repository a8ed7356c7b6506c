"""Claims about the correlation of successive states (panels C, D)."""

from __future__ import annotations

from residyn.claims.claim import RANKS, Claim, Criterion, gap, trend
from residyn.claims.conditions import (
    MASSIVE,
    PERMUTED,
    POSITIONS,
    ROTATED,
    SKIP,
    TOKENS,
    UNTRAINED,
    WALK,
)
from residyn.claims.statistics import least_of, mean_of
from residyn.nulls import NULLS

LEAST_GAP = 0.01
"""Least difference of correlations or cosines that counts."""

CLAIM_4 = Claim(
    number=4,
    claim="Correlation is higher within layers than across them",
    panel="C",
    criteria=(gap("unit_correlation", "median r", LEAST_GAP, units="Pearson r", second=RANKS),),
    imitations=(SKIP, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
)

CLAIM_5 = Claim(
    number=5,
    claim="Correlation grows over depth",
    panel="C",
    criteria=trend("unit_correlation", "median r", second=RANKS),
    imitations=(SKIP, WALK, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
)

CLAIM_6 = Claim(
    number=6,
    claim="Correlation exceeds 0.8 even in early layers",
    panel="C",
    criteria=(
        Criterion(
            name="early_correlation",
            statistic="smallest median r in the first third of the depth",
            needs=("unit_correlation",),
            compute=least_of("unit_correlation", 1 / 3),
            threshold=0.8,
            null=NULLS["shuffle_samples"],
            bounds=(-1.0, 1.0),
            units="Pearson r",
            second=RANKS,
            extreme=True,
        ),
    ),
    imitations=(SKIP, WALK, ROTATED, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS,),
    rests_on_first=True,
)

CLAIM_7 = Claim(
    number=7,
    claim="Most units are strongly correlated throughout the network",
    panel="D",
    criteria=(
        Criterion(
            name="correlation_throughout",
            statistic="r that nine of ten of a unit's transitions reach, median over units",
            needs=("correlation_throughout",),
            compute=mean_of("correlation_throughout"),
            threshold=0.8,
            null=NULLS["shuffle_samples"],
            units="Pearson r",
            bounds=(-1.0, 1.0),
            second=RANKS,
            extreme=True,
        ),
    ),
    imitations=(SKIP, WALK, ROTATED, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS,),
)
