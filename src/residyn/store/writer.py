"""Writing states: one shard is one block, one writer, one commit."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from residyn.errors import ResidynError, StoreError
from residyn.store import staging
from residyn.store.array import check_metadata
from residyn.store.files import disk_errors, file_size, sync
from residyn.store.kinds import HALVED, KINDS, MIXED, Kind, check_kind, differences, read_kinds
from residyn.store.layout import COMMITS, marker_path, repair_command, shard_path, staged_folder, states_folder
from residyn.store.ledger import holds, marker_for, read_ledger, read_marker
from residyn.store.lock import in_use, locked
from residyn.store.manifest import Manifest, read_manifest
from residyn.store.provenance import record_warnings, update_run
from residyn.store.records import write_json
from residyn.store.samples import read_samples
from residyn.store.staging import Receipt


@contextmanager
def open_writer(path: str | Path, *, mixed: bool = False) -> Iterator[Writer]:
    """Open a run directory for writing, alone: a context manager that gives a `Writer`.

    What an interrupted writer left is put in order first: temporary files are removed, a marker whose shard is
    missing or has another size is dropped, so that the shard is pending again, and shards that workers staged are
    put in place where what is read back is what they staged. `mixed` allows shards of another kind of machine than
    the run's others. What was staged and is not needed any more is removed in the end.

    Raises StoreError where another process has the run open, the run is damaged beyond its shards, or what was
    staged is of another kind of machine, or has other bytes than what is committed.
    """
    run = Path(path)
    manifest = read_manifest(run)
    with locked(run) as hold:
        if hold.writing:
            raise in_use(run, f"process {os.getpid()}, which has it open already")
        samples = read_samples(run, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
        check_metadata(run, manifest)
        with disk_errors(run, "Putting the ledger in order"):
            pending = _drop_broken_markers(run, manifest)
        hold.writing = True
        try:
            writer = Writer(run, manifest, samples.sample.tolist(), pending, mixed=mixed, lost=hold.lost)
            writer.adopt()
            try:
                yield writer
            except BaseException:
                # What went wrong is to be told, and not that it could not be tidied.
                with suppress(ResidynError, OSError):
                    staging.sweep(run, writer.pending)
                raise
            staging.sweep(run, writer.pending)
        finally:
            hold.writing = False


class Writer:
    """The one writer of a run, while `open_writer` holds its lock. Not for use by several threads."""

    def __init__(
        self,
        run: Path,
        manifest: Manifest,
        sample: list[int],
        pending: list[int],
        *,
        mixed: bool = False,
        lost: threading.Event | None = None,
    ) -> None:
        self.manifest = manifest
        self.mixed = mixed
        self.run = run
        self._sample = sample
        self._pending = pending
        self._lost = lost
        self.told: list[str] = []
        known = read_kinds(run)
        # Nothing is known of the shards of an older version, and of no shard everything.
        self._kinds = known if len(pending) < manifest.n_shards else []
        self._unknown = not known and len(pending) < manifest.n_shards

    @property
    def pending(self) -> list[int]:
        """The shards that are not committed yet, in order."""
        return list(self._pending)

    def rows(self, shard: int) -> slice:
        """The rows of samples.jsonl that a shard holds. Raises StoreError for a shard the run does not have."""
        if not 0 <= shard < self.manifest.n_shards:
            raise StoreError(f"This run has shards 0 to {self.manifest.n_shards - 1}; got {shard}.")
        return self.manifest.rows(shard)

    def labels(self, shard: int) -> list[int]:
        """The samples in the rows of a shard."""
        return self._sample[self.rows(shard)]

    def admit(self, kind: Kind, *, halved: bool = False, what: str = "The next shards") -> None:
        """Record, before a shard is committed, what made it: its kind of machine, and that a batch was halved.

        For the thread that opened the writer. Raises StoreError where the run's shards are of other kinds, unless
        the writer was opened as `mixed`: then the run is marked as not bit-reproducible.
        """
        if kind and not self._unknown and kind not in self._kinds:
            if not self.mixed:
                check_kind(self.run, self._kinds, kind, what)
            first = not self._kinds
            self._kinds = [*self._kinds, kind]
            update_run(self.run, **{KINDS: self._kinds})
            if not first:
                self._tell(MIXED)
        if halved:
            self._tell(HALVED)

    def _tell(self, warning: str) -> None:
        """Record a warning of the run; `told` has those of this writer, once each."""
        if warning not in self.told:
            self.told.append(warning)
            record_warnings(self.run, [warning])

    def commit(self, shard: int, block: np.ndarray, *, drop_nonfinite: bool = False, **about: Any) -> list[int]:
        """Store the states of a pending shard, (rows, sublayers, units) float32, for good.

        When this returns, shard and marker are on the disk; when it does not, the shard is still pending. With
        `drop_nonfinite`, samples whose states are not finite are left out of the run; they are returned. `about`
        is what the receipt says beside: halved, kind, seconds. Raises DataError for a block of another dtype or
        shape or with non-finite values (the first sample and sublayer are named), StoreError for a shard that is
        committed, ResourceError where the disk is full.
        """
        rows = self.rows(shard)
        if shard not in self._pending:
            raise StoreError(f"Shard {shard} of {self.run} is committed. Call forget() first to write it again.")
        labels = self.labels(shard)
        content, dropped = staging.encode(self.manifest, shard, block, labels, drop_nonfinite=drop_nonfinite)
        receipt = staging.receipt_for(self.manifest, shard, content, dropped, **about)
        staging.stage(self.run, receipt, content)
        try:
            self.put(receipt)
        except BaseException:
            with suppress(OSError):
                staging.discard(self.run, receipt.name)
            raise
        return [labels[row - rows.start] for row in dropped]

    def put(self, receipt: Receipt) -> bool:
        """Put a staged shard in its place and commit it; whether that was not done before.

        Where the shard is committed, a copy with the same bytes is dropped. Raises StoreError where the bytes are
        others, naming both kinds of machine, and where what was staged is not there with its size.
        """
        shard, run = receipt.shard, self.run
        if self._lost is not None and self._lost.is_set():
            raise StoreError(
                f"{run} should be written by one process, and its lease was taken by another while this one hung. "
                "What was put in place before is stored; end the other, and give the same command again."
            )
        source = staged_folder(run) / receipt.name
        with disk_errors(run, f"Committing shard {shard}"):
            if shard not in self._pending:
                self._compare(receipt)
                staging.discard(run, receipt.name)
                return False
            if file_size(source) != receipt.bytes:
                raise StoreError(
                    f"{source} should have {receipt.bytes:,} bytes, as its receipt says; it has "
                    f"{file_size(source) or 0:,}. The shard is still pending: give the same command again."
                )
            source.replace(shard_path(run, shard))
            sync(states_folder(run))
            marker = marker_for(self.manifest, shard, receipt.sha256, receipt.bytes, receipt.dropped)
            write_json(marker_path(run, shard), marker.to_record())
            self._pending.remove(shard)
            staging.discard(run, receipt.name)
        return True

    def adopt(self) -> int:
        """Put in place what workers staged, where what is read back is what they staged; how many shards."""
        adopted = 0
        for receipt in staging.receipts(self.run, self.manifest):
            if receipt.shard in self._pending:
                if not staging.is_whole(self.run, receipt):
                    staging.discard(self.run, receipt.name)
                    continue
                self.admit(receipt.kind, halved=receipt.halved, what=f"Shard {receipt.shard}, which is staged,")
            adopted += self.put(receipt)
        return adopted

    def _compare(self, receipt: Receipt) -> None:
        marker = read_marker(self.run, self.manifest, receipt.shard)
        if marker is None or marker.sha256 == receipt.sha256:
            return
        kind = differences(self._kinds[0] if self._kinds else {}, receipt.kind)
        raise StoreError(
            f"Shard {receipt.shard} of {self.run} should be the same bytes whoever computes it, and came again "
            f"with others: sha256 {marker.sha256[:12]}… is committed, {receipt.sha256[:12]}… is staged. Kinds of "
            f"machine: {kind}. Remove {staged_folder(self.run) / receipt.name}* to keep what is committed."
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
