"""From a run directory to its explorer."""

from __future__ import annotations

from pathlib import Path

from residyn.explorer.content import gather
from residyn.explorer.page import render
from residyn.runs import layout
from residyn.store.files import disk_errors, write_bytes


def write_explorer(directory: str | Path) -> Path:
    """Write DIR/explorer.html, a page to walk through the run with; the page's path.

    One file with its data and script inside, which asks for nothing from anywhere: samples' paths, curves of every
    quantity, units, teleports and verdicts, quantised. What is not in the directory is left out. The page is
    written whole or not at all. Raises StoreError where there are no results or a file was damaged,
    ResourceError where the disk is full.

    >>> rd.write_explorer(run.directory).name
    'explorer.html'
    """
    directory = Path(directory)
    page = render(gather(directory))
    path = directory / layout.EXPLORER
    with disk_errors(directory, f"Writing {layout.EXPLORER}"):
        write_bytes(path, page.encode("utf-8"))
    return path
