"""Results in the folder of the stage that makes them: where they were damaged since, it makes them again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from residyn.errors import StoreError

if TYPE_CHECKING:
    import xarray as xr


def open_own(path: Path) -> xr.Dataset | None:
    """The results at `path`, a place of the run's own; None where there are none, or they were damaged since.

    Raises StoreError where another residyn wrote them, or something else stands there: neither is made again.
    """
    from residyn.run.results import has_header, lost_its_header, open_results

    if not path.exists():
        return None
    try:
        return open_results(path)
    except StoreError:
        if has_header(path) or lost_its_header(path):
            return None
        raise


def open_made(path: Path, command: str) -> xr.Dataset:
    """The results that another stage made, by `command`. Raises StoreError where they are gone or damaged."""
    made = open_own(path)
    if made is None:
        what = "were damaged since they were made" if path.exists() else "are gone"
        raise StoreError(f"The results at {path} {what}. Make them again: {command}")
    return made


def save_own(results: xr.Dataset, path: Path) -> None:
    """Write results to `path`, a place of the run's own, over those that are there, damaged or not."""
    from residyn.run.results import lost_its_header, save_results

    if lost_its_header(path):
        shutil.rmtree(path)
    save_results(results, path)
