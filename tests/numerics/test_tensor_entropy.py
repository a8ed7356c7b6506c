"""Surrogates of largest entropy: marginal moments kept, everything else lost."""

from __future__ import annotations

import numpy as np
import pytest

from residyn.errors import DataError
from residyn.numerics.tensor_entropy import law_of

SHAPE = (6, 4, 9)


def covariance(tensor: np.ndarray, axis: int) -> np.ndarray:
    """Products along a dimension of what the marginal means leave."""
    mean = np.zeros_like(tensor)
    for one in range(3):
        mean += (tensor - mean).mean(axis=tuple(other for other in range(3) if other != one), keepdims=True)
    rows = np.moveaxis(tensor - mean, axis, 0).reshape(tensor.shape[axis], -1)
    return rows @ rows.T


def smooth(seed: int) -> np.ndarray:
    """A tensor whose first dimension is smooth, and whose others have unequal variances."""
    rng = np.random.default_rng(seed)
    drawn = np.cumsum(rng.standard_normal(SHAPE), axis=0)
    return drawn * np.array([4.0, 2, 1, 0.2])[:, None] * rng.uniform(0.3, 2, SHAPE[2]) + 3


@pytest.mark.parametrize("seed", range(2))
def test_the_covariances_along_each_dimension_are_kept(seed):
    tensor = smooth(seed)
    law = law_of(tensor)
    rng = np.random.default_rng(seed)
    variance = law.scale**2
    for axis in range(3):
        # Exactly, of the law itself: its marginal eigenvalues are the data's.
        found = variance.sum(axis=tuple(other for other in range(3) if other != axis))
        np.testing.assert_allclose(
            law.bases[axis] @ np.diag(found) @ law.bases[axis].T, covariance(tensor, axis), rtol=1e-5, atol=1e-5
        )
    # And of draws, in the mean.
    draws = np.stack([law.draw(rng) - law.mean for _ in range(3000)])
    for axis in range(3):
        rows = np.moveaxis(draws, 1 + axis, 1).reshape(len(draws), SHAPE[axis], -1)
        each = rows @ rows.transpose(0, 2, 1)
        error = each.std(axis=0) / np.sqrt(len(draws))
        assert (np.abs(each.mean(axis=0) - covariance(tensor, axis)) < 5 * error + 1e-9).all()


def test_the_law_has_the_largest_entropy():
    """Its inverse variances are sums of one number a dimension: no other law of these marginals has that form."""
    inverse = 1 / law_of(smooth(3)).scale ** 2
    twice = inverse - inverse[:1] - inverse[:, :1] - inverse[:, :, :1]
    twice += inverse[:1, :1] + inverse[:1, :, :1] + inverse[:, :1, :1] - inverse[:1, :1, :1]
    assert np.abs(twice).max() < 1e-6 * inverse.max()


def test_steep_spectra_and_few_dimensions_are_solved():
    rng = np.random.default_rng(4)
    tensor = (
        rng.standard_normal((30, 12, 40)) * np.logspace(0, -4, 12)[:, None] * np.logspace(0, 2, 30)[:, None, None]
    )
    law = law_of(tensor - tensor.mean(axis=2, keepdims=True))
    kept = (law.scale**2).sum(axis=(0, 2))
    assert kept.sum() == pytest.approx(
        ((tensor - tensor.mean(axis=2, keepdims=True) - law.mean) ** 2).sum(), rel=1e-6
    )
    with pytest.raises(DataError, match="does not vary"):
        law_of(np.ones(SHAPE))
