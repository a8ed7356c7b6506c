"""The pages of the documentation: their blocks of code, and which of them are run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOT_RUN = "<!-- not run -->"
_BLOCK = re.compile(
    rf"^(?P<mark>{re.escape(NOT_RUN)}\n)?```(?P<language>[^\n`]*)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL
)


def pages() -> list[Path]:
    """The pages that people write, and README.md."""
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs" / "notebooks").glob("*.md")),
    ]


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The blocks of a page in these languages that are not marked as not run."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if found["language"] in languages and not found["mark"]:
            yield found["code"]


def commands(page: Path) -> Iterator[list[str]]:
    """The arguments of each `residyn` command in a page's blocks."""
    for block in blocks(page, "", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"  #| > ", line)[0].split("&&"):
                # A line that names alternatives is a summary, and no command.
                if line.startswith("residyn ") and not set("|·[…") & set(part):
                    yield shlex.split(part)[1:]
