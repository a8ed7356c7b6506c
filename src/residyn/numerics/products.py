"""Sums of products of rows, in place: of wide rows, a matrix takes longer to make and to add than to fill."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numba.extending import get_cython_function_address

_TILE = 256
"""Rows mirrored at a time."""

_POINTERS = [ctypes.c_char_p] * 2 + [ctypes.c_void_p] * 8
# Called so, and not as scipy.linalg.blas.dsyrk, the product lets other threads of the interpreter run.
_dsyrk: Any = ctypes.CFUNCTYPE(None, *_POINTERS)(get_cython_function_address("scipy.linalg.cython_blas", "dsyrk"))


def add_products(total: np.ndarray, rows: np.ndarray) -> None:
    """Add rowsᵀ·rows, of rows (n, D), onto the upper triangle of `total` (D, D); both C-contiguous float64.

    What lies below the diagonal is left as it is: `mirrored` fills it in the end. Raises ValueError for other
    arrays, of which foreign memory would be written.
    """
    n, n_units = rows.shape
    for array in (total, rows):
        if array.dtype != np.float64 or not array.flags.c_contiguous:
            raise ValueError("Products are of C-contiguous arrays of float64.")
    if total.shape != (n_units, n_units) or not total.flags.writeable:
        raise ValueError(f"Products of rows {rows.shape} are added to a matrix of {n_units} columns and rows.")
    if not n:
        return
    # To BLAS, which counts along columns, these are the transposes, and the upper triangle is the lower one.
    size, depth, one = ctypes.c_int(n_units), ctypes.c_int(n), ctypes.c_double(1.0)
    a, c = rows.ctypes.data, total.ctypes.data
    of_size, of_depth, factor = ctypes.addressof(size), ctypes.addressof(depth), ctypes.addressof(one)
    _dsyrk(b"L", b"N", of_size, of_depth, factor, a, of_size, factor, c, of_size)


def mirrored(total: np.ndarray) -> np.ndarray:
    """A symmetric matrix (D, D) of what stands on and above the diagonal of `total`, which is overwritten."""
    for start in range(0, len(total), _TILE):
        stop = min(start + _TILE, len(total))
        corner = total[start:stop, start:stop]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
        total[stop:, start:stop] = total[start:stop, stop:].T
    return total
