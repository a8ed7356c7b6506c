"""Criteria, conditions and claims made by hand, whose verdicts are what the rules say of their numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from residyn.claims import verdicts
from residyn.claims.claim import Claim, Criterion
from residyn.claims.conditions import CONDITIONS
from residyn.claims.record import (
    ClaimResult,
    ConditionRecord,
    ConditionResult,
    CriterionResult,
    NullResult,
    SecondResult,
    Verdict,
)

NAN = math.nan
NULL = NullResult("the same places in random order", 0.1, 0.01, 999, "values", "depth")
RECORDS = {
    one.name: ConditionRecord(one.name, one.title, one.role, 40, 3, one.preserves, one.destroys)
    for one in CONDITIONS
}


def criterion(
    value: float = 0.7,
    low: float = 0.6,
    high: float = 0.8,
    *,
    threshold: float = 0.5,
    above: bool = True,
    null: NullResult | None = NULL,
    conditions: Mapping[str, ConditionResult] | None = None,
    second: SecondResult | None = None,
    premise: bool = False,
    statistic: str = "rank correlation of x with depth",
) -> CriterionResult:
    """A statistic whose verdict is what the rules say; by default one that holds."""
    made = CriterionResult(
        name="x_trend",
        statistic=statistic,
        units="1",
        value=value,
        low=low,
        high=high,
        threshold=threshold,
        above=above,
        verdict="undecided",
        null=null,
        conditions=conditions or {},
        second=second,
        premise=premise,
    )
    return replace(made, verdict=verdicts.criterion_verdict(made))


def with_p(p: float, repeats: int = 999) -> NullResult:
    return replace(NULL, p=p, repeats=repeats)


def second(value: float, low: float, high: float, verdict: Verdict) -> SecondResult:
    return SecondResult("ranks", value, low, high, verdict)


def tried(
    passes: bool | None, reaches: bool | None = None, low: float = 0.1, high: float = 0.3
) -> ConditionResult:
    """A statistic under a condition; `low` and `high` are the ends of how far the model is beyond it."""
    return ConditionResult(0.6 if passes else 0.4, passes, 0.3, 0.5, (low + high) / 2, low, high, reaches)


def result(*criteria: CriterionResult, **changes) -> ClaimResult:
    """The record of a claim with these criteria; `changes` replace its other fields."""
    made = ClaimResult(
        number=99,
        variant="",
        claim="x grows",
        panel="B",
        verdict=verdicts.claim_verdict(criteria),
        sentence="",
        origin="",
        reproduced_in=(),
        passes_in=(),
        abolished_by=(),
        criteria=criteria,
    )
    return replace(made, **changes)


def stated(name: str, needs: tuple[str, ...] = ("x",), **options) -> Criterion:
    """A criterion of states or teleports: the first value of its first curve above a half."""

    def first(curves, _depth):
        return curves[needs[0]][:, 0]

    asked = {"statistic": f"first {name}", "compute": first, "threshold": 0.5} | options
    return Criterion(name=name, needs=needs, **asked)


def claimed(*criteria: Criterion, number: int = 99, **options) -> Claim:
    return Claim(number=number, claim="x grows", panel="B", criteria=criteria, **options)
