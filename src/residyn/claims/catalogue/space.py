"""Claims about dimension and trajectories (panels I to K)."""

from __future__ import annotations

from residyn.claims.claim import MASSIVE, POSITIONS, SIGNS, TOKENS, UNTRAINED, WALK, Claim, Part, trend_part
from residyn.claims.statistics import mean_of

CLAIM_12 = Claim(
    number=12,
    claim="Early sublayers spread their variance over more dimensions than late ones",
    panel="K",
    parts=(
        trend_part("explained_variance_by_sublayer", "the variance that 100 global components explain"),
        trend_part("participation_ratio", "the participation ratio", falls=True),
    ),
    imitations=(SIGNS, WALK, TOKENS, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
    rests_on_first=True,
)

CLAIM_13 = Claim(
    number=13,
    claim="Trajectories are consistent and curved, attention and MLP states slightly offset",
    panel="I",
    parts=(
        Part(
            "shared_direction",
            "cosine between two samples' steps, averaged over depth",
            ("shared_direction",),
            mean_of("shared_direction"),
            0.5,
            "random_walk",
            bounds=(-1.0, 1.0),
        ),
        Part(
            "straightness",
            "length of the straight line from first to last mean state, over the path's",
            ("mean_path_straightness",),
            mean_of("mean_path_straightness"),
            0.9,
            None,
            above=False,
            bounds=(0.0, 1.0),
        ),
        Part(
            "offset",
            "distance of mean MLP states from the line between attention states, over its length",
            ("mean_path_offset",),
            mean_of("mean_path_offset"),
            0.05,
            None,
        ),
    ),
    imitations=(TOKENS, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
)
