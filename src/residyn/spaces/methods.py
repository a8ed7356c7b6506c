"""The ways to find the axes: from the covariance, by a search where states are wide, sublayer by sublayer."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import pca
from residyn.numerics.moments import Moments
from residyn.schema import SAMPLE, SUBLAYER
from residyn.spaces.coordinates import Coordinates, scaled_tiles
from residyn.spaces.record import ROBUST
from residyn.spaces.scaling import Scaling, Selection, gather
from residyn.walk import Progress, each_numbered_block


class Fitted(NamedTuple):
    """Plain arrays of a fit; per sublayer they have a leading dimension."""

    axes: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    total: np.ndarray
    quantiles: np.ndarray
    notes: dict[str, Any]


def fit_global(
    states: xr.DataArray, selection: Selection, scaling: Scaling, n: int, passes: Sequence[Progress | None]
) -> Fitted:
    """The axes of all states together, by their covariance, from two readings."""

    def of_block(block: np.ndarray) -> pca.Scatter:
        return functools.reduce(pca.merge, map(pca.scatter, _rows(block, selection, scaling)))

    _check_count(selection)
    gathered = gather(states, selection, of_block, pca.merge, passes[0])
    used = np.flatnonzero(selection.used)
    part = pca.Scatter(gathered.count, gathered.mean[used], gathered.m2[np.ix_(used, used)])
    if not np.trace(part.m2) > 0:
        raise _no_variance(states)
    found = pca.components(part, n)
    axes = _embed(found.axes, selection.used)
    quantiles = _quantiles(
        states, selection, Coordinates(axes[None], gathered.mean[None], scaling.both), passes[1]
    )
    return Fitted(axes, gathered.mean, found.variance, np.array(found.total), quantiles, {"method": "covariance"})


def fit_by_search(
    states: xr.DataArray,
    selection: Selection,
    scaling: Scaling,
    m: Moments,
    *,
    n: int,
    seed: int,
    passes: Sequence[Progress | None],
) -> Fitted:
    """The axes of wide states, whose moments m are known, from `pca.READINGS` further readings."""
    _check_count(selection)
    varying, used = selection.varying, selection.used
    means = (m.mean / scaling.both)[varying]
    mean = means.mean(axis=0)
    within = (m.m2 / scaling.both**2)[varying].sum(axis=0)
    between = m.count * ((means - mean) ** 2).sum(axis=0)
    count = selection.n_states
    total = float((within + between)[used].sum()) / (count - 1)
    if not total > 0:
        raise _no_variance(states)
    left = iter(passes)

    def times(vectors: np.ndarray) -> np.ndarray:
        full = _embed(vectors.T, used).T

        def of_block(block: np.ndarray) -> np.ndarray:
            parts = (pca.scatter_times(rows, mean, full) for rows in _rows(block, selection, scaling))
            return functools.reduce(np.add, parts)

        return gather(states, selection, of_block, np.add, next(left))[used]

    found, residual = pca.search(times, int(used.sum()), n, count=count, total=total, seed=seed)
    axes = _embed(found.axes, used)
    quantiles = _quantiles(states, selection, Coordinates(axes[None], mean[None], scaling.both), next(left))
    notes = {"method": "randomised search", "residual": float(residual.max())}
    return Fitted(axes, mean, found.variance, np.array(total), quantiles, notes)


def fit_sublayers(
    states: xr.DataArray, selection: Selection, scaling: Scaling, n: int, progress: Progress | None
) -> Fitted:
    """The axes of each sublayer's states, from one reading along the sublayers; NaN where they do not vary."""
    n_fitted = int(selection.fitted.sum())
    if n_fitted < pca.LEAST_ROWS:
        raise DataError(
            f"A PCA per sublayer needs at least {pca.LEAST_ROWS} samples, and there are {n_fitted}. "
            "Capture more texts, or hold fewer out."
        )

    def of_band(band: np.ndarray, _: int) -> list[Fitted]:
        return [
            _fit_points(band[selection.fitted, s] / scaling.unit, selection.used, n) for s in range(band.shape[1])
        ]

    bands = each_numbered_block(states, of_band, progress, along=SUBLAYER)
    parts = [part for band in bands for part in band]
    undefined = sum(not part.total > 0 for part in parts)
    if undefined == len(parts):
        raise _no_variance(states)
    notes: dict[str, Any] = {"method": "covariance", "n_undefined": undefined}
    if undefined:
        notes["note"] = f"NaN at {undefined} sublayers, where all states are the same and no axis exists."
    axes, mean, variance, total, quantiles = (np.stack([np.asarray(part[i]) for part in parts]) for i in range(5))
    return Fitted(axes, mean, variance, total, quantiles, notes)


def _fit_points(points: np.ndarray, used: np.ndarray, n: int) -> Fitted:
    """The components of one sublayer's points (N, D)."""
    found, _ = pca.components_of(points[:, used], n)
    deviation, mean = pca.centred(points)
    axes, variance = _embed(found.axes, used), found.variance
    if not found.total > 0:
        axes, variance = np.full_like(axes, np.nan), np.full_like(variance, np.nan)
    quantiles = np.quantile(deviation @ axes.T, ROBUST, axis=0)
    return Fitted(axes, mean, variance, np.array(found.total), quantiles, {})


def _quantiles(
    states: xr.DataArray, selection: Selection, here: Coordinates, progress: Progress | None
) -> np.ndarray:
    """The robust quantiles (2, K) of the scores of all states fitted; only these scores are kept, in float32."""
    parts = gather(
        states, selection, lambda block: [here.scores(block).astype(np.float32)], lambda a, b: a + b, progress
    )
    scores = np.concatenate(parts)[:, selection.sublayers]
    return np.stack([np.quantile(scores[:, :, k], ROBUST) for k in range(scores.shape[2])], axis=1)


def _rows(block: np.ndarray, selection: Selection, scaling: Scaling) -> Iterator[np.ndarray]:
    """Scaled states (n, D) of a block (n, S, D), a tile at a time, without sublayers that do not vary."""
    for _, tile in scaled_tiles(block[:, selection.sublayers], scaling.both[selection.sublayers]):
        yield tile.reshape(-1, tile.shape[2])


def _embed(axes: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Axes (K, used units) as axes of all units (K, D), 0 where a unit is left out."""
    full = np.zeros((len(axes), len(used)))
    full[:, used] = axes
    return full


def _check_count(selection: Selection) -> None:
    if selection.n_states < pca.LEAST_ROWS:
        raise DataError(
            f"A PCA needs at least {pca.LEAST_ROWS} states, and there are {selection.n_states} to fit. "
            "Capture more texts."
        )


def _no_variance(states: xr.DataArray) -> DataError:
    return DataError(
        f"The {states.sizes[SAMPLE]} samples to fit are all the same state: there is no variance to find axes in. "
        "Capture different texts, or leave fewer units out."
    )
