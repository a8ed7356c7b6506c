"""The same of a matrix that is only known by its products: the largest values, and estimates from random probes.

`forward` takes rows v (k, D) to Jv, `backward` rows u to uᵀJ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse.linalg

Product = Callable[[np.ndarray], np.ndarray]
PROBES = 32
_OVERSAMPLED = 10
_POWERS = 3
_TOLERANCE, _RESTARTS = 1e-3, 8
_ARPACK_LEAVES = 2
"""How many eigenvalues ARPACK leaves out at least."""


@dataclass(frozen=True)
class MapEstimates:
    """‖J‖² and ‖(J − Jᵀ)/2‖² (Frobenius) by Hutchinson's probes; the top of the singular values and vectors."""

    square: float
    skew_square: float
    left: np.ndarray
    values: np.ndarray
    right: np.ndarray


def estimated(forward: Product, backward: Product, width: int, k: int, rng: np.random.Generator) -> MapEstimates:
    """The k largest singular values by a randomised SVD with power steps, the norms by `PROBES` random probes.

    Of ‖J‖² the part that the singular vectors hold is exact, and the probes see the rest alone (Hutch++, Meyer et
    al. 2021).
    """
    probes = rng.choice([-1.0, 1.0], size=(PROBES, width))
    drawn = rng.standard_normal((min(width, k + _OVERSAMPLED), width))
    basis = _orthonormal(forward(drawn))
    for _ in range(_POWERS):
        basis = _orthonormal(forward(_orthonormal(backward(basis))))
    # backward(basis) is QᵀJ with Q's columns in rows.
    inner, values, right = np.linalg.svd(backward(basis), full_matrices=False)
    left = inner.T @ basis
    through, back = forward(probes), backward(probes)
    rest = through - (through @ basis.T) @ basis
    square = float(np.square(values).sum() + np.square(rest).sum() / PROBES)
    skew_square = float(np.square(through - back).sum() / (4 * PROBES))
    raw = float(np.square(through).sum() / PROBES)
    # The skew share is a ratio of the same probes, in which their luck cancels.
    return MapEstimates(square, skew_square * square / raw if raw else 0.0, left[:k].T, values[:k], right[:k].T)


def largest_eigenvalues(forward: Product, width: int, k: int, rng: np.random.Generator) -> np.ndarray:
    """The k eigenvalues of the largest modulus, by Arnoldi's iteration (ARPACK), the largest first.

    Where the last one's conjugate would not be among them, it is NaN instead: no pair is parted. Those that are
    not found within `_RESTARTS` restarts are NaN, too: of a spectrum without gaps, a random matrix's, few are. Of
    so few units that nearly all eigenvalues are asked for, they are those of the matrix, and NaN beyond them.
    """
    if width < k + _ARPACK_LEAVES:
        found = np.linalg.eigvals(forward(np.eye(width)).T).astype(complex)
        return _sorted(found, k)
    linalg: Any = scipy.sparse.linalg
    operator = linalg.LinearOperator((width, width), lambda v: forward(np.ravel(v)[None])[0], dtype=np.float64)
    start = rng.standard_normal(width)
    try:
        found = linalg.eigs(
            operator, k=k, tol=_TOLERANCE, v0=start, maxiter=_RESTARTS, rng=rng, return_eigenvectors=False
        )
    except linalg.ArpackNoConvergence as error:
        found = np.asarray(error.eigenvalues)
    return _sorted(found, k)


def _sorted(found: np.ndarray, k: int) -> np.ndarray:
    """The k of the largest modulus, the largest first, without one whose conjugate is cut off; NaN beyond them."""
    found = found[np.argsort(-np.abs(found), kind="stable")][:k]
    if len(found) and found[-1].imag:
        paired = np.isclose(found[:-1], found[-1].conj(), rtol=100 * _TOLERANCE).any()
        found = found if paired else found[:-1]
    return np.pad(found, (0, k - len(found)), constant_values=np.nan)


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    return np.linalg.qr(rows.T)[0].T
