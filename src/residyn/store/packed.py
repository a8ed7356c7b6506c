"""How much a packed chunk unpacks to, found out before zarr does it: a small file can stand for gigabytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from residyn.errors import StoreError

_OF_TEXT, _OF_NUMBERS = (("vlen-utf8", "zstd"),), (("bytes", "zstd"), ("bytes", "blosc"))
"""Codecs of a chunk, in order, that residyn writes with."""
_MOST_TEXT = 4096
"""Bytes of a label, with those that tell its length."""
_BLOSC_SIZE = slice(4, 8)
"""Where a Blosc header says how many bytes it unpacks to: so many are allocated, and no more written."""


@dataclass(frozen=True)
class Chunks:
    """What each chunk of an array is packed with, and the most bytes that it unpacks to."""

    packed_by: str
    most: int

    def check(self, packed: IO[bytes], size: int) -> None:
        """Raise StoreError where a chunk unpacks to more, or its file of `size` bytes is larger than any is.

        `packed` is the file. Raises OSError where it is damaged.
        """
        # What cannot be packed gets a little larger.
        if size > self.most + self.most // 128 + 2**16:
            raise StoreError(f"it has {size:,} bytes for the {self.most:,} of its shape")
        if self.packed_by == "blosc":
            unpacked = int.from_bytes(packed.read(16)[_BLOSC_SIZE], "little")
        else:
            unpacked = _unpacked(packed, self.most)
        if unpacked > self.most:
            raise StoreError(f"it unpacks to more than the {self.most:,} bytes of its shape")


def chunks_of(array: Mapping[str, Any]) -> Chunks:
    """What the content of an array's zarr.json says of its chunks.

    Raises StoreError for codecs that residyn does not write with, since nobody knows what these unpack to;
    KeyError, TypeError or ValueError where the content is not zarr's.
    """
    names = tuple(codec["name"] for codec in array["codecs"])
    n = math.prod(array["chunk_grid"]["configuration"]["chunk_shape"])
    if names in _OF_TEXT and array["data_type"] == "string":
        return Chunks(names[-1], 4 + n * _MOST_TEXT)
    if names in _OF_NUMBERS and np.dtype(array["data_type"]).kind in "biuf":
        return Chunks(names[-1], n * np.dtype(array["data_type"]).itemsize)
    raise StoreError(f"{array['data_type']!s:.40} packed by {names!s:.80} is nothing that residyn writes")


def _unpacked(packed: IO[bytes], most: int) -> int:
    """The number of bytes that zstd unpacks to, counted until they are one more than `most`."""
    import pyarrow

    size = 0
    with pyarrow.CompressedInputStream(packed, "zstd") as stream:
        while size <= most and (part := stream.read(min(most + 1 - size, 1 << 20))):
            size += len(part)
    return size
