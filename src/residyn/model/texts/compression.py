"""The bytes of a file of texts, decompressed as its name says, from the beginning and in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from residyn.errors import DataError

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
"""Endings of compressed files that are read as what they hold."""


@contextmanager
def open_bytes(path: Path, name: str) -> Iterator[io.BufferedIOBase]:
    """The content of a file, decompressed where its name ends so.

    Raises DataError where that fails, at once or while the content is read.
    """
    try:
        with _opened(path) as stream:
            yield stream
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise _undecoded(path, name, error) from None
    except OSError as error:
        # bz2 and pyarrow say by an OSError without a number that the content is no such format.
        if error.errno is None and path.suffix.lower() in COMPRESSED:
            raise _undecoded(path, name, error) from None
        raise DataError(f"Cannot read {name}: {error.strerror or error}.") from error


def plain_name(path: Path) -> str:
    """The name of a file without the ending of its compression, in lower case."""
    name = path.name.lower()
    return next((name.removesuffix(end) for end in COMPRESSED if name.endswith(end)), name)


def _opened(path: Path) -> io.BufferedIOBase:
    match path.suffix.lower():
        case ".gz":
            return gzip.open(path, "rb")
        case ".bz2":
            return bz2.open(path, "rb")
        case ".xz":
            return lzma.open(path, "rb")
        case ".zst":
            import pyarrow as pa

            raw = pa.CompressedInputStream(pa.OSFile(str(path), "rb"), "zstd")
            return io.BufferedReader(cast("io.RawIOBase", raw), 1 << 20)
        case _:
            return path.open("rb")


def _undecoded(path: Path, name: str, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0].rstrip(".")
    return DataError(
        f"{name} cannot be decompressed as {path.suffix.lower()}: {reason}. "
        "It may be truncated, or named after another format: fetch or write it again."
    )
