"""A lease in the place of a lock, where the file system has no locks: a file that its holder keeps young.

It is weaker than a lock. A holder that hangs for longer than `STALE_S` can lose it to another, and notices at the
next shard that it puts in place; a holder that was killed keeps others out for that long.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from residyn.store.layout import LEASE

BEAT_S, STALE_S = 10.0, 60.0
_ATTEMPTS = 5


class Taken(Exception):
    """Another has the lease; the record says who."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        super().__init__()
        self.record = record


@contextmanager
def leased(run: Path, holder: Mapping[str, Any]) -> Iterator[threading.Event]:
    """Hold the lease of a folder; the event that is given is set where it was lost to another.

    Raises Taken where another has it and kept it young, OSError where the folder cannot be written to.
    """
    path, token = run / LEASE, uuid.uuid4().hex
    _take(path, {**holder, "token": token})
    ended, lost = threading.Event(), threading.Event()
    beating = threading.Thread(target=_beat, args=(path, token, ended, lost), name="residyn-lease", daemon=True)
    beating.start()
    try:
        yield lost
    finally:
        ended.set()
        beating.join()
        if _record(path).get("token") == token:
            with suppress(OSError):
                path.unlink()


def is_leased(run: Path) -> bool:
    """Whether somebody holds the lease of a folder, this process included."""
    try:
        return _age(run / LEASE) < STALE_S
    except OSError:
        return False


def _take(path: Path, record: Mapping[str, Any]) -> None:
    for _ in range(_ATTEMPTS):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except FileExistsError:
            _break_stale(path)
            continue
        try:
            os.write(descriptor, json.dumps(record).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if _record(path).get("token") == record["token"]:
            return
    raise Taken(_record(path))


def _break_stale(path: Path) -> None:
    """Move a lease away that nobody kept young. Raises Taken where somebody did."""
    seen = _record(path)
    try:
        young = _age(path) < STALE_S
    except FileNotFoundError:
        return
    if young:
        raise Taken(seen)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.removed")
    with suppress(FileNotFoundError):
        path.rename(aside)
        if _record(aside) != seen:
            # Another was faster, and this is its lease: it gets it back, unless a third has one by now.
            with suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink()


def _beat(path: Path, token: str, ended: threading.Event, lost: threading.Event) -> None:
    while not ended.wait(BEAT_S):
        if _record(path).get("token") != token:
            lost.set()
            return
        with suppress(OSError):
            os.utime(path)


def _age(path: Path) -> float:
    """Seconds since a file was last kept young, by the clock of the file system: those of machines differ."""
    touched = path.stat().st_mtime
    probe = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        probe.touch(exist_ok=False)
        now = probe.stat().st_mtime
    except OSError:
        now = time.time()
    finally:
        probe.unlink(missing_ok=True)
    return now - touched


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8")[:1000])
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
