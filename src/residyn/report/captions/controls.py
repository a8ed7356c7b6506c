"""What nulls and controls do to the numbers that a panel shows, from the verdicts of its claims."""

from __future__ import annotations

import math
from collections.abc import Iterator

from residyn.claims import ClaimResult, PartResult, Verdicts
from residyn.words import interval, listed, number, p_value

UNTRAINED = "untrained"
"""The kind of column that is always said."""


def controls_of(verdicts: Verdicts | None, letter: str) -> tuple[str, ...]:
    """For each statistic of a panel's claims: its value, its null's, untrained models', and what passes too.

    The first of a claim begins with the claim's verdict.
    """
    if verdicts is None:
        return ()
    return tuple(
        " ".join(_said(part, claim, verdicts, first=place == 0))
        for claim in verdicts.claims
        if claim.panel == letter
        for place, part in enumerate(claim.parts)
    )


def _said(part: PartResult, claim: ClaimResult, verdicts: Verdicts, *, first: bool) -> Iterator[str]:
    value = interval(part.value, part.low, part.high)
    head = f"Claim {claim.label} {_VERBS[claim.verdict]}"
    if len(claim.parts) > 1:
        # A claim of several statistics is not the verdict on each.
        yield from [f"{head}."] if first else []
        yield f"Of claim {claim.label}, this {_VERBS[part.verdict]}: {part.statistic}, {value}."
    else:
        yield f"{head}: {part.statistic}, {value}."
    if part.null is not None:
        yield f"Under its null, {part.null.name}: {number(part.null.mean)} on average, {p_value(part.null.p)}."
    for column in verdicts.columns:
        trial = part.columns.get(column.name)
        if column.kind == UNTRAINED and trial is not None and not math.isnan(trial.value):
            yield f"In {column.title}: {interval(trial.value, trial.low, trial.high)}."
    yield from _listed("Passes in", claim.also_in, part, verdicts, passing=True)
    yield from _listed("Lost with", claim.lost_in, part, verdicts, passing=False)


_VERBS = {"holds": "holds", "does not hold": "does not hold", "undecided": "is undecided"}


def _listed(
    head: str, names: tuple[str, ...], part: PartResult, verdicts: Verdicts, *, passing: bool
) -> Iterator[str]:
    """Those of a claim's controls in which this statistic, too, passes or does not."""
    untrained = {column.name for column in verdicts.columns if column.kind == UNTRAINED}
    found = [
        f"{verdicts.title_of(name)} ({number(part.columns[name].value)})"
        for name in names
        if name not in untrained and name in part.columns and part.columns[name].passes is passing
    ]
    if found:
        yield f"{head} {listed(found)}."
