"""Files that survive a crash: written whole, flushed to the disk, put in place in one step."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from residyn.errors import ResourceError, StoreError, lacking
from residyn.store.layout import resume_command

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
TEMPORARY_SUFFIX = ".tmp"
_PIECE_BYTES = 1 << 20
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class NotAFileError(OSError):
    """Something else than a file stands where a file is wanted, or a file is larger than it can be."""

    def __init__(self, said: str) -> None:
        super().__init__(errno.EINVAL, said)


def beside(path: Path, suffix: str) -> Path:
    """A hidden name beside `path` that no other writer has: what is written there is renamed when it is whole."""
    return path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex}{suffix}")


def open_file(path: Path) -> BufferedReader:
    """A file, opened for reading; never waited for, as a named pipe would be.

    Raises OSError as `open` does, and where something else than a file stands there.
    """
    check_file(path)
    # Something else may have taken its place since: opened so, not even a pipe makes anybody wait.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        check_mode(os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_file(path: Path) -> int:
    """The size of a file in bytes. Raises OSError where there is none, or something else stands there."""
    found = path.stat()
    check_mode(found.st_mode)
    return found.st_size


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a file of at most `most`. Raises OSError as `open_file` does, and where it is larger."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > most else file.read(most + 1)
    if size > most or len(content) > most:
        raise NotAFileError(f"it has {max(size, len(content)):,} bytes; a record of residyn's is at most {most:,}")
    return content


def check_mode(mode: int) -> None:
    """Raise OSError unless a file of this mode is a regular one."""
    if not stat.S_ISREG(mode):
        found = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise NotAFileError(f"{found} stands there, where a file is wanted")


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a crash leaves the old file or the new one, never a part of either."""
    temporary = beside(path, TEMPORARY_SUFFIX)
    try:
        flushed(temporary, content)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync(path.parent)


def append_bytes(path: Path, content: bytes) -> None:
    """Put `content` behind what a file holds, which is made where there is none, and flush it to the disk.

    A crash can leave a part of the content: whoever reads must be able to tell.
    """
    made = not path.exists()
    if not made:
        check_file(path)
    with path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if made:
        sync(path.parent)


def flushed(path: Path, content: bytes) -> None:
    """Write a new file, and flush it to the disk. Raises OSError, also where there is one of that name."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


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


def holds_bytes(path: Path, content: bytes) -> bool:
    """Whether what is read back of a file is `content`. Raises OSError as `open_file` does."""
    expected = memoryview(content)
    with open_file(path) as file:
        at = 0
        while piece := file.read(_PIECE_BYTES):
            if piece != expected[at : at + len(piece)]:
                return False
            at += len(piece)
    return at == len(content)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_size(path: Path) -> int | None:
    """The size of a regular file in bytes; None where there is none, or something else stands there."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


@contextmanager
def disk_errors(run: Path, doing: str, *, go_on: str | None = None) -> Iterator[None]:
    """Turn an operating system's error met while `doing` something to a run directory into one of residyn's.

    `go_on` says what to do when there is space again; by default, how the capture of `run` is gone on with.
    No space, quota or file size left → ResourceError; anything else the system refuses → StoreError, which names a
    folder that stands in the place of a file.
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
        if machine := lacking(error):
            raise machine from error
        if isinstance(error, IsADirectoryError):
            raise StoreError(
                f"{doing} in {run} failed: a folder stands at {error.filename2 or error.filename}, where a file "
                "is wanted. Move it away, and give the same command again."
            ) from error
        wanted = "A run directory" if go_on is None else "The place"
        raise StoreError(
            f"{doing} in {run} failed: {reason}. {wanted} has to be a folder that can be written to; "
            "choose another one with --out."
        ) from error
