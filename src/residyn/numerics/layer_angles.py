"""Angles between the states of a path at all pairs of places, beside those of a walk with its norms and angles.

All follow from the inner products of a path's states, so that one pass over a block serves every pair.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_TILE_VALUES = 1 << 17
"""Values of states or of their products in float64 at a time: 1 MiB, which a core's cache holds."""
_PARALLEL = 1e-12
"""Share of the squared lengths' product below which the area that two vectors span is rounding."""


class AngleSums(NamedTuple):
    """Sums over samples, (S, S) each: angles in half turns, those of the walk, and how many are known."""

    angle: np.ndarray
    walk: np.ndarray
    known: np.ndarray


def angle_sums(block: np.ndarray) -> AngleSums:
    """The sums of one block of states (n ≥ 1, S, D), real and finite, within float32's range.

    An angle is arccos(cos)/π, in [0, 1]; undefined where a state is zero. Works through tiles of samples: beside
    the block it holds a tile of states, and a few arrays of products (tile, S, S), in float64, 1 MiB each.
    """
    _, n_places, n_units = block.shape
    height, few = (max(1, _TILE_VALUES // max(1, n_places * size)) for size in (n_places, n_units))
    parts = [_of_products(_products(block[start : start + height], few)) for start in range(0, len(block), height)]
    return AngleSums(*(np.sum(arrays, axis=0) for arrays in zip(*parts, strict=True)))


def _products(block: np.ndarray, few: int) -> np.ndarray:
    """The inner products (n, S, S) of each path's states, of a few samples' states in float64 at a time."""
    found = np.empty((len(block), block.shape[1], block.shape[1]))
    for start in range(0, len(block), few):
        states = block[start : start + few].astype(np.float64)
        np.matmul(states, states.transpose(0, 2, 1), out=found[start : start + few])
    return found


def walk_products(products: np.ndarray) -> np.ndarray:
    """The expected inner products of a walk that keeps what `surrogates.random_walk` keeps of a path, (n, S, S).

    `products` (n, S, S) are those of the path's states. Each step of the walk is α h + β Δ + a rest, with h the
    state it leaves and Δ the step before: α and β make its products with these two those of the data, and the
    rest is perpendicular to both, of random direction, so that in the mean it is perpendicular to all states.
    States next to each other, and next but one, are as in the data.
    """
    expected = products.copy()
    for m in range(products.shape[1] - 1):
        along, again = _coefficients(products, m)
        earlier = expected[:, : m + 1, m]
        before = earlier - expected[:, : m + 1, m - 1] if m else np.zeros_like(earlier)
        expected[:, : m + 1, m + 1] = earlier + along[:, None] * earlier + again[:, None] * before
        expected[:, m + 1, : m + 1] = expected[:, : m + 1, m + 1]
    return expected


def _coefficients(products: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """α and β, (n,) each, of the step that leaves place m; less than a plane is spanned by parallel vectors."""
    own = products[:, m, m]
    along = products[:, m, m + 1] - own
    if not m:
        return _over(along, own), np.zeros(len(own))
    with_before = own - products[:, m, m - 1]
    before = with_before - products[:, m - 1, m] + products[:, m - 1, m - 1]
    again = along - (products[:, m - 1, m + 1] - products[:, m - 1, m])
    area = own * before - with_before**2
    area = np.where(area > _PARALLEL * own * before, area, 0.0)
    first = _over(along * before - again * with_before, area)
    second = _over(again * own - along * with_before, area)
    alone = np.where(own > 0, _over(along, own), 0.0)
    return np.where(area > 0, first, alone), np.where(area > 0, second, 0.0)


def _over(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _of_products(products: np.ndarray) -> AngleSums:
    length = np.sqrt(np.einsum("nss->ns", products))
    both = length[:, :, None] * length[:, None, :]
    known = both > 0
    angle, walk = (_half_turns(one, both, known) for one in (products, walk_products(products)))
    return AngleSums(angle.sum(axis=0), walk.sum(axis=0), known.sum(axis=0).astype(np.float64))


def _half_turns(products: np.ndarray, both: np.ndarray, known: np.ndarray) -> np.ndarray:
    cosine = np.divide(products, both, out=np.ones_like(products), where=known)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0)) / np.pi
    # A state and itself: the arc cosine would make rounding visible.
    np.einsum("nss->ns", angle)[:] = 0.0
    return angle
