"""JSON records: plain values only, the same bytes for the same content, and no access token in any of them."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from residyn.errors import DataError, StoreError, lacking
from residyn.store.files import NotAFileError, disk_errors, read_file, write_bytes

TOKEN = re.compile(r"hf_(?:oauth|jwt)_[\w.\-]{16,}|(?:hf|api_org)_[A-Za-z0-9]{16,}")
"""Hugging Face's access tokens: a prefix and letters and digits without a gap, as no word of a language is."""
SCRUBBED = "hf_…"
MAX_RECORD_BYTES = 256 * 2**20
MAX_RECORD_VALUES = 4_000_000
MAX_RECORD_DEPTH = 64
"""No record of residyn's comes near these; a file that is larger or deeper is refused before it costs time."""


def plain(value: Any) -> Any:
    """`value` as JSON can hold it, with access tokens replaced by "hf_…".

    numpy scalars and arrays become numbers and lists, tuples lists, paths text, NaN null, and an infinity
    the text "Infinity" or "-Infinity". Raises DataError for anything else that JSON has no word for.
    """
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str | Path):
        return TOKEN.sub(SCRUBBED, str(value))
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value is None or isinstance(value, int | float):
        return value
    raise DataError(
        f"A record holds text, numbers, lists and mappings; got {type(value).__name__}. "
        "Turn it into one of these before it is stored."
    )


def canonical(value: Any) -> bytes:
    """The one spelling of a plain value that hashes are taken of: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def sha256_of_record(value: Any) -> str:
    """The sha256 of a plain value's canonical spelling, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def write_json(path: str | Path, obj: Any) -> None:
    """Write `obj` as JSON for people and programs: whole or not at all, flushed to the disk, tokens scrubbed.

    See `plain` for how values that JSON does not know are written. Raises DataError for an object that no
    record can hold, ResourceError where the disk is full, StoreError where the file cannot be written.
    """
    path = Path(path)
    text = json.dumps(plain(obj), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A lone surrogate (from an undecodable file name) becomes \udcXX, which is its JSON spelling too.
    with disk_errors(path.parent, f"Writing {path.name}"):
        write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def read_json(path: str | Path, most: int = MAX_RECORD_BYTES, *, finite: bool = True) -> Any:
    """Read a JSON file of at most `most` bytes.

    Raises StoreError where it is missing, larger, or not JSON; where an object names a key twice, which readers of
    JSON take for different records; and, if all are to be `finite`, for NaN and infinities, which no record of
    residyn's holds, but attributes of arrays may.
    """
    path = Path(path)
    try:
        content = read_file(path, most)
        # Counted in the bytes: a few of them can stand for so many lists that reading them takes minutes.
        if content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_RECORD_VALUES:
            raise NotAFileError(f"it holds more than the {MAX_RECORD_VALUES:,} values that a record can have")
        number = _finite if finite else float
        record = json.loads(
            content.decode("utf-8"), object_pairs_hook=_once, parse_float=number, parse_constant=number
        )
    except OSError as error:
        if machine := lacking(error):
            raise machine from error
        foreign = isinstance(error, NotAFileError)
        advice = " It was not written by residyn; restore it from a copy." if foreign else ""
        raise StoreError(f"{path} cannot be read: {error.strerror}.{advice}") from error
    except (ValueError, RecursionError) as error:
        raise _not_json(path, str(error)) from error
    if _depth_exceeds(record, MAX_RECORD_DEPTH):
        raise _not_json(path, f"lists and objects lie inside each other more than {MAX_RECORD_DEPTH} deep")
    return record


def _finite(text: str) -> float:
    """A number of a record; ValueError for what no record can be hashed with."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no finite number")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of these keys and values; ValueError where a key comes twice."""
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in record if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:40]!r} comes twice in one object")
    return record


def _not_json(path: Path, reason: str) -> StoreError:
    return StoreError(
        f"{path} is damaged: not a JSON record ({reason}). Restore the file from a copy; "
        "residyn never recreates it from guesses."
    )


def _depth_exceeds(record: Any, most: int) -> bool:
    """Whether lists and objects lie deeper inside each other than `most`; asked without recursion."""
    level = [record] if isinstance(record, dict | list) else []
    for _ in range(most):
        inside = (value.values() if isinstance(value, dict) else value for value in level)
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
    return bool(level)
