"""Arrays in few bits a number, for the page: whole-number codes, and for each row how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Bits = Literal[8, 16]

_TYPES = {8: np.uint8, 16: np.uint16}


@dataclass(frozen=True)
class Quantised:
    """Numbers (…, n) as codes, with the four numbers (…, 4) by which the codes of each row are read.

    A code k ≥ 1 stands for centre + scale · sinh(low + step · (k − 1)); 0 stands for what is not finite. A number
    is off by at most half a step of what it lies from its row's centre, and near the centre by half a step of the
    row's scale, so that one massive value takes no precision from the others.
    """

    codes: np.ndarray
    reading: np.ndarray

    @property
    def bits(self) -> int:
        return 8 * self.codes.dtype.itemsize

    def values(self) -> np.ndarray:
        """The numbers that the codes stand for, float64; NaN for what was not finite."""
        centre, scale, low, step = np.moveaxis(self.reading.astype(np.float64), -1, 0)[..., None]
        code = self.codes.astype(np.float64)
        return np.where(code > 0, centre + scale * np.sinh(low + step * (code - 1)), np.nan)


def quantise(values: np.ndarray, bits: Bits) -> Quantised:
    """Numbers (…, n) as codes of 8 or 16 bits, each row of n on a scale of its own.

    The centre of a row is its median, and its scale the median distance from it (the mean distance where that is
    0, and 1 where all are equal).
    """
    values = np.asarray(values, dtype=np.float64)
    rows = values.reshape(-1, values.shape[-1])
    codes = np.zeros(rows.shape, dtype=_TYPES[bits])
    reading = np.zeros((len(rows), 4), dtype=np.float32)
    most = 2**bits - 2
    for row, code, read in zip(rows, codes, reading, strict=True):
        known = np.isfinite(row)
        if not known.any():
            continue
        # What is written is what is read: the row is put into codes by the float32 that the page will have.
        read[0] = np.median(row[known])
        away = np.abs(row[known] - read[0])
        read[1] = np.median(away) or away.mean()
        # Distances that float32 does not hold are none.
        read[1] = read[1] or 1.0
        bent = np.arcsinh((row[known] - np.float64(read[0])) / np.float64(read[1]))
        read[2] = bent.min()
        read[3] = (bent.max() - np.float64(read[2])) / most
        step = np.float64(read[3])
        place = (bent - np.float64(read[2])) / step if step > 0 else np.zeros(len(bent))
        code[known] = 1 + np.clip(np.rint(place), 0, most)
    return Quantised(codes.reshape(values.shape), reading.reshape(*values.shape[:-1], 4))
