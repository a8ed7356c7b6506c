"""A claim as a record: statistics with a threshold, a null, and the controls that decide it.

Thresholds are conventions, stated with every verdict. A trend is a rank correlation with depth beyond ±0.5.
"Most" is more than half. A share "kept" is nearer to all than to chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from residyn.claims.statistics import Statistic, gap_of, trend_of

ORDER, KINDS = "order of depth", "kinds of transition"
"""Nulls of a curve: its places in random order, and "within" and "cross" of each layer exchanged at random."""

HOSTS = "hosts' signs"
"""Null of teleports: as many hosts are pushed on as are pulled back."""

TREND = 0.5


@dataclass(frozen=True)
class Part:
    """One statistic that a claim needs.

    It speaks for the claim where it is beyond `threshold`: above it, or below it unless `above`. `needs` are
    the curves it is made of. `null` is `ORDER`, `KINDS`, `HOSTS`, the name of a null of states, or None where the
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
    `removals` name what may be taken away: a claim that is lost by it was about that. `of` says what its
    statistics are made of: states, or teleports and their hosts. `rests_on_first` marks a claim about the first
    sublayers, which rest on few values where most texts end in one token. `paper` is false for a claim that the
    paper does not make.
    """

    number: int
    claim: str
    panel: str
    parts: tuple[Part, ...]
    imitations: tuple[str, ...]
    removals: tuple[str, ...] = ()
    variant: str = ""
    of: Literal["states", "teleports"] = "states"
    rests_on_first: bool = False
    paper: bool = True


def trend_part(curve: str, said: str, *, falls: bool = False) -> Part:
    """The rank correlation of a curve, `said` in words, with depth: beyond `TREND`, above or, where it falls,
    below.
    """
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


def gap_part(curve: str, said: str, *, name: str = "", until: float = 1.0, units: str = "1") -> Part:
    """How much higher a curve, `said` in words, is within layers than across, up to a relative depth `until`."""
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
