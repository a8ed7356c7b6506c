"""claims.json, read without trust into records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residyn import store
from residyn.errors import StoreError
from residyn.report.fields import Fields

FORMAT, FORMAT_VERSION = "residyn claims", 1
VERDICTS = ("holds", "does not hold", "undecided")
ORIGINS = ("learned", "architecture", "artefact", "")


@dataclass(frozen=True)
class Column:
    """Other data that the claims were tried on."""

    name: str
    title: str
    kind: str
    n_samples: int
    draws: int
    preserves: str
    destroys: str


@dataclass(frozen=True)
class Null:
    """What a statistic is under its null."""

    name: str
    mean: float
    p: float
    repeats: int


@dataclass(frozen=True)
class Trial:
    """What a statistic is in a column, and whether it passes there."""

    value: float
    passes: bool | None
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float


@dataclass(frozen=True)
class Part:
    """A statistic of a claim."""

    name: str
    statistic: str
    units: str
    value: float
    low: float
    high: float
    threshold: float
    above: bool
    verdict: str
    null: Null | None
    columns: Mapping[str, Trial]


@dataclass(frozen=True)
class Claim:
    """A claim, its verdict, and the statistics that it rests on."""

    number: int
    variant: str
    claim: str
    panel: str
    verdict: str
    sentence: str
    origin: str
    also_in: tuple[str, ...]
    lost_in: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def label(self) -> str:
        return f"{self.number} {self.variant}".strip()

    def passes(self, column: str) -> bool | None:
        """Whether every statistic passes in a column; None where one was not tried there."""
        found = [part.columns[column].passes if column in part.columns else None for part in self.parts]
        return None if not found or None in found else all(found)


@dataclass(frozen=True)
class Verdicts:
    """All claims on one model's states."""

    model: str
    states_hash: str
    n_samples: int
    n_groups: int
    documents_known: bool
    columns: tuple[Column, ...]
    claims: tuple[Claim, ...]

    def title_of(self, column: str) -> str:
        """What a column is, in words; its name where nothing describes it."""
        return next((known.title for known in self.columns if known.name == column), column) or column


def read_verdicts(path: Path) -> Verdicts | None:
    """The verdicts in claims.json, None where there is no such file.

    Raises StoreError, naming the field, where the record is not what residyn writes or of a newer format.
    """
    if not path.exists():
        return None
    record = Fields(path, store.read_json(path))
    if record.text("format") != FORMAT:
        raise StoreError(
            f"{path}: the field format should be {FORMAT!r}; got {record.text('format')!r}. "
            "Judge the claims again (residyn claims DIR)."
        )
    version = record.whole("format_version")
    if version != FORMAT_VERSION:
        raise StoreError(
            f"{path} has format version {version}; this residyn reads version {FORMAT_VERSION}. "
            "Use the residyn that wrote it, or judge the claims again (residyn claims DIR)."
        )
    return Verdicts(
        model=record.text("model"),
        states_hash=record.text("states_hash"),
        n_samples=record.whole("n_samples"),
        n_groups=record.whole("n_groups"),
        documents_known=record.flag("documents_known"),
        columns=tuple(_column(item) for item in record.records("columns")),
        claims=tuple(_claim(item) for item in record.records("claims")),
    )


def _column(item: Fields) -> Column:
    words = {name: item.text(name) for name in ("name", "title", "kind", "preserves", "destroys")}
    return Column(**words, n_samples=item.whole("n_samples"), draws=item.whole("draws"))


def _claim(item: Fields) -> Claim:
    return Claim(
        number=item.whole("number"),
        variant=item.text("variant"),
        claim=item.text("claim"),
        panel=item.text("panel"),
        verdict=item.text("verdict", among=VERDICTS),
        sentence=item.text("sentence"),
        origin=item.text("origin", among=ORIGINS),
        also_in=item.texts("also_in"),
        lost_in=item.texts("lost_in", optional=True),
        parts=tuple(_part(part) for part in item.records("parts")),
    )


def _part(item: Fields) -> Part:
    numbers = {name: item.number(name) for name in ("value", "low", "high", "threshold")}
    return Part(
        name=item.text("name"),
        statistic=item.text("statistic"),
        units=item.text("units"),
        **numbers,
        above=item.flag("above"),
        verdict=item.text("verdict", among=VERDICTS),
        null=_null(item.record("null")),
        columns={name: _trial(trial) for name, trial in item.named("columns")},
    )


def _null(item: Fields | None) -> Null | None:
    if item is None:
        return None
    return Null(item.text("name"), item.number("mean"), item.number("p"), item.whole("repeats"))


def _trial(item: Fields) -> Trial:
    ends: dict[str, Any] = {
        name: item.number(name, optional=True)
        for name in ("low", "high", "difference", "difference_low", "difference_high")
    }
    return Trial(value=item.number("value"), passes=item.maybe("passes"), **ends)
