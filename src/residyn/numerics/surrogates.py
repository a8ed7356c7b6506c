"""Surrogates of states: data made of the states themselves that keep some things and lose others.

States are (N, S, D), finite, of any float width, in which the surrogates come back as new arrays. Sums and
products are taken in float64, one sublayer at a time: beside the two arrays a draw holds a few of (N, D), and
`rotate_basis` one of (D, D). Every random choice is `rng`'s, so that a seed gives the same bits everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import linalg

from residyn.errors import DataError
from residyn.numerics.pca import one_thread

LEAST_UNITS = 3
"""Fewest units in which a direction perpendicular to a state and to a step can be drawn."""

_BY_CHOLESKY = 1024
"""Fewest units whose rotation is drawn by Cholesky factors, in half the time that QR takes of many."""

_TINY = 1e-20
"""Share of a squared length below which what is left of a vector is rounding, and has no direction."""


def shuffle_samples(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At each sublayer, the samples in an order of its own, the same for all units."""
    n, n_sublayers, _ = states.shape
    drawn = np.empty_like(states)
    for s in range(n_sublayers):
        drawn[:, s] = states[rng.permutation(n), s]
    return drawn


def permute_units(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At each sublayer, the units in an order of its own, the same for all samples."""
    _, n_sublayers, n_units = states.shape
    drawn = np.empty_like(states)
    for s in range(n_sublayers):
        drawn[:, s] = states[:, s, rng.permutation(n_units)]
    return drawn


def shuffle_sublayers(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sublayers in another order, the same for all samples."""
    return states[:, rng.permutation(states.shape[1])]


def rotate_basis(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All states in one random orthonormal basis."""
    drawn = np.empty_like(states)
    with one_thread():
        rotation = haar_rotation(states.shape[2], rng)
        for s in range(states.shape[1]):
            drawn[:, s] = states[:, s].astype(np.float64) @ rotation
    return drawn


def haar_rotation(n_units: int, rng: np.random.Generator) -> np.ndarray:
    """An orthogonal matrix (D, D), uniform over all of them. Mezzadri 2007, Notices of the AMS 54:592."""
    drawn = rng.standard_normal((n_units, n_units))
    if n_units >= _BY_CHOLESKY:
        try:
            # Once leaves columns orthogonal to the square of their condition, twice to rounding.
            return _over_its_root(_over_its_root(drawn))
        except linalg.LinAlgError:
            pass
    q, r = np.linalg.qr(drawn)
    # QR alone prefers some directions: the signs of R's diagonal belong to Q.
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def _over_its_root(matrix: np.ndarray) -> np.ndarray:
    """A R⁻¹ of A (D, D), with RᵀR = AᵀA and R's diagonal positive."""
    root = linalg.cholesky(matrix.T @ matrix, overwrite_a=True, check_finite=False)
    return linalg.solve_triangular(root, matrix.T, trans=1, check_finite=False).T


def flip_increments(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """h₀ + Σ εΔ, with a random sign ε for every transition and unit, the same for all samples."""
    _, n_sublayers, n_units = states.shape
    signs = rng.choice([-1.0, 1.0], size=(n_sublayers - 1, n_units))
    return _walked(states, (sign * _step(states, s) for s, sign in enumerate(signs)))


def permute_increments(states: np.ndarray, kind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """h₀ + Σ Δ with the steps in another order within each kind of transition, the same for all samples.

    `kind` (S − 1,) names the kind of each transition.
    """
    order = np.arange(len(kind))
    for name in np.unique(kind):
        places = np.flatnonzero(kind == name)
        order[places] = rng.permutation(places)
    return _walked(states, (_step(states, int(s)) for s in order))


def random_walk(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """From each sample's first state, a walk whose steps relate to what came just before as the data's do.

    Of each sample and step it keeps the length of the state, that of the step, the angle between the two, and
    the angle to the step before: the inner products of (h, Δ before, Δ). Within the plane of the walk's own h
    and last step these fix the step; what is left of its length goes into a random direction perpendicular to
    both. A state or step of zero, or two that are parallel, span less than a plane: then there is less to keep,
    and more of the step is random. Raises DataError for fewer than three units, where nothing would be.
    """
    n_units = states.shape[2]
    if n_units < LEAST_UNITS:
        raise DataError(
            f"A random walk that keeps the angles of the data needs at least {LEAST_UNITS} units to be random in; "
            f"these states have {n_units}. Choose another null, such as flip_increments."
        )
    drawn = np.empty_like(states)
    drawn[:, 0] = states[:, 0]
    walk = states[:, 0].astype(np.float64)
    before, own_before = np.zeros_like(walk), np.zeros_like(walk)
    for s in range(states.shape[1] - 1):
        data, step = states[:, s].astype(np.float64), _step(states, s)
        scale = _inner(before, before)
        along, own_along = _directions(data, walk, scale)
        side, own_side = _directions(_off(before, along), _off(own_before, own_along), scale)
        first, second = _inner(step, along), _inner(step, side)
        rest = step - first[:, None] * along - second[:, None] * side
        free = _off(rng.standard_normal(walk.shape), own_along, own_side)
        length = np.sqrt(_inner(rest, rest) / _inner(free, free))
        own_before = first[:, None] * own_along + second[:, None] * own_side + length[:, None] * free
        before = step
        walk = walk + own_before
        drawn[:, s + 1] = walk
    return drawn


def _step(states: np.ndarray, s: int) -> np.ndarray:
    return states[:, s + 1].astype(np.float64) - states[:, s]


def _walked(states: np.ndarray, steps: Iterable[np.ndarray]) -> np.ndarray:
    """From the first states along steps (N, D) one after the other; what is stored is rounded, the walk is not."""
    drawn = np.empty_like(states)
    drawn[:, 0] = states[:, 0]
    state = states[:, 0].astype(np.float64)
    for s, step in enumerate(steps, start=1):
        state += step
        drawn[:, s] = state
    return drawn


def _inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", a, b)


def _off(vectors: np.ndarray, *directions: np.ndarray) -> np.ndarray:
    """What of the vectors is perpendicular to orthonormal directions; twice over, as rounding wants it."""
    for _ in range(2):
        for direction in directions:
            vectors = vectors - _inner(vectors, direction)[:, None] * direction
    return vectors


def _directions(data: np.ndarray, walk: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The data's vectors and the walk's in the same place, over their lengths.

    Both are zero where either is rounding beside `scale`, a squared length: a direction that only one of them
    had would take its share of the step away.
    """
    squares = _inner(data, data), _inner(walk, walk)
    told = np.minimum(*squares) > _TINY * scale
    of_data, of_walk = (
        np.where(told[:, None], vectors, 0.0) / np.sqrt(np.where(told, square, 1.0))[:, None]
        for vectors, square in zip((data, walk), squares, strict=True)
    )
    return of_data, of_walk
