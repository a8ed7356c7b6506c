"""Shards that are computed and not committed yet: each a whole file with a receipt that says what it is.

Whoever computes a shard lays it aside under a name that nobody else has, and touches neither shards nor ledger.
Only the holder of the run's lock puts it in place, so a worker that was given up and finishes all the same can
change nothing.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from residyn.errors import DataError, StoreError
from residyn.store.files import disk_errors, file_size, flushed, holds_bytes, sha256_of
from residyn.store.kinds import Kind
from residyn.store.layout import staged_folder
from residyn.store.leftovers import link_error
from residyn.store.manifest import Manifest
from residyn.store.provenance import versions
from residyn.store.records import plain, read_json, sha256_of_record, write_json

_NAME = re.compile(r"([0-9]{6,10})\.[0-9a-f]{32}")
_NONCE = re.compile(r"nonce\.[0-9a-f]{32}")
_RECEIPT = ".json"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Receipt:
    """What a staged shard is: its place, its bytes, and how they came about.

    `name` is its file in the folder of staged shards, `fingerprint` that of its run; `dropped` are rows that
    readers leave out. `halved` says that a batch did not fit into memory, so that other bits could have come out;
    `kind` is the kind of machine that computed it, and `seconds` how long that took. No machine is named.
    """

    shard: int
    name: str
    sha256: str
    bytes: int
    fingerprint: str
    dropped: tuple[int, ...] = ()
    halved: bool = False
    kind: Kind = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def to_record(self) -> dict[str, Any]:
        """The receipt as it is written, with a checksum over everything else in it."""
        record = plain(asdict(self))
        return record | {"checksum": sha256_of_record(record)}


def encode(
    manifest: Manifest, shard: int, block: np.ndarray, labels: Sequence[int], *, drop_nonfinite: bool = False
) -> tuple[bytes, tuple[int, ...]]:
    """The bytes of a shard's file, and the rows that are dropped because their states are not finite.

    `block` holds its states (row, sublayer, unit) in float32, and `labels` are the samples of its rows. Raises
    DataError for another dtype or shape, and for states that are not finite unless `drop_nonfinite`: the first
    sample and sublayer are named.
    """
    rows = manifest.rows(shard)
    dropped: tuple[int, ...] = ()
    if drop_nonfinite and block.ndim == len(manifest.shape):
        bad = np.flatnonzero(~np.isfinite(block).all(axis=(1, 2)))
        if len(bad):
            block = block.copy()
            block[bad] = 0.0
        dropped = tuple(rows.start + int(row) for row in bad)
    _check(manifest, rows, block, labels)
    # Imported where states are written: what only reads runs does without the encoder.
    from residyn.store.shard import shard_content

    return shard_content(block, manifest.rows_per_shard), dropped


def _check(manifest: Manifest, rows: slice, block: np.ndarray, labels: Sequence[int]) -> None:
    wanted = (rows.stop - rows.start, *manifest.shape[1:])
    if block.dtype != np.float32 or block.shape != wanted:
        raise DataError(
            f"Rows {rows.start} to {rows.stop - 1} need states of shape {wanted} in float32 "
            f"(sample, sublayer, unit); got {block.shape} in {block.dtype}."
        )
    finite = np.isfinite(block)
    if finite.all():
        return
    row, sublayer, _ = np.argwhere(~finite)[0]
    bad_samples = int((~finite).any(axis=(1, 2)).sum())
    raise DataError(
        f"The states are not finite: sample {labels[row]}, first at sublayer "
        f"{manifest.sublayers[sublayer].label}; {int((~finite).sum())} values in {bad_samples} of "
        f"{wanted[0]} samples. Weights with NaN, or a dtype too small for this model: try --dtype float32, "
        "or go on without such samples by --on-nonfinite drop."
    )


def receipt_for(
    manifest: Manifest, shard: int, content: bytes, dropped: Sequence[int] = (), **about: Any
) -> Receipt:
    """The receipt of a shard's bytes, under a name of its own; `about` are its halved, kind and seconds."""
    return Receipt(
        shard=shard,
        name=f"{shard:06d}.{uuid.uuid4().hex}",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        fingerprint=manifest.fingerprint,
        dropped=tuple(dropped),
        versions=versions(),
        **about,
    )


def stage(run: Path, receipt: Receipt, content: bytes) -> None:
    """Lay a shard aside: its file, flushed and read back, then its receipt. Takes no lock.

    Raises ResourceError where the disk is full, StoreError where the folder cannot be written to, is a link, or
    gives back other bytes than were written.
    """
    path = staged_folder(run) / receipt.name
    with disk_errors(run, f"Writing shard {receipt.shard}"):
        try:
            _write(run, path, content)
            _check_written(path, content)
            write_json(_receipt_path(path), receipt.to_record())
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise


def _check_written(path: Path, content: bytes) -> None:
    # The bytes themselves are at hand, and compared in a fifth of the time that hashing them would take.
    if not holds_bytes(path, content):
        raise StoreError(
            f"{path} should hold the {len(content):,} bytes that were written, and other ones were read back. "
            "Look after the disk, and capture into another folder."
        )


def _write(run: Path, path: Path, content: bytes) -> None:
    for attempt in range(_ATTEMPTS):
        _folder(run).mkdir(exist_ok=True)
        try:
            return flushed(path, content)
        except FileNotFoundError:
            # A committer that had put everything in place removed the folder this moment.
            if attempt == _ATTEMPTS - 1:
                raise
    return None


def receipts(run: Path, manifest: Manifest) -> list[Receipt]:
    """What is staged for this run, in order of shards: receipts that are whole, and whose file has their size.

    Receipts that are cut, changed, or of another run count for nothing. The content is not read.
    """
    found = []
    for path in _staged(run):
        if path.name.endswith(_RECEIPT) and (receipt := _read(path, manifest)) is not None:
            found.append(receipt)
    return sorted(found, key=lambda receipt: (receipt.shard, receipt.name))


def names_of(receipt: Receipt) -> tuple[str, str]:
    """The names of a staged shard's file and of its receipt."""
    return receipt.name, receipt.name + _RECEIPT


def names_there(run: Path) -> list[str]:
    """The names of all files in the folder of staged shards that are such as residyn gives there, in order."""
    return [path.name for path in _staged(run) if is_staging(path.name)]


def is_staging(name: str) -> bool:
    """Whether residyn gives such a name to a staged shard, its receipt or a nonce."""
    return bool(_NAME.fullmatch(name.removesuffix(_RECEIPT)) or _NONCE.fullmatch(name))


def is_whole(run: Path, receipt: Receipt) -> bool:
    """Whether what is read back of a staged shard is what was staged."""
    path = staged_folder(run) / receipt.name
    try:
        return file_size(path) == receipt.bytes and sha256_of(path) == receipt.sha256
    except OSError:
        return False


def discard(run: Path, name: str) -> None:
    """Remove a staged shard and its receipt, or what is there of them."""
    path = staged_folder(run) / name
    for each in (_receipt_path(path), path):
        each.unlink(missing_ok=True)


def sweep(run: Path, pending: Sequence[int]) -> None:
    """Remove what is staged of shards that are not pending any more; files that residyn did not write stay.

    What is staged for a pending shard may be a worker's at work, or be adopted by the next writer.
    """
    with disk_errors(run, "Tidying what was staged", go_on="give the same command again"):
        for path in _staged(run):
            named = _NAME.match(path.name.removeprefix("."))
            ours = named is not None and int(named[1]) not in pending
            if ours or _NONCE.fullmatch(path.name):
                path.unlink(missing_ok=True)
        with suppress(OSError):
            staged_folder(run).rmdir()


def leave_nonce(run: Path) -> str:
    """Leave a file by which a worker knows that it sees the run's folder; its name."""
    name = f"nonce.{uuid.uuid4().hex}"
    with disk_errors(run, "Staging"):
        _folder(run).mkdir(exist_ok=True)
        flushed(staged_folder(run) / name, b"")
    return name


def sees(run: Path, nonce: str) -> bool:
    """Whether the folder in which a coordinator left the nonce is at hand here."""
    return file_size(staged_folder(run) / nonce) == 0


def _folder(run: Path) -> Path:
    folder = staged_folder(run)
    if folder.is_symlink():
        raise link_error(folder)
    return folder


def _staged(run: Path) -> Iterator[Path]:
    """The files in the folder of staged shards, in order of their names."""
    folder = _folder(run)
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.is_symlink() or not path.is_dir())


def _receipt_path(path: Path) -> Path:
    return path.with_name(path.name + _RECEIPT)


def _read(path: Path, manifest: Manifest) -> Receipt | None:
    """A receipt of this run; None where the file is not one, to the letter."""
    try:
        record = read_json(path)
    except StoreError:
        return None
    if not isinstance(record, dict) or record.keys() != {*(item.name for item in fields(Receipt)), "checksum"}:
        return None
    checksum = record.pop("checksum")
    if sha256_of_record(record) != checksum or record["fingerprint"] != manifest.fingerprint:
        return None
    try:
        receipt = replace(Receipt(**record), dropped=tuple(record["dropped"]))
        shard = int(receipt.shard)
        rows = range(manifest.n_samples)[manifest.rows(shard)]
        right = (
            0 <= shard < manifest.n_shards
            and path == _receipt_path(path.with_name(receipt.name))
            and _NAME.fullmatch(receipt.name)
            and all(row in rows for row in receipt.dropped)
            and file_size(path.with_name(receipt.name)) == receipt.bytes
        )
    except (TypeError, ValueError):
        return None
    return receipt if right else None
