"""Linear maps from states to steps, of samples in groups: ridge regression, its growth, and the best rotation.

All are made of sums of products by group: a replicate that counts groups costs the solution of few equations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg

PENALTIES = tuple(10.0**power for power in range(-6, 3))
"""Of the mean square of a coordinate, what is tried as the penalty."""


class Products(NamedTuple):
    """Sums over the samples of each group: number (G,), x and y (G, K), x xᵀ and x yᵀ (G, K, K), y·y (G,)."""

    size: np.ndarray
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    yy: np.ndarray


class Centred(NamedTuple):
    """Sums of squares and products about the means, in each replicate: (R, K, K), (R, K, K), (R,)."""

    xx: np.ndarray
    xy: np.ndarray
    yy: np.ndarray


def products_of(x: np.ndarray, y: np.ndarray, group: np.ndarray, n_groups: int) -> Products:
    """The sums of coordinates x and y (n, K) of samples of a group each (n,)."""
    member = (group == np.arange(n_groups)[:, None]).astype(np.float64)
    return Products(
        member.sum(axis=1),
        member @ x,
        member @ y,
        _summed(member, x, x),
        _summed(member, x, y),
        member @ np.einsum("ni,ni->n", y, y),
    )


def _summed(member: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Σ x yᵀ over the members of each group, (G, K, K)."""
    return (member[:, :, None] * x).transpose(0, 2, 1) @ y


def centred(found: Products, weights: np.ndarray) -> Centred:
    """The sums about the means of replicates that count groups with weights (R, G)."""
    n = np.maximum(weights @ found.size, 1e-300)[:, None]
    x, y = weights @ found.x, weights @ found.y
    xx, xy = (np.tensordot(weights, one, 1) for one in (found.xx, found.xy))
    return Centred(
        xx - x[:, :, None] * (x / n)[:, None, :],
        xy - x[:, :, None] * (y / n)[:, None, :],
        weights @ found.yy - np.einsum("ri,ri->r", y, y / n),
    )


def ridge(of: Centred, penalty: float) -> np.ndarray:
    """The maps A (R, K, K) of y ≈ A x that are least in ‖y − A x‖² + penalty · tr(xxᵀ)/K · ‖A‖²."""
    size = of.xx.shape[1]
    scale = np.trace(of.xx, axis1=1, axis2=2) / size
    lifted = of.xx + (penalty * np.where(scale > 0, scale, 1.0))[:, None, None] * np.eye(size)
    return np.linalg.solve(lifted, of.xy).transpose(0, 2, 1)


def best_penalty(found: Products, folds: np.ndarray) -> tuple[float, float]:
    """Of `PENALTIES` the one that predicts best, and the share of y's variance that it predicts, held out.

    `folds` (F, G) says which groups each fold holds out. The share is 1 − Σ‖y − ȳ − A (x − x̄)‖² / Σ‖y − ȳ‖², with
    A and the means from the other groups; ≤ 1, below 0 where the means alone predict better. NaN for y that does
    not vary or fewer than two folds.
    """
    if len(folds) < 2:
        return PENALTIES[0], float("nan")
    kept = 1.0 - folds
    n = kept @ found.size
    x_mean, y_mean = (kept @ found.x) / n[:, None], (kept @ found.y) / n[:, None]
    out = Products(*(np.tensordot(folds, part, 1) for part in found))
    # About the means of the others: what is held out does not know its own.
    xx = out.xx - _outer(out.x, x_mean) - _outer(x_mean, out.x) + out.size[:, None, None] * _outer(x_mean, x_mean)
    xy = out.xy - _outer(out.x, y_mean) - _outer(x_mean, out.y) + out.size[:, None, None] * _outer(x_mean, y_mean)
    yy = out.yy - 2 * np.einsum("fi,fi->f", out.y, y_mean) + out.size * np.einsum("fi,fi->f", y_mean, y_mean)
    of = centred(found, kept)
    whole = float(yy.sum())
    if not whole > 0:
        return PENALTIES[0], float("nan")
    best = (PENALTIES[0], -np.inf)
    for penalty in PENALTIES:
        a = ridge(of, penalty)
        error = yy - 2 * np.einsum("fij,fji->f", a, xy) + np.einsum("fij,fij->f", a @ xx, a)
        share = 1 - float(error.sum()) / whole
        best = (penalty, share) if share > best[1] else best
    return best


def log_growth(maps: np.ndarray) -> np.ndarray:
    """Mean of ln|1 + λ| over the eigenvalues λ of maps (…, K, K) from states to steps: how lengths grow."""
    return np.linalg.slogdet(np.eye(maps.shape[-1]) + maps)[1] / maps.shape[-1]


def best_rotation(xx: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """The skew-symmetric map M (K, K) that is least in Σ‖y − M x‖², from x xᵀ and x yᵀ summed over samples.

    Where the derivative vanishes among skew maps, M xxᵀ + xxᵀ M = xyᵀᵀ − xyᵀ: a Sylvester equation. Churchland et
    al. 2012, Nature 487:51 (jPCA).
    """
    return linalg.solve_sylvester(xx, xx, xy.T - xy)


def rotation_shares(of: Centred) -> tuple[np.ndarray, np.ndarray]:
    """Shares of Σ‖y‖² that the best map and the best skew map explain, (R,) each, in [0, 1]; NaN without y."""
    free, turning = np.full(len(of.yy), np.nan), np.full(len(of.yy), np.nan)
    for r, (xx, xy, yy) in enumerate(zip(*of, strict=True)):
        if not yy > 0:
            continue
        free[r] = np.einsum("ij,ij->", xy, linalg.pinvh(xx) @ xy) / yy
        m = best_rotation(xx, xy)
        turning[r] = (2 * np.einsum("ij,ji->", m, xy) - np.einsum("ij,jk,ik->", m, xx, m)) / yy
    return free, turning


def fastest_plane(rotation: np.ndarray) -> tuple[np.ndarray, float]:
    """Two orthonormal rows (2, K) that span the plane in which a skew map turns fastest, and the angle a step."""
    values, vectors = np.linalg.eig(rotation)
    fastest = int(np.argmax(np.imag(values)))
    real = np.stack([np.real(vectors[:, fastest]), np.imag(vectors[:, fastest])])
    basis = np.linalg.qr(real.T)[0].T
    return basis, float(np.imag(values[fastest]))


def _outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, :, None] * b[:, None, :]
