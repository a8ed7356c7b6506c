"""Results that were read lately, known again by the bytes of their files.

The stages of a run, the report and the explorer read the same results one after another, some hundreds of small
files each time. To hash these and copy the results is a tenth of the work of checking and opening them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path

import xarray as xr

from residyn.store.files import check_file, read_file

_LARGEST = 2**25
"""Bytes of files, and of values, up to which results are remembered; larger ones are read each time."""
_MOST = 6

_known: OrderedDict[str, xr.Dataset] = OrderedDict()


def hash_of_files(folder: Path) -> str | None:
    """The sha256 of the names and bytes of all files below a folder; None where it is not worth remembering.

    That is so where the files are too large, and where a link leads to others.

    Raises OSError where one cannot be read, or something else stands in the place of a file.
    """
    found = sorted(folder.rglob("*"))
    paths = [path for path in found if not path.is_dir()]
    if any(path.is_symlink() for path in found) or sum(map(check_file, paths)) > _LARGEST:
        return None
    whole = hashlib.sha256()
    for path in paths:
        content = read_file(path, _LARGEST)
        whole.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def recalled(files: str | None) -> xr.Dataset | None:
    """A copy of the results whose files have this hash; None where they are not remembered."""
    known = None if files is None else _known.get(files)
    return None if known is None else known.copy(deep=True)


def remember(folder: Path, files: str | None, results: xr.Dataset) -> None:
    """Remember a copy of results that were read from a folder, whose files had this hash before.

    Nothing is remembered where the files were replaced meanwhile.
    """
    if files is None or results.nbytes > _LARGEST or hash_of_files(folder) != files:
        return
    _known[files] = results.copy(deep=True)
    while len(_known) > _MOST:
        _known.popitem(last=False)
