"""What to do with what is no source of texts: files of other formats, tables, and cells that hold no text."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from residyn.model.texts.compression import COMPRESSED

_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar", ".lz4", ".zstd", ".br")
_TABLES = (".feather", ".arrow", ".orc", ".pkl", ".pickle", ".db", ".sqlite", ".dta", ".sav", ".h5", ".hdf5")
_DOCUMENTS = (".pdf", ".docx", ".doc", ".odt", ".rtf", ".epub", ".html", ".htm", ".xml")
_NUMBERS = (".npy", ".npz", ".pt", ".pth", ".safetensors", ".gguf", ".bin")


def file_advice(name: str, path: Path) -> str:
    """What to do with a file whose name ends as no format does that is read."""
    suffix = path.suffix.lower()
    if suffix in _SPREADSHEETS:
        return "Save the sheet as CSV (UTF-8), and name the column of the texts as the field (--field)."
    if suffix in (*_ARCHIVES, *COMPRESSED):
        return f"Unpack it first; files that end in {', '.join(COMPRESSED)} are read where they hold such a file."
    if suffix in _TABLES:
        return "Save the table as .parquet or .csv, and name the column of the texts as the field (--field)."
    if suffix in _DOCUMENTS:
        return "Save its text as .txt, one text a line."
    if suffix in _NUMBERS:
        return "It holds numbers. States are taken in by rd.from_array, ready ids by rd.capture(model, ids)."
    return (
        f"If each of its lines is one text, give them on standard input: --texts - < {shlex.quote(name)} . If "
        'not, write the texts into a file ending in .jsonl, one object a line such as {"text": "…"}.'
    )


def line_advice(name: str, line: str) -> list[str]:
    """A warning where what is read line by line, of which this is one, are JSON lines."""
    try:
        found = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    return [
        f"The lines of {name} are JSON objects, and each is read as one text, as it stands. To read a field of "
        "theirs (--field), give them in a file that ends in .jsonl."
    ]


def source_advice(source: Any) -> str | None:
    """What to do with an object that gives no texts, though it may be gone through; None where it gives some."""
    if isinstance(source, Mapping) or hasattr(source, "columns") or hasattr(source, "data_vars"):
        return "Of a table, give one column: table['text']."
    if hasattr(source, "readline"):
        return "Give the path of the file, whose name tells its format, or its lines: list(file)."
    if isinstance(source, Set):
        return "A set has no order of its own: give sorted(texts)."
    return "Of bytes, give their text: source.decode()." if isinstance(source, bytes | bytearray) else None


def value_advice(value: Any) -> str:
    """What to do with one value, of a cell or a list, where a text was wanted."""
    if isinstance(value, Mapping):
        parts = [str(name) for name, part in value.items() if isinstance(part, str)]
        return f"Take its text out of each: [row[{parts[0]!r}] for row in rows]." if parts else _ANOTHER
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], Mapping):
            return "Of a conversation, write out the message that is to be read, one text a row; see --chat."
        return "Give each text a row of its own (in pandas: table.explode)."
    if isinstance(value, bytes | bytearray):
        return "Decode it first: value.decode('utf-8')."
    if isinstance(value, float) and math.isnan(value):
        return "It is a missing value: leave such rows out (in pandas: table.dropna), or give None."
    return _ANOTHER


_ANOTHER = "Give texts, or name a field that holds some (--field)."
