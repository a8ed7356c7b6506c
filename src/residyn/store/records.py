"""JSON records: plain values only, the same bytes for the same content, and no access token in any of them."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from residyn.errors import DataError, StoreError
from residyn.store.files import disk_errors, write_bytes

TOKEN = re.compile(r"hf_(?:oauth|jwt)_[\w.\-]{16,}|(?:hf|api_org)_[A-Za-z0-9]{16,}")
"""Hugging Face's access tokens: a prefix and letters and digits without a gap, as no word of a language is."""
SCRUBBED = "hf_…"
MAX_RECORD_BYTES = 256 * 2**20


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


def read_json(path: str | Path) -> Any:
    """Read a JSON file. Raises StoreError where it is missing, too large for a record, or not JSON."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise StoreError(
                f"{path} is {path.stat().st_size:,} bytes; a record of residyn's is at most {MAX_RECORD_BYTES:,}. "
                "It was not written by residyn; restore the file from a copy."
            )
        return json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(
            f"{path} is damaged: not a JSON record ({error}). Restore the file from a copy; "
            "residyn never recreates it from guesses."
        ) from error
