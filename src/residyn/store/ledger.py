"""The ledger: one marker a shard, saying which bytes were committed. A shard without a marker does not exist."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from residyn.errors import StoreError, lacking
from residyn.store.files import file_size
from residyn.store.layout import ARRAY, COMMITS, GROUP, marker_path, shard_name, shard_path
from residyn.store.manifest import Manifest
from residyn.store.records import read_json, sha256_of_record

_MARKER = re.compile(r"[0-9]{6,10}\.json")


@dataclass(frozen=True)
class Marker:
    """What was committed as a shard: its file, the sha256 and size of the file, and the rows [start, stop).

    `dropped` are the rows whose states were not finite and which readers leave out; the file has zeros there.
    """

    shard: int
    file: str
    sha256: str
    bytes: int
    rows: tuple[int, int]
    dropped: tuple[int, ...] = ()

    def to_record(self) -> dict[str, Any]:
        return {**asdict(self), "rows": list(self.rows), "dropped": list(self.dropped)}


def marker_for(manifest: Manifest, shard: int, sha256: str, size: int, dropped: Sequence[int] = ()) -> Marker:
    """The marker that commits a shard of this run."""
    rows = manifest.rows(shard)
    file = f"{GROUP}/{ARRAY}/{shard_name(shard)}"
    return Marker(shard, file, sha256, size, (rows.start, rows.stop), tuple(dropped))


def read_marker(run: Path, manifest: Manifest, shard: int) -> Marker | None:
    """The marker of a shard, or None where it has none. Raises StoreError for a damaged one."""
    path = marker_path(run, shard)
    if not path.exists():
        return None
    record = read_json(path)
    record = record if isinstance(record, dict) else {}
    sha256, size, dropped = record.get("sha256"), record.get("bytes"), record.get("dropped")
    if isinstance(sha256, str) and isinstance(size, int) and isinstance(dropped, list):
        rows = manifest.rows(shard)
        known = [row for row in range(rows.start, rows.stop) if row in dropped]
        marker = marker_for(manifest, shard, sha256, size, known)
        if record == marker.to_record():
            return marker
    raise StoreError(f"{path} is damaged: it does not describe shard {shard} of this run.")


def read_ledger(run: Path, manifest: Manifest) -> tuple[dict[int, Marker], dict[int, str]]:
    """The markers of a run by shard, and the shards whose marker is damaged with what is wrong with it."""
    markers: dict[int, Marker] = {}
    damaged: dict[int, str] = {}
    for shard in _marked(run, manifest):
        try:
            marker = read_marker(run, manifest, shard)
        except StoreError as error:
            damaged[shard] = str(error)
        else:
            if marker is not None:
                markers[shard] = marker
    return markers, damaged


def _marked(run: Path, manifest: Manifest) -> list[int]:
    """The shards that a marker stands for, in order: found among the files, however many a manifest claims."""
    try:
        names = [entry.name for entry in (run / COMMITS).iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if machine := lacking(error):
            raise machine from error
        raise StoreError(f"{run / COMMITS} cannot be read: {error.strerror}. Make it readable.") from error
    shards = sorted(int(name.removesuffix(".json")) for name in names if _MARKER.fullmatch(name))
    known = set(names)
    return [shard for shard in shards if shard < manifest.n_shards and marker_path(run, shard).name in known]


def committed(run: Path, manifest: Manifest) -> set[int]:
    """The shards that have a marker, and a file of its size."""
    return {shard for shard, marker in read_ledger(run, manifest)[0].items() if holds(run, marker)}


def holds(run: Path, marker: Marker) -> bool:
    """Whether the marker's file is there with the size that was committed; its content is not read."""
    return file_size(shard_path(run, marker.shard)) == marker.bytes


def states_hash(manifest: Manifest, markers: dict[int, Marker]) -> str:
    """The hash that names stored states: sha256 over the fingerprint and the ledger in order of shards."""
    ledger = [markers[shard].to_record() for shard in sorted(markers)]
    return sha256_of_record({"fingerprint": manifest.fingerprint, "ledger": ledger})
