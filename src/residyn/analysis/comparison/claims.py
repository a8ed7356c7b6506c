"""The verdicts of several runs side by side, from files that may come from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from residyn.errors import StoreError
from residyn.store import read_json

FORMAT, FORMAT_VERSION = "residyn claims", 1
VERDICTS = ("holds", "does not hold", "undecided")
ORIGINS = ("learned", "architecture", "artefact", "")
ABSENT = "—"
"""The cell of a run that has no verdict on a claim."""

MAX_BYTES = 16 * 2**20
MAX_CLAIMS = 200
_MAX_TEXT = 2000
_TEXT = f"text of at most {_MAX_TEXT:,} letters"
_INDEX = ("number", "variant", "claim")


def read_claims(path: str | Path) -> dict[str, Any]:
    """The content of a claims.json, checked: what a comparison reads of it is of the right kind and size.

    Raises StoreError, naming the file and the field, where it is missing, larger than 16 MiB, not JSON, not a
    record of claims, of another version, or where a field that is compared is not what it should be.
    """
    path = Path(path)
    size = path.stat().st_size if path.is_file() else 0
    if size > MAX_BYTES:
        raise StoreError(
            f"{path} has {size:,} bytes; a record of claims has at most {MAX_BYTES:,}. {_advice(path)}"
        )
    record = read_json(path)
    wrong = _wrong(record)
    if wrong:
        raise StoreError(f"{path} is not a record of claims that can be read: {wrong}. {_advice(path)}")
    return record


def claims_table(records: Mapping[str, Mapping[str, Any] | None]) -> pd.DataFrame:
    """The verdict of every run on every claim: claims in rows, runs in columns.

    `records` are the contents of claims.json (`read_claims`) by the name of the run, None for a run without.
    The index has number, variant and claim (the words of the first run that has it), in the order of number and
    variant; cells are "holds", "does not hold", "undecided", or "—" where a run has no verdict. No rows where no
    run has a record.
    """
    words: dict[tuple[int, str], str] = {}
    verdicts: dict[str, dict[tuple[int, str], str]] = {run: {} for run in records}
    for run, record in records.items():
        for claim in record["claims"] if record is not None else ():
            name = (claim["number"], claim["variant"])
            words.setdefault(name, claim["claim"])
            verdicts[run][name] = claim["verdict"]
    order = sorted(words)
    index = pd.MultiIndex.from_tuples([(*name, words[name]) for name in order], names=_INDEX)
    cells = {run: [found.get(name, ABSENT) for name in order] for run, found in verdicts.items()}
    return pd.DataFrame(cells, index=index, columns=list(records), dtype=object)


def _advice(path: Path) -> str:
    return f"Make it again with: residyn claims {path.parent}"


def _wrong(record: Any) -> str | None:
    """What is wrong with a record, beginning with the field's name; None where nothing is."""
    if not isinstance(record, dict):
        return f"it should be a mapping, got {type(record).__name__}"
    version, claims = record.get("format_version"), record.get("claims")
    checks = (
        ("format", record.get("format") == FORMAT, f'"{FORMAT}"'),
        ("format_version", _is_count(version) and version == FORMAT_VERSION, str(FORMAT_VERSION)),
        ("model", _is_text(record.get("model")), _TEXT),
        ("n_samples", _is_count(record.get("n_samples")), "a whole number"),
        ("claims", isinstance(claims, list) and len(claims) <= MAX_CLAIMS, f"a list of at most {MAX_CLAIMS}"),
    )
    for name, right, wanted in checks:
        if not right:
            return f'"{name}" should be {wanted}, got {_shown(record.get(name))}'
    of_claims = (_wrong_claim(claim, place) for place, claim in enumerate(record["claims"]))
    return next((wrong for wrong in of_claims if wrong), None) or _repeated(record["claims"])


def _wrong_claim(claim: Any, place: int) -> str | None:
    where = f"claims[{place}]"
    if not isinstance(claim, dict):
        return f'"{where}" should be a mapping, got {type(claim).__name__}'
    if not _is_count(claim.get("number")):
        return f'"{where}.number" should be a whole number, got {_shown(claim.get("number"))}'
    for name in ("variant", "claim", "panel", "sentence"):
        if not _is_text(claim.get(name)):
            return f'"{where}.{name}" should be {_TEXT}, got {_shown(claim.get(name))}'
    for name, known in (("verdict", VERDICTS), ("origin", ORIGINS)):
        if claim.get(name) not in known:
            return (
                f'"{where}.{name}" should be one of {", ".join(map(repr, known))}, got {_shown(claim.get(name))}'
            )
    return None


def _repeated(claims: list[dict[str, Any]]) -> str | None:
    seen: set[tuple[int, str]] = set()
    for place, claim in enumerate(claims):
        name = (claim["number"], claim["variant"])
        if name in seen:
            return f'"claims[{place}].number" names claim {_shown(" ".join(map(str, name)))} a second time'
        seen.add(name)
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_text(value: Any) -> bool:
    # A lone surrogate, which JSON can spell, is no text: no table could be written with it.
    return isinstance(value, str) and len(value) <= _MAX_TEXT and not any("\ud800" <= c <= "\udfff" for c in value)


def _shown(value: Any) -> str:
    """A value as an error shows it: never more than a line of it."""
    if isinstance(value, list | dict):
        return f"{type(value).__name__} of {len(value):,}"
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
