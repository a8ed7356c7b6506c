"""What all estimators share: checked inputs, and the units shared out among threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from residyn.errors import DataError, UsageError
from residyn.numerics.threads import over_rows

UnitEstimate = Callable[[np.ndarray, np.ndarray, np.ndarray], None]
"""Takes one unit's path (S, N) and orders (R, N); writes its estimates into the third array, (R, S − 1), or what
each sample adds to them, (R, S − 1, N).
"""


# numba keeps this name on the disk with what it compiled, and cannot read that back under another one.
class Found(NamedTuple):
    """What a kernel writes of one unit: the `mean` (R, S − 1) over samples of `local` (R, S − 1, N).

    A `local` without rows is not written.
    """

    mean: np.ndarray
    local: np.ndarray


def estimate(
    unit_estimate: UnitEstimate,
    paths: np.ndarray,
    orders: np.ndarray | None,
    threads: int | None,
    *,
    local: bool = False,
) -> np.ndarray:
    """The estimates of all units, (R, U, S − 1), or if `local` those of their samples, (R, U, S − 1, N).

    Raises DataError or UsageError for malformed inputs.
    """
    paths = checked_paths(paths)
    n_units, n_sublayers, n_samples = paths.shape
    orders = checked_orders(orders, n_samples)
    shape = (n_units, len(orders), max(n_sublayers - 1, 0))
    estimates = np.empty((*shape, n_samples) if local else shape)

    def work(start: int, stop: int) -> None:
        for unit in range(start, stop):
            unit_estimate(paths[unit], orders, estimates[unit])

    if estimates.size:
        over_rows(work, n_units, threads)
    return np.ascontiguousarray(estimates.swapaxes(0, 1))


def room_for(wanted: np.ndarray) -> Found:
    """Where the kernel writes what is wanted of one unit: estimates (R, S − 1), or those of its samples."""
    if wanted.ndim == 3:
        return Found(np.empty(wanted.shape[:2]), wanted)
    return Found(wanted, np.empty((0, 0, 0)))


def checked_paths(paths: np.ndarray) -> np.ndarray:
    """`paths` as C-contiguous float64; DataError unless it has three dimensions and at least one sample."""
    if paths.ndim != 3 or paths.shape[2] == 0:
        raise DataError(
            "Mutual information is estimated from paths (unit, sublayer, sample) with at least one sample; an "
            f"array of shape {paths.shape} came. Put the samples last."
        )
    return np.ascontiguousarray(paths, dtype=np.float64)


def checked_orders(orders: np.ndarray | None, n_samples: int) -> np.ndarray:
    """`orders` as C-contiguous int64 (R, N), the identity for None; UsageError unless rows are permutations."""
    identity = np.arange(n_samples)
    if orders is None:
        return identity[None]
    # The kernels do not check their indices: an index out of range would read foreign memory.
    if orders.ndim != 2 or orders.shape[1] != n_samples or (np.sort(orders, axis=1) != identity).any():
        raise UsageError(
            f"Orders are rows of permutations of the {n_samples} samples, (row, sample); an array of shape "
            f"{orders.shape} came that is not. Draw them with numpy's Generator.permutation."
        )
    return np.ascontiguousarray(orders, dtype=np.int64)
