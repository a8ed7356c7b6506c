"""Rows of text out of files, one at a time: text lines, JSON lines, Parquet. A bad row is named by its line."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from residyn.errors import DataError
from residyn.model.texts.advice import value_advice
from residyn.model.texts.compression import open_bytes
from residyn.model.texts.documents import label_field

MAX_LINE_BYTES = 64 * 1024**2
"""A longer line is refused: it is a file with other line ends, or none, and would fill the memory."""

_OTHER_UNICODE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def starts_with_bom(path: Path, name: str) -> bool:
    """Whether the content of a file begins with the UTF-8 byte order mark."""
    with open_bytes(path, name) as stream:
        return stream.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8


def text_lines(stream: io.BufferedIOBase, name: str) -> Iterator[str]:
    """The lines of a UTF-8 stream, which end at a line feed only (never at U+2028, U+000B or U+0085).

    A byte order mark is stripped. Raises DataError, naming the line, for bytes that are not UTF-8 and for a
    line over MAX_LINE_BYTES.
    """
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise DataError(
                f"{name}, line {number} is longer than {MAX_LINE_BYTES // 1024**2} MiB; lines that end in "
                "a line feed were wanted, one sample each. Split the file into such lines."
            )
        if number == 1:
            if line.startswith(_OTHER_UNICODE):
                raise DataError(
                    f"{name}, line 1 begins with the mark of UTF-16 or UTF-32; UTF-8 was wanted. "
                    "Convert the file, for example with `iconv -f UTF-16 -t UTF-8`."
                )
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield line.removesuffix(b"\n").decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}, line {number} is not UTF-8: byte {line[error.start]:#04x} at position "
                f"{error.start} of the line. Convert the file to UTF-8."
            ) from None


def file_lines(path: Path, name: str) -> Iterator[str]:
    """The lines of a UTF-8 file; of its content where its name says that it is compressed."""
    with open_bytes(path, name) as stream:
        yield from text_lines(stream, name)


def json_rows(path: Path, name: str, field: str) -> Iterator[tuple[str | None, object]]:
    """`field` of each JSON object of a file that has one a line, and what names its document, None without.

    The text is None where it is null, "" for a blank line.

    Raises DataError, naming the line, for what is not a JSON object, lacks the field, or holds no text there.
    """
    for number, line in enumerate(file_lines(path, name), start=1):
        if not line.strip():
            yield "", None
            continue
        where = f"{name}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{where} is not JSON ({error}); one JSON object a line was wanted. "
                "A JSON document over several lines can be turned into that with `jq -c`."
            ) from None
        if not isinstance(record, dict):
            raise DataError(
                f"{where} holds a JSON {type(record).__name__}; one JSON object a line was wanted, such as "
                f'{{"{field}": "…"}}.'
            )
        if field not in record:
            raise no_column(where, field, record, "field")
        label = label_field(record, field)
        yield string_or_none(record[field], where, field), record[label] if label else None


def parquet_rows(path: Path, name: str, field: str) -> Iterator[tuple[str | None, object]]:
    """Column `field` of a Parquet file, read batch by batch, and what names each row's document, None without.

    The text is None where it is null.

    Raises DataError where the file is no complete Parquet file, or the column is missing or holds no text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            if field not in schema.names:
                raise no_column(name, field, schema.names)
            label = label_field(schema.names, field)
            for batch in file.iter_batches(batch_size=1024, columns=[field, *([label] if label else [])]):
                texts = batch.column(batch.schema.names.index(field))
                labels = batch.column(batch.schema.names.index(label)) if label else [None] * len(texts)
                for value, of in zip(texts, labels, strict=True):
                    text = string_or_none(value.as_py(), f"{name}, row {number}", field)
                    yield text, None if of is None else of.as_py()
                    number += 1
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(
            f"{name} cannot be read as Parquet after {number} rows: {first_line} "
            "It may be truncated: fetch or write it again."
        ) from None


def string_or_none(value: Any, where: str, field: str) -> str | None:
    """`value` if it is text or missing; DataError otherwise, naming the row and the field."""
    if value is None or isinstance(value, str):
        return value
    raise DataError(f"{where}: the field {field!r} holds {type(value).__name__}, not text. {value_advice(value)}")


def no_column(where: str, field: str, names: Iterable[str], kind: str = "column") -> DataError:
    """The error of a table or an object without the field."""
    return DataError(
        f"{where} has no {kind} {field!r}; it has {listed(names)}. Name the one to read as the field (--field)."
    )


def listed(names: Iterable[str]) -> str:
    """The first names, in quotes and shortened, and how many more there are."""
    shown = [repr(str(name)[:40]) for name in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "") or "none"
