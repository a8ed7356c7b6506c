"""Bootstrap intervals of means: against scipy, theory and a loop, and their edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from residyn.numerics import resampling
from residyn.numerics.resampling import bootstrap_mean


def test_mean_and_sd_are_numpys_and_the_interval_is_scipys() -> None:
    values = np.random.default_rng(0).gamma(2, size=(150, 3)) + np.array([0, 10, 1000])
    got = bootstrap_mean(values, resamples=4000, seed=1)
    np.testing.assert_array_equal(got.n, 150)
    np.testing.assert_allclose(got.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(got.sd, values.std(axis=0, ddof=1), rtol=1e-9)
    reference = stats.bootstrap(
        (values,), np.mean, axis=0, n_resamples=4000, method="percentile", vectorized=True, rng=2
    ).confidence_interval
    # Two sets of 4000 draws agree to a few per cent of the standard error.
    error = got.sd / np.sqrt(150)
    np.testing.assert_allclose((got.low - reference.low) / error, 0, atol=0.15)
    np.testing.assert_allclose((got.high - reference.high) / error, 0, atol=0.15)


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    draws = np.random.default_rng(3).standard_normal((80, 400))
    got = bootstrap_mean(draws, seed=4, level=0.8)
    covered = ((got.low <= 0) & (got.high >= 0)).mean()
    # 400 columns give a standard error of 0.02; one set of resamples serves them all.
    assert 0.72 <= covered <= 0.87


def test_whole_samples_are_drawn() -> None:
    column = np.random.default_rng(5).standard_normal(50)
    got = bootstrap_mean(np.stack([column, 3 * column + 1, -column], axis=1), seed=6)
    np.testing.assert_allclose(got.low[1], 3 * got.low[0] + 1, rtol=1e-9)
    np.testing.assert_allclose(got.low[2], -got.high[0], rtol=1e-9)


def test_a_seed_fixes_the_interval_and_another_moves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(7).standard_normal((60, 2))
    first, again, other = (bootstrap_mean(values, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.low, again.low)
    assert (first.low != other.low).all()
    monkeypatch.setattr(resampling, "_DRAWS_AT_ONCE", 60 * 64)
    np.testing.assert_allclose(bootstrap_mean(values, seed=1).low, first.low, rtol=1e-12)


def test_nan_are_left_out_of_their_column() -> None:
    values = np.random.default_rng(8).standard_normal((40, 2))
    values[5:12, 1] = np.nan
    got = bootstrap_mean(values, seed=9)
    np.testing.assert_array_equal(got.n, [40, 33])
    np.testing.assert_allclose(got.mean[1], np.nanmean(values[:, 1]), rtol=1e-12)
    np.testing.assert_allclose(got.sd[1], np.nanstd(values[:, 1], ddof=1), rtol=1e-12)
    alone = bootstrap_mean(values[:, :1], seed=9)
    np.testing.assert_allclose([got.low[0], got.high[0]], [alone.low[0], alone.high[0]], rtol=1e-12)
    width = (got.high[1] - got.low[1]) / (2 * 1.96 * got.sd[1] / np.sqrt(33))
    assert 0.85 < width < 1.15


def test_too_few_samples_have_no_interval() -> None:
    got = bootstrap_mean(np.array([[1.0, np.nan, 4.0], [np.nan, np.nan, 6.0]]))
    np.testing.assert_array_equal(got.n, [1, 0, 2])
    np.testing.assert_array_equal(got.mean, [1, np.nan, 5])
    np.testing.assert_array_equal(got.sd, [np.nan, np.nan, np.sqrt(2)])
    np.testing.assert_array_equal(got.low, [np.nan, np.nan, 4])
    np.testing.assert_array_equal(got.high, [np.nan, np.nan, 6])


def test_equal_values_have_an_interval_of_no_width() -> None:
    got = bootstrap_mean(np.full((30, 1), 0.1))
    assert got.low[0] == pytest.approx(0.1, abs=1e-15)
    assert got.high[0] == pytest.approx(0.1, abs=1e-15)
