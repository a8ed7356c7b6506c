"""How objects that people hold show themselves: a few lines in a terminal, a small table in a notebook."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Sequence

from residyn.words import clean


class Shown(ABC):
    """An object with a short repr: a title, and rows of names and values."""

    @abstractmethod
    def shown(self) -> tuple[str, Sequence[tuple[str, str]]]:
        """The title, and the rows."""

    def __repr__(self) -> str:
        title, rows = self.shown()
        width = max((len(name) for name, _ in rows), default=0)
        return "\n".join([clean(title), *(f"  {clean(name):{width}}  {clean(value)}" for name, value in rows)])

    def _repr_html_(self) -> str:
        title, rows = self.shown()
        cells = (f"<td>{html.escape(name)}</td><td>{html.escape(value)}</td>" for name, value in rows)
        body = "".join(f"<tr>{cell}</tr>" for cell in cells)
        return f"<table><caption>{html.escape(title)}</caption>{body}</table>"


def shortened(text: str, most: int = 60) -> str:
    """A text in one line of at most so many characters, with … where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
