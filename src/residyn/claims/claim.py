"""A claim as a record: criteria with a threshold and a null, and the conditions that it is tried under.

Thresholds are conventions, stated with every verdict. A trend is a rank correlation with depth beyond ±0.5, "most"
is more than half, and a difference counts from a least effect on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from residyn.claims.conditions import Condition
from residyn.claims.depth_nulls import EXCHANGED_KINDS, FLIPPED_STEPS, DepthNull
from residyn.claims.statistics import Statistic, change_of, first_of, gap_of, trend_of
from residyn.nulls import Null

TREND = 0.5


@dataclass(frozen=True)
class HostSigns:
    """The null of teleports: each host's distance from the threshold with a random sign."""

    title: str = "each host's distance from the threshold with a random sign"
    preserves: str = "how far each host's value is from the threshold"
    destroys: str = "on which side of it it is"


@dataclass(frozen=True)
class TextSigns:
    """The null of texts: each text's distance from the threshold with a random sign, one for a document."""

    title: str = "each text's distance from the threshold with a random sign"
    preserves: str = "how far each text's value is from the threshold"
    destroys: str = "on which side of it it is"


@dataclass(frozen=True)
class Second:
    """Another estimate of the same: curves that take the places of others. Both must give one verdict."""

    title: str
    curves: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One statistic that a claim needs, and what it must be.

    It speaks for the claim where it is beyond `threshold`: above it, or below it unless `above`. `needs` names
    the curves it is made of. `null` is a null of these curves, one of states, that of hosts or of texts, or None
    where the threshold is the only yardstick. `bounds` are the least and the largest value. A `premise` is no
    part of what the claim says: where it does not hold, nothing can be said of the claim. `extreme` marks the
    smallest of several values, or a low quantile of them: noise makes it smaller, by the root of its variance.
    """

    name: str
    statistic: str
    needs: tuple[str, ...]
    compute: Statistic
    threshold: float
    null: DepthNull | Null | HostSigns | TextSigns | None = None
    above: bool = True
    units: str = "1"
    bounds: tuple[float, float] = (float("-inf"), float("inf"))
    second: Second | None = None
    premise: bool = False
    extreme: bool = False


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim, by its number in the paper's order, and the panel that shows it: a letter of Figure 1, or the stem
    of a panel of another composite.

    `imitations` are conditions that know nothing of what the claim is about: one that reaches the model's value
    explains it. `removals` are those in which something is taken away: a claim that is lost there was about that.
    `of` says what its statistics are made of: states, teleports and their hosts, local maps, or outputs.
    `rests_on_first` marks a claim about the first sublayers, which rest on few values where most texts end in one
    token. `paper` is false for a claim that the paper does not make.
    """

    number: int
    claim: str
    panel: str
    criteria: tuple[Criterion, ...]
    imitations: tuple[Condition, ...] = ()
    removals: tuple[Condition, ...] = ()
    variant: str = ""
    of: Literal["states", "teleports", "maps", "outputs"] = "states"
    rests_on_first: bool = False
    paper: bool = True

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (*self.imitations, *self.removals)


RANKS = Second(
    "ranks",
    {"unit_correlation": "rank_correlation", "correlation_throughout": "rank_correlation_throughout"},
)
"""Pearson's r is moved by few extreme samples, and upwards where tails are heavy."""


TIED_AT_START = Criterion(
    name="tied_at_start",
    statistic="share of samples that share their first state with others",
    needs=("tied_samples",),
    compute=first_of("tied_samples", 1),
    threshold=0.5,
    above=False,
    bounds=(0.0, 1.0),
    premise=True,
)


def trend(curve: str, said: str, *, falls: bool = False, second: Second | None = None) -> tuple[Criterion, ...]:
    """That a curve, `said` in words, rises with depth, or falls: in both kinds of places, and from end to end."""
    both = "the weaker of both kinds"
    return (
        Criterion(
            name=f"{curve}_trend",
            statistic=f"rank correlation of {said} with depth, {both}",
            needs=(curve,),
            compute=trend_of(curve, falls=falls),
            threshold=-TREND if falls else TREND,
            above=not falls,
            null=FLIPPED_STEPS,
            units="Spearman ρ",
            bounds=(-1.0, 1.0),
            second=second,
        ),
        Criterion(
            name=f"{curve}_change",
            statistic=f"change of {said} from the first places to the last",
            needs=(curve,),
            compute=change_of(curve),
            threshold=0.0,
            above=not falls,
            second=second,
        ),
    )


def gap(
    curve: str,
    said: str,
    least: float,
    *,
    name: str = "",
    until: float = 1.0,
    units: str = "1",
    second: Second | None = None,
) -> Criterion:
    """That a curve, `said` in words, is higher within layers than across them, up to a relative depth `until`."""
    return Criterion(
        name=name or f"{curve}_gap",
        statistic=f"{said} within layers above that of neighbours across them",
        needs=(curve,),
        compute=gap_of(curve, until),
        threshold=least,
        null=EXCHANGED_KINDS,
        units=units,
        second=second,
    )
