"""What was found of a claim, in words: the statistics that decide, their nulls, and what else shows the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from residyn.claims.conditions import PERMUTED, POSITIONS, UNTRAINED, Role
from residyn.claims.record import LEVEL, ClaimResult, ConditionRecord, CriterionResult, NullResult
from residyn.claims.verdicts import disagrees, side
from residyn.words import interval, listed, number, p_value

WITHOUT: Mapping[str, str] = MappingProxyType(
    {
        "maps": "Not judged: no local maps of this model were given. `residyn jacobians DIR` makes a run's.",
        "outputs": "Not judged: no texts in which this model skips blocks were given. `residyn outputs DIR` makes "
        "a run's.",
    }
)
"""What is said of a claim about numbers of texts where there are none, by what it is of."""


def sentence(result: ClaimResult, conditions: Mapping[str, ConditionRecord], caution: str = "") -> str:
    """What was seen. A claim that is lost where texts are cut at random tokens says so first."""
    if not result.criteria:
        said = "Undecided: nothing was measured."
    else:
        said = f"{result.verdict.capitalize()}: {'; '.join(_said(one) for one in _deciding(result))}."
    first, rest = _only(result, conditions), _explained(result, conditions)
    return " ".join(part for part in (*first, said, *rest, caution) if part)


def remarks(result: ClaimResult, conditions: Mapping[str, ConditionRecord]) -> str:
    """What else shows a claim that holds, and what it is lost with; empty for others.

    Of a condition that a file names and does not describe, nothing is said.
    """

    def described(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name in conditions)

    known = replace(
        result,
        reproduced_in=described(result.reproduced_in),
        passes_in=described(result.passes_in),
        abolished_by=described(result.abolished_by),
    )
    return " ".join([*_only(known, conditions), *_explained(known, conditions)])


def _only(result: ClaimResult, conditions: Mapping[str, ConditionRecord]) -> Iterator[str]:
    if POSITIONS.name in result.abolished_by:
        yield f"Only at the end of texts, and not in {conditions[POSITIONS.name].title}."


def _deciding(result: ClaimResult) -> Sequence[CriterionResult]:
    premises = [one for one in result.criteria if one.premise and one.verdict != "holds"]
    found = [one for one in result.criteria if one.verdict == result.verdict and not one.premise]
    return premises or found or result.criteria


def _said(found: CriterionResult) -> str:
    comma = "," if "," in found.statistic else ""
    text = f"the {found.statistic}{comma} is"
    if not math.isfinite(found.value):
        return f"{text} not defined on these states"
    text = f"{text} {number(found.value)}"
    if not math.isfinite(found.low):
        return f"{text}, without an interval: there are too few samples or documents"
    # How few layers there are is no estimate.
    exact = found.premise and found.low == found.high
    ends = "" if exact else f" ({number(found.low)} to {number(found.high)})"
    return f"{text}{ends}, {_beside_threshold(found)}"


def _beside_threshold(found: CriterionResult) -> str:
    """Where the interval lies, and what the null and a second estimate do."""
    threshold = f"{'above' if found.above else 'below'} {number(found.threshold)}"
    if disagrees(found.second, found) and found.second is not None:
        other = interval(found.second.value, found.second.low, found.second.high)
        return f"and of {found.second.title} {other}, which says something else"
    if found.verdict == "does not hold":
        return f"not {threshold}"
    if side(found.value, found.low, found.high, found.threshold, above=found.above) == "undecided":
        return f"which includes {number(found.threshold)}"
    return threshold if found.null is None else f"{threshold}, {_beside_null(found.null)}"


def _beside_null(null: NullResult) -> str:
    if not math.isfinite(null.p):
        return "but its null could not be drawn"
    if null.p <= LEVEL:
        return f"{p_value(null.p)} against {null.name}"
    if 1 / (1 + null.repeats) > LEVEL:
        return f"but its null, {null.name}, has too few draws to tell ({null.repeats})"
    return f"but not clearly beyond its null, {null.name} ({p_value(null.p)})"


def _explained(result: ClaimResult, conditions: Mapping[str, ConditionRecord]) -> Iterator[str]:
    """What else shows a claim that holds, and what it is lost with."""
    if result.verdict != "holds":
        return

    def titles(names: Sequence[str], *roles: Role) -> list[str]:
        return [conditions[name].title for name in names if conditions[name].role in roles]

    reproduced, passing = result.reproduced_in, result.passes_in
    if explaining := [name for name in reproduced if conditions[name].role in (Role.NULL, Role.QUANTITY)]:
        kept = "what these keep" if len(explaining) > 1 else conditions[explaining[0]].preserves
        names = [conditions[name].title for name in explaining]
        yield f"As much is seen in {listed(names)}: it follows from {kept}."
    if short := titles(passing, Role.NULL, Role.QUANTITY):
        yield f"Less of it is seen in {listed(short)}."
    if titles(reproduced, Role.BASIS):
        yield "As much is seen in a random basis: it says nothing of single units."
    if inputs := titles(reproduced, Role.INPUT):
        yield f"As much is seen with {listed(inputs)}."
    if inputs := titles(passing, Role.INPUT):
        yield f"Less of it is seen with {listed(inputs)}."
    if titles((*reproduced, *passing), Role.DIRECTION):
        yield "Moves in any direction come back as well: there is no basin of the plane."
    if others := [conditions[name].title for name in result.abolished_by if name != POSITIONS.name]:
        yield f"It is lost with {listed(others)}."
    if UNTRAINED.name in (*reproduced, *passing):
        yield "Untrained networks of this architecture pass too."
    elif result.origin == "scale" and PERMUTED.name in conditions:
        yield f"Untrained networks do not show it, but {conditions[PERMUTED.name].title} do: it is their scale."
    elif result.origin == "learned":
        yield "Untrained networks of this architecture do not: it is learned."
