"""What becomes of a displaced state: how much of the displacement is left, where it goes, how far it comes back.

d_m = x′_m − c_m is the displacement m sublayers after a write that moved the state x to x′; c is the control, the
path that nothing disturbed. Everything is computed in float64, each row on its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from residyn.numerics import pca
from residyn.numerics.groups import few_draws, replicate_weights, weighted_mean

LARGEST_CONDITION = 1e8
"""Condition number from which a matrix counts as singular: a fixed point would be made of rounding."""

HALF = 0.5
BELOW, ABOVE, UNDEFINED = "below one half everywhere", "above one half everywhere", "undefined"
"""Why no radius is the one at which a share falls to one half."""


class Contraction(NamedTuple):
    """Of T displaced paths at steps 0 … M, each (T, M + 1).

    `rho` = ⟨d_m, d_0⟩ / ‖d_0‖²; `amplification` = ‖d_m‖ / ‖d_0‖; `relative` = (‖d_m‖ / ‖c_m‖) / (‖d_0‖ / ‖c_0‖).
    """

    rho: np.ndarray
    amplification: np.ndarray
    relative: np.ndarray


class AffineFlow(NamedTuple):
    """A fitted affine flow, displacement = offset + matrix · z: (2,), (2, 2) and the share explained, R² ≤ 1."""

    offset: np.ndarray
    matrix: np.ndarray
    r2: float


class Cloud(NamedTuple):
    """Points as a centre `mean` (D,) with a covariance that is shrunk towards a sphere.

    The variance is `variance` (K,) along `axes` (K, D) and `rest` in every other direction; `shrinkage` is the
    weight of the sphere, in [0, 1].
    """

    mean: np.ndarray
    axes: np.ndarray
    variance: np.ndarray
    rest: float
    shrinkage: float


def contraction(moved: np.ndarray, control: np.ndarray, negligible: float = 0.0) -> Contraction:
    """How much of each displacement is left, of moved paths (T, M + 1, D) beside their control (M + 1, D).

    At step 0 all three are 1. Passive transport, d_m = d_0, keeps `rho` and `amplification` at 1; correction
    brings `rho` below 1 and reversal below 0. `relative` is below 1 also where the control's norm merely grows.
    NaN where ‖d_0‖ ≤ negligible · ‖c_0‖, the displacements that rounding makes, where d_0 = 0, at steps whose
    states are NaN, and, for `relative`, where c_0 or c_m is zero.
    """
    path = control.astype(np.float64)
    d = moved.astype(np.float64) - path
    along, square = np.einsum("tmd,td->tm", d, d[:, 0]), np.einsum("tmd,tmd->tm", d, d)
    length = np.sqrt(np.einsum("md,md->m", path, path))
    first = square[:, :1]
    told = np.where(np.sqrt(first) > negligible * length[0], first, np.nan)
    amplification = np.sqrt(divide(square, told))
    growth = divide(np.broadcast_to(length[0], length.shape), length) if length[0] > 0 else length * np.nan
    return Contraction(divide(along, told), amplification, amplification * growth)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of the angle between the rows of a and b (…, D), in [−1, 1]; NaN where either is zero or NaN."""
    a, b = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    product, square_a, square_b = (np.einsum("...d,...d->...", *pair) for pair in ((a, b), (a, a), (b, b)))
    # sqrt(a·b), unlike sqrt(a)·sqrt(b), makes the cosine of a vector with itself exactly 1.
    return np.clip(divide(product, np.sqrt(square_a * square_b)), -1.0, 1.0)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows (…, D) brought to length 1; a zero row to NaN."""
    rows = np.asarray(rows, dtype=np.float64)
    return divide(rows, np.linalg.norm(rows, axis=-1, keepdims=True))


def fit_affine(points: np.ndarray, moves: np.ndarray) -> AffineFlow:
    """Least squares of moves (N, 2) = offset + matrix · points (N, 2); rows with a NaN are left out.

    R² = 1 − Σ‖residual‖² / Σ‖move − mean move‖². All is NaN where the points do not span the plane, as fewer than
    three or points on a line; R² alone where all moves are the same, which leaves nothing to explain.
    """
    whole = np.isfinite(points).all(axis=1) & np.isfinite(moves).all(axis=1)
    z, y = points[whole].astype(np.float64), moves[whole].astype(np.float64)
    if not len(z):
        return AffineFlow(np.full(2, np.nan), np.full((2, 2), np.nan), np.nan)
    centre, mean = z.mean(axis=0), y.mean(axis=0)
    slope, _, rank, _ = np.linalg.lstsq(z - centre, y - mean, rcond=1 / LARGEST_CONDITION)
    if rank < 2:
        return AffineFlow(np.full(2, np.nan), np.full((2, 2), np.nan), np.nan)
    residual = y - mean - (z - centre) @ slope
    total = ((y - mean) ** 2).sum()
    # Moves that are one and the same number leave the rounding of their mean as their spread.
    constant = total <= len(y) * (4 * np.finfo(np.float64).eps * np.abs(y).max()) ** 2
    r2 = np.nan if constant else 1 - (residual**2).sum() / total
    return AffineFlow(mean - centre @ slope, slope.T, float(r2))


def fixed_point(field: AffineFlow) -> np.ndarray:
    """The point (2,) that an affine flow leaves where it is, −matrix⁻¹ · offset; NaN where matrix is singular."""
    if not np.isfinite(field.matrix).all() or not np.linalg.cond(field.matrix) < LARGEST_CONDITION:
        return np.full(2, np.nan)
    return np.linalg.solve(field.matrix, -field.offset)


def half_radius(radii: np.ndarray, share: np.ndarray) -> tuple[float, str]:
    """The radius at which the share that returns falls to one half, and the reason where there is none.

    `share` (R,) is given at rising `radii` (R,); NaN are left out. It is made monotone first, never rising with
    the radius, by least squares (isotonic regression), and interpolated linearly. NaN "below one half
    everywhere" where it is so at the smallest radius already, NaN "above one half everywhere" where it is so
    at the largest still, NaN "undefined" where no share is.
    """
    known = np.isfinite(share)
    if not known.any():
        return np.nan, UNDEFINED
    r, f = radii[known], isotonic_regression(share[known], increasing=False).x
    if f[0] < HALF:
        return np.nan, BELOW
    if f[-1] > HALF:
        return np.nan, ABOVE
    after = int(np.argmax(f <= HALF))
    if f[after] == HALF:
        return float(r[after]), ""
    step = (f[after - 1] - HALF) / (f[after - 1] - f[after])
    return float(r[after - 1] + step * (r[after] - r[after - 1])), ""


def half_radius_interval(
    radii: np.ndarray, shares: np.ndarray, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """The interval of `half_radius` of the mean of shares (H, R) over its rows; an end may be 0 or ∞.

    Rows are drawn whole. A radius that can lie beyond the range, as 0 or ∞, has no distance from its replicates
    that could be widened, so what is widened are the mean shares: each replicate's deviation from the mean of
    all rows is stretched by `few_draws` of the rows that are defined at that radius, and its radius of one half is
    found after. The ends are percentiles of these radii: 0 where one lies below the smallest radius and ∞ where
    it lies beyond the largest. Radii at which fewer than two rows are defined are left out. NaN for one row, and
    where no replicate has a share.
    """
    n = np.isfinite(shares).sum(axis=0)
    told = n > 1
    if not told.any():
        return np.nan, np.nan
    weights = replicate_weights(len(shares), resamples, seed)
    mean = weighted_mean(shares[:, told], np.arange(len(shares)), weights)
    wider = np.array([few_draws(int(rows), level) for rows in n[told]])
    stretched = np.clip(mean[0] + wider * (mean[1:] - mean[0]), 0.0, 1.0)
    found = np.array([_placed(*half_radius(radii[told], share)) for share in stretched])
    found = found[~np.isnan(found)]
    if not len(found):
        return np.nan, np.nan
    tail = (1 - level) / 2
    # Order statistics: between a radius and one beyond the range there is no number to interpolate.
    low, high = np.quantile(found, tail, method="lower"), np.quantile(found, 1 - tail, method="higher")
    return float(low), float(high)


def cloud(points: np.ndarray) -> Cloud:
    """Mean and shrunk covariance of points (N, D), finite.

    The covariance S of divisor N becomes (1 − α)S + α tr(S)/D · 1, with the α that Ledoit & Wolf 2004
    estimate from the points: it can be inverted although N < D. With fewer than two points, or where all are
    the same, variances are NaN.
    """
    deviation, mean = pca.centred(points)
    n, n_units = deviation.shape
    size = np.einsum("nd,nd->n", deviation, deviation)
    if n < 2 or not size.any():
        return Cloud(mean, np.empty((0, n_units)), np.empty(0), np.nan, np.nan)
    found, _ = pca.components_of(points, n_units)
    own = found.variance * ((n - 1) / n)
    sphere = size.sum() / n / n_units
    square = (own**2).sum()
    spread = square - n_units * sphere**2
    noise = ((size**2).sum() / n - square) / n
    alpha = float(np.clip(noise / spread, 0.0, 1.0)) if spread > 0 else 1.0
    return Cloud(mean, found.axes, (1 - alpha) * own + alpha * sphere, alpha * sphere, alpha)


def mahalanobis(of: Cloud, vectors: np.ndarray) -> np.ndarray:
    """Distance √((x − mean)ᵀ Σ⁻¹ (x − mean)) of vectors (T, D) from a cloud, ≥ 0; NaN where Σ has no inverse."""
    deviation = vectors.astype(np.float64) - of.mean
    n_axes, n_units = of.axes.shape
    if not (of.variance > 0).all() or not (of.rest > 0 or n_axes == n_units):
        return np.full(len(deviation), np.nan)
    scores = deviation @ of.axes.T
    square = (scores**2 / of.variance).sum(axis=1)
    if n_axes < n_units:
        square += ((deviation - scores @ of.axes) ** 2).sum(axis=1) / of.rest
    return np.sqrt(square)


def held_out_distances(points: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The `mahalanobis` distance of each point (N, D) from the cloud of all that lie in other parts, (N,).

    `part` (N,) numbers the points' parts. A point that a cloud was fitted to lies nearer to it than others of the
    same law do. NaN where all points are one part, and where the others have no spread.
    """
    distances = np.full(len(points), np.nan)
    for here in np.unique(part):
        inside = part == here
        if not inside.all():
            distances[inside] = mahalanobis(cloud(points[~inside]), points[inside])
    return distances


def _placed(radius: float, reason: str) -> float:
    return {BELOW: 0.0, ABOVE: np.inf}.get(reason, radius)


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient in float64, NaN where the denominator is 0 or NaN."""
    quotient = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
