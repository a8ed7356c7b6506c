"""Claims about mutual information (panels G, H).

Judged by two estimates that see any dependence, nearest neighbours (KSG) and kernel densities (KDE), each minus
what it is of shuffled samples. Both must say the same. Where the first transitions carry no information that is
clear of the shuffle, or most samples share the first state, nothing can be said of what is lost afterwards.
"""

from __future__ import annotations

from residyn.claims.claim import RANKS, TIED_AT_START, TREND, Claim, Criterion, Second, gap
from residyn.claims.conditions import LINEAR, PERMUTED, POSITIONS, TOKENS, UNTRAINED, WALK
from residyn.claims.depth_nulls import FLIPPED_STEPS, REORDERED_STEPS
from residyn.claims.statistics import change_of, drop_of, early_trend_of, first_of

KDE = Second("KDE", {"ksg_information": "kde_information"})
LEAST = 0.05
"""Least mutual information, or difference of it, that counts, nats."""

START = (
    TIED_AT_START,
    Criterion(
        name="information_at_start",
        statistic="mutual information of the first two transitions beyond that of shuffled samples",
        needs=("ksg_information",),
        compute=first_of("ksg_information", 2),
        threshold=LEAST,
        units="nats",
        second=KDE,
        premise=True,
    ),
)

CLAIM_10 = Claim(
    number=10,
    claim="Mutual information drops sharply early, most at cross-layer transitions",
    panel="H",
    criteria=(
        *START,
        Criterion(
            name="information_drop",
            statistic="share of the initial mutual information lost by a third of the depth",
            needs=("ksg_information",),
            compute=drop_of("ksg_information"),
            threshold=0.5,
            null=REORDERED_STEPS,
            units="share",
            second=KDE,
        ),
        gap(
            "ksg_information",
            "mutual information in the first half",
            LEAST,
            name="information_gap",
            until=0.5,
            units="nats",
            second=KDE,
        ),
    ),
    imitations=(LINEAR, WALK, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS,),
    rests_on_first=True,
)

CLAIM_11 = Claim(
    number=11,
    claim="Mutual information falls while correlation rises",
    panel="H",
    criteria=(
        *START,
        Criterion(
            name="information_early_trend",
            statistic="rank correlation of mutual information with depth, over its first third",
            needs=("ksg_information",),
            compute=early_trend_of("ksg_information"),
            threshold=-TREND,
            above=False,
            null=FLIPPED_STEPS,
            units="Spearman ρ",
            bounds=(-1.0, 1.0),
            second=KDE,
        ),
        Criterion(
            name="correlation_early_trend",
            statistic="rank correlation of median r with depth, over its first third",
            needs=("unit_correlation",),
            compute=early_trend_of("unit_correlation"),
            threshold=TREND,
            null=FLIPPED_STEPS,
            units="Spearman ρ",
            bounds=(-1.0, 1.0),
            second=RANKS,
        ),
        Criterion(
            name="information_early_change",
            statistic="change of mutual information over the first third of the depth",
            needs=("ksg_information",),
            compute=change_of("ksg_information", 1 / 3),
            threshold=-LEAST,
            above=False,
            units="nats",
            second=KDE,
        ),
    ),
    imitations=(LINEAR, WALK, TOKENS, PERMUTED, UNTRAINED),
    removals=(POSITIONS,),
    rests_on_first=True,
)
