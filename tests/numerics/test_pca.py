"""Principal components against scikit-learn's full SVD, however the rows are cut or the axes are found."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from residyn.numerics import pca


def rows_of(seed: int, n: int, n_units: int, *, offset: float = 0.0, decay: float = 0.5) -> np.ndarray:
    """Rows with a spectrum that falls as a power, turned at random, around a mean of their own."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((n_units, n_units)))
    scale = 10 * np.arange(1, n_units + 1) ** -decay
    return (rng.standard_normal((n, n_units)) * scale) @ turn + offset + rng.normal(0, 3, n_units)


def streamed(rows: np.ndarray, cuts: list[int]) -> pca.Scatter:
    parts = np.split(rows, sorted(set(cuts)))
    return functools.reduce(pca.merge, [pca.scatter(part) for part in parts if len(part)])


def reference(rows: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Axes with the largest loading positive, variances and ratios, by scikit-learn."""
    fit = PCA(n, svd_solver="full").fit(rows.astype(np.float64))
    signs = np.sign([axis[np.abs(axis).argmax()] for axis in fit.components_])
    return fit.components_ * signs[:, None], fit.explained_variance_, fit.explained_variance_ratio_


def assert_equal_to_reference(found: pca.Components, rows: np.ndarray) -> None:
    axes, variance, ratio = reference(rows, len(found.axes))
    np.testing.assert_allclose(found.axes, axes, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-8)
    np.testing.assert_allclose(found.variance / found.total, ratio, rtol=1e-8)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_streamed_components_are_scikit_learns(offset: float) -> None:
    rows = rows_of(0, 300, 40, offset=offset)
    assert_equal_to_reference(pca.components(streamed(rows, [7, 100, 101]), 12), rows)


@pytest.mark.parametrize(("n", "n_units"), [(200, 30), (60, 60), (40, 150), (2, 5)])
def test_components_of_points_are_scikit_learns(n: int, n_units: int) -> None:
    points = rows_of(1, n, n_units, offset=100)
    found, mean = pca.components_of(points, min(10, n - 1))
    assert_equal_to_reference(found, points)
    np.testing.assert_allclose(mean, points.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize(("n", "n_units"), [(200, 30), (40, 150)])
def test_a_spectrum_is_all_of_the_variances(n: int, n_units: int) -> None:
    points = rows_of(2, n, n_units)
    expected = PCA(svd_solver="full").fit(points).explained_variance_[: min(n - 1, n_units)]
    np.testing.assert_allclose(pca.spectrum(points), expected, rtol=1e-8)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(3, 60),
    cuts=st.lists(st.integers(1, 59), max_size=6),
    offset=st.sampled_from([0.0, -300.0, 1e5]),
)
def test_any_split_of_the_rows_gives_the_same_scatter(seed: int, n: int, cuts: list[int], offset: float) -> None:
    rows = rows_of(seed, n, 8) + offset
    whole, parts = pca.scatter(rows), streamed(rows, [cut for cut in cuts if cut < n])
    assert parts.count == whole.count == n
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(parts.m2, whole.m2, rtol=0, atol=1e-10 * np.trace(whole.m2))


def test_scatter_is_numpys_covariance() -> None:
    rows = rows_of(3, 50, 6).astype(np.float32)
    got = pca.scatter(rows)
    np.testing.assert_allclose(got.m2 / 49, np.cov(rows.astype(np.float64).T), rtol=0, atol=1e-12 * 100)
    np.testing.assert_allclose(got.mean, rows.astype(np.float64).mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("value", [0.1, -3e38, 1e-40])
def test_a_constant_column_has_exactly_no_scatter(value: float) -> None:
    rows = rows_of(4, 100, 5).astype(np.float32)
    rows[:, 2] = value
    got = streamed(rows, [3, 70])
    assert not got.m2[2].any()
    assert not got.m2[:, 2].any()
    assert (np.diag(got.m2)[[0, 1, 3, 4]] > 0).all()


def test_axes_are_orthonormal_and_signed_even_past_the_rank() -> None:
    low = np.random.default_rng(5).standard_normal((30, 3)) @ np.random.default_rng(6).standard_normal((3, 50))
    low[15:] = low[0]
    for found in (pca.components_of(low, 25)[0], pca.components(pca.scatter(low), 25)):
        np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(25), rtol=0, atol=1e-12)
        assert (found.variance[:3] > 0.01).all()
        assert (found.variance[3:] >= 0).all()
        assert found.variance[3:].max() < 1e-10
        assert (found.axes[np.arange(25), np.abs(found.axes).argmax(axis=1)] > 0).all()


def test_there_are_never_more_components_than_rows_less_one_or_units() -> None:
    assert pca.components(pca.scatter(rows_of(7, 5, 9)), 100).axes.shape == (4, 9)
    assert pca.components(pca.scatter(rows_of(7, 50, 9)), 100).axes.shape == (9, 9)
    assert pca.components_of(rows_of(7, 5, 9), 100)[0].axes.shape == (4, 9)
    assert pca.spectrum(rows_of(7, 5, 9)).shape == (4,)
    assert pca.spectrum(rows_of(7, 50, 9)).shape == (9,)
    assert pca.spectrum(rows_of(7, 1, 9)).shape == (0,)


def test_the_first_of_equal_loadings_is_positive() -> None:
    axes = np.array([[-0.5, 0.5, 0.5, 0.5], [0.1, -0.9, 0.3, 0.2]])
    np.testing.assert_array_equal(pca.oriented(axes), -axes)


def test_points_that_are_all_the_same_have_no_variance() -> None:
    same = np.full((20, 6), 0.1, dtype=np.float32)
    np.testing.assert_array_equal(pca.spectrum(same), 0)
    assert pca.components_of(same, 3)[0].total == 0


def search(rows: np.ndarray, n: int, seed: int = 0) -> tuple[pca.Components, np.ndarray, int]:
    readings = []

    def times(vectors: np.ndarray) -> np.ndarray:
        readings.append(vectors)
        parts = np.split(rows, [100, 350])
        return sum(pca.scatter_times(part, rows.mean(axis=0), vectors) for part in parts)

    total = rows.var(axis=0, ddof=1).sum()
    return *pca.search(times, rows.shape[1], n, count=len(rows), total=total, seed=seed), len(readings)


def test_a_search_finds_a_decaying_spectrum() -> None:
    rows = rows_of(8, 500, 400, offset=50, decay=1.0)
    found, left, readings = search(rows, 20)
    axes, variance, ratio = reference(rows, 20)
    assert readings == pca.READINGS
    np.testing.assert_allclose(found.variance, variance, rtol=1e-5)
    assert (found.variance <= variance * (1 + 1e-10)).all()
    np.testing.assert_allclose(found.variance / found.total, ratio, rtol=1e-5)
    np.testing.assert_allclose(found.axes[:10], axes[:10], rtol=0, atol=1e-4)
    # What a search leaves is an upper bound, and on the leading axes a small one.
    assert (np.abs(found.variance - variance) / variance[0] <= left + 1e-12).all()
    assert left[:10].max() < 1e-5


def test_a_searchs_variances_are_those_of_the_data_along_orthonormal_axes() -> None:
    rows = rows_of(9, 300, 200, decay=0.1)
    found, left, _ = search(rows, 30)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(30), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.variance, (rows @ found.axes.T).var(axis=0, ddof=1), rtol=1e-10)
    # A flat spectrum is not found to the last digit, and the search says so.
    exact = reference(rows, 30)[1]
    assert found.variance.sum() < exact.sum() * (1 - 1e-6)
    assert left.max() > 1e-4
    assert found.variance.sum() > 0.95 * exact.sum()


def test_a_search_is_seeded() -> None:
    rows = rows_of(10, 200, 120)
    one, again, other = (search(rows, 5, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.axes, again.axes)
    assert not np.array_equal(one.axes, other.axes)


def test_a_search_of_few_units_is_exact() -> None:
    rows = rows_of(11, 400, 25)
    found, left, _ = search(rows, 10)
    assert_equal_to_reference(found, rows)
    assert left.max() < 1e-12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
def test_a_rotation_turns_the_axes_and_a_scale_the_variances(seed: int, scale: float, shift: float) -> None:
    rows = rows_of(seed, 60, 6, decay=2.0)
    turn, _ = np.linalg.qr(np.random.default_rng(seed + 1).standard_normal((6, 6)))
    before, after = (pca.components(pca.scatter(r), 4) for r in (rows, scale * (rows @ turn) + shift))
    np.testing.assert_allclose(after.variance, scale**2 * before.variance, rtol=1e-8)
    np.testing.assert_allclose(np.abs(after.axes @ (before.axes @ turn).T), np.eye(4), rtol=0, atol=1e-6)
