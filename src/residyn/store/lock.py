"""One writer at a time: an exclusive flock on a file of the run directory, which names its holder.

The kernel drops the lock with the process, however it ends, so what a killed writer left in the file is
harmless: it only says who held the lock last.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from residyn.errors import ResourceError, StoreError
from residyn.store.files import disk_errors
from residyn.store.layout import COMMITS, GROUP, LOCK, states_folder


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Hold the lock of the run directory `run`: whatever writes to states or ledger does so inside this.

    Raises StoreError, naming the holder, where another has the lock, and where a folder inside the run is a
    link, through which files of somebody else could be replaced; ResourceError on a system without flock.
    """
    try:
        # Only writing needs it: a run is read on any system.
        import fcntl
    except ImportError as error:
        raise ResourceError(
            f"Writing to a run directory takes file locks of a POSIX system (flock), which {sys.platform} lacks. "
            f"{run} can be read here; write to it on Linux or macOS."
        ) from error
    with disk_errors(run, "Opening the lock"):
        descriptor = os.open(run / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"{run} is being written by {_holder(descriptor)}. One run directory has one writer: "
                "wait for it, end it, or choose another folder with --out."
            ) from error
        except OSError as error:
            raise StoreError(
                f"{run} cannot be locked: {error.strerror}. Its file system has no file locks; "
                "choose a folder on a local disk with --out."
            ) from error
        holder = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat("T", "seconds"),
        }
        _check_no_links(run)
        with disk_errors(run, "Writing the lock"):
            _fill(descriptor, json.dumps(holder).encode())
        try:
            yield
        finally:
            with suppress(OSError):
                _fill(descriptor, b"")
    finally:
        os.close(descriptor)


def _check_no_links(run: Path) -> None:
    for folder in (run / GROUP, states_folder(run), run / COMMITS):
        if folder.is_symlink():
            raise StoreError(
                f"{folder} is a link. Inside a run directory nothing is written through links; "
                "put the folder itself there, or link to the whole run directory."
            )


def _fill(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 1000, 0))
        return f"process {int(holder['pid'])} on {holder['host']!s:.60} since {holder['since']!s:.40}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
