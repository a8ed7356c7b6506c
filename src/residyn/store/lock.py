"""One writer at a time: an exclusive lock on a file of the run directory, which names its holder.

The kernel drops the lock with the process, however it ends, so what a killed writer left in the file is
harmless: it only says who held the lock last. A thread that holds the lock can take it again, so that a whole run
and each of its stages can ask for it.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from residyn.errors import ResourceError, StoreError
from residyn.store.files import check_mode, disk_errors
from residyn.store.layout import LEASE, LOCK
from residyn.store.lease import STALE_S, Taken, is_leased, leased
from residyn.store.leftovers import tidy

_Owner = tuple[int, int]
"""A process and a thread of it: a child that was forked holds nothing."""


@dataclass
class Hold:
    """A lock that is held: by whom, whether its holder has the run's states open for writing, and whether it was a
    lease and was lost.
    """

    owner: _Owner
    writing: bool = False
    lost: threading.Event = field(default_factory=threading.Event)


_ATTEMPTS, _PAUSE_S = 10, 0.02
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}
_held: dict[tuple[int, int], Hold] = {}


@contextmanager
def locked(run: Path, *, needed: bool = True) -> Iterator[Hold]:
    """Hold the lock of the run directory `run`: whatever writes to it does so inside this.

    When it is taken, what killed writers left is removed. Raises StoreError, naming the holder, where another has
    the lock, and where a folder inside the run is a link, through which files of somebody else could be replaced;
    ResourceError on a system without file locks, unless the lock is not `needed`: results can be made there, of
    one process at a time, and nobody watches over that.
    """
    try:
        # Only writing needs it: a run is read on any system.
        import fcntl
    except ImportError as error:
        if not needed:
            yield Hold(_me())
            return
        raise ResourceError(
            f"Writing to a run directory takes file locks of a POSIX system (flock), which {sys.platform} lacks. "
            f"{run} can be read here; write to it on Linux or macOS."
        ) from error
    with disk_errors(run, "Opening the lock"):
        identity = _identity(run)
    hold = _held.get(identity)
    if hold is not None and hold.owner == _me():
        yield hold
        return
    if (run / LOCK).is_symlink():
        raise StoreError(
            f"{run / LOCK} is a link, and a lock on what it leads to keeps nobody from this run. Remove it, and "
            "give the same command again."
        )
    with disk_errors(run, "Opening the lock"):
        descriptor = os.open(run / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        with disk_errors(run, "Opening the lock"):
            check_mode(os.fstat(descriptor).st_mode)
        holder = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat("T", "seconds"),
        }
        with ExitStack() as leases:
            hold = Hold(_me())
            if not _take(run, descriptor, lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)):
                hold.lost = leases.enter_context(_leased(run, holder))
            with disk_errors(run, "Writing the lock"):
                _fill(descriptor, json.dumps(holder).encode())
            try:
                tidy(run, is_held)
                _held[identity] = hold
                yield hold
            finally:
                _held.pop(identity, None)
                with suppress(OSError):
                    _fill(descriptor, b"")
    finally:
        os.close(descriptor)


@contextmanager
def _leased(run: Path, holder: dict[str, Any]) -> Iterator[threading.Event]:
    """A lease instead of the lock, which is told."""
    warnings.warn(
        f"{run} lies on a file system without file locks: a lease, {LEASE}, takes the lock's place. Let one "
        f"process write there at a time; one that was killed keeps others out for {STALE_S:.0f} s.",
        stacklevel=2,
    )
    with ExitStack() as stack:
        try:
            with disk_errors(run, "Writing the lease"):
                lost = stack.enter_context(leased(run, holder))
        except Taken as taken:
            raise in_use(run, _named(taken.record) or "another process") from taken
        yield lost


def _take(run: Path, descriptor: int, lock: Callable[[], None]) -> bool:
    """Take the lock at once, or raise InUse with the name of who has it; False where there are no locks here."""
    for attempt in range(_ATTEMPTS):
        try:
            lock()
        except BlockingIOError as error:
            holder = _holder(descriptor)
            # Whoever took the lock this moment has not signed yet, and whoever lets go of it has not any more.
            if holder or attempt == _ATTEMPTS - 1:
                raise in_use(run, holder or "another process") from error
            time.sleep(_PAUSE_S)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise StoreError(
                f"{run} cannot be locked: {error.strerror}. Choose a folder on another file system with --out."
            ) from error
        else:
            return True
    return True


@contextmanager
def undisturbed(run: Path) -> Iterator[None]:
    """Read what a writer may replace meanwhile: what fails while another holds the lock is told as that."""
    try:
        yield
    except StoreError as error:
        if not is_held(run) or ((hold := _held.get(_identity(run))) is not None and hold.owner == _me()):
            raise
        descriptor = os.open(run / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            holder = _holder(descriptor)
        finally:
            os.close(descriptor)
        raise in_use(run, holder or "another process") from error


class InUse(StoreError):
    """Another has the lock."""


def in_use(run: Path, holder: str) -> InUse:
    """What a second writer is told."""
    return InUse(
        f"{run} is being written by {holder}. One run directory has one writer: "
        "wait for it, end it, or choose another folder with --out."
    )


def is_held(folder: Path) -> bool:
    """Whether somebody holds the lock of a folder, this process included."""
    try:
        import fcntl

        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (ImportError, OSError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _NO_LOCKS or is_leased(folder)
    finally:
        os.close(descriptor)
    return False


def _me() -> _Owner:
    return os.getpid(), threading.get_ident()


def _identity(run: Path) -> tuple[int, int]:
    found = run.stat()
    return found.st_dev, found.st_ino


def _fill(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)


def _holder(descriptor: int) -> str:
    """Who signed the lock; empty where nobody did."""
    try:
        return _named(json.loads(os.pread(descriptor, 1000, 0)))
    except (OSError, ValueError, RecursionError):
        return ""


def _named(holder: Any) -> str:
    try:
        return f"process {int(holder['pid'])} on {holder['host']!s:.60} since {holder['since']!s:.40}"
    except (ValueError, KeyError, TypeError):
        return ""
