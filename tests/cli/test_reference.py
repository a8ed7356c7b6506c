from __future__ import annotations

from pathlib import Path

from residyn.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_what_the_program_says():
    """Made anew by `python -m residyn.cli.reference > docs/cli.md`."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_verb_and_option_is_in_it():
    text = reference()
    for verb in ("run", "check", "capture", "analyze", "figure", "info", "verify"):
        assert f"## `residyn {verb}" in text
    for option in ("--texts", "--n N", "--position", "--batch-tokens", "--on-nonfinite refuse/drop", "--offline"):
        assert option in text
