"""Checking every byte of a run against its ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from residyn.store.array import METADATA, check_metadata
from residyn.store.files import file_size, sha256_of
from residyn.store.layout import STAGED, shard_name, shard_path, states_folder
from residyn.store.ledger import Marker, read_ledger
from residyn.store.manifest import Manifest, read_manifest
from residyn.store.samples import read_samples
from residyn.store.staging import is_whole, names_of, names_there, receipts

Reason = Literal["missing", "empty", "truncated", "hash differs", "misplaced", "unmarked", "marker damaged"]


@dataclass(frozen=True)
class Damage:
    """One damaged shard: its index, its file inside the run directory, what is wrong, and details in words."""

    shard: int
    file: str
    reason: Reason
    detail: str


@dataclass(frozen=True)
class StoreReport:
    """What `verify` found.

    `damaged`: shards that `forget` and a new capture repair; `pending`: shards that were never captured, which
    is not damage; `staged`: by pending shard, the file in which a worker laid it aside whole, so that the next
    capture needs only to put it in place; `unfinished`: what else workers laid aside, which they are at, or which
    the next capture removes; `strangers`: files among the shards that no shard of this run has the name of.
    """

    path: Path
    n_shards: int
    n_valid: int
    bytes_read: int
    damaged: tuple[Damage, ...]
    pending: tuple[int, ...]
    staged: Mapping[int, str]
    unfinished: tuple[str, ...]
    strangers: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged; a run that is merely not complete is not damaged."""
        return not self.damaged


def verify(path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> StoreReport:
    """Compare every shard of a run with the hash in the ledger; `progress(done, total)` is called after each.

    A shard is "missing", "empty" or "truncated"; its "hash differs" (a flipped bit); it is "misplaced" (the
    bytes of another shard of the run, valid in themselves); "unmarked" (written but never committed); or its
    "marker" is "damaged". Raises StoreError where manifest.json, samples.jsonl or the array's metadata is
    damaged: those are never recreated.
    """
    run = Path(path)
    manifest = read_manifest(run)
    read_samples(run, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    check_metadata(run, manifest)
    markers, broken_markers = read_ledger(run, manifest)
    places = {marker.sha256: shard for shard, marker in markers.items()}
    damaged: list[Damage] = []
    pending: list[int] = []
    bytes_read = 0
    for shard in range(manifest.n_shards):
        found: tuple[Reason, str] | None = None
        file = shard_path(run, shard)
        if shard in broken_markers:
            found = "marker damaged", broken_markers[shard]
        elif shard in markers:
            found = _fault(file, markers[shard], places)
            bytes_read += file_size(file) or 0
        elif file.exists() or file.is_symlink():
            found = "unmarked", "the file is there, but it was never committed"
        else:
            pending.append(shard)
        if found:
            damaged.append(Damage(shard, str(file.relative_to(run)), *found))
        if progress:
            progress(shard + 1, manifest.n_shards)
    staged, unfinished = _staged(run, manifest, pending)
    known = {METADATA, *(shard_name(shard) for shard in range(manifest.n_shards))}
    return StoreReport(
        path=run,
        n_shards=manifest.n_shards,
        n_valid=manifest.n_shards - len(damaged) - len(pending),
        bytes_read=bytes_read,
        damaged=tuple(damaged),
        pending=tuple(pending),
        staged=staged,
        unfinished=unfinished,
        strangers=tuple(sorted(entry.name for entry in states_folder(run).iterdir() if entry.name not in known)),
    )


def _staged(run: Path, manifest: Manifest, pending: Sequence[int]) -> tuple[dict[int, str], tuple[str, ...]]:
    """The files of pending shards that are staged whole, and the other files of staging."""
    whole = [one for one in receipts(run, manifest) if one.shard in pending and is_whole(run, one)]
    needed = {name for one in whole for name in names_of(one)}
    return (
        {one.shard: f"{STAGED}/{one.name}" for one in whole},
        tuple(f"{STAGED}/{name}" for name in names_there(run) if name not in needed),
    )


def _fault(file: Path, marker: Marker, places: dict[str, int]) -> tuple[Reason, str] | None:
    size = file_size(file)
    if size is None:
        return "missing", "there is no such file"
    if size == 0:
        return "empty", f"0 bytes where {marker.bytes:,} were committed"
    came = sha256_of(file)
    if came == marker.sha256:
        said = f"it says {marker.bytes:,} bytes of the file, which has {size:,} and the right sha256"
        return ("marker damaged", said) if size != marker.bytes else None
    if came in places:
        return "misplaced", f"it holds the bytes of shard {places[came]}"
    if size < marker.bytes:
        return "truncated", f"{size:,} bytes where {marker.bytes:,} were committed"
    return "hash differs", f"sha256 {came[:12]}… where {marker.sha256[:12]}… was committed"
