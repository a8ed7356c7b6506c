"""Gaussian-copula mutual information against its published formula, the closed form, and its edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma

from residyn.numerics.information import copula
from residyn.numerics.information.copula import gaussian_bias


def published(x: np.ndarray, y: np.ndarray) -> float:
    """Ince et al. 2017 as written: three Gaussian entropies, each corrected, from Cholesky factors; nats."""
    n = len(x)
    scores = np.stack([stats.norm.ppf(stats.rankdata(v) / (n + 1)) for v in (x, y)])
    scores -= scores.mean(axis=1, keepdims=True)
    covariance = scores @ scores.T / (n - 1)
    psi = digamma((n - np.arange(1, 3)) / 2) / 2
    shift = (np.log(2) - np.log(n - 1)) / 2
    single = [np.log(np.sqrt(covariance[i, i])) - shift - psi[0] for i in range(2)]
    joint = np.log(np.diag(np.linalg.cholesky(covariance))).sum() - 2 * shift - psi.sum()
    return float(sum(single) - joint)


def gaussian(rho: float, repeats: int, n: int, seed: int) -> np.ndarray:
    x, e = np.random.default_rng(seed).standard_normal((2, repeats, n))
    return np.stack([x, rho * x + np.sqrt(1 - rho**2) * e], axis=1)


@pytest.mark.parametrize("n", [12, 50, 51, 1000])
def test_it_is_the_published_formula(n: int) -> None:
    paths = np.cumsum(np.random.default_rng(n).standard_normal((4, 3, n)), axis=1)
    expected = [[published(path[s], path[s + 1]) for s in range(2)] for path in paths]
    np.testing.assert_allclose(copula(paths)[0], expected, rtol=0, atol=1e-12)
    tied = np.round(paths)
    expected = [[published(path[s], path[s + 1]) for s in range(2)] for path in tied]
    np.testing.assert_allclose(copula(tied)[0], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("rho", [0, 0.5, 0.9, 0.99])
def test_the_closed_form_is_recovered(rho: float) -> None:
    # Ranks flatten the tails: at 0.99 the bias is −0.02 nats for 1000 samples, and falls as 1/N.
    estimates = copula(gaussian(rho, repeats=60, n=20_000, seed=1))[0, :, 0]
    error = estimates.std(ddof=1) / np.sqrt(60)
    assert abs(estimates.mean() + np.log(1 - rho**2) / 2) < 3 * error
    assert error < 0.002


def test_few_independent_samples_score_nothing_in_the_mean() -> None:
    estimates = copula(gaussian(0, repeats=4000, n=20, seed=2))[0, :, 0]
    error = estimates.std(ddof=1) / np.sqrt(4000)
    assert abs(estimates.mean()) < 3 * error
    # Uncorrected they would score some 0.03 nats, many standard errors.
    assert gaussian_bias(20) > 15 * error
    assert estimates.min() < 0


def test_the_bias_is_the_mean_over_gaussian_draws() -> None:
    pairs = gaussian(0, repeats=20_000, n=12, seed=3)
    centred = pairs - pairs.mean(axis=2, keepdims=True)
    r = (centred[:, 0] * centred[:, 1]).sum(axis=1) / np.sqrt((centred**2).sum(axis=2).prod(axis=1))
    plug_in = -np.log(1 - r**2) / 2
    assert abs(plug_in.mean() - gaussian_bias(12)) < 3 * plug_in.std() / np.sqrt(20_000)


def test_it_sees_monotone_dependence_only() -> None:
    x = np.random.default_rng(4).standard_normal((1, 1, 2000))
    assert copula(np.concatenate([x, x**2], axis=1))[0, 0, 0] < 0.01


def test_near_determinism_keeps_its_digits() -> None:
    n = 1001
    x = np.arange(n, dtype=float)
    y = x.copy()
    y[[500, 501]] = y[[501, 500]]
    z = stats.norm.ppf(np.arange(1, n + 1) / (n + 1))
    unexplained = (z[501] - z[500]) ** 2 / (z @ z)  # ½‖u − v‖² = 1 − ρ: the two swapped samples
    expected = -np.log(unexplained * (2 - unexplained)) / 2 - gaussian_bias(n)
    assert copula(np.stack([x, y])[None])[0, 0, 0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [3, 4, 57, 1000])
def test_the_same_ranks_and_reversed_ranks_are_infinite(n: int) -> None:
    x = np.random.default_rng(n).standard_normal(n)
    tied = np.round(x * 3)
    paths = np.stack([np.stack([x, np.exp(x), -x]), np.stack([tied, tied / 7, -tied])])
    np.testing.assert_array_equal(copula(paths), np.inf)


def test_constant_units_and_too_few_samples_are_undefined() -> None:
    paths = gaussian(0.5, repeats=3, n=40, seed=5)
    paths[1, 0], paths[2, 1] = 0.1, 7
    np.testing.assert_array_equal(np.isnan(copula(paths)[0, :, 0]), [False, True, True])
    for n in (1, 2):
        assert np.isnan(copula(paths[:, :, :n])).all()


def test_an_outlier_counts_as_one_sample() -> None:
    paths = gaussian(0, repeats=1, n=500, seed=6)
    near, far = paths.copy(), paths.copy()
    near[0, :, 3], far[0, :, 3] = 10, 1e9
    np.testing.assert_array_equal(copula(far), copula(near))
    assert abs(copula(far)[0, 0, 0] - copula(paths)[0, 0, 0]) < 0.02
