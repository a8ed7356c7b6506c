"""Verdicts as records, and as the JSON of claims.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

Verdict = Literal["holds", "does not hold", "undecided"]
Origin = Literal["learned", "architecture", "artefact", ""]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
ORIGINS: tuple[Origin, ...] = get_args(Origin)
FORMAT, FORMAT_VERSION = "residyn claims", 1
Count = Annotated[int, Meta(ge=0)]


@dataclass(frozen=True)
class Column:
    """Other data on which every claim is tried: what it is, and over how many samples and draws.

    `kind` is "model" (the model on the controls' samples), "null" (surrogates of its states), "basis" (its states
    in another basis), "quantity" (the same states, another quantity in the place of the claim's), "removal"
    (something taken away), "input" (other tokens), "direction" (teleports another way) or "untrained".
    """

    name: str
    title: str
    kind: str
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
class ColumnResult:
    """A statistic in a column: the mean over draws, and whether it passes there.

    It passes beyond the threshold; where that is 0, which any difference would pass, it must also reach half of
    the model's own value on the same samples.

    `difference` is the model's value on the same samples minus the column's, with its interval, where the column
    has replicates: untrained models have, and what is taken away.
    """

    value: float
    passes: bool | None
    low: float = float("nan")
    high: float = float("nan")
    difference: float = float("nan")
    difference_low: float = float("nan")
    difference_high: float = float("nan")


@dataclass(frozen=True)
class PartResult:
    """A statistic of a claim with its interval, threshold and null, and what it is in each column."""

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
    columns: Mapping[str, ColumnResult] = field(default_factory=dict)


def passes(parts: Sequence[PartResult], column: str) -> bool | None:
    """Whether every part passes in a column; None where one was not tried there, or there is none."""
    found = [part.columns[column].passes if column in part.columns else None for part in parts]
    return None if not found or None in found else all(found)


@dataclass(frozen=True)
class ClaimResult:
    """A claim's verdict: what was seen, in one sentence, and where it comes from.

    `also_in` names the controls that pass as well, `lost_in` what was taken away and took the claim with it, by a
    difference that is clear of 0. `origin` is
    "artefact" where surrogates that know nothing of the claim, or a simpler quantity, pass too, or where what was
    taken away was all of it; "architecture" where untrained models pass; "learned" where they do not and the
    difference is clear; and empty where the claim does not hold, or no control tells.
    """

    number: Count
    variant: str
    claim: str
    panel: str
    verdict: Verdict
    sentence: str
    origin: Origin
    also_in: tuple[str, ...]
    lost_in: tuple[str, ...]
    parts: tuple[PartResult, ...]

    @property
    def label(self) -> str:
        """Its number, and which version of the paper it is of where these differ: "14 CCN"."""
        return f"{self.number} {self.variant}".strip()

    def passes(self, column: str) -> bool | None:
        """Whether every statistic passes in a column; None where one was not tried there."""
        return passes(self.parts, column)


@dataclass(frozen=True)
class Verdicts:
    """All claims on one model's states, and what they were judged with."""

    model: str
    states_hash: str
    residyn_version: str
    n_samples: Count
    n_groups: Count
    documents_known: bool
    seed: Count
    resamples: Count
    columns: tuple[Column, ...]
    claims: tuple[ClaimResult, ...]

    def to_record(self) -> dict[str, Any]:
        """The content of claims.json; a number that is not defined is null there."""
        return {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}

    def title_of(self, column: str) -> str:
        """What a column is, in words; its name where nothing describes it."""
        return next((known.title for known in self.columns if known.name == column), column) or column
