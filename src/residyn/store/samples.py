"""samples.jsonl: one line a stored row, in the order of storage, saying which text it is and how it was cut."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from residyn.errors import DataError, StoreError, lacking
from residyn.schema import DOCUMENT, NO_DOCUMENT
from residyn.store.files import check_file, open_file, sha256_of
from residyn.store.layout import MAX_LINE_BYTES, MAX_SAMPLES_BYTES, SAMPLES
from residyn.store.records import plain

FIELDS: Mapping[str, type] = {
    "sample": int,
    "text_id": int,
    "sha256": str,
    "input_ids": list,
    "n_tokens": int,
    "last_token": int,
    "text": str,
}
OPTIONAL: Mapping[str, type] = {DOCUMENT: int}
"""Fields that decide no number: a run whose samples lack them is the same run."""
COORDINATES = ("text_id", "n_tokens", "last_token")
SHA256 = re.compile(r"[0-9a-f]{64}")


def encode_samples(samples: Sequence[Mapping[str, Any]]) -> bytes:
    """The bytes of samples.jsonl. Raises DataError where a sample lacks a field or holds a wrong one.

    ASCII, so that no character of a text (U+2028, a lone surrogate) can break a line or an encoding. Texts are
    data and are kept as they are.
    """
    if not samples:
        raise DataError("A run needs at least one sample; got none. Read texts that pass the filters.")
    rows = []
    for row, sample in enumerate(samples):
        fields = {name: value if name == "text" else plain(value) for name, value in sample.items()}
        wrong = _wrong_field(fields)
        if wrong:
            raise DataError(f"Sample in row {row}: {wrong}.")
        rows.append(fields)
    repeated = _repeated(rows)
    if repeated is not None:
        raise DataError(f"Each sample is stored once; sample {repeated} came twice.")
    encoded = b"".join(json.dumps(fields, allow_nan=False).encode("ascii") + b"\n" for fields in rows)
    if len(encoded) > MAX_SAMPLES_BYTES:
        raise DataError(
            f"The samples of a run take at most {MAX_SAMPLES_BYTES:,} bytes; these {len(rows):,} take "
            f"{len(encoded):,}. Take fewer texts (--n), or shorter ones (--max-chars)."
        )
    return encoded


def read_samples(run: Path, *, sha256: str, n_samples: int) -> list[dict[str, Any]]:
    """The rows of samples.jsonl, checked against the hash and the count that the manifest names.

    Raises StoreError where the file is missing or is not the one that was captured.
    """
    path = run / SAMPLES
    advice = "Restore the file from a copy; the states cannot be labelled without it."
    try:
        size = check_file(path)
        if size > MAX_SAMPLES_BYTES:
            raise StoreError(f"{path} has {size:,} bytes; at most {MAX_SAMPLES_BYTES:,} are read. {advice}")
        came = sha256_of(path)
    except OSError as error:
        if machine := lacking(error):
            raise machine from error
        raise StoreError(f"{path} cannot be read: {error.strerror}. {advice}") from error
    if came != sha256:
        raise StoreError(
            f"{path} is damaged: the manifest names sha256 {sha256[:12]}…, the file has {came[:12]}…. {advice}"
        )
    rows = list(_parsed(path))
    if len(rows) != n_samples:
        raise StoreError(f"{path} holds {len(rows)} samples, the manifest names {n_samples}. {advice}")
    if _repeated(rows) is not None:
        raise StoreError(f"{path} names sample {_repeated(rows)} twice. {advice}")
    return rows


def coordinates(rows: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The labels of the sample dimension, and the coordinates along it."""
    sample = np.array([row["sample"] for row in rows], dtype=np.int64)
    coords = {name: np.array([row[name] for row in rows], dtype=np.int64) for name in COORDINATES}
    if any(DOCUMENT in row for row in rows):
        coords[DOCUMENT] = np.array([row.get(DOCUMENT, NO_DOCUMENT) for row in rows], dtype=np.int64)
    return sample, coords


def last_token_ties(last_token: np.ndarray) -> tuple[int, float]:
    """How many distinct last tokens there are, and the share of samples that share theirs with another sample.

    Samples with one last token have one embedding, so at the first sublayer of a model without position
    embeddings their states are identical.
    """
    _, counts = np.unique(last_token, return_counts=True)
    return len(counts), float(counts[counts > 1].sum() / counts.sum())


def _parsed(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_lines(path), start=1):
        if len(line) > MAX_LINE_BYTES:
            raise StoreError(f"{path}, line {number}: a sample takes at most {MAX_LINE_BYTES:,} bytes.")
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{path}, line {number}: not a JSON record ({error}).") from error
        wrong = _wrong_field(fields) if isinstance(fields, dict) else "a sample is a mapping"
        if wrong:
            raise StoreError(f"{path}, line {number}: {wrong}.")
        yield fields


def _lines(path: Path) -> Iterator[bytes]:
    """The lines that end with a newline, one in memory at a time; one that is longer than a sample's is cut."""
    with open_file(path) as file:
        while (line := file.readline(MAX_LINE_BYTES + 1)).endswith(b"\n") or len(line) > MAX_LINE_BYTES:
            yield line


def _wrong_field(fields: Mapping[str, Any]) -> str | None:
    wanted = {**FIELDS, **{name: kind for name, kind in OPTIONAL.items() if name in fields}}
    for name, kind in wanted.items():
        value = fields.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            return f'"{name}" must be {kind.__name__}, got {type(value).__name__}'
        if kind is int and not -(2**63) <= value < 2**63:
            return f'"{name}" must fit into 64 bits, got {value}'
    ids = fields["input_ids"]
    if not ids or not all(isinstance(token, int) and not isinstance(token, bool) for token in ids):
        return '"input_ids" must be a list of at least one whole number'
    if not SHA256.fullmatch(fields["sha256"]):
        return f'"sha256" must be 64 hexadecimal digits, got {fields["sha256"][:80]!r}'
    return None


def _repeated(rows: Sequence[Mapping[str, Any]]) -> int | None:
    seen: set[int] = set()
    for fields in rows:
        if fields["sample"] in seen:
            return fields["sample"]
        seen.add(fields["sample"])
    return None
