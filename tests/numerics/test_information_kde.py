"""Kernel density mutual information against scipy, its known biases, and its edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gaussian_kde

from residyn.numerics.information import kde, local_kde
from residyn.numerics.information.kernels import (
    PER_SIGMA,
    joint_kernel_sums,
    joint_kernel_sums_single,
    kernel_sums,
)


def said_by_scipy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    joint = gaussian_kde(np.stack([x, y]))(np.stack([x, y]))
    single = gaussian_kde(x)(x) * gaussian_kde(y)(y)
    return np.log((joint + 1e-10) / (single + 1e-10))


def scipys(x: np.ndarray, y: np.ndarray) -> float:
    return float(said_by_scipy(x, y).mean())


def gaussian(rho: float, repeats: int, n: int, seed: int) -> np.ndarray:
    x, e = np.random.default_rng(seed).standard_normal((2, repeats, n))
    return np.stack([x, rho * x + np.sqrt(1 - rho**2) * e], axis=1)


@pytest.mark.parametrize("n", [20, 50, 201, 1000])
def test_it_is_scipys(n: int) -> None:
    rng = np.random.default_rng(n)
    walks = np.cumsum(rng.standard_normal((2, 3, n)), axis=1)
    heavy = rng.standard_t(2, size=(2, 3, n)) * 20 + 5
    tied = np.where(rng.random((2, 3, n)) < 0.5, 0.5, rng.standard_normal((2, 3, n)))
    far = walks.copy()
    far[:, :, 1] = [[300], [-1000]]
    paths = np.concatenate([walks, heavy, tied, far])
    expected = [[scipys(path[s], path[s + 1]) for s in range(2)] for path in paths]
    np.testing.assert_allclose(kde(paths)[0], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("n", [50, 1000, 2001])
def test_in_float32_it_is_the_same_to_a_millionth_of_a_nat(n: int) -> None:
    rng = np.random.default_rng(n)
    walks = np.cumsum(rng.standard_normal((4, 4, n)), axis=1)
    heavy = rng.standard_t(2, size=(4, 4, n)) * 20 + 5
    close = walks[:, :1] + 1e-3 * rng.standard_normal((4, 4, n))
    far = walks.copy()
    far[:, :, 1] = 1e4
    paths = np.concatenate([walks, heavy, close, far, walks + 2.0**20])
    exact, found = kde(paths), kde(paths, single=True)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6)
    assert np.median(np.abs(found - exact)) < 2e-7
    assert (found != exact).any()
    np.testing.assert_allclose(local_kde(paths, single=True), local_kde(paths), rtol=0, atol=2e-5)


def test_what_each_sample_says_is_scipys_in_its_own_place() -> None:
    rng = np.random.default_rng(8)
    paths = np.cumsum(rng.standard_normal((3, 4, 50)), axis=1)
    paths[2, 2] = 7
    orders = np.stack([rng.permutation(50), np.arange(50)])
    got = local_kde(paths, orders)
    assert got.shape == (2, 3, 3, 50)
    for row, unit, s in np.ndindex(got.shape[:3]):
        constant = unit == 2 and s > 0
        expected = np.nan if constant else said_by_scipy(paths[unit, s], paths[unit, s + 1, orders[row]])
        np.testing.assert_allclose(got[row, unit, s], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 3e4, 1e8])
def test_the_small_constant_is_an_absolute_density(scale: float) -> None:
    paths = gaussian(0.8, repeats=2, n=100, seed=1) * scale
    expected = [scipys(*pair) for pair in paths]
    np.testing.assert_allclose(kde(paths)[0, :, 0], expected, rtol=0, atol=1e-10)
    if scale == 1e8:
        np.testing.assert_allclose(expected, 0, atol=1e-5)


@pytest.mark.parametrize("rho", [0, 0.5, 0.9, 0.99])
def test_its_bias_on_gaussian_data_is_the_known_one(rho: float) -> None:
    estimates = kde(gaussian(rho, repeats=40, n=1000, seed=2))[0, :, 0]
    error = estimates.std(ddof=1) / np.sqrt(40)
    # Each sample's own kernel raises the joint density more than the marginal ones, in scipy as here.
    assert estimates.mean() + np.log(1 - rho**2) / 2 == pytest.approx(0.0255, abs=3 * error)
    assert error < 0.008


def test_one_sample_far_out_in_both_coordinates_makes_independent_data_score_nats() -> None:
    paths = np.repeat(np.random.default_rng(3).standard_normal((1, 2, 1000)), 4, axis=0)
    paths[1, :, 3], paths[2, :, 3], paths[3, :, 3] = 1e3, 1e4, 4e4
    calm, first, second, third = kde(paths)[0, :, 0]
    assert 0.01 < calm < 0.05
    assert 0.9 < first < 1.3
    assert 3.0 < second < 3.6
    assert 4.2 < third < 5.0
    one_sided = paths[:1].copy()
    one_sided[0, 0, 3] = 1e4
    assert -0.3 < kde(one_sided)[0, 0, 0] < 0


def test_a_nearly_collinear_pair_keeps_its_digits() -> None:
    x, e = np.random.default_rng(8).standard_normal((2, 60)).astype(np.longdouble)
    y = x + 1e-5 * e
    residual = (y - y.mean()) - (x - x.mean()) * ((x - x.mean()) @ (y - y.mean())) / ((x - x.mean()) ** 2).sum()

    def density(*axes: np.ndarray) -> np.ndarray:
        widths = [np.std(v, ddof=1) * np.longdouble(60) ** (-1 / np.longdouble(4 + len(axes))) for v in axes]
        square = sum(((v[:, None] - v) / width) ** 2 for v, width in zip(axes, widths, strict=True))
        norm = np.prod([np.sqrt(8 * np.arctan(np.longdouble(1))) * width for width in widths])
        return np.exp(-square / 2).sum(axis=1) / (60 * norm)

    ratio = (density(x, residual) + 1e-10) / (density(x) * density(y) + 1e-10)
    assert kde(np.stack([x, y])[None])[0, 0, 0] == pytest.approx(float(np.log(ratio).mean()), abs=1e-9)


def test_a_large_mean_costs_no_digits() -> None:
    paths = gaussian(0.7, repeats=3, n=200, seed=4)
    np.testing.assert_allclose(kde(paths + 2.0**30), kde(np.round(paths * 2**22) / 2**22), rtol=0, atol=1e-7)


def test_constant_and_collinear_pairs_are_undefined() -> None:
    x, y = np.random.default_rng(5).standard_normal((2, 100))
    almost = 3 * x - 1 + 1e-4 * y
    pairs = [(x, y), (np.full(100, 0.1), y), (x, np.full(100, 7.0)), (x, -3 * x + 2), (x, x), (x, almost)]
    got = kde(np.array(pairs))[0, :, 0]
    np.testing.assert_array_equal(np.isnan(got), [False, True, True, True, True, False])
    assert np.isnan(kde(np.array(pairs)[:, :, :1])).all()
    assert np.isnan(kde(np.array(pairs)[:, :, :2])).all()


def test_marginals_follow_a_shuffle() -> None:
    paths = gaussian(0.95, repeats=2, n=80, seed=6) ** 3
    order = np.random.default_rng(7).permutation(80)
    expected = [scipys(x, y[order]) for x, y in paths]
    np.testing.assert_allclose(kde(paths, order[None])[0, :, 0], expected, rtol=0, atol=1e-10)


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(1, 40),
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.0, 1e-9, 0.3, 3, 30, 1e6]),
    far=st.sampled_from([0, 1e60]),
)
def test_kernel_sums_are_numpys(n: int, seed: int, spread: float, far: float) -> None:
    u, v = np.random.default_rng(seed).standard_normal((2, n)) * spread
    u[0] += far
    sums = np.empty(n)
    du, dv = (np.subtract.outer(c / PER_SIGMA, c / PER_SIGMA) for c in (u, v))
    kernel_sums(np.sort(u), sums)
    np.testing.assert_allclose(sums, np.exp(-(du**2) / 2).sum(axis=1)[np.argsort(u)], rtol=1e-11)
    expected = np.exp(-(du**2 + dv**2) / 2).sum(axis=1)
    joint_kernel_sums(u, v, sums)
    np.testing.assert_allclose(sums, expected, rtol=1e-11)
    if not far:
        single = np.empty(n, dtype=np.float32)
        joint_kernel_sums_single(u.astype(np.float32), v.astype(np.float32), single)
        # Coordinates are rounded: where kernels are not yet nothing, by up to 8 of their last places.
        np.testing.assert_allclose(single, expected, rtol=1e-5)


def test_a_single_kernel_is_right_over_the_range_of_float64() -> None:
    for distance in np.concatenate([np.linspace(0, 31, 400), [1e3, 1e150]]):
        sums = np.empty(2)
        joint_kernel_sums(np.array([0.0, distance]), np.zeros(2), sums)
        np.testing.assert_allclose(sums - 1, np.exp2(-(distance**2)), rtol=2e-12, atol=2.3e-16)
