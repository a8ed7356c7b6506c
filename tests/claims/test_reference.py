from __future__ import annotations

from pathlib import Path

from residyn.claims.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"


def test_the_page_is_what_the_claims_are():
    """Made anew by `python -m residyn.claims.reference > docs/claims.md`."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_claim_and_every_column_that_it_names_is_in_it():
    text = reference()
    for number in range(1, 14):
        assert f"\n| {number} | " in text
    for column in ("untrained", "random walk", "skip path", "without massive units"):
        assert f"\n| {column} | " in text
