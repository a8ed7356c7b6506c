"""Claims about units' activations (panel B)."""

from __future__ import annotations

from residyn.claims.claim import Claim, Criterion, trend
from residyn.claims.conditions import MASSIVE, PERMUTED, POSITIONS, ROTATED, SIGNS, TOKENS, UNTRAINED
from residyn.claims.statistics import mean_of
from residyn.nulls import NULLS

CLAIM_1 = Claim(
    number=1,
    claim="Mean activation magnitude grows over sublayers",
    panel="B",
    criteria=trend("magnitude", "mean |h|"),
    imitations=(SIGNS, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
)

CLAIM_2 = Claim(
    number=2,
    claim="Activations grow dense",
    panel="B",
    criteria=trend("density", "population density"),
    imitations=(SIGNS, ROTATED, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
)

CLAIM_3 = Claim(
    number=3,
    claim="Units keep their sign",
    panel="B",
    criteria=(
        Criterion(
            name="sign_kept",
            statistic="share of units whose mean has its final sign, averaged over sublayers",
            needs=("sign_kept",),
            compute=mean_of("sign_kept", but_last=True),
            threshold=0.75,
            null=NULLS["permute_units"],
            units="share of units",
            bounds=(0.0, 1.0),
        ),
    ),
    imitations=(SIGNS, ROTATED, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS,),
)
