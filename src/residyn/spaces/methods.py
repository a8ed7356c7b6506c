"""The ways to find axes: from the covariance, by a search where states are wide, sublayer by sublayer."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import pca
from residyn.schema import SAMPLE, SUBLAYER
from residyn.spaces.coordinates import Coordinates, scaled_tiles
from residyn.spaces.record import ROBUST
from residyn.spaces.scaling import Scaling, Selection, Variant, scales
from residyn.spaces.scatters import Scatters, scatters_of
from residyn.spaces.spread import Spread, chosen_spread, rows_where
from residyn.walk import Progress, each_numbered_block


class FittedArrays(NamedTuple):
    """Plain arrays of a fit, and what it was fitted to; per sublayer the arrays have a leading dimension."""

    selection: Selection
    scaling: Scaling
    axes: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    total: np.ndarray
    notes: dict[str, Any]

    @property
    def coordinates(self) -> Coordinates:
        """Of a fit whose sublayers share their axes."""
        return Coordinates(self.axes[None], self.mean[None], self.scaling.both)


def fit_by_covariance(
    states: xr.DataArray, variants: Sequence[Variant], groups: np.ndarray, gathered: Scatters, n: int
) -> Iterator[FittedArrays]:
    """The axes of each variant, from the scatters gathered for all."""
    for one, whole in zip(variants, scatters_of(variants, groups, gathered), strict=True):
        scaling, selection = scales(one, chosen_spread(gathered.spreads, groups, one.selection.fitted))
        _check_count(selection)
        used = np.flatnonzero(selection.used)
        if whole is None or not np.diag(whole.m2)[used].sum() > 0:
            raise _no_variance(states)
        part = whole
        if len(used) < len(whole.mean):
            part = pca.Scatter(whole.count, whole.mean[used], whole.m2[np.ix_(used, used)])
        axes = pca.components(part, n)
        notes = {"method": "covariance"}
        full = _embed(axes.axes, selection.used)
        yield FittedArrays(selection, scaling, full, whole.mean, axes.variance, np.array(axes.total), notes)


def fit_by_search(
    states: xr.DataArray,
    variant: Variant,
    found: Spread,
    *,
    n: int,
    seed: int,
    passes: Iterator[Progress | None],
) -> FittedArrays:
    """The axes of wide states, of which the spread is known, from `pca.READINGS` further readings."""
    scaling, selection = scales(variant, found)
    _check_count(selection)
    varying, used = selection.varying, selection.used
    means = (found.mean / scaling.both)[varying]
    mean = means.mean(axis=0)
    within = (found.m2 / scaling.both**2)[varying].sum(axis=0)
    between = found.count * ((means - mean) ** 2).sum(axis=0)
    count = selection.n_states
    total = float((within + between)[used].sum()) / (count - 1)
    if not total > 0:
        raise _no_variance(states)

    def times(vectors: np.ndarray) -> np.ndarray:
        full = _embed(vectors.T, used).T

        def reduce_block(block: np.ndarray, first: int) -> np.ndarray | None:
            chosen = selection.fitted[first : first + len(block)]
            if not chosen.any():
                return None
            block = rows_where(block, chosen)[:, selection.sublayers]
            tiles = scaled_tiles(block, scaling.both[selection.sublayers])
            parts = (pca.scatter_times(tile.reshape(-1, tile.shape[2]), mean, full) for _, tile in tiles)
            return functools.reduce(np.add, parts)

        blocks = each_numbered_block(states, reduce_block, next(passes))
        return functools.reduce(np.add, (part for part in blocks if part is not None))[used]

    axes, residual = pca.search(times, int(used.sum()), n, count=count, total=total, seed=seed)
    notes = {"method": "randomised search", "residual": float(residual.max())}
    return FittedArrays(selection, scaling, _embed(axes.axes, used), mean, axes.variance, np.array(total), notes)


def fit_sublayers(
    states: xr.DataArray, selection: Selection, scaling: Scaling, n: int, progress: Progress | None
) -> tuple[FittedArrays, np.ndarray]:
    """The axes of each sublayer's states, from one reading along the sublayers; NaN where they do not vary.

    And the robust quantiles (S, 2, K) of their scores.
    """
    n_fitted = int(selection.fitted.sum())
    if n_fitted < pca.LEAST_ROWS:
        raise DataError(
            f"A PCA per sublayer needs at least {pca.LEAST_ROWS} samples, and there are {n_fitted}. "
            "Capture more texts, or hold fewer out."
        )

    def reduce_band(band: np.ndarray, _: int) -> list[tuple[np.ndarray, ...]]:
        return [
            _fit_points(band[selection.fitted, s] / scaling.unit, selection.used, n) for s in range(band.shape[1])
        ]

    bands = each_numbered_block(states, reduce_band, progress, along=SUBLAYER)
    parts = [part for band in bands for part in band]
    axes, mean, variance, total, quantiles = (np.stack(column) for column in zip(*parts, strict=True))
    undefined = int((~(total > 0)).sum())
    if undefined == len(parts):
        raise _no_variance(states)
    notes: dict[str, Any] = {"method": "covariance", "n_undefined": undefined}
    if undefined:
        notes["note"] = f"NaN at {undefined} sublayers, where all states are the same and no axis exists."
    return FittedArrays(selection, scaling, axes, mean, variance, total, notes), quantiles


def _fit_points(points: np.ndarray, used: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
    """Axes, mean, variance, total variance and score quantiles of one sublayer's points (N, D)."""
    found, _ = pca.components_of(points[:, used], n)
    deviation, mean = pca.centred(points)
    axes, variance = _embed(found.axes, used), found.variance
    if not found.total > 0:
        axes, variance = np.full_like(axes, np.nan), np.full_like(variance, np.nan)
    return axes, mean, variance, np.array(found.total), np.quantile(deviation @ axes.T, ROBUST, axis=0)


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
        "Capture texts that differ up to the token that is read, or leave fewer units out."
    )
