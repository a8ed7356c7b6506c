"""Rows of text out of tables and documents: CSV, TSV, and JSON that is one document."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from residyn.errors import DataError
from residyn.model.texts.compression import open_bytes
from residyn.model.texts.documents import label_field
from residyn.model.texts.files import (
    MAX_LINE_BYTES,
    file_lines,
    json_rows,
    listed,
    no_column,
    string_or_none,
)

MAX_DOCUMENT_BYTES = 1024**3
"""A larger JSON document is refused: it is read as a whole, and takes several times its size."""

_DELIMITERS = {".csv": ",;\t", ".tsv": "\t"}


def table_rows(path: Path, name: str, field: str, suffix: str) -> Iterator[tuple[str, object]]:
    """Column `field` of a CSV or TSV file with a header, and what names each row's document, None without.

    Cells may hold line feeds, delimiters and doubled quotes where they stand in quotes. A .csv file may be
    delimited by semicolons or tabs: by the first of , ; and tab that makes a column of that name. Lines may end
    in a carriage return alone.

    Raises DataError, naming the line, for a table without the column, a row of more or fewer cells than the
    header, and quotes that do not close.
    """
    lines = _lines(path, name)
    header, delimiter = _header(next(lines, ""), field, _DELIMITERS[suffix])
    if field not in header:
        # A row of texts that is taken for the header would be lost to whoever names one of them.
        raise DataError(
            f"{no_column(name, field, header)} If that is no header but the first row, put a line of names in "
            f"front of it. Columns are parted by {' '.join(map(_named, _DELIMITERS[suffix]))}."
        )
    if header.count(field) > 1:
        raise DataError(
            f"{name} has {header.count(field)} columns named {field!r}; one was wanted. Rename the others."
        )
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    label = label_field(header, field)
    text_at, label_at = header.index(field), header.index(label) if label else None
    begin = 2
    try:
        for row in rows:
            if not row:
                yield "", None
            elif len(row) != len(header):
                raise DataError(
                    f"{name}, line {begin} has {len(row)} cells, and the header {len(header)}: {listed(header)}. "
                    f"Put cells that hold {delimiter!r} or line ends into double quotes."
                )
            else:
                yield row[text_at], None if label_at is None else row[label_at]
            begin = rows.line_num + 2
    except csv.Error as error:
        raise DataError(
            f"{name}, the row of line {begin} is not well quoted ({error}); cells in double quotes, with quotes "
            'inside them doubled, were wanted. Write the table anew, or as JSON lines ({"text": "…"}, .jsonl).'
        ) from None


def _lines(path: Path, name: str) -> Iterator[str]:
    """The lines of a table, each with its end; of a file without line feeds, what carriage returns part."""
    for number, line in enumerate(file_lines(path, name)):
        if "\0" in line:
            raise DataError(
                f"{name}, line {number + 1} holds a NUL character; text was wanted. It may be a binary file, or "
                "UTF-16 without its mark: convert it to UTF-8."
            )
        for part in line.removesuffix("\r").split("\r") if number == 0 else (line,):
            yield f"{part}\n"


def _named(delimiter: str) -> str:
    return {"\t": "tab"}.get(delimiter, delimiter)


def _header(line: str, field: str, delimiters: str) -> tuple[list[str], str]:
    """The names of the columns and the delimiter that makes one of them the field; the first where none does."""
    found = [(next(csv.reader([line], delimiter=one), []), one) for one in delimiters]
    return next((one for one in found if field in one[0]), found[0])


def document_rows(path: Path, name: str, field: str) -> Iterator[tuple[str | None, object]]:
    """The texts of a .json file, and what names their documents, None without.

    A list of texts, a list of objects with a text in `field`, an object whose `field` is such a list or an object
    of texts, or one object a line, as .jsonl files have. Raises DataError for anything else.
    """
    if _one_a_line(path, name, field):
        yield from json_rows(path, name, field)
        return
    with open_bytes(path, name) as stream:
        content = stream.read(MAX_DOCUMENT_BYTES + 1)
    wanted = f'["…", "…"], [{{"{field}": "…"}}, …], {{"{field}": ["…", "…"]}} or one object a line'
    if len(content) > MAX_DOCUMENT_BYTES:
        raise DataError(
            f"{name} is a JSON document of more than {MAX_DOCUMENT_BYTES // 1024**2} MiB, which would fill the "
            "memory. Make JSON lines of it (.jsonl), for example with `jq -c '.[]'`."
        )
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} is not UTF-8: byte {content[error.start]:#04x} at {error.start}. Convert it to UTF-8."
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{name} is not JSON ({error}); wanted was {wanted}. Write it anew, or as .jsonl."
        ) from None
    if isinstance(found, Mapping):
        found = _column(found, field, name, wanted)
    if not isinstance(found, list):
        raise DataError(
            f"{name} holds a JSON {type(found).__name__}; wanted was {wanted}. Take the list out of it."
        )
    for number, item in enumerate(found):
        yield _entry(item, f"{name}, entry {number}", field, wanted)


def _one_a_line(path: Path, name: str, field: str) -> bool:
    """Whether the first line that is not blank is an object that holds one text."""
    for line in file_lines(path, name):
        if line.strip():
            try:
                first = json.loads(line)
            except (ValueError, RecursionError):
                return False
            return isinstance(first, dict) and not isinstance(first.get(field), list | dict)
    return False


def _column(found: Mapping[str, Any], field: str, name: str, wanted: str) -> list[Any]:
    column = found.get(field)
    if isinstance(column, Mapping):
        column = list(column.values())
    if not isinstance(column, list):
        raise DataError(
            f"{name} holds an object with {listed(found)}, and no list of texts in {field!r}; wanted was "
            f"{wanted}. Name the field that holds the texts (--field), or take the list out of the object."
        )
    return column


def _entry(item: Any, where: str, field: str, wanted: str) -> tuple[str | None, object]:
    if item is None or isinstance(item, str):
        return item, None
    if not isinstance(item, dict):
        raise DataError(f"{where} is a JSON {type(item).__name__}; wanted was {wanted}. Write texts or objects.")
    if field not in item:
        raise no_column(where, field, item, "field")
    label = label_field(item, field)
    return string_or_none(item[field], where, field), item[label] if label else None
