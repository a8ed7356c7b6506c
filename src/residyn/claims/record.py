"""Verdicts as records, and as the JSON of claims.json."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from msgspec import Meta

from residyn.claims.conditions import Role
from residyn.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["holds", "does not hold", "undecided"]
Origin = Literal["learned", "scale", "architecture", "artefact", ""]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
ORIGINS: tuple[Origin, ...] = get_args(Origin)
FORMAT, FORMAT_VERSION = "residyn claims", 2
Count = Annotated[int, Meta(ge=0)]
LEVEL = 0.05
"""Largest p with which a statistic is said to be beyond its null."""


@dataclass(frozen=True)
class ConditionRecord:
    """A condition that claims were tried under: what it is, and over how many samples and draws."""

    name: str
    title: str
    role: Role
    n_samples: Count
    draws: Count
    preserves: str
    destroys: str


@dataclass(frozen=True)
class NullResult:
    """What a statistic is under its null: the mean of its draws, and the share of them that reach the data's."""

    name: str
    mean: float
    p: float
    repeats: Count
    preserves: str
    destroys: str


@dataclass(frozen=True)
class ConditionResult:
    """A statistic under a condition: the mean over its draws with its interval, beside the model's value.

    `passes` says whether it is beyond the threshold. `difference` is the model's value on the same samples minus
    this one, with its interval; the condition `reaches` the model's value where that interval includes 0 or lies
    on the other side of it. For untrained networks both intervals are for one more network.
    """

    value: float
    passes: bool | None
    low: float = float("nan")
    high: float = float("nan")
    difference: float = float("nan")
    difference_low: float = float("nan")
    difference_high: float = float("nan")
    reaches: bool | None = None


@dataclass(frozen=True)
class SecondResult:
    """Another estimate of the same statistic: what it is of, its value, interval and verdict."""

    title: str
    value: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True)
class CriterionResult:
    """A statistic of a claim with its interval, threshold and null, and what it is under each condition.

    `paper` is the same statistic of the curve that the paper published, where there is one. `premise` marks a
    statistic without which nothing can be said of the claim.
    """

    name: str
    statistic: str
    units: str
    value: float
    low: float
    high: float
    threshold: float
    above: bool
    verdict: Verdict
    null: NullResult | None
    conditions: Mapping[str, ConditionResult] = field(default_factory=dict)
    second: SecondResult | None = None
    paper: float = float("nan")
    premise: bool = False


@dataclass(frozen=True)
class ClaimResult:
    """A claim's verdict: what was seen, in one sentence, and where it comes from.

    `reproduced_in` names the conditions that pass and reach the model's value, `passes_in` those that pass and
    stay short of it, `abolished_by` the removals under which the claim is lost, by a difference that is
    clear of 0. `origin` is "artefact" where surrogates that know nothing of the claim, or a simpler quantity,
    reproduce it, or where what was taken away was all of it; "architecture" where untrained networks pass;
    "scale" where the trained weights with their entries permuted pass; "learned" where none of these do, and the
    model lies outside what one more untrained network is expected to show; and empty where the claim does not
    hold, or no condition tells.
    """

    number: Count
    variant: str
    claim: str
    panel: str
    verdict: Verdict
    sentence: str
    origin: Origin
    reproduced_in: tuple[str, ...]
    passes_in: tuple[str, ...]
    abolished_by: tuple[str, ...]
    criteria: tuple[CriterionResult, ...]
    paper: bool = True

    @property
    def label(self) -> str:
        """Its number, and which version of the paper it is of where these differ: "14 CCN"."""
        return f"{self.number} {self.variant}".strip()

    def passes(self, condition: str) -> bool | None:
        """Whether every statistic passes under a condition; None where one was not tried, or a premise fails."""
        passing = [
            (one.premise, one.conditions[condition].passes if condition in one.conditions else None)
            for one in self.criteria
        ]
        found = [passes for premise, passes in passing if not premise]
        unfounded = any(passes is False for premise, passes in passing if premise)
        return None if not found or None in found or unfounded else all(found)

    def reaches(self, condition: str) -> bool:
        """Whether every statistic reaches the model's value under a condition."""
        return all(
            condition in one.conditions and one.conditions[condition].reaches is True
            for one in self.criteria
            if not one.premise
        )


@dataclass(frozen=True, repr=False)
class Verdicts(Shown):
    """All claims on one model's states, and what they were judged with."""

    model: str
    states_hash: str
    residyn_version: str
    n_samples: Count
    n_groups: Count
    documents_known: bool
    seed: Count
    resamples: Count
    conditions: tuple[ConditionRecord, ...]
    claims: tuple[ClaimResult, ...]

    def to_record(self) -> dict[str, Any]:
        """The content of claims.json; a number that is not defined is null there."""
        return {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}

    def to_dataframe(self) -> pd.DataFrame:
        """The verdicts as a table: a row for each statistic of each claim, with its 95 % interval and p."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "claim": claim.label,
                    "what": claim.claim,
                    "verdict": claim.verdict,
                    "origin": claim.origin,
                    "statistic": one.name,
                    "value": one.value,
                    "low": one.low,
                    "high": one.high,
                    "threshold": one.threshold,
                    "p": math.nan if one.null is None else one.null.p,
                }
                for claim in self.claims
                for one in claim.criteria
            ]
        )

    def shown(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [
            (f"{claim.label} {claim.claim}", f"{claim.verdict}{f': {claim.origin}' if claim.origin else ''}")
            for claim in self.claims
        ]
        return f"Claims on {self.model}, {self.n_samples:,} samples", rows

    @property
    def by_chance(self) -> float:
        """How many of the claims with a null would be expected to hold where every null is true."""
        return LEVEL * sum(any(one.null is not None for one in claim.criteria) for claim in self.claims)

    def title_of(self, condition: str) -> str:
        """What a condition is, in words; its name where nothing describes it."""
        return next((known.title for known in self.conditions if known.name == condition), condition) or condition

    def of_role(self, *roles: Role) -> set[str]:
        """The names of the conditions with one of these roles."""
        return {known.name for known in self.conditions if known.role in roles}


def from_version_1(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of format 1 with the names, and the fields, of this version; what it lacks is not defined."""

    def criterion(old: Mapping[str, Any]) -> dict[str, Any]:
        tried = _each(old.get("columns"), lambda one: {**one, "reaches": None})
        return {**old, "conditions": tried, "second": None, "paper": None, "premise": False}

    def claim(old: Mapping[str, Any]) -> dict[str, Any]:
        renamed = {"reproduced_in": old.get("also_in"), "abolished_by": old.get("lost_in"), "passes_in": []}
        return {**old, **renamed, "paper": True, "criteria": _each(old.get("parts"), criterion)}

    def condition(old: Mapping[str, Any]) -> dict[str, Any]:
        return {**old, "role": old.get("kind")}

    columns, claims = _each(record.get("columns"), condition), _each(record.get("claims"), claim)
    return {**record, "format_version": FORMAT_VERSION, "conditions": columns, "claims": claims}


def _each(value: Any, made: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
    """Every object of a list, or of an object, made anew; anything else as it is, for the reader to refuse."""

    def anew(one: Any) -> Any:
        return made(one) if isinstance(one, dict) else one

    if isinstance(value, dict):
        return {name: anew(one) for name, one in value.items()}
    return [anew(one) for one in value] if isinstance(value, list) else value
