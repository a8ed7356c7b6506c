"""Claims about how populations of states flow over depth, which the paper does not make."""

from __future__ import annotations

from residyn.claims.claim import Claim, Criterion, trend
from residyn.claims.conditions import MASSIVE, PERMUTED, POSITIONS, TOKENS, UNTRAINED, WALK
from residyn.claims.statistics import beyond_of, mean_of
from residyn.nulls import NULLS

HALF = 0.5
LEVEL = 0.05
"""Largest p of a rotation among surrogates."""

CLAIM_24 = Claim(
    number=24,
    claim="Deep layers change the state little",
    panel="dynamics_angle_over_quarter",
    criteria=(
        *trend("angle_over_quarter", "the angle over a quarter of the layers", falls=True),
        Criterion(
            name="deep_angle_beyond_walk",
            statistic="angle over a quarter of the layers, from the second half of the places on, above that of a "
            "walk with the same norms and angles",
            needs=("angle_over_quarter", "angle_over_quarter_walk"),
            compute=beyond_of("angle_over_quarter", "angle_over_quarter_walk", HALF),
            threshold=0.0,
            above=False,
            null=NULLS["random_walk"],
            units="half turns",
            bounds=(-1.0, 1.0),
        ),
    ),
    imitations=(WALK, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
    paper=False,
)

CLAIM_25 = Claim(
    number=25,
    claim="States of different texts draw together, beside their lengths",
    panel="dynamics_pair_growth",
    criteria=(
        Criterion(
            name="pairs_draw_together",
            statistic="growth of distances between texts minus that of norms, ln per transition, mean over depth",
            needs=("pair_growth",),
            compute=mean_of("pair_growth"),
            threshold=0.0,
            above=False,
            null=NULLS["random_walk"],
            units="ln per transition",
        ),
    ),
    imitations=(WALK, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
    paper=False,
)

CLAIM_26 = Claim(
    number=26,
    claim="The population of states rotates",
    panel="dynamics_rotation",
    criteria=(
        Criterion(
            name="rotation_ratio",
            statistic="share of what the best linear map explains of the steps that a rotation explains",
            needs=("rotation_ratio",),
            compute=mean_of("rotation_ratio"),
            threshold=HALF,
            null=NULLS["random_walk"],
            bounds=(0.0, 1.0),
        ),
        Criterion(
            name="rotation_beyond_marginals",
            statistic="share of surrogates with the same tensor marginal covariances that rotate as much",
            needs=("rotation_p",),
            compute=mean_of("rotation_p"),
            threshold=LEVEL,
            above=False,
            bounds=(0.0, 1.0),
        ),
    ),
    imitations=(WALK, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
    paper=False,
)

CLAIM_27 = Claim(
    number=27,
    claim="The flow of the population contracts volumes",
    panel="dynamics_population_growth",
    criteria=(
        Criterion(
            name="population_contracts",
            statistic="growth of volumes under the map from state to state, ln per dimension, mean over depth",
            needs=("population_growth",),
            compute=mean_of("population_growth"),
            threshold=0.0,
            above=False,
            null=NULLS["random_walk"],
            units="ln per transition",
        ),
    ),
    imitations=(WALK, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
    paper=False,
)
