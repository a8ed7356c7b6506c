"""The explorer in a notebook: the same page, in a frame of its own."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

HEIGHT = 820
"""Pixels of the frame's height."""


@dataclass(frozen=True)
class Frame:
    """A page that a notebook shows where it is the last line of a cell; `page` is its path.

    The page is put into the notebook whole, so that it is there without the run. Its frame may run the page's own
    script and save its picture; it reaches neither the notebook nor the network.
    """

    page: Path
    height: int = HEIGHT

    def _repr_html_(self) -> str:
        content = html.escape(self.page.read_text(encoding="utf-8"), quote=True)
        return (
            f'<iframe title="residyn explorer" srcdoc="{content}" sandbox="allow-scripts allow-downloads" '
            f'width="100%" height="{self.height}" style="border: 0"></iframe>'
        )
