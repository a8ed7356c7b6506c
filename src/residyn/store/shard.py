"""The bytes of a shard's file: what zarr writes for it, made without zarr's copies and its loop of events.

A shard of zarr 3 is its chunks one after the other, each compressed and followed by its CRC-32C, in Morton
order; and after them the index, which is two little-endian 64-bit numbers a chunk (where it begins, and its
length) in the order of an array, with a CRC-32C of its own.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import google_crc32c
import numpy as np
from numcodecs.blosc import SHUFFLE, Blosc

from residyn.store.array import BLOSC
from residyn.store.layout import chunk_shape, shard_shape

Place = tuple[int, int, int]


def shard_content(block: np.ndarray, rows: int) -> bytes:
    """The bytes of the shard that holds `block` (row, sublayer, unit), finite; shards have `rows` rows."""
    _, n_sublayers, n_units = block.shape
    whole, chunk = shard_shape(rows, n_sublayers, n_units), chunk_shape(rows, n_units)
    n_chunks = (whole[0] // chunk[0], whole[1] // chunk[1], whole[2] // chunk[2])
    # Encoders are not shared between threads.
    blosc = Blosc(cname=BLOSC["cname"], clevel=BLOSC["clevel"], shuffle=SHUFFLE)
    index = np.empty((*n_chunks, 2), dtype="<u8")
    parts: list[bytes] = []
    start = 0
    for place in _morton_order(n_chunks):
        encoded = _with_checksum(blosc.encode(_chunk(block, place, chunk)))
        index[place] = start, len(encoded)
        start += len(encoded)
        parts.append(encoded)
    return b"".join([*parts, _with_checksum(index.tobytes())])


def _chunk(block: np.ndarray, place: Place, shape: Place) -> np.ndarray:
    """One chunk of the block; what lies beyond its rows and sublayers is NaN, as the array's fill value says."""
    part = block[tuple(slice(at * size, (at + 1) * size) for at, size in zip(place, shape, strict=True))]
    if part.shape == shape:
        return np.ascontiguousarray(part, dtype="<f4")
    chunk = np.full(shape, np.nan, dtype="<f4")
    chunk[tuple(slice(size) for size in part.shape)] = part
    return chunk


def _with_checksum(content: bytes) -> bytes:
    return content + google_crc32c.value(content).to_bytes(4, "little")


@lru_cache
def _morton_order(n_chunks: Place) -> list[Place]:
    """The places of chunks in the order of the number that the bits of their three coordinates make in turns."""
    bits = [(n - 1).bit_length() for n in n_chunks]
    turns = [(bit, axis) for bit in range(max(bits)) for axis in range(3) if bit < bits[axis]]

    def code(place: Place) -> int:
        return sum((place[axis] >> bit & 1) << turn for turn, (bit, axis) in enumerate(turns))

    rows, sublayers, units = map(range, n_chunks)
    return sorted(itertools.product(rows, sublayers, units), key=code)
