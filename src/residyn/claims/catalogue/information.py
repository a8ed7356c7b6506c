"""Claims about mutual information (panels G, H)."""

from __future__ import annotations

from residyn.claims.claim import (
    LINEAR,
    ORDER,
    POSITIONS,
    TOKENS,
    UNTRAINED,
    WALK,
    Claim,
    Part,
    gap_part,
    trend_part,
)
from residyn.claims.statistics import drop_of

CLAIM_10 = Claim(
    number=10,
    claim="Mutual information drops sharply early, most at cross-layer transitions",
    panel="H",
    parts=(
        Part(
            "information_drop",
            "share of the initial mutual information lost by a third of the depth",
            ("mutual_information",),
            drop_of("mutual_information"),
            0.5,
            ORDER,
            units="share",
        ),
        gap_part(
            "mutual_information",
            "mutual information in the first half",
            name="information_gap",
            until=0.5,
            units="nats",
        ),
    ),
    imitations=(LINEAR, WALK, TOKENS, UNTRAINED),
    removals=(POSITIONS,),
    rests_on_first=True,
)

CLAIM_11 = Claim(
    number=11,
    claim="Mutual information falls while correlation rises",
    panel="H",
    parts=(
        trend_part("mutual_information", "mutual information", falls=True),
        trend_part("unit_correlation", "median r"),
    ),
    imitations=(LINEAR, WALK, TOKENS, UNTRAINED),
    removals=(POSITIONS,),
    rests_on_first=True,
)
