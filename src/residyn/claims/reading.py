"""claims.json, read without trust into the records that it was written from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from residyn import store
from residyn.claims.record import (
    FORMAT,
    FORMAT_VERSION,
    ORIGINS,
    VERDICTS,
    ClaimResult,
    Column,
    ColumnResult,
    NullResult,
    PartResult,
    Verdicts,
)
from residyn.errors import StoreError
from residyn.store.fields import Fields

MAX_CLAIMS = 200


def read_verdicts(path: str | Path) -> Verdicts | None:
    """The verdicts in a claims.json, as `judge` gave them; None where there is no such file.

    The file may come from anywhere: every field is checked for its kind and size. Raises StoreError, naming the
    file and the field, where it is not JSON, not what residyn writes, of another version, or names a claim twice.
    """
    path = Path(path)
    if not path.exists():
        return None
    advice = f"Judge the claims again: residyn claims {path.parent}"
    record = Fields(path, store.read_json(path), advice)
    record.one_of("format", (FORMAT,))
    version = record.whole("format_version")
    if version != FORMAT_VERSION:
        raise StoreError(
            f"{path} has format version {version}; this residyn reads version {FORMAT_VERSION}. "
            f"Use the residyn that wrote it. {advice}"
        )
    claims = tuple(_claim(item) for item in record.records("claims", MAX_CLAIMS))
    labels = [claim.label for claim in claims]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise StoreError(f"{path} names claim {ascii(twice)[:80]} a second time. {advice}")
    return Verdicts(
        model=record.text("model"),
        states_hash=record.text("states_hash"),
        residyn_version=record.text("residyn_version"),
        n_samples=record.whole("n_samples"),
        n_groups=record.whole("n_groups"),
        documents_known=record.flag("documents_known"),
        seed=record.whole("seed"),
        resamples=record.whole("resamples"),
        columns=tuple(_column(item) for item in record.records("columns")),
        claims=claims,
    )


def _column(item: Fields) -> Column:
    words = {name: item.text(name) for name in ("name", "title", "kind", "preserves", "destroys")}
    return Column(**words, n_samples=item.whole("n_samples"), draws=item.whole("draws"))


def _claim(item: Fields) -> ClaimResult:
    return ClaimResult(
        number=item.whole("number"),
        variant=item.text("variant"),
        claim=item.text("claim"),
        panel=item.text("panel"),
        sentence=item.text("sentence"),
        verdict=item.one_of("verdict", VERDICTS),
        origin=item.one_of("origin", ORIGINS),
        also_in=item.texts("also_in"),
        lost_in=item.texts("lost_in"),
        parts=tuple(_part(part) for part in item.records("parts")),
    )


def _part(item: Fields) -> PartResult:
    return PartResult(
        name=item.text("name"),
        statistic=item.text("statistic"),
        units=item.text("units"),
        value=item.number("value"),
        low=item.number("low"),
        high=item.number("high"),
        threshold=item.number("threshold"),
        above=item.flag("above"),
        verdict=item.one_of("verdict", VERDICTS),
        null=_null(item.record("null")),
        columns={name: _in_column(found) for name, found in item.named("columns")},
    )


def _null(item: Fields | None) -> NullResult | None:
    if item is None:
        return None
    words = {name: item.text(name) for name in ("name", "preserves", "destroys")}
    return NullResult(**words, mean=item.number("mean"), p=item.number("p"), repeats=item.whole("repeats"))


def _in_column(item: Fields) -> ColumnResult:
    ends: dict[str, Any] = {
        name: item.number(name)
        for name in ("value", "low", "high", "difference", "difference_low", "difference_high")
    }
    return ColumnResult(passes=item.maybe("passes"), **ends)
