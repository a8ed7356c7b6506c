"""Claims about what is written into the state, which the paper does not make."""

from __future__ import annotations

from residyn.claims.claim import Claim, Criterion
from residyn.claims.conditions import MASSIVE, PERMUTED, POSITIONS, TOKENS, UNTRAINED, WALK
from residyn.claims.statistics import beyond_of, mean_of_kind
from residyn.nulls import NULLS

LEAST = 0.05
"""Least cosine, and least share beyond chance, that counts."""

CLAIM_21 = Claim(
    number=21,
    claim="Writes lie among earlier writes by more than chance and angles make them",
    panel="dynamics_earlier_writes",
    criteria=(
        Criterion(
            name="overlap_beyond_chance",
            statistic="share of a write within the span of earlier ones, above that of a random write",
            needs=("earlier_writes_overlap", "earlier_writes_overlap_random"),
            compute=beyond_of("earlier_writes_overlap", "earlier_writes_overlap_random"),
            threshold=LEAST,
            null=NULLS["random_walk"],
            bounds=(-1.0, 1.0),
        ),
    ),
    imitations=(WALK, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
    paper=False,
)

CLAIM_22 = Claim(
    number=22,
    claim="Attention adds to what the state holds",
    panel="dynamics_write_cosine",
    criteria=(
        Criterion(
            name="attention_adds",
            statistic="mean cosine of the state and what attention writes into it",
            needs=("write_cosine",),
            compute=mean_of_kind("write_cosine", "within"),
            threshold=LEAST,
            null=NULLS["flip_increments"],
            units="cosine",
            bounds=(-1.0, 1.0),
        ),
    ),
    imitations=(TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
    paper=False,
)

CLAIM_23 = Claim(
    number=23,
    claim="MLPs take back part of what attention wrote before them",
    panel="dynamics_successive_writes",
    criteria=(
        Criterion(
            name="mlp_takes_back",
            statistic="mean cosine of what attention writes and what the MLP after it writes",
            needs=("successive_writes_cosine",),
            compute=mean_of_kind("successive_writes_cosine", "cross"),
            threshold=-LEAST,
            above=False,
            null=NULLS["flip_increments"],
            units="cosine",
            bounds=(-1.0, 1.0),
        ),
    ),
    imitations=(TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE),
    paper=False,
)
