"""Pages that stand at the root of the repository, as pages of the site: their links lead within it."""

from __future__ import annotations

import re
from pathlib import Path

from pages import write_pages

ROOT = Path(__file__).parents[2]
NAMES = ("ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "SECURITY")


def write_root_pages(folder: Path) -> None:
    """Write each, with links that are right from `folder`, which lies in docs/."""
    write_pages(
        folder, {f"{name.lower()}.md": _led((ROOT / f"{name}.md").read_text(encoding="utf-8")) for name in NAMES}
    )


def _led(text: str) -> str:
    text = re.sub(r"\]\(docs/", "](../../", text)
    return re.sub(rf"\]\(({'|'.join(NAMES)})\.md", lambda found: f"]({found[1].lower()}.md", text)
