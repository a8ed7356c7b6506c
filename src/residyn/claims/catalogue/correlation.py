"""Claims about the correlation of successive states (panels C, D)."""

from __future__ import annotations

from residyn.claims.claim import MASSIVE, ROTATED, SKIP, TOKENS, UNTRAINED, WALK, Claim, Part, gap_part, trend_part
from residyn.claims.statistics import mean_of

CLAIM_4 = Claim(
    number=4,
    claim="Correlation is higher within layers than across them",
    panel="C",
    parts=(gap_part("unit_correlation", "median r"),),
    imitations=(SKIP, TOKENS, UNTRAINED),
    removals=(MASSIVE,),
)

CLAIM_5 = Claim(
    number=5,
    claim="Correlation grows over depth",
    panel="C",
    parts=(trend_part("unit_correlation", "median r"),),
    imitations=(SKIP, WALK, TOKENS, UNTRAINED),
    removals=(MASSIVE,),
)

CLAIM_6 = Claim(
    number=6,
    claim="Correlation exceeds 0.8 even in early layers",
    panel="C",
    parts=(
        Part(
            "early_correlation",
            "median r, averaged over the first third of the depth",
            ("unit_correlation",),
            mean_of("unit_correlation", 0.0, 1 / 3),
            0.8,
            "shuffle_samples",
            bounds=(-1.0, 1.0),
            units="Pearson r",
        ),
    ),
    imitations=(SKIP, WALK, ROTATED, TOKENS, UNTRAINED),
    rests_on_first=True,
)

CLAIM_7 = Claim(
    number=7,
    claim="Most units are strongly correlated throughout the network",
    panel="D",
    parts=(
        Part(
            "strong_throughout",
            "share of units with r > 0.8 at nine of ten transitions",
            ("strong_throughout",),
            mean_of("strong_throughout"),
            0.5,
            "shuffle_samples",
            units="share of units",
            bounds=(0.0, 1.0),
        ),
    ),
    imitations=(SKIP, WALK, ROTATED, TOKENS, UNTRAINED),
)
