"""One reading of the states: sums over each group of samples, of which every replicate is a weighted sum."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import xarray as xr

from residyn.numerics import geometry
from residyn.numerics.geometry import PathSums
from residyn.walk import each_numbered_block, moments_of


@dataclass(frozen=True)
class Sums:
    """Sums over groups of samples, float64, of deviations d from each unit's mean at its sublayer.

    `deviation` Σd and `square` Σd² (G, S, D); `product` Σd·d′ (G, S − 1, D) of successive sublayers; `direction`
    (G, S − 1, D), the sum of the steps' unit vectors, and `n_moving` (G, S − 1), how many steps are not zero.
    """

    deviation: np.ndarray
    square: np.ndarray
    product: np.ndarray
    direction: np.ndarray
    n_moving: np.ndarray

    def add(self, other: Sums) -> None:
        """Add those of other samples, in place: they are large."""
        for field in fields(self):
            mine = getattr(self, field.name)
            mine += getattr(other, field.name)


@dataclass(frozen=True)
class Read:
    """Everything that one reading gives: the units' means (S, D), sums over groups, and each sample's own numbers.

    `captured` and `varied` (N, S) are the squared lengths of each sample's deviation along the given axes and in
    all; both empty without axes.
    """

    mean: np.ndarray
    sums: Sums
    paths: PathSums
    captured: np.ndarray
    varied: np.ndarray


def read(states: xr.DataArray, group: np.ndarray, axes: np.ndarray | None = None) -> Read:
    """Read the states twice: for the means, and for what is summed about them.

    `axes` (K, D) are orthonormal. Memory beside the result: three times the sums and two blocks.
    """
    mean = moments_of(states).mean
    n_groups = int(group.max()) + 1

    def of_block(block: np.ndarray, first: int) -> Read:
        member = group[first : first + len(block)] == np.arange(n_groups)[:, None]
        return _read_block(block, mean, member.astype(np.float64), axes)

    blocks = each_numbered_block(states, of_block)
    parts = [next(blocks)]
    total = parts[0].sums
    for part in blocks:
        total.add(part.sums)
        # What was added is let go of: sums over groups are as large as many samples.
        parts.append(replace(part, sums=total))
    return Read(
        mean,
        total,
        geometry.concatenate([part.paths for part in parts]),
        np.concatenate([part.captured for part in parts]),
        np.concatenate([part.varied for part in parts]),
    )


def _read_block(block: np.ndarray, mean: np.ndarray, member: np.ndarray, axes: np.ndarray | None) -> Read:
    """What one block (n, S, D) adds; `member` (G, n) says whose group each sample is in."""
    n, n_sublayers, n_units = block.shape
    n_groups = len(member)
    n_steps = n_sublayers - 1
    sums = Sums(
        deviation=np.empty((n_groups, n_sublayers, n_units)),
        square=np.empty((n_groups, n_sublayers, n_units)),
        product=np.empty((n_groups, n_steps, n_units)),
        direction=np.empty((n_groups, n_steps, n_units)),
        n_moving=np.empty((n_groups, n_steps)),
    )
    captured, varied = (np.empty((n, n_sublayers if axes is not None else 0)) for _ in range(2))
    before = deviation = state = np.empty((0, 0))
    for s in range(n_sublayers):
        before, earlier, state = deviation, state, block[:, s].astype(np.float64)
        deviation = state - mean[s]
        sums.deviation[:, s] = member @ deviation
        sums.square[:, s] = member @ deviation**2
        if axes is not None:
            varied[:, s] = np.einsum("nd,nd->n", deviation, deviation)
            captured[:, s] = np.square(deviation @ axes.T).sum(axis=1)
        if s:
            sums.product[:, s - 1] = member @ (before * deviation)
            step = state - earlier
            length = np.sqrt(np.einsum("nd,nd->n", step, step))
            moving = length > 0
            step /= np.where(moving, length, 1.0)[:, None]
            sums.direction[:, s - 1] = member @ step
            sums.n_moving[:, s - 1] = member @ moving
    return Read(mean, sums, geometry.path_sums(block), captured, varied)
