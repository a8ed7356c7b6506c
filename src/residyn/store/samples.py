"""samples.jsonl: one line a stored row, in the order of storage, saying which text it is and how it was cut."""

from __future__ import annotations

import json
import math
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
from residyn.store.table import PREFIX, SampleTable, TableBuilder

FIELDS: Mapping[str, type] = {
    "sample": int,
    "text_id": int,
    "sha256": str,
    "input_ids": list,
    "n_tokens": int,
    "last_token": int,
    "text": str,
}
SHARED_FIELDS: Mapping[str, type] = {"sample": int, "n_tokens": int, "last_token": int, PREFIX: int}
"""Fields of a row whose text, and all that is said of it, stands in an earlier row."""
OPTIONAL: Mapping[str, type] = {DOCUMENT: int}
"""Fields that decide no number: a run whose samples lack them is the same run."""
SHA256 = re.compile(r"[0-9a-f]{64}")


def encode_samples(samples: Sequence[Mapping[str, Any]], *, optional: bool = True) -> bytes:
    """The bytes of samples.jsonl. Raises DataError where a sample lacks a field or holds a wrong one.

    ASCII, so that no character of a text (U+2028, a lone surrogate) can break a line or an encoding. Texts are
    data and are kept as they are. Without what is `optional`, as runs of earlier versions are.
    """
    if not samples:
        raise DataError("A run needs at least one sample; got none. Read texts that pass the filters.")
    table, size, encoded = TableBuilder(), 0, []
    for row, sample in enumerate(samples.lines() if isinstance(samples, SampleTable) else samples):
        fields = {
            name: value if name == "text" else plain(value)
            for name, value in sample.items()
            if optional or name not in OPTIONAL
        }
        wrong = _wrong_field(fields) or _refused(table, fields)
        if wrong:
            raise DataError(f"Sample in row {row}: {wrong}.")
        encoded.append(json.dumps(fields, allow_nan=False).encode("ascii") + b"\n")
        size += len(encoded[-1])
    repeated = _repeated(table.table())
    if repeated is not None:
        raise DataError(f"Each sample is stored once; sample {repeated} came twice.")
    if size > MAX_SAMPLES_BYTES:
        raise DataError(
            f"The samples of a run take at most {MAX_SAMPLES_BYTES:,} bytes; these {len(encoded):,} take "
            f"{size:,}. Take fewer texts (--n), or shorter ones (--max-chars)."
        )
    return b"".join(encoded)


def read_samples(run: Path, *, sha256: str, n_samples: int) -> SampleTable:
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
    rows = _parsed(path)
    if len(rows) != n_samples:
        raise StoreError(f"{path} holds {len(rows)} samples, the manifest names {n_samples}. {advice}")
    repeated = _repeated(rows)
    if repeated is not None:
        raise StoreError(f"{path} names sample {repeated} twice. {advice}")
    return rows


GIVEN = "labels"
"""The key of a row that holds what was said of a sample that was given, and not captured."""


def given_coordinates(rows: SampleTable, names: Sequence[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The labels of the sample dimension, and the coordinates of these names that were given with the samples."""
    said = [rows.extra.get(row, {}).get(GIVEN, {}) for row in range(len(rows))]
    return rows.sample, {
        name: np.array([math.nan if one[name] is None else one[name] for one in said])
        for name in names
        if all(name in one for one in said)
    }


def coordinates(rows: SampleTable) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The labels of the sample dimension, and the coordinates along it."""
    coords = {"text_id": rows.of_texts("text_id"), "n_tokens": rows.n_tokens, "last_token": rows.last_token}
    document = rows.of_texts(DOCUMENT)
    if (document != NO_DOCUMENT).any():
        coords[DOCUMENT] = document
    return rows.sample, coords


def last_token_ties(last_token: np.ndarray) -> tuple[int, float]:
    """How many distinct last tokens there are, and the share of samples that share theirs with another sample.

    Samples with one last token have one embedding, so at the first sublayer of a model without position
    embeddings their states are identical.
    """
    _, counts = np.unique(last_token, return_counts=True)
    return len(counts), float(counts[counts > 1].sum() / counts.sum())


def _parsed(path: Path) -> SampleTable:
    table = TableBuilder()
    for number, line in enumerate(_lines(path), start=1):
        if len(line) > MAX_LINE_BYTES:
            raise StoreError(f"{path}, line {number}: a sample takes at most {MAX_LINE_BYTES:,} bytes.")
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{path}, line {number}: not a JSON record ({error}).") from error
        wrong = _wrong_field(fields) if isinstance(fields, dict) else "a sample is a mapping"
        if wrong := wrong or _refused(table, fields):
            raise StoreError(f"{path}, line {number}: {wrong}.")
    return table.table()


def _refused(table: TableBuilder, fields: Mapping[str, Any]) -> str | None:
    """Add a row to a table; why it cannot be added, where it cannot."""
    try:
        table.add(fields)
    except ValueError as error:
        return str(error)
    return None


def _lines(path: Path) -> Iterator[bytes]:
    """The lines that end with a newline, one in memory at a time; one that is longer than a sample's is cut."""
    with open_file(path) as file:
        while (line := file.readline(MAX_LINE_BYTES + 1)).endswith(b"\n") or len(line) > MAX_LINE_BYTES:
            yield line


def _wrong_field(fields: Mapping[str, Any]) -> str | None:
    shared = PREFIX in fields
    wanted = {**(SHARED_FIELDS if shared else FIELDS)}
    wanted |= {name: kind for name, kind in OPTIONAL.items() if name in fields}
    for name, kind in wanted.items():
        value = fields.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            return f'"{name}" must be {kind.__name__}, got {type(value).__name__}'
        if kind is int and not -(2**63) <= value < 2**63:
            return f'"{name}" must fit into 64 bits, got {value}'
    if shared:
        return None
    ids = fields["input_ids"]
    if not ids or not all(type(token) is int and -(2**63) <= token < 2**63 for token in ids):
        return '"input_ids" must be a list of at least one whole number of at most 64 bits'
    if not SHA256.fullmatch(fields["sha256"]):
        return f'"sha256" must be 64 hexadecimal digits, got {fields["sha256"][:80]!r}'
    return None


def _repeated(rows: SampleTable) -> int | None:
    found, counts = np.unique(rows.sample, return_counts=True)
    return int(found[counts > 1][0]) if (counts > 1).any() else None
