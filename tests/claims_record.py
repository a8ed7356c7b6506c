"""Records as in claims.json: every claim of the catalogue, with seeded numbers and verdicts that stand here."""

from __future__ import annotations

import json
import math
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from residyn.claims import ClaimResult, ConditionRecord, CriterionResult, Role, Verdicts, paper, verdicts
from residyn.claims.assemble import judged_of
from residyn.claims.claim import Claim, Criterion
from residyn.claims.conditions import (
    CONDITIONS,
    PERMUTED,
    POSITIONS,
    SAME,
    TOKENS,
    UNTRAINED,
    Captured,
    Condition,
    n_draws,
)
from residyn.claims.record import ConditionResult, NullResult, Origin, SecondResult, Verdict
from residyn.claims.registry import claims
from residyn.claims.sentences import sentence
from residyn.store import plain

FOUND: dict[str, tuple[Verdict, Origin]] = {
    "1": ("holds", "architecture"),
    "2": ("does not hold", ""),
    "3": ("holds", "scale"),
    "4": ("holds", "learned"),
    "5": ("holds", "artefact"),
    "6": ("holds", "artefact"),
    "7": ("undecided", ""),
    "8": ("holds", "learned"),
    "9": ("undecided", ""),
    "10": ("does not hold", ""),
    "11": ("does not hold", ""),
    "12": ("undecided", ""),
    "13": ("holds", ""),
    "14 CCN": ("does not hold", ""),
    "14 arXiv": ("undecided", ""),
}
"""Of each claim, by its label, the verdict and the origin; other claims of the catalogue are undecided."""
LOST = {"6": (POSITIONS.name,)}
"""Of claims that are lost where something is taken away: with what. They are artefacts for that alone."""
DISAGREEING = ("strong_throughout",)
"""Criteria whose second estimate says something else: what is open about their claims is that."""
NETWORKS = 3
ARCHIVE = Path(__file__).parent / "data" / "run-format-1.tar.xz"


def example_claims(**changes: Any) -> dict[str, Any]:
    """The content of a claims.json; `changes` replace fields of the record itself."""
    return {**plain(example_verdicts().to_record()), **changes}


def example_verdicts() -> Verdicts:
    """All claims of the catalogue, on a model of a thousand samples."""
    rng = np.random.default_rng(4)
    conditions = tuple(_condition(one) for one in CONDITIONS)
    return Verdicts(
        model="smollm2-135m",
        states_hash="a0af70484e6dd2c8a924bfcd1a40d451d7af9ee4ed29bcccb1bb0c688228e516",
        residyn_version="0.1.0",
        n_samples=1000,
        n_groups=412,
        documents_known=True,
        seed=0,
        resamples=200,
        conditions=conditions,
        claims=tuple(_claim(one, conditions, rng) for one in claims()),
    )


def old_record() -> dict[str, Any]:
    """A claims.json of format version 1, as the run that is kept in the tree has it."""
    with tarfile.open(ARCHIVE) as archive:
        file = archive.extractfile("claims.json")
        assert file is not None
        return json.load(file)


def verdicts_of(*claims: tuple[Any, ...]) -> Verdicts:
    """Claims of nothing but a number, a variant, words, a verdict and, where it has one, an origin."""
    return Verdicts(
        model="tiny",
        states_hash="",
        residyn_version="0",
        n_samples=30,
        n_groups=20,
        documents_known=False,
        seed=0,
        resamples=200,
        conditions=(),
        claims=tuple(
            ClaimResult(number, variant, words, "B", verdict, "So it is.", "".join(origin), (), (), (), ())  # type: ignore[arg-type]
            for number, variant, words, verdict, *origin in claims
        ),
    )


def _condition(one: Condition) -> ConditionRecord:
    draws = NETWORKS if one is UNTRAINED else n_draws(one)
    return ConditionRecord(one.name, one.title, one.role, 200, draws, one.preserves, one.destroys)


def _claim(claim: Claim, conditions: Sequence[ConditionRecord], rng: np.random.Generator) -> ClaimResult:
    label = f"{claim.number} {claim.variant}".strip()
    verdict, origin = FOUND.get(label, ("undecided", ""))
    much, less, lost = _shown(claim, label, origin)
    found = [_criterion(one, claim, verdict, (much, less, lost), rng, wide=not origin) for one in claim.criteria]
    result = judged_of(claim, found, NETWORKS)
    assert (result.verdict, result.origin) == (verdict, origin), f"claim {label} is not what it was made to be"
    assert (set(result.reproduced_in), set(result.abolished_by)) == (set(much), set(lost))
    return replace(result, sentence=sentence(result, {one.name: one for one in conditions}))


def _shown(claim: Claim, label: str, origin: Origin) -> tuple[tuple[str, ...], ...]:
    """The conditions that show as much of a claim, those that show less, and those that it is lost with."""
    lost = LOST.get(label, ())
    explaining = () if lost else (Role.NULL, Role.QUANTITY)
    much = {
        "architecture": (UNTRAINED.name,),
        "scale": (PERMUTED.name,),
        "artefact": tuple(one.name for one in claim.imitations if one.role in explaining),
    }.get(origin, ())
    less = {"architecture": (PERMUTED.name,), "learned": (TOKENS.name,), "artefact": (TOKENS.name,)}.get(
        origin, ()
    )
    return much, less, lost


def _criterion(
    criterion: Criterion,
    claim: Claim,
    verdict: Verdict,
    shown: tuple[tuple[str, ...], ...],
    rng: np.random.Generator,
    *,
    wide: bool,
) -> CriterionResult:
    verdict = "holds" if criterion.premise else verdict
    sign = 1 if criterion.above else -1
    end = criterion.bounds[1 if (verdict == "holds") == criterion.above else 0]
    room = abs(end - criterion.threshold) if math.isfinite(end) else max(abs(criterion.threshold), 1.0)
    reach = room * rng.uniform(0.5, 0.7)

    def at(share: float) -> float:
        """A value so far beyond the threshold."""
        return criterion.threshold + sign * share * reach

    disagrees = criterion.name in DISAGREEING
    place = {"holds": 1.0, "does not hold": -1.0, "undecided": 1.0 if disagrees else 0.1}[verdict]
    result = CriterionResult(
        name=criterion.name,
        statistic=criterion.statistic,
        units=criterion.units,
        value=at(place),
        low=at(place) - 0.2 * reach,
        high=at(place) + 0.3 * reach,
        threshold=criterion.threshold,
        above=criterion.above,
        verdict=verdict,
        null=_null(criterion, verdict, at(-0.4)),
        conditions={
            one.name: _trial(one, criterion, at, place, shown, wide=wide)
            for one in (SAME, *claim.conditions)
            if not criterion.premise or isinstance(one.made, Captured)
        },
        second=_second(criterion, at(-place if disagrees else 0.9 * place), 0.2 * reach),
        paper=paper.value_of(criterion),
        premise=criterion.premise,
    )
    assert verdicts.criterion_verdict(result) == verdict
    return result


def _null(criterion: Criterion, verdict: Verdict, mean: float) -> NullResult | None:
    if criterion.null is None:
        return None
    null = criterion.null
    return NullResult(null.title, mean, 0.001 if verdict == "holds" else 0.4, 999, null.preserves, null.destroys)


def _second(criterion: Criterion, value: float, reach: float) -> SecondResult | None:
    if criterion.second is None:
        return None
    low, high = value - reach, value + reach
    side = verdicts.side(value, low, high, criterion.threshold, above=criterion.above)
    return SecondResult(criterion.second.title, value, low, high, side)


def _trial(
    condition: Condition,
    criterion: Criterion,
    at: Any,
    place: float,
    shown: tuple[tuple[str, ...], ...],
    *,
    wide: bool,
) -> ConditionResult:
    """What is taken away leaves a claim as it is, and what imitates it fails, unless it is `shown` there."""
    much, less, lost = shown
    here = -0.5
    if (
        condition is SAME
        or condition.name in much
        or (condition.role is Role.REMOVAL and condition.name not in lost)
    ):
        here = place - 0.02
    elif condition.name in less:
        here = 0.3
    value, own, unit = at(here), at(place), abs(at(1.0) - at(0.0))
    passes = bool(value > criterion.threshold if criterion.above else value < criterion.threshold)
    if condition is SAME:
        return ConditionResult(value, passes)
    # Networks that differ a lot among each other do not tell whether the model is one of them.
    around = (3.0 if wide and condition is UNTRAINED else 0.1) * unit
    low, high = own - value - around, own - value + around
    reaches = low <= 0 if criterion.above else high >= 0
    return ConditionResult(value, passes, value - around, value + around, own - value, low, high, reaches)
