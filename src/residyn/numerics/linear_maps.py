"""What a square matrix does to vectors: how much it turns them, how far from normal it is, how many it keeps.

Each takes J (D, D), or what is known of it: its eigenvalues (in any order), or its squared singular values.
"""

from __future__ import annotations

import math

import numpy as np

GINIBRE_SKEW = 0.5
"""Skew share of a matrix of independent normal entries, in the limit of many units."""
GINIBRE_ROTATION = 0.5
GINIBRE_HENRICI = math.sqrt(0.5)
GINIBRE_RANK = math.exp(-0.5)
"""Effective rank of such a matrix over its width: exp(E[−x ln x]) with the quarter-circle law (Page 1993)."""


def ginibre_complex(width: int) -> float:
    """Expected share of complex eigenvalues of a matrix of normal entries: 1 − √(2/πD) (Edelman et al. 1994)."""
    return max(0.0, 1 - math.sqrt(2 / (math.pi * width)))


def skew_share(maps: np.ndarray) -> np.ndarray:
    """‖(J − Jᵀ)/2‖²/‖J‖² (Frobenius) of matrices (…, D, D): 0 of a symmetric one, 1 of a skew one.

    In the mean (D − 1)/2D of independent entries of one law. NaN for a matrix of zeros.
    """
    turning = np.square(maps - np.swapaxes(maps, -1, -2)).sum(axis=(-2, -1)) / 4
    size = np.square(maps).sum(axis=(-2, -1))
    return np.divide(turning, size, out=np.full(np.shape(size), np.nan), where=size > 0)


def henrici(matrix: np.ndarray, eigenvalues: np.ndarray) -> float:
    """√(‖J‖² − Σ|λ|²)/‖J‖ (Frobenius), Henrici's departure from normality: 0 of a normal matrix, below 1.

    Needs all eigenvalues. NaN for a matrix of zeros.
    """
    size = np.square(matrix).sum()
    return math.sqrt(max(0.0, 1 - _ratio(np.square(np.abs(eigenvalues)).sum(), size))) if size else math.nan


def complex_share(eigenvalues: np.ndarray) -> float:
    """Share of eigenvalues that are not real, which come in pairs; NaN for none."""
    return float(np.mean(np.imag(eigenvalues) != 0)) if len(eigenvalues) else math.nan


def rotation(eigenvalues: np.ndarray) -> float:
    """Σ(Im λ)²/Σ|λ|²: 0 where no eigenvalue turns, 1 where each only does, about ½ of a random matrix.

    NaN where all are zero.
    """
    return _ratio(np.square(np.imag(eigenvalues)).sum(), np.square(np.abs(eigenvalues)).sum())


def effective_rank(squares: np.ndarray) -> float:
    """Exp of the entropy of σ²/Σσ²: between 1 and the number of directions (Roy & Vetterli 2007, of squares).

    NaN where all singular values are zero.
    """
    kept = np.clip(squares, 0, None)
    if not kept.sum() > 0:
        return math.nan
    shares = kept[kept > 0] / kept.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def squares_of(matrix: np.ndarray) -> np.ndarray:
    """The squared singular values, the largest first."""
    # By numpy, which lets other threads of the interpreter run meanwhile; scipy does not.
    return np.clip(np.linalg.eigvalsh(matrix @ matrix.T)[::-1], 0, None)


Vectors = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Left singular vectors (D, k), the values (k,), right vectors (D, k)."""


def squares_and_leading(matrix: np.ndarray, k: int) -> tuple[np.ndarray, Vectors]:
    """The squared singular values, the largest first, and the vectors of the k largest of the values.

    These are left (D, k), values (k,), right (D, k). A direction whose singular value is zero has a right vector
    of zeros.
    """
    ascending, vectors = np.linalg.eigh(matrix @ matrix.T)
    squares, left = np.clip(ascending[::-1], 0, None), vectors[:, : -k - 1 : -1]
    values = np.sqrt(squares[:k])
    right = np.divide(matrix.T @ left, values, out=np.zeros(left.shape), where=values > 0)
    return squares, (left, values, right)


def misfit(first: np.ndarray, values: np.ndarray) -> float:
    """‖|U₂ᵀJ₁V₂| − S₁‖/‖S₁‖ (Frobenius), `first` being U₂ᵀJ₁V₂ and `values` the top of S₁'s diagonal.

    0 where the singular vectors of a map are those of the one that follows (arXiv 2407.07810); about 1 where they
    have nothing to do with each other. NaN where the values are zero.
    """
    return _ratio(float(np.linalg.norm(np.abs(first) - np.diag(values))), float(np.linalg.norm(values)))


def overlap(left: np.ndarray, right: np.ndarray) -> float:
    """‖UᵀV‖²/k: the share of a subspace (D, k) that lies in another; k/D of random ones, 1 of the same."""
    return float(np.square(left.T @ right).sum() / left.shape[1])


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else math.nan
