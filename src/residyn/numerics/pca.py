"""Principal components of rows that need not fit into memory.

Rows are gathered block by block as a count, a mean and a scatter matrix, each block centred before it is
squared, and blocks are combined by the update of Chan, Golub & LeVeque (1979): a one-pass sum of products loses
the axes where means are large beside the spread. For few points the smaller of covariance and Gram matrix is
taken, and for wide rows a randomised search (Halko, Martinsson & Tropp 2011) that never forms either.

Axes are orthonormal rows, sorted by falling variance; the sign of each makes its largest |loading| positive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import ArpackError, eigsh
from threadpoolctl import threadpool_limits

LEAST_ROWS = 2
"""Fewest rows with a variance."""

READINGS = 6
"""How often a search reads the rows."""

_LANCZOS_FROM, _LANCZOS_SHARE, _LANCZOS_RESTARTS = 1024, 24, 60
"""Fewest columns, and fewest for each component, of which Lanczos' method finds the components; most restarts."""

_OVERSAMPLE = 32
"""Directions searched beyond those wanted, so that the last ones are found too."""


@dataclass(frozen=True)
class Scatter:
    """Of n rows (n, D), in float64: `count` n, `mean` (D,) and `m2` (D, D) = Σ(x − mean)(x − mean)ᵀ.

    The diagonal of `m2` is exactly 0 for a constant column.
    """

    count: int
    mean: np.ndarray
    m2: np.ndarray


@dataclass(frozen=True)
class Components:
    """Orthonormal `axes` (K, D), the `variance` (K,) of the rows along each, and the `total` variance.

    Variances have the divisor n − 1, fall from one axis to the next and are never negative. Axes beyond the
    rank of the rows are orthonormal and have variance 0.
    """

    axes: np.ndarray
    variance: np.ndarray
    total: float


@contextmanager
def one_thread() -> Iterator[None]:
    """A context in which each product of matrices runs on the thread that asks for it.

    A walk over states has threads of its own, which would wait for one another's products; and the last bits
    of a product can depend on how many threads share it. Contexts of several threads may overlap: the limit is the
    process's, set by the first that begins and lifted by the last that ends.
    """
    with _limit.lock:
        _limit.holders += 1
        if _limit.holders == 1:
            _limit.set_limits = threadpool_limits(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _limit.lock:
            _limit.holders -= 1
            if not _limit.holders and _limit.set_limits is not None:
                _limit.set_limits.restore_original_limits()


class _Limit:
    """How many contexts hold the process's products to one thread, and what lifts that."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0
        self.set_limits: threadpool_limits | None = None


_limit = _Limit()


def scatter(rows: np.ndarray) -> Scatter:
    """Count, mean and scatter of rows (n ≥ 1, D); holds one copy of them in float64."""
    deviation, mean = centred(rows)
    return Scatter(len(deviation), mean, deviation.T @ deviation)


def merge(a: Scatter, b: Scatter) -> Scatter:
    """Scatter of the rows of `a` and `b` together, equal to that of one block up to rounding."""
    count = a.count + b.count
    delta = b.mean - a.mean
    m2 = np.outer(delta, delta * (a.count * b.count / count))
    m2 += a.m2
    m2 += b.m2
    return Scatter(count, a.mean + delta * (b.count / count), m2)


def rescaled(of: Scatter, scale: np.ndarray) -> Scatter:
    """The scatter of the same rows, each column divided by its `scale` (D,), above 0."""
    return Scatter(of.count, of.mean / scale, of.m2 / scale / scale[:, None])


def centred(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n ≥ 1, D) minus their mean, as a float64 copy, and the mean (D,).

    Deviations are taken from the first row, so that a constant column leaves exact zeros.
    """
    first = rows[0].astype(np.float64)
    deviation = np.subtract(rows, first, dtype=np.float64)
    shift = deviation.mean(axis=0)
    deviation -= shift
    return deviation, first + shift


def n_components(wanted: int, n_rows: int, n_units: int) -> int:
    """How many components there are to have: at most min(rows − 1, units)."""
    return min(wanted, n_rows - 1, n_units)


def components(of: Scatter, n: int) -> Components:
    """The first n components of gathered rows (at least `LEAST_ROWS`), cut to min(rows − 1, D)."""
    n_units = len(of.mean)
    variance, vectors = largest(of.m2, n_components(n, of.count, n_units))
    divisor = of.count - 1
    return Components(oriented(vectors.T), variance / divisor, float(np.trace(of.m2)) / divisor)


def components_of(points: np.ndarray, n: int) -> tuple[Components, np.ndarray]:
    """The first n components of points (N ≥ 2, D) in memory, cut to min(N − 1, D), and their mean (D,).

    From the smaller of covariance and Gram matrix; axes found by the latter are made orthonormal again.
    """
    deviation, mean = centred(points)
    n_points, n_units = deviation.shape
    n = n_components(n, n_points, n_units)
    divisor = n_points - 1
    total = float(np.einsum("nd,nd->", deviation, deviation)) / divisor
    if n_units <= n_points:
        variance, vectors = largest(deviation.T @ deviation, n)
    else:
        variance, left = largest(deviation @ deviation.T, n)
        # A direction of no variance comes out of the Gram matrix as noise; only QR makes it a unit vector.
        vectors = _orthonormal(deviation.T @ left)
    return Components(oriented(vectors.T), variance / divisor, total), mean


def spectrum(points: np.ndarray) -> np.ndarray:
    """Variances of points (N, D) along all their principal axes, (min(N − 1, D),), falling, ≥ 0.

    From the smaller of covariance and Gram matrix. Exactly 0 for points that are all the same; empty for one.
    """
    deviation, _ = centred(points)
    n_points, n_units = deviation.shape
    square = deviation.T @ deviation if n_units <= n_points else deviation @ deviation.T
    values = linalg.eigvalsh(square, overwrite_a=True, check_finite=False)[::-1]
    return np.maximum(values[: n_components(n_units, n_points, n_units)], 0.0) / max(n_points - 1, 1)


def scatter_times(rows: np.ndarray, mean: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Σ(x − mean)(x − mean)ᵀ of rows (n, D), times vectors (D, m), without forming the matrix: (D, m)."""
    deviation = rows - mean
    return deviation.T @ (deviation @ vectors)


def search(
    times: Callable[[np.ndarray], np.ndarray],
    n_units: int,
    n: int,
    *,
    count: int,
    total: float,
    seed: int = 0,
) -> tuple[Components, np.ndarray]:
    """The first n components of wide rows, by a seeded randomised search; and what is left of each, (n,).

    `times(vectors)` returns the scatter matrix of all rows times `vectors` (D, m); each call is another reading
    of the rows, and there are `READINGS` of them: n + 32 random directions are multiplied and made orthonormal
    again, and in the last reading the matrix is diagonalised exactly within their span (Rayleigh–Ritz).
    So axes are orthonormal and variances are those of the data along them, never above the true ones.
    What is left, ‖Cv − λv‖ / λ₁, bounds how far each variance is from an eigenvalue, over the largest. Axes that
    stand clear of those beyond the search are found to many digits; in a flat stretch of the spectrum they are
    mixtures, with variances up to a tenth low.
    `count` is the number of rows and `total` their total variance, both known beforehand.
    """
    n = n_components(n, count, n_units)
    width = min(n + _OVERSAMPLE, n_units)
    basis = _orthonormal(np.random.default_rng(seed).standard_normal((n_units, width)))
    for _ in range(READINGS - 1):
        basis = _orthonormal(times(basis))
    image = times(basis) / (count - 1)
    inner = basis.T @ image
    variance, mix = largest((inner + inner.T) / 2, n)
    vectors = basis @ mix
    left = np.linalg.norm(image @ mix - vectors * variance, axis=0)
    return Components(oriented(vectors.T), variance, total), left / variance[0]


def oriented(axes: np.ndarray) -> np.ndarray:
    """The axes (K, D), each turned so that its largest |loading| is positive (the first, where several tie)."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(axes * np.where(largest < 0, -1.0, 1.0))


def largest(matrix: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The n largest eigenvalues of a symmetric matrix (D, D), falling and ≥ 0, and their vectors (D, n)."""
    size = len(matrix)
    values, vectors = _by_lanczos(matrix, n) if size >= max(_LANCZOS_FROM, _LANCZOS_SHARE * n) else (None, None)
    if values is None or vectors is None:
        values, vectors = linalg.eigh(matrix, subset_by_index=[size - n, size - 1], check_finite=False)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def _by_lanczos(matrix: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    """The n largest eigenvalues of a symmetric matrix (D, D), rising, and their vectors (D, n).

    To rounding, as by reduction to tridiagonal form, in a quarter of the time; None where they do not separate.
    """
    rng = np.random.default_rng(0)
    start = rng.standard_normal(len(matrix))
    try:
        values, vectors = eigsh(
            matrix, n, which="LA", v0=start, ncv=2 * n + 40, rng=rng, maxiter=_LANCZOS_RESTARTS
        )
    except ArpackError:
        return None, None
    order = np.argsort(values, kind="stable")
    return values[order], vectors[:, order]


def _orthonormal(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.qr(vectors)[0]
