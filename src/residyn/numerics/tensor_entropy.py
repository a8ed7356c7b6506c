"""Random tensors that keep the means and covariances of a tensor along each of its dimensions, and nothing else.

Elsayed & Cunningham 2017, Nat. Neurosci. 20:1310: of all laws with these moments the one of largest entropy. It
is Gaussian, its covariance has the eigenvectors of the three covariances along its dimensions, and its eigenvalues
are 1/(aᵢ + bⱼ + cₖ), with multipliers that make the marginal sums right.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from residyn.errors import DataError

_CLOSE = 1e-6
"""How near the marginal sums come to what they should be, relative to it."""
_ROUNDS = 200
_NOTHING = 1e-10
"""Share of the largest eigenvalue from which on a direction has a variance."""


class TensorLaw(NamedTuple):
    """The law: the mean tensor, an orthonormal basis (columns) along each dimension, and the standard deviations
    of the coordinates in these bases.
    """

    mean: np.ndarray
    bases: tuple[np.ndarray, ...]
    scale: np.ndarray

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """One tensor of the law."""
        drawn = self.scale * rng.standard_normal(self.scale.shape)
        return self.mean + np.einsum("abc,ia,jb,kc->ijk", drawn, *self.bases, optimize=True)


def law_of(tensor: np.ndarray) -> TensorLaw:
    """The law of largest entropy with the marginal means and covariances of a tensor (I, J, K), real and finite.

    Raises DataError for one that is constant, or whose multipliers are not found.
    """
    mean = _marginal_mean(tensor)
    rest = tensor - mean
    bases, sums = zip(*(_spectrum(rest, axis) for axis in range(3)), strict=True)
    if not all(len(one) for one in sums):
        raise DataError("A tensor that does not vary has no surrogates; these states are all the same.")
    return TensorLaw(mean, bases, 1 / np.sqrt(_inverse_variances(sums)))


def _marginal_mean(tensor: np.ndarray) -> np.ndarray:
    """The sum of what the means along two dimensions say of each entry of the third, one after the other."""
    mean = np.zeros_like(tensor)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        mean = mean + (tensor - mean).mean(axis=others, keepdims=True)
    return mean


def _spectrum(rest: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors (columns) and eigenvalues of the products along a dimension, of those that are not rounding."""
    rows = np.moveaxis(rest, axis, 0).reshape(rest.shape[axis], -1)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    kept = values > _NOTHING * max(float(values[-1]), 0.0)
    return vectors[:, kept], values[kept]


def _inverse_variances(sums: tuple[np.ndarray, ...]) -> np.ndarray:
    """aᵢ + bⱼ + cₖ, whose inverses have these sums along all but each dimension, by Newton's method.

    They are the least of a convex function, −Σ ln(aᵢ + bⱼ + cₖ) + a·α + b·β + c·γ, with the sums α, β, γ.
    """
    sizes = [len(one) for one in sums]
    total = float(sums[0].sum())
    # All three spectra have one sum, up to the rounding of what was left out of them.
    wanted = [one * (total / one.sum()) for one in sums]
    n = int(np.prod(sizes))
    multipliers = [n / (3 * size * one) for size, one in zip(sizes, wanted, strict=True)]
    objective, error = _objective(multipliers, wanted), float("inf")
    for _ in range(_ROUNDS):
        whole = _added(multipliers)
        found = [_sums_along(1 / whole, axis) for axis in range(3)]
        error = max(float(np.abs(f / w - 1).max()) for f, w in zip(found, wanted, strict=True))
        if error < _CLOSE:
            return whole
        step = _newton(whole, found, wanted, sizes)
        length, slope = 1.0, sum(float((w - f) @ d) for f, w, d in zip(found, wanted, step, strict=True))
        while True:
            tried = [m + length * d for m, d in zip(multipliers, step, strict=True)]
            value = _objective(tried, wanted)
            if value <= objective + 1e-4 * length * slope or length < 1e-12:
                break
            length /= 2
        multipliers, objective = tried, value
    raise DataError(
        f"Surrogates of largest entropy were not found in {_ROUNDS} rounds: marginal sums are {error:.1g} off. "
        "Take more samples."
    )


def _added(multipliers: list[np.ndarray]) -> np.ndarray:
    a, b, c = multipliers
    return a[:, None, None] + b[None, :, None] + c[None, None, :]


def _sums_along(values: np.ndarray, axis: int) -> np.ndarray:
    return values.sum(axis=tuple(other for other in range(3) if other != axis))


def _objective(multipliers: list[np.ndarray], wanted: list[np.ndarray]) -> float:
    whole = _added(multipliers)
    if not (whole > 0).all():
        return float("inf")
    return float(-np.log(whole).sum() + sum(m @ w for m, w in zip(multipliers, wanted, strict=True)))


def _newton(
    whole: np.ndarray, found: list[np.ndarray], wanted: list[np.ndarray], sizes: list[int]
) -> list[np.ndarray]:
    """The step that solves H d = found − wanted, with H the second derivatives; shifts between the multipliers,
    which change nothing, are left at zero.
    """
    curvature = 1 / whole**2
    starts = np.cumsum([0, *sizes])
    matrix = np.zeros((starts[-1], starts[-1]))
    for axis in range(3):
        own = slice(starts[axis], starts[axis + 1])
        matrix[own, own] = np.diag(_sums_along(curvature, axis))
        for other in range(axis):
            there = slice(starts[other], starts[other + 1])
            (third,) = {0, 1, 2} - {axis, other}
            both = curvature.sum(axis=third)  # (other, axis), in the order of the dimensions
            matrix[there, own], matrix[own, there] = both, both.T
    gradient = np.concatenate([f - w for f, w in zip(found, wanted, strict=True)])
    # In units of each multiplier's own curvature: they differ by many orders of magnitude.
    scale = 1 / np.sqrt(np.diagonal(matrix))
    solved = scale * np.linalg.lstsq(matrix * scale[:, None] * scale, gradient * scale, rcond=1e-13)[0]
    return np.split(solved, starts[1:-1])
