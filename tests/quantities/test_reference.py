"""The page of quantities is what the registry says."""

from __future__ import annotations

from pathlib import Path

from residyn.quantities.reference import reference
from residyn.quantities.registry import quantities

PAGE = Path(__file__).parents[2] / "docs" / "quantities.md"


def test_the_page_is_what_the_quantities_are() -> None:
    """Made anew by `python -m residyn.quantities.reference > docs/quantities.md`."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_quantity_has_a_row() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(quantities())
    assert all(row.replace("\\|", "").count("|") == 7 for row in rows)
