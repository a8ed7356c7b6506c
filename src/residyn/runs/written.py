"""What stages wrote: the sha256 and size of every file, and which files are not that any more."""

from __future__ import annotations

import functools
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from residyn.store.files import sha256_of
from residyn.store.layout import ARRAY, COMMITS, GROUP, LOCK, MANIFEST, SAMPLES
from residyn.store.leftovers import is_leftover

_METADATA = "zarr.json"
_SETTLED_S = 0.1
"""A file that was written so lately can be written again without another time of writing."""

Fault = Literal["missing", "differs", "damaged", "not known"]


@dataclass(frozen=True)
class Content:
    """A file's content: its sha256 and its size in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Difference:
    """A file that is not what a stage wrote: its path from the run directory on, what is wrong, in words."""

    stage: str
    file: str
    reason: Fault
    detail: str


def contents(directory: Path, outputs: Iterable[str]) -> dict[str, Content]:
    """The content of every file of some outputs of a run, by its path from the run directory on.

    Of an output that is a run directory itself, as a control is, these are the files that name its states: its
    ledger covers the rest.
    """
    found = {name: _content(directory / name) for output in outputs for name in files_of(directory, output)}
    return {name: content for name, content in found.items() if content is not None}


def files_of(directory: Path, output: str) -> list[str]:
    """The paths of an output's files from the run directory on, sorted; a file is its own."""
    path = directory / output
    if not path.is_dir():
        return [output]
    if (path / MANIFEST).exists():
        own = [MANIFEST, SAMPLES, f"{GROUP}/{_METADATA}", f"{GROUP}/{ARRAY}/{_METADATA}"]
        return [f"{output}/{name}" for name in (*own, *(f"{COMMITS}/{name}" for name in _names(path / COMMITS)))]
    return [f"{output}/{name}" for name in _names(path)]


def differences(directory: Path, stage: str, files: Mapping[str, Content]) -> Iterator[Difference]:
    """The files of a stage that are not what it wrote, in order."""
    for name, wanted in files.items():
        path = directory / name
        size = _size(path)
        if size is None:
            there = path.is_symlink() or path.exists()
            said = "something else than a file stands there" if there else "there is no such file"
            yield Difference(stage, name, "differs" if there else "missing", said)
        # A file of another size is not read: it may be of any size.
        elif size != wanted.bytes:
            yield Difference(stage, name, "differs", f"{size:,} bytes where {wanted.bytes:,} were written")
        elif (came := _content(path)) != wanted:
            sha256 = "no" if came is None else f"{came.sha256[:12]}…"
            yield Difference(stage, name, "differs", f"sha256 {sha256} where {wanted.sha256[:12]}… was written")


def is_temporary(name: str) -> bool:
    """Whether a name is one that writing uses until a file or a folder is whole, or that of a lock."""
    return name == LOCK or is_leftover(name)


def _names(folder: Path) -> list[str]:
    """The paths of all files in a folder, sorted, from it on; links are not followed."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_temporary(name))
        found += [Path(root, name).relative_to(folder).as_posix() for name in files if not is_temporary(name)]
    return sorted(found)


def _size(path: Path) -> int | None:
    """The size of a regular file; None where there is none. Links are not followed."""
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _content(path: Path) -> Content | None:
    """The content of a regular file, read once as long as nothing was written to it; None where there is none."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return None
        if time.time() - found.st_mtime < _SETTLED_S:
            return Content(sha256_of(path), found.st_size)
        return _read(path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    except (OSError, ValueError):
        return None


@functools.lru_cache(maxsize=1 << 14)
def _read(path: Path, _inode: int, size: int, _written_ns: int, _changed_ns: int) -> Content:
    return Content(sha256_of(path), size)
