"""From states to scores and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from residyn.schema import SUBLAYER

_TILE_VALUES = 1 << 23
"""Values converted to float64 at a time: 64 MiB, enough rows for a product of matrices to run at full speed."""


@dataclass(frozen=True)
class Coordinates:
    """Axes (s or 1, K, D), mean and scale (s or 1, D) of the s sublayers of a block; 1 where all share them.

    A state x has the scores z = (x / scale − mean) · axesᵀ; the point of scores z is (z · axes + mean) · scale.
    """

    axes: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def scores(self, block: np.ndarray) -> np.ndarray:
        """Scores (n, s, K), float64, of states (n, s, D). A NaN state has NaN scores, and no other has."""
        n, n_sublayers, n_units = block.shape
        scores = np.empty((n, n_sublayers, self.axes.shape[1]))
        for start, tile in scaled_tiles(block, self.scale):
            deviation = np.subtract(tile, self.mean, out=tile)
            part = scores[start : start + len(tile)]
            if len(self.axes) == 1:
                part[:] = (deviation.reshape(-1, n_units) @ self.axes[0].T).reshape(part.shape)
            else:
                for s, axes in enumerate(self.axes):
                    part[:, s] = deviation[:, s] @ axes.T
        return scores

    def points(self, scores: np.ndarray) -> np.ndarray:
        """Points (n, s, D), float64, of scores (n, s, K)."""
        # One row of axes stands for every sublayer that shares it.
        offsets = np.matmul(scores.swapaxes(0, 1), self.axes).swapaxes(0, 1)
        return (offsets + self.mean) * self.scale


def scaled_tiles(block: np.ndarray, scale: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Tiles of samples of a block (n, s, D), over `scale` (s or 1, D), in float64, each with its first sample."""
    height = max(1, _TILE_VALUES // (block.shape[1] * block.shape[2]))
    for start in range(0, len(block), height):
        yield start, block[start : start + height] / scale


def map_vectors(
    array: xr.DataArray, old: str, new: str, labels: np.ndarray, function: Callable[[np.ndarray], np.ndarray]
) -> xr.DataArray:
    """Replace the dimension `old` of a labelled array by `new`, by a function of blocks (n, s, old).

    s is the array's number of sublayers, 1 where it has no such dimension. All other dimensions and their
    coordinates stay as they are.
    """
    rest = [dim for dim in array.dims if dim not in (SUBLAYER, old)]
    order = [*rest, *([SUBLAYER] if SUBLAYER in array.dims else []), old]
    moved = array.transpose(*order)
    values = function(moved.values.reshape(-1, array.sizes.get(SUBLAYER, 1), array.sizes[old]))
    kept = {name: c.variable for name, c in array.coords.items() if old not in c.dims and c.dims != ()}
    result = xr.DataArray(
        values.reshape(*moved.shape[:-1], values.shape[-1]),
        dims=[*order[:-1], new],
        coords={**kept, new: labels},
    )
    return result.transpose(*[new if dim == old else dim for dim in array.dims])
