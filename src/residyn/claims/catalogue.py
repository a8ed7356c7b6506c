"""The fourteen claims of the paper, each as statistics with a threshold, a null, and the controls that decide it.

Thresholds are conventions, stated with every verdict. A trend is a rank correlation with depth beyond ±0.5.
"Most" is more than half. A share "kept" is nearer to all than to chance.
"""

from __future__ import annotations

from dataclasses import dataclass

from residyn.claims.statistics import (
    Statistic,
    drop_of,
    early_slope_of,
    gap_of,
    late_slope_of,
    mean_of,
    trend_of,
)

ORDER, KINDS = "order of depth", "kinds of transition"
"""Nulls of a curve: its places in random order, and "within" and "cross" of each layer exchanged at random."""

TREND = 0.5


@dataclass(frozen=True)
class Part:
    """One statistic that a claim needs.

    It speaks for the claim where it is beyond `threshold`: above it, or below it unless `above`. `needs` are
    the curves it is made of. `null` is `ORDER`, `KINDS`, the name of a null of states, or None where the
    threshold is the only yardstick. `bounds` are the least and largest value it can have.
    """

    name: str
    statistic: str
    needs: tuple[str, ...]
    compute: Statistic
    threshold: float
    null: str | None
    above: bool = True
    units: str = "1"
    bounds: tuple[float, float] = (float("-inf"), float("inf"))


@dataclass(frozen=True)
class Claim:
    """A claim, by its number in the paper's order.

    `imitations` name the controls that know nothing of what the claim is about: one that passes too explains it.
    `removals` name what may be taken away: a claim that is lost by it was about that.
    """

    number: int
    claim: str
    panel: str
    parts: tuple[Part, ...]
    imitations: tuple[str, ...]
    removals: tuple[str, ...] = ()
    variant: str = ""


def _trend(curve: str, said: str, *, falls: bool = False) -> Part:
    return Part(
        name=f"{curve}_trend",
        statistic=f"rank correlation of {said} with depth",
        needs=(curve,),
        compute=trend_of(curve),
        threshold=-TREND if falls else TREND,
        above=not falls,
        null=ORDER,
        units="Spearman ρ",
        bounds=(-1.0, 1.0),
    )


def _gap(curve: str, said: str, *, name: str = "", until: float = 1.0, units: str = "1") -> Part:
    return Part(
        name=name or f"{curve}_gap",
        statistic=f"{said} within layers minus across them",
        needs=(curve,),
        compute=gap_of(curve, until),
        threshold=0.0,
        null=KINDS,
        units=units,
    )


UNTRAINED, SIGNS, WALK, ROTATED = "untrained", "random signs", "random walk", "rotated basis"
SKIP, LINEAR, NORM_FREE, MASSIVE = "skip path", "linear floor", "norm-free", "without massive units"
TOKENS, POSITIONS, ISOTROPIC = "shuffled tokens", "random positions", "isotropic moves"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        1, "Mean activation magnitude grows over sublayers", "B",
        (_trend("magnitude", "mean |h|"),),
        (SIGNS, TOKENS, UNTRAINED), (MASSIVE,),
    ),
    Claim(
        2, "Activations grow dense", "B",
        (_trend("density", "population density"),),
        (SIGNS, ROTATED, TOKENS, UNTRAINED), (MASSIVE,),
    ),
    Claim(
        3, "Units keep their sign", "B",
        (
            Part(
                "sign_kept", "share of units whose mean has its final sign, averaged over sublayers",
                ("sign_kept",), mean_of("sign_kept", but_last=True), 0.75, "permute_units",
                units="share of units", bounds=(0.0, 1.0),
            ),
        ),
        (SIGNS, ROTATED, TOKENS, UNTRAINED),
    ),
    Claim(
        4, "Correlation is higher within layers than across them", "C",
        (_gap("unit_correlation", "median r"),),
        (SKIP, TOKENS, UNTRAINED), (MASSIVE,),
    ),
    Claim(
        5, "Correlation grows over depth", "C",
        (_trend("unit_correlation", "median r"),),
        (SKIP, WALK, TOKENS, UNTRAINED), (MASSIVE,),
    ),
    Claim(
        6, "Correlation exceeds 0.8 even in early layers", "C",
        (
            Part(
                "early_correlation", "median r, averaged over the first third of the depth",
                ("unit_correlation",),
                mean_of("unit_correlation", 0.0, 1 / 3), 0.8, "shuffle_samples",
                bounds=(-1.0, 1.0), units="Pearson r",
            ),
        ),
        (SKIP, WALK, ROTATED, TOKENS, UNTRAINED),
    ),
    Claim(
        7, "Most units are strongly correlated throughout the network", "D",
        (
            Part(
                "strong_throughout", "share of units with r > 0.8 at nine of ten transitions",
                ("strong_throughout",), mean_of("strong_throughout"), 0.5, "shuffle_samples",
                units="share of units", bounds=(0.0, 1.0),
            ),
        ),
        (SKIP, WALK, ROTATED, TOKENS, UNTRAINED),
    ),
    Claim(
        8, "Cosine similarity grows with depth and is higher within layers", "E",
        (_trend("cosine", "cosine similarity"), _gap("cosine", "cosine similarity")),
        (SIGNS, TOKENS, UNTRAINED), (MASSIVE,),
    ),
    Claim(
        9, "Velocity is flat early and grows most steeply in the last third", "F",
        (
            Part(
                "velocity_early",
                "steepness of velocity in the first third beyond half its mean slope, in mean velocities",
                ("velocity",), early_slope_of("velocity"), 0.0, None, above=False, units="per depth",
            ),
            Part(
                "velocity_late",
                "slope of velocity in the last third beyond the steepest one before, in mean velocities",
                ("velocity",), late_slope_of("velocity"), 0.0, ORDER, units="per depth",
            ),
        ),
        (TOKENS, UNTRAINED), (NORM_FREE, MASSIVE),
    ),
    Claim(
        10, "Mutual information drops sharply early, most at cross-layer transitions", "H",
        (
            Part(
                "information_drop", "share of the initial mutual information lost by a third of the depth",
                ("mutual_information",), drop_of("mutual_information"), 0.5, ORDER, units="share",
            ),
            _gap("mutual_information", "mutual information in the first half", name="information_gap", until=0.5,
                 units="nats"),
        ),
        (LINEAR, WALK, TOKENS, UNTRAINED), (POSITIONS,),
    ),
    Claim(
        11, "Mutual information falls while correlation rises", "H",
        (_trend("mutual_information", "mutual information", falls=True), _trend("unit_correlation", "median r")),
        (LINEAR, WALK, TOKENS, UNTRAINED), (POSITIONS,),
    ),
    Claim(
        12, "Early sublayers spread their variance over more dimensions than late ones", "K",
        (
            _trend("explained_variance_by_sublayer", "the variance that 100 global components explain"),
            _trend("participation_ratio", "the participation ratio", falls=True),
        ),
        (SIGNS, WALK, TOKENS, UNTRAINED), (POSITIONS, MASSIVE),
    ),
    Claim(
        13, "Trajectories are consistent and curved, attention and MLP states slightly offset", "I",
        (
            Part(
                "shared_direction", "cosine between two samples' steps, averaged over depth",
                ("shared_direction",), mean_of("shared_direction"), 0.5, "random_walk", bounds=(-1.0, 1.0),
            ),
            Part(
                "straightness", "length of the straight line from first to last mean state, over the path's",
                ("mean_path_straightness",), mean_of("mean_path_straightness"), 0.9, None,
                above=False, bounds=(0.0, 1.0),
            ),
            Part(
                "offset", "distance of mean MLP states from the line between attention states, over its length",
                ("mean_path_offset",), mean_of("mean_path_offset"), 0.05, None,
            ),
        ),
        (TOKENS, UNTRAINED), (POSITIONS, MASSIVE),
    ),
)  # fmt: skip
