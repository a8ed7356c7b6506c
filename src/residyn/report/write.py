"""From a run directory to its page."""

from __future__ import annotations

from pathlib import Path

from residyn.report.content import gather
from residyn.report.page import render, render_comparison
from residyn.report.side_by_side import SideBySide
from residyn.runs import layout
from residyn.store.files import disk_errors, write_bytes


def write_comparison(page: SideBySide, folder: str | Path) -> Path:
    """Write the page of a comparison into its folder, as comparison.html; its path. Raises as `write_report`."""
    path = Path(folder) / layout.COMPARISON_PAGE
    with disk_errors(Path(folder), f"Writing {layout.COMPARISON_PAGE}"):
        write_bytes(path, render_comparison(page).encode("utf-8"))
    return path


def write_report(directory: str | Path) -> Path:
    """Write DIR/report.html of everything that the run directory holds; the page's path.

    One file with its pictures inside, which asks for nothing from anywhere and runs no script. What is not in
    the directory (verdicts, teleports, a description of the run) is left out, and a line says what would make it.
    The page is written whole or not at all. Raises StoreError where there are no results or a record is not what
    residyn writes, DataError where the results lack panels B to F, ResourceError where the disk is full.

    >>> rd.write_report(run.directory).name
    'report.html'
    """
    directory = Path(directory)
    page = render(gather(directory))
    path = directory / layout.REPORT
    with disk_errors(directory, f"Writing {layout.REPORT}"):
        write_bytes(path, page.encode("utf-8"))
    return path
