"""What killed writers left behind: known by its name, and removed by the next writer that holds the lock."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from residyn.errors import StoreError
from residyn.store.files import disk_errors
from residyn.store.layout import FOLDERS, LOCK

TEMPORARY, PARTIAL, REPLACED, REMOVED = ".tmp", ".partial", ".replaced", ".removed"
_UNIQUE = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}(?P<kind>\.tmp|\.partial|\.replaced|\.removed)", re.DOTALL)
_OF_ZARR = re.compile(r".+\.[0-9a-f]{32}\.partial", re.DOTALL)
_FIXED = re.compile(
    r"(results|noise_floor|flow|return_fraction|field|summary)\.zarr\.(partial|replaced)"
    r"|\.[\w.\-]+\.(png|pdf|svg)\.partial"
)
"""As earlier versions of residyn named them."""
_ABANDONED_AFTER_S = 3600


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name is what an interrupted write of residyn's leaves."""
    return bool(_UNIQUE.fullmatch(name) or _OF_ZARR.fullmatch(name) or _FIXED.fullmatch(name))


def tidy(run: Path, held_by_another: Callable[[Path], bool]) -> None:
    """Remove what killed writers left below `run`, whose lock is held; at any depth of its own folders.

    Raises StoreError, before anything is removed, where one of these folders is a link, through which files of
    somebody else would be written or removed. A folder inside whose lock another process holds is left to it.
    """
    with disk_errors(run, "Looking for what an interrupted write left", go_on="give the same command again"):
        found = list(_leftovers(run, held_by_another, FOLDERS))
        for path in found:
            _put_away(path)


def sweep_beside(path: Path) -> None:
    """Remove what interrupted writes of `path`, a file or a folder, left beside it an hour ago or more.

    For writers that hold no lock: what is younger may be another's at work.
    """
    oldest = time.time() - _ABANDONED_AFTER_S
    with os.scandir(path.parent) as entries:
        for entry in entries:
            named = _UNIQUE.fullmatch(entry.name)
            if named and named["name"] == path.name[:80] and entry.stat(follow_symlinks=False).st_mtime <= oldest:
                _remove(Path(entry.path))


def link_error(path: Path) -> StoreError:
    """What is wrong with a link in the place of a folder."""
    return StoreError(
        f"{path} is a link. Inside a run directory nothing is written through links; "
        "put the folder itself there, or link to the whole run directory."
    )


def _leftovers(
    folder: Path, held_by_another: Callable[[Path], bool], own: frozenset[str] | None
) -> Iterator[Path]:
    """Leftovers below a folder; of its folders, those named `own` are looked into, by default all."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = Path(entry.path)
        if is_leftover(entry.name):
            yield path
        elif own is not None and entry.name not in own:
            continue
        elif entry.is_symlink():
            # A file is replaced, never written into: only what could stand for a folder leads out of the run.
            if own is not None or not path.is_file():
                raise link_error(path)
        elif entry.is_dir() and not ((path / LOCK).exists() and held_by_another(path)):
            yield from _leftovers(path, held_by_another, None)


def _put_away(path: Path) -> None:
    named = _UNIQUE.fullmatch(path.name)
    place = path.with_name(named["name"]) if named and named["kind"] == REPLACED else None
    if place is not None and not place.exists() and not place.is_symlink():
        # Cut off between two renames: what was to be replaced is better than nothing.
        path.rename(place)
    else:
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
