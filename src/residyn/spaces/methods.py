"""The ways to find axes: from the covariance, by a search where states are wide, sublayer by sublayer."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import pca
from residyn.schema import SAMPLE, SUBLAYER
from residyn.spaces.coordinates import Coordinates, scaled_tiles
from residyn.spaces.record import ROBUST
from residyn.spaces.scaling import Scaling, Selection, Variant, scales, sublayer_scale, unit_scale
from residyn.spaces.spread import Spread, chosen_parts, chosen_spread, merge_by_key, rows_where
from residyn.walk import Progress, each_numbered_block

_TILE_VALUES = 1 << 23
"""Values of one sublayer converted to float64 at a time: 64 MiB."""


class Found(NamedTuple):
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


class Gathered(NamedTuple):
    """From one reading: scatters of all sublayers together, and the spread at each.

    `scatters` has each group of samples under its number, and each equalised variant under its position as
    ("equalised", i); that is missing where no sublayer varies.
    """

    scatters: dict[Hashable, pca.Scatter]
    spreads: dict[int, Spread]


def gather_scatters(
    states: xr.DataArray,
    variants: Sequence[Variant],
    groups: np.ndarray,
    known: dict[int, Spread] | None,
    progress: Progress | None,
) -> Gathered:
    """The scatters that all variants are made of, from one reading along the sublayers.

    `known` is the spread of each group, needed where a variant is both standardised and equalised. Beside the
    bands of the walk there are some five matrices (D, D) of each group and equalised variant, in float64.
    """
    rows = {int(group): groups == group for group in np.unique(groups)}
    unit = {
        i: unit_scale(chosen_spread(known, groups, one.selection.fitted)) if known and one.standardize else None
        for i, one in enumerate(variants)
        if one.equalize
    }

    def of_sublayer(parts: dict[int, pca.Scatter]) -> dict[Hashable, pca.Scatter]:
        own: dict[Hashable, pca.Scatter] = {**parts}
        for i, by in unit.items():
            selection = variants[i].selection
            part = functools.reduce(pca.merge, chosen_parts(parts, groups, selection.fitted))
            if by is not None:
                part = pca.rescaled(part, by)
            here = Spread(part.count, part.mean[None], np.diag(part.m2)[None])
            scale, varies = sublayer_scale(here, np.ones(len(part.mean)), selection.used)
            if varies[0]:
                own["equalised", i] = pca.rescaled(part, np.full(len(part.mean), scale[0]))
        return own

    def of_band(band: np.ndarray, _: int) -> tuple[dict[Hashable, pca.Scatter], dict[int, Spread]]:
        pooled: dict[Hashable, pca.Scatter] = {}
        spreads: dict[int, Spread] = {}
        for s in range(band.shape[1]):
            parts = {group: _scatter(rows_where(band[:, s], chosen)) for group, chosen in rows.items()}
            own = {group: Spread(p.count, p.mean[None], np.diag(p.m2)[None]) for group, p in parts.items()}
            spreads = merge_by_key([spreads, own], _stacked)
            pooled = merge_by_key([pooled, of_sublayer(parts)], pca.merge)
        return pooled, spreads

    gathered = Gathered({}, {})
    for pooled, spreads in each_numbered_block(states, of_band, progress, along=SUBLAYER):
        gathered = Gathered(
            merge_by_key([gathered.scatters, pooled], pca.merge),
            merge_by_key([gathered.spreads, spreads], _stacked),
        )
    return gathered


def fit_by_covariance(
    states: xr.DataArray, variants: Sequence[Variant], groups: np.ndarray, gathered: Gathered, n: int
) -> Iterator[Found]:
    """The axes of each variant, from the scatters gathered for all."""
    for i, one in enumerate(variants):
        found = chosen_spread(gathered.spreads, groups, one.selection.fitted)
        scaling, selection = scales(one, found)
        _check_count(selection)
        if one.equalize:
            part = gathered.scatters["equalised", i]
        else:
            parts = chosen_parts(gathered.scatters, groups, selection.fitted)
            part = pca.rescaled(functools.reduce(pca.merge, parts), scaling.unit)
        mean, used = part.mean, np.flatnonzero(selection.used)
        part = pca.Scatter(part.count, mean[used], part.m2[np.ix_(used, used)])
        if not np.trace(part.m2) > 0:
            raise _no_variance(states)
        axes = pca.components(part, n)
        full = _embed(axes.axes, selection.used)
        notes = {"method": "covariance"}
        yield Found(selection, scaling, full, mean, axes.variance, np.array(axes.total), notes)


def fit_by_search(
    states: xr.DataArray,
    variant: Variant,
    found: Spread,
    *,
    n: int,
    seed: int,
    passes: Iterator[Progress | None],
) -> Found:
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

        def of_block(block: np.ndarray, first: int) -> np.ndarray | None:
            chosen = selection.fitted[first : first + len(block)]
            if not chosen.any():
                return None
            block = rows_where(block, chosen)[:, selection.sublayers]
            tiles = scaled_tiles(block, scaling.both[selection.sublayers])
            parts = (pca.scatter_times(tile.reshape(-1, tile.shape[2]), mean, full) for _, tile in tiles)
            return functools.reduce(np.add, parts)

        blocks = each_numbered_block(states, of_block, next(passes))
        return functools.reduce(np.add, (part for part in blocks if part is not None))[used]

    axes, residual = pca.search(times, int(used.sum()), n, count=count, total=total, seed=seed)
    notes = {"method": "randomised search", "residual": float(residual.max())}
    return Found(selection, scaling, _embed(axes.axes, used), mean, axes.variance, np.array(total), notes)


def fit_sublayers(
    states: xr.DataArray, selection: Selection, scaling: Scaling, n: int, progress: Progress | None
) -> tuple[Found, np.ndarray]:
    """The axes of each sublayer's states, from one reading along the sublayers; NaN where they do not vary.

    And the robust quantiles (S, 2, K) of their scores.
    """
    n_fitted = int(selection.fitted.sum())
    if n_fitted < pca.LEAST_ROWS:
        raise DataError(
            f"A PCA per sublayer needs at least {pca.LEAST_ROWS} samples, and there are {n_fitted}. "
            "Capture more texts, or hold fewer out."
        )

    def of_band(band: np.ndarray, _: int) -> list[tuple[np.ndarray, ...]]:
        return [
            _fit_points(band[selection.fitted, s] / scaling.unit, selection.used, n) for s in range(band.shape[1])
        ]

    bands = each_numbered_block(states, of_band, progress, along=SUBLAYER)
    parts = [part for band in bands for part in band]
    axes, mean, variance, total, quantiles = (np.stack(column) for column in zip(*parts, strict=True))
    undefined = int((~(total > 0)).sum())
    if undefined == len(parts):
        raise _no_variance(states)
    notes: dict[str, Any] = {"method": "covariance", "n_undefined": undefined}
    if undefined:
        notes["note"] = f"NaN at {undefined} sublayers, where all states are the same and no axis exists."
    return Found(selection, scaling, axes, mean, variance, total, notes), quantiles


def _fit_points(points: np.ndarray, used: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
    """Axes, mean, variance, total variance and score quantiles of one sublayer's points (N, D)."""
    found, _ = pca.components_of(points[:, used], n)
    deviation, mean = pca.centred(points)
    axes, variance = _embed(found.axes, used), found.variance
    if not found.total > 0:
        axes, variance = np.full_like(axes, np.nan), np.full_like(variance, np.nan)
    return axes, mean, variance, np.array(found.total), np.quantile(deviation @ axes.T, ROBUST, axis=0)


def _scatter(rows: np.ndarray) -> pca.Scatter:
    """The scatter of rows (n, D), a tile at a time."""
    height = max(1, _TILE_VALUES // rows.shape[1])
    tiles = (rows[start : start + height] for start in range(0, len(rows), height))
    return functools.reduce(pca.merge, map(pca.scatter, tiles))


def _stacked(a: Spread, b: Spread) -> Spread:
    """The spread of the same samples at the sublayers of `a`, then at those of `b`."""
    return Spread(a.count, np.concatenate([a.mean, b.mean]), np.concatenate([a.m2, b.m2]))


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
