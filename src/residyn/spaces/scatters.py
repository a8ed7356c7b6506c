"""Scatter matrices of all states together, gathered by group of samples in one reading of blocks of samples.

Deviations are taken from the mean of all samples at each sublayer, so that nothing cancels; what the groups' own
means differ by is known from their spreads, and put in at the end.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from residyn.numerics import pca
from residyn.numerics.products import add_products, mirrored
from residyn.spaces.scaling import Selection, Variant, scales
from residyn.spaces.spread import Spread, chosen_parts, chosen_spread, merge, merge_by_key, rows_where
from residyn.walk import Progress, each_numbered_block

_TILE_VALUES = 1 << 23
"""Values of states converted to float64 at a time: 64 MiB, rows enough for products to run at full speed."""


@dataclass(frozen=True)
class Scatters:
    """What axes are made of: the `spreads` of each group of samples at each sublayer, and products of deviations.

    `about` (S, D) is the mean of all samples at each sublayer. `products` has, under the number of each group,
    Σdᵀd (D, D) of the deviations d from there of its samples at all sublayers; and under ("equalised", i) that of
    the variant i's own samples and sublayers, each over its scale.
    """

    spreads: Mapping[int, Spread]
    about: np.ndarray
    products: Mapping[Hashable, np.ndarray]


def gather_scatters(
    states: xr.DataArray,
    variants: Sequence[Variant],
    groups: np.ndarray,
    spreads: Mapping[int, Spread],
    progress: Progress | None,
) -> Scatters:
    """The scatters that all variants are made of, from one reading.

    `spreads` are those of the groups (N,). Beside the blocks, a matrix (D, D) in float64 of each group and
    equalised variant is held for the total, and one more of each for either of two blocks.
    """
    about = functools.reduce(merge, spreads.values()).mean
    equalised = {i: _of_equalised(one, groups, spreads) for i, one in enumerate(variants) if one.equalize}
    needed = {
        int(group) for one in variants if not one.equalize for group in np.unique(groups[one.selection.fitted])
    }

    def reduce_block(block: np.ndarray, first: int) -> dict[Hashable, np.ndarray]:
        made: dict[Hashable, np.ndarray] = {}
        here = groups[first : first + len(block)]
        for start, deviation in _tiles(block, about):
            tile = here[start : start + len(deviation)]
            for group in needed.intersection(np.unique(tile).tolist()):
                _add(made, group, _rows(rows_where(deviation, tile == group)))
            for i, (selection, scale) in equalised.items():
                fitted = selection.fitted[first + start : first + start + len(deviation)]
                if fitted.any() and selection.varying.any():
                    part = rows_where(deviation, fitted)[:, selection.sublayers]
                    _add(made, ("equalised", i), _rows(part / scale[selection.sublayers]))
        return made

    products = merge_by_key(each_numbered_block(states, reduce_block, progress), _onto)
    return Scatters(spreads, about, {key: mirrored(total) for key, total in products.items()})


def scatters_of(
    variants: Sequence[Variant], groups: np.ndarray, gathered: Scatters
) -> Iterator[pca.Scatter | None]:
    """The scatter of each variant's states, over its scales; None where no sublayer varies of an equalised one."""
    known: tuple[tuple[int, ...], pca.Scatter] | None = None
    for i, one in enumerate(variants):
        found = chosen_spread(gathered.spreads, groups, one.selection.fitted)
        scaling, selection = scales(one, found)
        if one.equalize:
            scale, varying = scaling.both, selection.varying
            products = gathered.products.get(("equalised", i))
            means, apart = ((values / scale)[varying] for values in (found.mean, found.mean - gathered.about))
            yield None if products is None else _about_common_mean(found.count, means, apart, products)
            continue
        members = tuple(np.unique(groups[selection.fitted]).tolist())
        if known is None or known[0] != members:
            products = functools.reduce(np.add, chosen_parts(gathered.products, groups, selection.fitted))
            apart = found.mean - gathered.about
            known = members, _about_common_mean(found.count, found.mean, apart, products)
        yield pca.rescaled(known[1], scaling.unit) if one.standardize else known[1]


def _about_common_mean(count: int, means: np.ndarray, apart: np.ndarray, products: np.ndarray) -> pca.Scatter:
    """The scatter of `count` states at each of S sublayers about the mean of all, (D,).

    `products` are of their deviations from points that lie `apart` (S, D) from their own `means` (S, D).
    """
    between, mean = pca.centred(means)
    m2 = count * (between.T @ between)
    m2 -= count * (apart.T @ apart)
    m2 += products
    return pca.Scatter(count * len(means), mean, m2)


def _of_equalised(
    variant: Variant, groups: np.ndarray, spreads: Mapping[int, Spread]
) -> tuple[Selection, np.ndarray]:
    """Which states an equalised variant is of, and what they are divided by, (S, D)."""
    scaling, selection = scales(variant, chosen_spread(spreads, groups, variant.selection.fitted))
    return selection, scaling.both if variant.standardize else scaling.sublayer[:, None]


def _tiles(block: np.ndarray, about: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Tiles of samples of a block (n, S, D), less `about` (S, D), in float64, each with its first sample."""
    height = max(1, _TILE_VALUES // (block.shape[1] * block.shape[2]))
    for start in range(0, len(block), height):
        yield start, block[start : start + height] - about


def _rows(part: np.ndarray) -> np.ndarray:
    return part.reshape(-1, part.shape[2])


def _add(made: dict[Hashable, np.ndarray], key: Hashable, rows: np.ndarray) -> None:
    """Products of the rows onto those that are there, above the diagonal."""
    if key not in made:
        made[key] = np.zeros((rows.shape[1], rows.shape[1]))
    add_products(made[key], np.ascontiguousarray(rows))


def _onto(total: np.ndarray, part: np.ndarray) -> np.ndarray:
    # In place: a matrix of 4096 units is 128 MiB.
    total += part
    return total
