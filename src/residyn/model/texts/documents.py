"""Which rows of a source belong together: a document is numbered by the row with which it begins."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterable, Iterator

NO_DOCUMENT = -1
"""As in `residyn.schema`, which would bring xarray into a room that needs none."""

Entry = tuple[str | None, int]
"""A row of text, None where it is null, and its document, `NO_DOCUMENT` where that is not known."""

FIELDS = ("document", "doc_id")
"""Fields of a file that name a row's document, the first that is there."""


def unknown(rows: Iterable[str | None]) -> Iterator[Entry]:
    """Rows of which nobody says how they belong together."""
    return ((row, NO_DOCUMENT) for row in rows)


def titled(rows: Iterable[str | None]) -> Iterator[Entry]:
    """Rows of WikiText, of the article whose title, "= Title =", came last; sections have more signs.

    A title stands between blank rows. A sentence that was broken at its signs, "= 7 / 2 ) … ( J =", does not.
    """
    document, before = NO_DOCUMENT, ""
    for number, (row, after) in enumerate(itertools.pairwise(itertools.chain(rows, [None]))):
        text = (row or "").strip()
        if _is_title(text) and not before and not (after or "").strip():
            document = number
        before = text
        yield row, document


def labelled(rows: Iterable[tuple[str | None, object]]) -> Iterator[Entry]:
    """Rows with the label of their document, a text or a whole number; whatever else stands there is no label."""
    first: dict[bytes, int] = {}
    for number, (row, label) in enumerate(rows):
        if isinstance(label, str | int) and not isinstance(label, bool):
            # A label may be as long as a text: a digest keeps the memory small.
            digest = hashlib.sha256(repr(label).encode()).digest()
            yield row, first.setdefault(digest, number)
        else:
            yield row, NO_DOCUMENT


def label_field(names: Collection[str], field: str) -> str | None:
    """The one of `names` that names documents, which is never the field of the text."""
    return next((name for name in FIELDS if name in names and name != field), None)


def _is_title(text: str) -> bool:
    return text.startswith("= ") and text.endswith(" =") and not (text.startswith("= =") or text.endswith("= ="))
