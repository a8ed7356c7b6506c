"""The conditions and the verdicts, of everything that was computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from residyn.claims import criteria, sentences, teleports, verdicts
from residyn.claims.at_texts import AtTexts
from residyn.claims.claim import TIED_AT_START, Claim, Criterion
from residyn.claims.conditions import (
    CONDITIONS,
    GINIBRE,
    ISOTROPIC,
    PERMUTED,
    UNTRAINED,
    Condition,
    OtherCurves,
)
from residyn.claims.criteria import Evidence
from residyn.claims.ledger import MODEL, Of, draws_of
from residyn.claims.record import ClaimResult, ConditionRecord, ConditionResult, CriterionResult


def assemble(
    found: Evidence, chosen: Sequence[Claim]
) -> tuple[tuple[ConditionRecord, ...], tuple[ClaimResult, ...]]:
    """The conditions, and what was found of the chosen claims, in their order."""
    conditions = {one.name: one for one in _conditions(found)}
    caution = _caution(found)
    results = []
    for claim in chosen:
        judged = _with_own([_measured(one, claim, found) for one in claim.criteria])
        premises = [criteria.too_few_layers(one, found) for one in claim.criteria]
        judged += [one for one in premises if one is not None]
        result = judged_of(claim, judged, _n_networks(claim, found))
        said = sentences.sentence(result, conditions, caution if claim.rests_on_first else "")
        if claim.of in sentences.WITHOUT and claim.of not in found.at_texts:
            said = sentences.WITHOUT[claim.of]
        results.append(replace(result, sentence=said))
    return tuple(conditions.values()), tuple(results)


def _measured(criterion: Criterion, claim: Claim, found: Evidence) -> CriterionResult:
    if claim.of == "states":
        return criteria.of_states(criterion, found)
    if claim.of == "teleports":
        return criteria.of_teleports(criterion, found)
    return criteria.of_texts(criterion, found.at_texts.get(claim.of), found)


def _caution(found: Evidence) -> str:
    tied = found.ledger.get(MODEL, {}).get(TIED_AT_START.name, [0.0])[0]
    if not tied > TIED_AT_START.threshold:
        return ""
    return f"{tied:.0%} of the samples share their first state with others: the first sublayers rest on few."


def _conditions(found: Evidence) -> list[ConditionRecord]:
    n_some, n_all = len(found.paired.group), len(found.plan.group)
    moved = {name: len(one.plan.group) for name, one in found.trajectories.items()}
    untrained = [n for name, n in moved.items() if name.startswith(teleports.UNTRAINED)]
    made = []
    for one in CONDITIONS:
        draws = len(draws_of(found.ledger, Of.CONDITION, one.name))
        n_samples = n_all if isinstance(one.made, OtherCurves) else n_some
        if one is ISOTROPIC and "isotropic" in moved:
            draws, n_samples = 1, moved["isotropic"]
        if one is UNTRAINED and not draws and untrained:
            draws, n_samples = len(untrained), untrained[0]
        for at_texts in found.at_texts.values():
            if not draws:
                draws, n_samples = _of_texts(one, at_texts)
        if draws:
            made.append(_record(one, n_samples, draws))
    return made


def _of_texts(condition: Condition, found: AtTexts) -> tuple[int, int]:
    """How many draws of a condition there are in numbers of texts, and at how many texts."""
    if condition is GINIBRE:
        return int(found.random is not None), len(found.model.plan.group)
    n_texts = 0 if found.same is None else len(found.same.plan.group)
    if condition is UNTRAINED:
        return len(found.untrained), n_texts
    return int(condition is PERMUTED and found.permuted is not None), n_texts


def _record(condition: Condition, n_samples: int, draws: int) -> ConditionRecord:
    return ConditionRecord(
        name=condition.name,
        title=condition.title,
        role=condition.role,
        n_samples=n_samples,
        draws=draws,
        preserves=condition.preserves,
        destroys=condition.destroys,
    )


def _with_own(found: list[CriterionResult]) -> list[CriterionResult]:
    """The criteria of one claim, with the model's own value where a quantity stands in for another's only."""
    for condition in (one for one in CONDITIONS if isinstance(one.made, OtherCurves)):
        if any(condition.name in one.conditions for one in found):
            found = [
                one
                if condition.name in one.conditions
                else replace(one, conditions={**one.conditions, condition.name: _own(one)})
                for one in found
            ]
    return found


def _own(found: CriterionResult) -> ConditionResult:
    return ConditionResult(found.value, criteria.passes(found, found.value), reaches=True)


def _n_networks(claim: Claim, found: Evidence) -> int:
    """How many untrained networks a claim is tried on: of captured states, teleports, or texts."""
    if claim.of in sentences.WITHOUT:
        return len(found.at_texts[claim.of].untrained) if claim.of in found.at_texts else 0
    if claim.of == "teleports":
        return sum(name.startswith(teleports.UNTRAINED) for name in found.trajectories)
    return len(draws_of(found.ledger, Of.CONDITION, UNTRAINED.name))


def judged_of(claim: Claim, found: Sequence[CriterionResult], n_networks: int) -> ClaimResult:
    """The verdict on a claim from what was found of its criteria, what else shows it, and where it comes from.

    Without its sentence, which names conditions.
    """
    result = ClaimResult(
        number=claim.number,
        variant=claim.variant,
        claim=claim.claim,
        panel=claim.panel,
        verdict=verdicts.claim_verdict(found),
        sentence="",
        origin="",
        reproduced_in=(),
        passes_in=(),
        abolished_by=(),
        criteria=tuple(found),
        paper=claim.paper,
    )
    result = replace(
        result,
        reproduced_in=verdicts.reproduced_in(claim, result),
        passes_in=verdicts.passes_in(claim, result),
    )
    if result.verdict != "holds":
        return result
    result = replace(result, abolished_by=verdicts.abolished_by(claim, result))
    return replace(result, origin=verdicts.origin(claim, result, n_networks))
