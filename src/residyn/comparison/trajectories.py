"""How far the geometries of two runs' mean trajectories are apart, and how far those of a run's own halves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from residyn.comparison.geometry import between_geometries, geometry_of_path
from residyn.errors import DataError
from residyn.numerics.pca import one_thread
from residyn.schema import SAMPLE, SUBLAYER, UNIT
from residyn.walk import Progress, each_numbered_block

DEPTHS = 50
"""Relative depths at which paths are compared."""
HALVINGS = 10
"""Seeded ways of halving a run's samples, over which `within` is averaged."""

_TILE_ROWS = 16
"""Samples converted to float64 at a time."""


def trajectory_distance(
    runs: Mapping[str, xr.DataArray], *, seed: int = 0, progress: Progress | None = None
) -> xr.DataArray:
    """Angle between the geometries of runs' mean trajectories, (run, other), radians in [0, π/2].

    `runs` are, by the name of the run, its states (sample, sublayer, unit), or its mean_activation (sublayer,
    unit) where the states are not there. A mean path is resampled at 50 relative depths, linearly between the
    sublayers, and centred on their mean: A (50, D). Its geometry is the Gram matrix G = AAᵀ, and the distance
    arccos(⟨G₁, G₂⟩ / (‖G₁‖‖G₂‖)): the arc cosine of linear CKA between the paths. It is a metric on
    geometries, does not change under rotation, translation and scaling of either path, and compares paths of
    any numbers of units and sublayers. Few units of large activations decide it, as they decide lengths.

    The coordinate `within` (run) is what chance alone does: the distance between the mean paths of two halves of
    a run's samples, averaged over 10 seeded halvings (attribute `halvings`). Halves have half the samples each,
    so it overstates what two samples of the run's own size would show. It is NaN, for a reason that the
    coordinate `within_undefined` gives, where there are no states, fewer than two samples or one sublayer, or a
    mean path is one point. A distance to a run whose path is one point, or which has but one sublayer, is NaN
    (attribute `n_undefined` counts such runs).

    Kornblith et al. 2019, arXiv:1905.00414; Williams et al. 2021, arXiv:2110.14739. Reads the states once;
    beside two blocks, holds twenty mean paths in float64. Raises DataError where there is no run, or an array is
    neither states nor a mean activation.

    >>> rd.trajectory_distance({"walk": states, "back": states[:, ::-1]}).dims
    ('run', 'other')
    """
    if not runs:
        raise DataError("Trajectories are compared between runs; there are none. Name states by run.")
    for run, array in runs.items():
        _check(run, array)
    counts = [array.sizes.get(SAMPLE, 0) for array in runs.values()]
    with one_thread():
        shapes = [
            _shape_of(array, seed, _shifted(progress, sum(counts[:place]), sum(counts)))
            for place, array in enumerate(runs.values())
        ]
    geometries = [shape.whole for shape in shapes]
    names = np.array(list(runs))
    return xr.DataArray(
        [[between_geometries(one, other) for other in geometries] for one in geometries],
        dims=("run", "other"),
        coords={
            "run": names,
            "other": names,
            "within": ("run", np.array([_mean([between_geometries(*pair) for pair in s.halves]) for s in shapes])),
            "within_undefined": ("run", np.array([shape.reason for shape in shapes])),
        },
        name="trajectory_distance",
        attrs={
            "quantity": "trajectory_distance",
            "units": "rad",
            "definition": "arccos of linear CKA between mean paths, at 50 relative depths",
            "source": "Kornblith et al. 2019, arXiv:1905.00414; Williams et al. 2021, arXiv:2110.14739",
            "halvings": HALVINGS,
            "seed": seed,
            "n_undefined": sum(bool(np.isnan(geometry).any()) for geometry in geometries),
        },
    )


def distance_table(distances: xr.DataArray) -> pd.DataFrame:
    """`trajectory_distance` as rows: run, other, distance, and each run's `within`, radians."""
    n = distances.sizes["run"]
    return pd.DataFrame(
        {
            "run": np.repeat(distances["run"].values, n),
            "other": np.tile(distances["other"].values, n),
            "distance": distances.transpose("run", "other").values.ravel(),
            "run_within": np.repeat(distances["within"].values, n),
            "other_within": np.tile(distances["within"].values, n),
        }
    )


class _Shape(NamedTuple):
    """Geometry of a run's mean path, of the two halves of each halving, and the reason where there are none."""

    whole: np.ndarray
    halves: list[tuple[np.ndarray, np.ndarray]]
    reason: str


def _check(run: str, array: xr.DataArray) -> None:
    if not isinstance(array, xr.DataArray) or not {SUBLAYER, UNIT} <= set(array.dims) <= {SAMPLE, SUBLAYER, UNIT}:
        raise DataError(
            f"A trajectory is states (sample, sublayer, unit) or mean_activation (sublayer, unit); {run} has "
            f"{getattr(array, 'dims', type(array).__name__)}. Pass open_states(DIR) or results['mean_activation']."
        )


def _shape_of(array: xr.DataArray, seed: int, progress: Progress | None) -> _Shape:
    if SAMPLE not in array.dims:
        return _Shape(geometry_of_path(array.transpose(SUBLAYER, UNIT).values, DEPTHS), [], "no states")
    n = array.sizes[SAMPLE]
    chosen = _halvings(n, seed)
    whole, *first = _sums(array, np.vstack([np.ones(n), chosen]), progress)
    geometry = geometry_of_path(whole / n, DEPTHS)
    if n < 2:
        return _Shape(geometry, [], "fewer than two samples")
    if array.sizes[SUBLAYER] < 2:
        return _Shape(geometry, [], "one sublayer")
    size = n // 2
    halves = [
        (geometry_of_path(half / size, DEPTHS), geometry_of_path((whole - half) / (n - size), DEPTHS))
        for half in first
    ]
    undefined = any(np.isnan(part).any() for pair in halves for part in pair)
    return _Shape(geometry, halves, "a mean path is one point" if undefined else "")


def _halvings(n: int, seed: int) -> np.ndarray:
    """Which samples the first half of each halving has, (HALVINGS, n), 1 or 0 in float64."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros((HALVINGS, n))
    for row in chosen:
        row[rng.permutation(n)[: n // 2]] = 1.0
    return chosen


def _sums(states: xr.DataArray, weights: np.ndarray, progress: Progress | None) -> np.ndarray:
    """Weighted sums over samples of the states, (weights, S, D), in float64."""

    def reduce_block(block: np.ndarray, start: int) -> np.ndarray:
        total = np.zeros((len(weights), block[0].size))
        for row in range(0, len(block), _TILE_ROWS):
            tile = block[row : row + _TILE_ROWS].astype(np.float64)
            part = weights[:, start + row : start + row + len(tile)]
            total += part @ tile.reshape(len(tile), -1)
        return total.reshape(-1, *block.shape[1:])

    blocks = each_numbered_block(states, reduce_block, progress)
    total = next(blocks)
    for part in blocks:
        total += part
    return total


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
