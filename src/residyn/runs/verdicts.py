"""claims.json, read without trust into the records that it was written from."""

from __future__ import annotations

from pathlib import Path

from residyn import store
from residyn.claims.record import FORMAT, FORMAT_VERSION, Verdicts, from_version_1
from residyn.errors import StoreError
from residyn.strict import Fault, convert, in_words, shown


def read_verdicts(path: str | Path) -> Verdicts | None:
    """The verdicts in a claims.json, as `judge` gave them; None where there is no such file.

    The file may come from anywhere: every field is checked for its kind and size. Raises StoreError, naming the
    file and the field, where it is not JSON, not what residyn writes, of another version, or names a claim twice.
    """
    path = Path(path)
    if not path.exists():
        return None
    advice = f"Judge the claims again: residyn claims {path.parent}"
    record = store.read_json(path)
    if fault := _header_fault(record):
        raise StoreError(f"{path}: {fault.sentence()}. {advice}")
    if record["format_version"] == 1:
        record = from_version_1(record)
    if record["format_version"] != FORMAT_VERSION:
        raise StoreError(
            f"{path} has format version {record['format_version']}; this residyn reads versions 1 to "
            f"{FORMAT_VERSION}. Use the residyn that wrote it. {advice}"
        )
    verdicts = convert(record, Verdicts)
    if isinstance(verdicts, Fault):
        raise StoreError(f"{path}: {verdicts.sentence()}. {advice}")
    labels = [claim.label for claim in verdicts.claims]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise StoreError(f"{path} names claim {ascii(twice)[:80]} a second time. {advice}")
    return verdicts


def _header_fault(record: object) -> Fault | None:
    if not isinstance(record, dict):
        return Fault("", in_words(dict), shown(record))
    for name in ("format", "format_version"):
        if name not in record:
            return Fault(name, "", "")
    if record["format"] != FORMAT:
        return Fault("format", f"{FORMAT!r}", shown(record["format"]))
    version = record["format_version"]
    if type(version) is not int:
        return Fault("format_version", in_words(int), shown(version))
    return None
