"""From numbers to verdicts: whether a criterion and a claim hold, and where that comes from."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from residyn.claims.claim import Claim
from residyn.claims.conditions import LEAST_NETWORKS, PERMUTED, SAME, UNTRAINED, Condition, OtherCurves, Role
from residyn.claims.record import LEVEL, ClaimResult, CriterionResult, Origin, SecondResult, Verdict


def criterion_verdict(found: CriterionResult) -> Verdict:
    """Whether a statistic speaks for its claim.

    It holds where its whole interval is beyond the threshold and the null reaches it with p ≤ `LEVEL`; it does
    not where its whole interval is on the other side; else, and where a number is missing, it is undecided, and
    so it is where a second estimate does not say the same.
    """
    verdict = side(found.value, found.low, found.high, found.threshold, above=found.above)
    if found.second is not None and found.second.verdict != verdict:
        return "undecided"
    beats = found.null is None or (math.isfinite(found.null.p) and found.null.p <= LEVEL)
    return "undecided" if verdict == "holds" and not beats else verdict


def side(value: float, low: float, high: float, threshold: float, *, above: bool) -> Verdict:
    """On which side of its threshold a whole interval lies."""
    if not all(math.isfinite(number) for number in (value, low, high)):
        return "undecided"
    if low > threshold if above else high < threshold:
        return "holds"
    return "does not hold" if (high <= threshold if above else low >= threshold) else "undecided"


def claim_verdict(criteria: Sequence[CriterionResult]) -> Verdict:
    """A claim holds where all its criteria do, does not where one does not, and is open without its premises."""
    premises = [one.verdict for one in criteria if one.premise]
    verdicts = [one.verdict for one in criteria if not one.premise]
    if any(verdict != "holds" for verdict in premises):
        return "undecided"
    if "does not hold" in verdicts:
        return "does not hold"
    return "holds" if verdicts and all(verdict == "holds" for verdict in verdicts) else "undecided"


def disagrees(second: SecondResult | None, found: CriterionResult) -> bool:
    """Whether a second estimate says something else than the first one alone would."""
    return second is not None and second.verdict != side(
        found.value, found.low, found.high, found.threshold, above=found.above
    )


def reproduced_in(claim: Claim, result: ClaimResult) -> tuple[str, ...]:
    """The conditions that pass as well, and reach the model's value."""
    return tuple(name for name in _passing(claim, result) if result.reaches(name))


def passes_in(claim: Claim, result: ClaimResult) -> tuple[str, ...]:
    """The conditions that pass as well, and stay short of the model's value, or nobody can tell."""
    return tuple(name for name in _passing(claim, result) if not result.reaches(name))


def _passing(claim: Claim, result: ClaimResult) -> list[str]:
    return [one.name for one in claim.imitations if result.passes(one.name)]


def abolished_by(claim: Claim, result: ClaimResult) -> tuple[str, ...]:
    """The removals under which the claim is lost: it fails there, and by a difference that is clear.

    What the model itself fails on the controls' samples was not lost by what was taken from these.
    """
    own = result.passes(SAME.name)
    return tuple(
        one.name
        for one in claim.removals
        if (own or isinstance(one.made, OtherCurves))
        and any(_is_lost(each, one) for each in result.criteria if not each.premise)
    )


def _is_lost(found: CriterionResult, condition: Condition) -> bool:
    there = found.conditions.get(condition.name)
    return there is not None and there.passes is False and _differs(found, condition)


def _differs(found: CriterionResult, condition: Condition) -> bool:
    """Whether the model is clearly further on the claim's side than a condition."""
    there = found.conditions[condition.name]
    return there.difference_low > 0 if found.above else there.difference_high < 0


def origin(claim: Claim, result: ClaimResult, n_networks: int) -> Origin:
    """Where a claim that holds comes from; see `ClaimResult`."""
    explaining = _named(claim.imitations, Role.NULL, Role.QUANTITY)
    if result.abolished_by or set(result.reproduced_in) & explaining:
        return "artefact"
    untrained = result.passes(UNTRAINED.name)
    if untrained is None:
        return ""
    if untrained:
        return "architecture"
    if result.passes(PERMUTED.name):
        return "scale"
    short = [one for one in result.criteria if UNTRAINED.name in one.conditions]
    short = [one for one in short if one.conditions[UNTRAINED.name].passes is False and not one.premise]
    clear = n_networks >= LEAST_NETWORKS and all(_differs(one, UNTRAINED) for one in short)
    return "learned" if clear else ""


def _named(conditions: Collection[Condition], *roles: Role) -> set[str]:
    return {one.name for one in conditions if one.role in roles}
