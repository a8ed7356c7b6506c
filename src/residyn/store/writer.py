"""Writing states: one shard is one block, one writer, one commit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from residyn.errors import DataError, StoreError
from residyn.store.array import open_array
from residyn.store.files import disk_errors, sha256_of, sync
from residyn.store.layout import COMMITS, marker_path, repair_command, shard_path, states_folder
from residyn.store.ledger import holds, marker_for, read_ledger
from residyn.store.lock import in_use, locked
from residyn.store.manifest import Manifest, read_manifest
from residyn.store.records import write_json
from residyn.store.samples import read_samples

if TYPE_CHECKING:
    import zarr


@contextmanager
def open_writer(path: str | Path) -> Iterator[Writer]:
    """Open a run directory for writing, alone: a context manager that gives a `Writer`.

    What an interrupted writer left is put in order first: temporary files are removed, and a marker whose
    shard is missing or has another size is dropped, so that the shard is pending again. Raises StoreError
    where another process has the run open, or the run is damaged beyond its shards.
    """
    run = Path(path)
    manifest = read_manifest(run)
    with locked(run) as hold:
        if hold.writing:
            raise in_use(run, f"process {os.getpid()}, which has it open already")
        samples = read_samples(run, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
        array = open_array(run, manifest, writable=True)
        with disk_errors(run, "Putting the ledger in order"):
            pending = _drop_broken_markers(run, manifest)
        hold.writing = True
        try:
            yield Writer(run, manifest, array, samples.sample.tolist(), pending)
        finally:
            hold.writing = False


class Writer:
    """The one writer of a run, while `open_writer` holds its lock. Not for use by several threads."""

    def __init__(
        self, run: Path, manifest: Manifest, array: zarr.Array[Any], sample: list[int], pending: list[int]
    ) -> None:
        self.manifest = manifest
        self._run = run
        self._array = array
        self._sample = sample
        self._pending = pending

    @property
    def pending(self) -> list[int]:
        """The shards that are not committed yet, in order."""
        return list(self._pending)

    def rows(self, shard: int) -> slice:
        """The rows of samples.jsonl that a shard holds. Raises StoreError for a shard the run does not have."""
        if not 0 <= shard < self.manifest.n_shards:
            raise StoreError(f"This run has shards 0 to {self.manifest.n_shards - 1}; got {shard}.")
        return self.manifest.rows(shard)

    def commit(self, shard: int, block: np.ndarray, *, drop_nonfinite: bool = False) -> list[int]:
        """Store the states of a pending shard, (rows, sublayers, units) float32, for good.

        When this returns, shard and marker are on the disk; when it does not, the shard is still pending. With
        `drop_nonfinite`, samples whose states are not finite are left out of the run; they are returned.
        Raises DataError for a block of another dtype or shape or with non-finite values (the first sample and
        sublayer are named), StoreError for a shard that is committed, ResourceError where the disk is full.
        """
        rows = self.rows(shard)
        if shard not in self._pending:
            raise StoreError(f"Shard {shard} of {self._run} is committed. Call forget() first to write it again.")
        dropped = self._not_finite(rows, block) if drop_nonfinite else []
        if dropped:
            block = block.copy()
            block[[row - rows.start for row in dropped]] = 0.0
        self._check(rows, block)
        path = shard_path(self._run, shard)
        with disk_errors(self._run, f"Writing shard {shard}"):
            path.unlink(missing_ok=True)  # zarr would merge into a stale file, and fails on a truncated one
            self._array[rows] = block
            sync(path)
            sync(path.parent)
            marker = marker_for(self.manifest, shard, sha256_of(path), path.stat().st_size, dropped)
            write_json(marker_path(self._run, shard), marker.to_record())
        self._pending.remove(shard)
        return [self._sample[row] for row in dropped]

    def _not_finite(self, rows: slice, block: np.ndarray) -> list[int]:
        bad = ~np.isfinite(block).all(axis=(1, 2))
        return [rows.start + int(row) for row in np.flatnonzero(bad)]

    def _check(self, rows: slice, block: np.ndarray) -> None:
        wanted = (rows.stop - rows.start, *self.manifest.shape[1:])
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
            f"The states are not finite: sample {self._sample[rows.start + row]}, first at sublayer "
            f"{self.manifest.sublayers[sublayer].label}; {int((~finite).sum())} values in {bad_samples} of "
            f"{wanted[0]} samples. Weights with NaN, or a dtype too small for this model: try --dtype float32, "
            "or go on without such samples by --on-nonfinite drop."
        )


def _drop_broken_markers(run: Path, manifest: Manifest) -> list[int]:
    """Remove markers that are damaged or whose shard is gone or cut; the shards without a marker, in order."""
    markers, damaged = read_ledger(run, manifest)
    broken = [*damaged, *(shard for shard, marker in markers.items() if not holds(run, marker))]
    drop_markers(run, broken)
    return sorted(set(range(manifest.n_shards)) - markers.keys() | set(broken))


def drop_markers(run: Path, shards: list[int]) -> None:
    """Remove markers for good, so that their shards count as never committed."""
    for shard in shards:
        marker_path(run, shard).unlink(missing_ok=True)
    if shards:
        sync(run / COMMITS)


def forget(path: str | Path, shards: list[int]) -> None:
    """Remove shards and their markers, so that the next capture computes these and no others again.

    The marker goes first: cut off in between, the shard is without a marker, and so pending. Raises
    StoreError for shards the run does not have, or while another process writes to it.
    """
    run = Path(path)
    manifest = read_manifest(run)
    unknown = [shard for shard in shards if not 0 <= shard < manifest.n_shards]
    if unknown:
        raise StoreError(
            f"{run} has shards 0 to {manifest.n_shards - 1}; got {unknown}. "
            f"`{repair_command(run)}` finds the damaged ones."
        )
    with locked(run), disk_errors(run, "Removing shards"):
        drop_markers(run, shards)
        for shard in shards:
            shard_path(run, shard).unlink(missing_ok=True)
        if shards:
            sync(states_folder(run))
