"""Binned mutual information against tables counted by hand and by numpy, and its known limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, rankdata

from residyn.errors import UsageError
from residyn.numerics.information import binned, default_bins


def reference(x: np.ndarray, y: np.ndarray, bins: int) -> float:
    """H(X) + H(Y) − H(X, Y), each entropy of occupied bins with its own Miller–Madow term."""
    n = len(x)
    labels = [np.floor((rankdata(v) - 0.5) / n * bins) for v in (x, y)]

    def corrected(rows: list[np.ndarray]) -> float:
        counts = np.unique(np.stack(rows, axis=1), axis=0, return_counts=True)[1]
        return float(entropy(counts)) + (len(counts) - 1) / (2 * n)

    return corrected(labels[:1]) + corrected(labels[1:]) - corrected(labels)


def gaussian(rho: float, repeats: int, n: int, seed: int) -> np.ndarray:
    x, e = np.random.default_rng(seed).standard_normal((2, repeats, n))
    return np.stack([x, rho * x + np.sqrt(1 - rho**2) * e], axis=1)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 120), bins=st.integers(2, 15), seed=st.integers(0, 10_000), grid=st.sampled_from([1, 3, 1e6])
)
def test_it_is_the_sum_of_corrected_entropies(n: int, bins: int, seed: int, grid: float) -> None:
    pair = np.round(np.cumsum(np.random.default_rng(seed).standard_normal((2, n)), axis=0) * grid)
    bins_used = min(bins, n)
    got = binned(pair[None], bins=bins)[0, 0, 0]
    if any(len(np.unique(np.floor((rankdata(v) - 0.5) / n * bins_used))) < 2 for v in pair):
        assert np.isnan(got)
    else:
        assert got == pytest.approx(reference(pair[0], pair[1], bins_used), abs=1e-12)


def test_a_table_counted_by_hand() -> None:
    x = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    y = np.array([1.0, 2, 3, 8, 4, 5, 6, 7])
    # Halves: 3 samples low in both, 1 low then high, 1 high then low, 3 high in both.
    plug_in = 2 * 3 / 8 * np.log((3 / 8) / (1 / 4)) + 2 * 1 / 8 * np.log((1 / 8) / (1 / 4))
    expected = plug_in + (2 + 2 - 4 - 1) / 16
    assert binned(np.stack([x, y])[None], bins=2)[0, 0, 0] == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("bins", [2, 7, 14])
def test_it_saturates_at_the_logarithm_of_the_bins(bins: int) -> None:
    x = np.random.default_rng(0).standard_normal(bins * 50)
    got = binned(np.stack([x, np.exp(x)])[None], bins=bins)[0, 0, 0]
    assert got == pytest.approx(np.log(bins) + (bins - 1) / (2 * len(x)), abs=1e-12)


def test_ties_share_the_bin_of_their_mean_rank() -> None:
    x = np.array([0.0, 0, 0, 0, 0, 0, 0, 1, 2, 3])
    # Mean rank 4 of ten: with five bins the seven ties go to bin 1, and bins 0 and 2 are empty.
    got = binned(np.stack([x, x])[None], bins=5)[0, 0, 0]
    counts = np.array([7, 1, 2])
    assert got == pytest.approx(entropy(counts) + (3 + 3 - 3 - 1) / 20, abs=1e-14)


@pytest.mark.parametrize(("rho", "low", "high"), [(0, 0, 0.01), (0.5, -0.005, 0.015), (0.9, -0.07, -0.03)])
def test_its_bias_on_gaussian_data_is_the_known_one(rho: float, low: float, high: float) -> None:
    estimates = binned(gaussian(rho, repeats=100, n=1000, seed=1), bins=14)[0, :, 0]
    bias = estimates.mean() + np.log(1 - rho**2) / 2
    error = estimates.std(ddof=1) / 10
    # Cells that stay empty leave some bias at 0; what varies within bins is lost at 0.9.
    assert low - 3 * error < bias < high + 3 * error
    assert error < 0.004


def test_few_bins_of_independent_data_score_nothing_in_the_mean() -> None:
    estimates = binned(gaussian(0, repeats=3000, n=200, seed=2), bins=4)[0, :, 0]
    error = estimates.std(ddof=1) / np.sqrt(3000)
    # Margins are fixed: to first order the plug-in value has the mean (b − 1)²/2(N − 1), the correction 2N.
    assert abs(estimates.mean() - 9 / 398 + 9 / 400) < 3 * error
    assert 30 * error < 9 / 400


def test_default_bins() -> None:
    assert [default_bins(n) for n in (1, 19, 45, 1000, 1125)] == [2, 2, 3, 14, 15]
    paths = gaussian(0.5, repeats=2, n=1000, seed=3)
    np.testing.assert_array_equal(binned(paths), binned(paths, bins=14))
    assert (binned(paths) != binned(paths, bins=13)).all()


def test_one_occupied_bin_is_undefined() -> None:
    paths = gaussian(0.5, repeats=3, n=30, seed=4)
    paths[1, 0] = 0.1
    paths[2, 1] = np.where(np.arange(30) == 4, 1.0, 0.0)
    np.testing.assert_array_equal(np.isnan(binned(paths, bins=2)[0, :, 0]), [False, True, False])
    assert np.isnan(binned(paths[:, :, :1])).all()


def test_fewer_than_two_bins_are_refused() -> None:
    with pytest.raises(UsageError, match="bins=1"):
        binned(np.zeros((1, 2, 9)), bins=1)


def test_more_bins_than_samples_are_as_many_bins_as_samples() -> None:
    paths = gaussian(0.5, repeats=2, n=20, seed=5)
    np.testing.assert_array_equal(binned(paths, bins=10**9), binned(paths, bins=20))
