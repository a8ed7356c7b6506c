"""Claims about dimension and trajectories (panels I to K)."""

from __future__ import annotations

from residyn.claims.claim import Claim, Criterion, Second, trend
from residyn.claims.conditions import MASSIVE, PERMUTED, POSITIONS, SIGNS, TOKENS, UNTRAINED, WALK
from residyn.claims.depth_nulls import RANDOM_WALK
from residyn.claims.statistics import apart_of, change_of, inverse, mean_of
from residyn.nulls import NULLS
from residyn.quantities.curves import COMPONENTS

DIRECTIONS = Second("directions alone", {"participation_ratio": "direction_participation_ratio"})
"""A few states far out make the participation ratio small."""
LEAST = 0.05
"""Least offset, and least distance from what a random walk shows, that counts."""
_WALK = ("mean_path_walk_straightness", "mean_path_walk_offset", "mean_path_step")

CLAIM_12 = Claim(
    number=12,
    claim="Early sublayers spread their variance over more dimensions than late ones",
    panel="K",
    criteria=(
        *trend("explained_variance_by_sublayer", f"the variance that {COMPONENTS} global components explain"),
        trend("participation_ratio", "the participation ratio", falls=True, second=DIRECTIONS)[0],
        Criterion(
            name="concentration_change",
            statistic="change of 1 over the participation ratio from the first places to the last",
            needs=("participation_ratio",),
            # Of N samples it is 1/N too large at every place, and so not its change.
            compute=inverse(change_of, "participation_ratio"),
            threshold=0.0,
            second=DIRECTIONS,
        ),
    ),
    imitations=(SIGNS, WALK, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
    rests_on_first=True,
)

CLAIM_13 = Claim(
    number=13,
    claim="Trajectories are consistent and curved, attention and MLP states slightly offset",
    panel="I",
    criteria=(
        Criterion(
            name="shared_direction",
            statistic="mean cosine between the steps of two samples of different groups of documents",
            needs=("shared_direction",),
            compute=mean_of("shared_direction"),
            threshold=0.5,
            null=NULLS["random_walk"],
            units="cosine",
            bounds=(-1.0, 1.0),
        ),
        Criterion(
            name="straightness",
            statistic="straightness of the mean path",
            needs=("mean_path_straightness",),
            compute=mean_of("mean_path_straightness"),
            threshold=0.9,
            above=False,
            bounds=(0.0, 1.0),
        ),
        Criterion(
            name="straightness_beyond_walk",
            statistic="distance of the mean path's straightness from a random walk's with its steps",
            needs=("mean_path_straightness", *_WALK),
            compute=apart_of("mean_path_straightness", "mean_path_walk_straightness"),
            threshold=LEAST,
            null=RANDOM_WALK,
            bounds=(0.0, 1.0),
        ),
        Criterion(
            name="offset",
            statistic="offset of mean MLP states from the line between attention states, over its length",
            needs=("mean_path_offset",),
            compute=mean_of("mean_path_offset"),
            threshold=LEAST,
        ),
        Criterion(
            name="offset_beyond_walk",
            statistic="distance of the mean MLP states' offset from a random walk's with the mean path's steps",
            needs=("mean_path_offset", *_WALK),
            compute=apart_of("mean_path_offset", "mean_path_walk_offset"),
            threshold=LEAST,
            null=RANDOM_WALK,
        ),
    ),
    imitations=(TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
)
