"""The folder that a comparison is written to: it is known by its record, and holds nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from residyn.errors import StoreError
from residyn.quantities.tables import write_frame
from residyn.runs import layout
from residyn.settings import Format
from residyn.store import check_target, locked, read_json, write_json
from residyn.store.files import disk_errors
from residyn.store.layout import LOCK

_TABLES = ("curves", "distances", "claims", "similarity", layout.CHECKPOINTS, "beginnings", layout.AXES)
_PICTURES = (layout.COMPARISON, layout.CHECKPOINTS, layout.AXES)
_OWN = {
    layout.COMPARISON_RECORD,
    layout.COMPARISON_PAGE,
    layout.TABLES,
    *(f"{name}.{kind}" for name in _PICTURES for kind in get_args(Format)),
}


def check_folder(out: str | Path) -> Path:
    """The folder for a comparison, once it is known that one can be written there; nothing is written yet.

    Raises StoreError for a folder that holds a run or anything that no comparison wrote, and for one that cannot
    be written to.
    """
    out = Path(out)
    with disk_errors(out, "Looking"):
        found = [name for name in _names(out) if name != LOCK]
        strangers = [name for name in found if name not in _OWN and not name.startswith(".")]
        # An interrupted write leaves a hidden file beside its place.
        inside = (name for name in _names(out / layout.TABLES) if name.split(".")[0] not in ("", *_TABLES))
        strangers += [f"{layout.TABLES}/{name}" for name in inside]
    if strangers or (found and layout.COMPARISON_RECORD not in found):
        shown = ", ".join((strangers or found)[:5])
        raise StoreError(
            f"{out} is not the folder of a comparison, and not empty: it has {shown}. Nothing was written to it. "
            "Choose an empty or new folder with --out."
        )
    if not found:
        return check_target(out)
    try:
        record = read_json(out / layout.COMPARISON_RECORD)
    except StoreError as error:
        raise StoreError(f"{error} Remove {out} to compare anew, or choose another folder with --out.") from error
    if not isinstance(record, dict) or record.get("format") != layout.COMPARISON_FORMAT:
        raise StoreError(
            f"{out / layout.COMPARISON_RECORD} is not the record of a comparison. "
            "Choose another folder with --out."
        )
    return out


@contextmanager
def writing_to(out: Path) -> Iterator[None]:
    """Make the folder and hold its lock, so that one comparison is written there. Raises as `write_folder`."""
    with disk_errors(out, "Creating the folder"):
        out.mkdir(parents=True, exist_ok=True)
    with locked(out, needed=False):
        yield


def write_folder(out: Path, record: Mapping[str, Any], tables: Mapping[str, pd.DataFrame | None]) -> None:
    """Write a comparison's record, and each table as tables/NAME.csv; one that is None is removed where it is.

    A picture that an earlier comparison left is removed with its table.

    The record goes first: what is written after it is then known to be a comparison's. Raises StoreError where
    the folder cannot be written to, ResourceError where the disk is full.
    """
    with disk_errors(out, "Creating the folder"):
        out.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            if table is None:
                (out / layout.TABLES / f"{name}.csv").unlink(missing_ok=True)
                for kind in get_args(Format):
                    (out / f"{name}.{kind}").unlink(missing_ok=True)
    header = {"format": layout.COMPARISON_FORMAT, "format_version": layout.COMPARISON_VERSION}
    write_json(out / layout.COMPARISON_RECORD, {**header, **record})
    for name, table in tables.items():
        if table is not None:
            write_frame(table, out / layout.TABLES, name)


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
