"""The page's data as one text: a header of JSON, then the quantised arrays, deflated and in base64."""

from __future__ import annotations

import base64
import json
import math
import zlib
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from residyn.explorer.quantised import Quantised

_ALIGNED = 4
"""Bytes at whose multiples arrays begin, as typed arrays of scripts ask for."""
_DIGITS = 7


def pack(record: Any) -> str:
    """A record as the page reads it.

    The header's length, 4 bytes, little-endian; the header; and the arrays, to which the header refers as
    {"at", "bits", "shape", "reading"}: where the bytes of its codes begin after the header, and where its readings
    do. Numbers that are not finite are null. The same record gives the same text.
    """
    arrays: list[bytes] = []
    header = json.dumps(_plain(record, arrays), ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNED)
    whole = len(header).to_bytes(_ALIGNED, "little") + header + b"".join(arrays)
    return base64.b64encode(zlib.compress(whole, 9)).decode("ascii")


def _plain(value: Any, arrays: list[bytes]) -> Any:
    if isinstance(value, Quantised):
        return {
            "at": _put(_bytes_of(value.codes), arrays),
            "bits": value.bits,
            "shape": list(value.codes.shape),
            "reading": _put(value.reading.astype("<f4").tobytes(), arrays),
        }
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one, arrays) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value


def _bytes_of(codes: np.ndarray) -> bytes:
    """The bytes of codes (…, n): what each row adds to the row before, low bytes first, then high bytes.

    Neighbours along depth are alike, so that differences, and high bytes beside high bytes, deflate better.
    """
    rows = codes.reshape(-1, codes.shape[-1])
    steps = np.concatenate([rows[:1], rows[1:] - rows[:-1]]).astype(rows.dtype.newbyteorder("<"))
    return steps.reshape(-1).view(np.uint8).reshape(-1, rows.itemsize).T.tobytes()


def _put(content: bytes, arrays: list[bytes]) -> int:
    """Append an array's bytes, and say where they begin."""
    begins = sum(map(len, arrays))
    arrays.append(content + b"\0" * (-len(content) % _ALIGNED))
    return begins
