"""What nulls and controls do to the numbers that a panel shows, from the verdicts of its claims."""

from __future__ import annotations

import math
from collections.abc import Iterator

from residyn.claims import ClaimResult, CriterionResult, Role, Verdicts
from residyn.words import interval, listed, number, p_value


def controls_of(verdicts: Verdicts | None, letter: str) -> tuple[str, ...]:
    """For each statistic of a panel's claims: its value, its null's, untrained models', and what passes too.

    The first of a claim begins with the claim's verdict.
    """
    if verdicts is None:
        return ()
    return tuple(
        " ".join(_said(one, claim, verdicts, first=place == 0))
        for claim in verdicts.claims
        if claim.panel == letter
        for place, one in enumerate(claim.criteria)
    )


def _said(one: CriterionResult, claim: ClaimResult, verdicts: Verdicts, *, first: bool) -> Iterator[str]:
    value = interval(one.value, one.low, one.high)
    head = f"Claim {claim.label} {_VERBS[claim.verdict]}"
    if len(claim.criteria) > 1:
        # A claim of several statistics is not the verdict on each.
        yield from [f"{head}."] if first else []
        yield f"Of claim {claim.label}, this {_VERBS[one.verdict]}: {one.statistic}, {value}."
    else:
        yield f"{head}: {one.statistic}, {value}."
    if one.null is not None:
        yield f"Under its null, {one.null.name}: {number(one.null.mean)} on average, {p_value(one.null.p)}."
    for condition in verdicts.conditions:
        trial = one.conditions.get(condition.name)
        if condition.role is Role.UNTRAINED and trial is not None and not math.isnan(trial.value):
            yield f"In {condition.title}: {interval(trial.value, trial.low, trial.high)}."
    yield from _listed("As much in", claim.reproduced_in, one, verdicts, passing=True)
    yield from _listed("Passes, if less, in", claim.passes_in, one, verdicts, passing=True)
    yield from _listed("Lost with", claim.abolished_by, one, verdicts, passing=False)


_VERBS = {"holds": "holds", "does not hold": "does not hold", "undecided": "is undecided"}


def _listed(
    head: str, names: tuple[str, ...], one: CriterionResult, verdicts: Verdicts, *, passing: bool
) -> Iterator[str]:
    """Those of a claim's controls in which this statistic, too, passes or does not."""
    untrained = verdicts.of_role(Role.UNTRAINED)
    found = [
        f"{verdicts.title_of(name)} ({number(one.conditions[name].value)})"
        for name in names
        if name not in untrained and name in one.conditions and one.conditions[name].passes is passing
    ]
    if found:
        yield f"{head} {listed(found)}."
