"""Claims about units' activations (panel B)."""

from __future__ import annotations

from residyn.claims.claim import MASSIVE, ROTATED, SIGNS, TOKENS, UNTRAINED, Claim, Part, trend_part
from residyn.claims.statistics import mean_of

CLAIM_1 = Claim(
    number=1,
    claim="Mean activation magnitude grows over sublayers",
    panel="B",
    parts=(trend_part("magnitude", "mean |h|"),),
    imitations=(SIGNS, TOKENS, UNTRAINED),
    removals=(MASSIVE,),
)

CLAIM_2 = Claim(
    number=2,
    claim="Activations grow dense",
    panel="B",
    parts=(trend_part("density", "population density"),),
    imitations=(SIGNS, ROTATED, TOKENS, UNTRAINED),
    removals=(MASSIVE,),
)

CLAIM_3 = Claim(
    number=3,
    claim="Units keep their sign",
    panel="B",
    parts=(
        Part(
            "sign_kept",
            "share of units whose mean has its final sign, averaged over sublayers",
            ("sign_kept",),
            mean_of("sign_kept", but_last=True),
            0.75,
            "permute_units",
            units="share of units",
            bounds=(0.0, 1.0),
        ),
    ),
    imitations=(SIGNS, ROTATED, TOKENS, UNTRAINED),
)
