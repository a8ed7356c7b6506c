"""Surrogates of states: data made of the states themselves that keep some things and lose others.

States are (N, S, D) of any float width and come back in float64, as new arrays. Every random choice is `rng`'s.
"""

from __future__ import annotations

import numpy as np

_TINY = 1e-12
"""Share of a vector's square that rounding leaves where nothing should be."""


def shuffle_samples(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At each sublayer, the samples in an order of its own."""
    n, n_sublayers, _ = states.shape
    drawn = np.empty(states.shape)
    for s in range(n_sublayers):
        drawn[:, s] = states[rng.permutation(n), s]
    return drawn


def permute_units(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At each sublayer, the units in an order of its own, the same for all samples."""
    _, n_sublayers, n_units = states.shape
    drawn = np.empty(states.shape)
    for s in range(n_sublayers):
        drawn[:, s] = states[:, s, rng.permutation(n_units)]
    return drawn


def shuffle_sublayers(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sublayers in another order, the same for all samples."""
    return states[:, rng.permutation(states.shape[1])].astype(np.float64)


def rotate_basis(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All states in one random orthonormal basis."""
    return states.astype(np.float64) @ haar_rotation(states.shape[2], rng)


def haar_rotation(n_units: int, rng: np.random.Generator) -> np.ndarray:
    """An orthogonal matrix (D, D), uniform over all of them (Mezzadri 2007)."""
    q, r = np.linalg.qr(rng.standard_normal((n_units, n_units)))
    # QR alone prefers some directions: the signs of R's diagonal belong to Q.
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def flip_increments(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """h₀ + Σ εΔ, with a random sign ε for every transition and unit, the same for all samples."""
    steps = np.diff(states.astype(np.float64), axis=1)
    return _walked(states, steps * rng.choice([-1.0, 1.0], size=steps.shape[1:]))


def permute_increments(states: np.ndarray, kind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The steps in another order within each kind of transition, `kind` (S − 1,), the same for all samples."""
    steps = np.diff(states.astype(np.float64), axis=1)
    order = np.arange(len(kind))
    for name in np.unique(kind):
        places = np.flatnonzero(kind == name)
        order[places] = rng.permutation(places)
    return _walked(states, steps[:, order])


def random_walk(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """From each sample's first state, a walk whose steps have the data's relations to what came before alone.

    Of each sample and step it keeps the length of the state, that of the step, the angle between the two, and
    the angle to the step before: the inner products of (h, Δ before, Δ). Within the plane of the walk's own h
    and last step these fix the step; what is left of its length goes into a random direction perpendicular to
    both. In fewer than three dimensions there is no such direction, and its sign is all that is random.
    """
    h = states.astype(np.float64)
    steps = np.diff(h, axis=1)
    drawn = np.empty(h.shape)
    drawn[:, 0] = h[:, 0]
    previous = np.zeros_like(h[:, 0])
    before = np.zeros_like(previous)
    for s in range(steps.shape[1]):
        walk, data, step = drawn[:, s], h[:, s], steps[:, s]
        # An orthonormal frame of (h, last step) in the data, and the one in the same place of the walk.
        along, side = _frame(data, before)
        own_along, own_side = _frame(walk, previous)
        first, second = _inner(step, along), _inner(step, side)
        rest = np.sqrt(np.maximum(_inner(step, step) - first**2 - second**2, 0.0))
        direction = _perpendicular(rng.standard_normal(walk.shape), own_along, own_side)
        moved = first[:, None] * own_along + second[:, None] * own_side + rest[:, None] * direction
        drawn[:, s + 1] = walk + moved
        previous, before = moved, step
    return drawn


def _walked(states: np.ndarray, steps: np.ndarray) -> np.ndarray:
    drawn = np.empty(states.shape)
    drawn[:, 0] = states[:, 0]
    np.cumsum(steps, axis=1, out=drawn[:, 1:])
    drawn[:, 1:] += drawn[:, :1]
    return drawn


def _inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", a, b)


def _unit(vectors: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Vectors over their length; zero where they are rounding beside `scale`, a squared length."""
    square = _inner(vectors, vectors)
    told = square > _TINY * scale
    return np.where(told[:, None], vectors, 0.0) / np.sqrt(np.where(told, square, 1.0))[:, None]


def _frame(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors along `first`, and along what of `second` is perpendicular to it; zero where nothing is."""
    along = _unit(first, np.zeros(len(first)))
    side = second - _inner(second, along)[:, None] * along
    return along, _unit(side, _inner(second, second))


def _perpendicular(vectors: np.ndarray, along: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Unit vectors, made perpendicular to both of a frame twice over, as rounding wants it."""
    for _ in range(2):
        vectors = vectors - _inner(vectors, along)[:, None] * along - _inner(vectors, side)[:, None] * side
        vectors = _unit(vectors, np.zeros(len(vectors)))
    return vectors
