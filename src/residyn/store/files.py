"""Files that survive a crash: written whole, flushed to the disk, put in place in one step."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from residyn.errors import ResourceError, StoreError
from residyn.store.layout import resume_command

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
TEMPORARY_SUFFIX = ".tmp"
ABANDONED_AFTER_S = 3600


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a crash leaves the old file or the new one, never a part of either."""
    temporary = path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or the list of names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot flush a folder
            raise
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_size(path: Path) -> int | None:
    """The size of a regular file in bytes; None where there is none, or something else stands there."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def sweep(
    folder: Path, patterns: tuple[str, ...] = ("*.partial", f".*{TEMPORARY_SUFFIX}"), min_age_s: float = 0
) -> None:
    """Remove what an interrupted write left in `folder`: files of these patterns that are at least so old."""
    oldest = time.time() - min_age_s
    for pattern in patterns:
        for path in folder.glob(pattern):
            if path.is_file() and path.stat().st_mtime <= oldest:
                path.unlink(missing_ok=True)


@contextmanager
def disk_errors(run: Path, doing: str, *, go_on: str | None = None) -> Iterator[None]:
    """Turn an operating system's error met while `doing` something to a run directory into one of residyn's.

    `go_on` says what to do when there is space again; by default, how the capture of `run` is gone on with.
    No space, quota or file size left → ResourceError; anything else the system refuses → StoreError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in NO_SPACE:
            kept, then = "", go_on
            if then is None:
                kept, then = (
                    " The shards finished before are valid and stay.",
                    f"go on with: {resume_command(run)}",
                )
            raise ResourceError(
                f"{doing} in {run} failed: {reason}.{kept} Free some space (or raise the quota), then {then}"
            ) from error
        wanted = "A run directory" if go_on is None else "The place"
        raise StoreError(
            f"{doing} in {run} failed: {reason}. {wanted} has to be a folder that can be written to; "
            "choose another one with --out."
        ) from error
