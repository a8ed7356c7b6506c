"""Groups of whole clusters and their replicates: laws of the grouping, moments of the weights, coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from residyn.numerics.groups import (
    few_draws,
    groups_of,
    held_out,
    interval,
    mean_interval,
    replicate_weights,
    sum_by_group,
    weighted_mean,
)

Clusters = arrays.arrays(np.int64, st.integers(1, 60), elements=st.integers(-5, 25))


@settings(deadline=None)
@given(Clusters, st.integers(1, 12), st.integers(0, 2**31))
def test_groups_hold_whole_clusters_and_are_about_equally_large(
    clusters: np.ndarray, n_groups: int, seed: int
) -> None:
    group = groups_of(clusters, n_groups, seed)
    names, sizes = np.unique(clusters, return_counts=True)
    assert all(len(np.unique(group[clusters == name])) == 1 for name in names)
    filled = np.bincount(group)
    assert len(filled) == min(n_groups, len(names))
    assert filled.min() > 0
    # Whatever came last into the fullest group came when that group was the emptiest.
    assert filled.max() - filled.min() <= sizes.max()
    np.testing.assert_array_equal(groups_of(clusters, n_groups, seed), group)


def test_the_largest_clusters_go_first() -> None:
    clusters = np.repeat([7, 8, 9, 10, 11], [1, 1, 2, 3, 5])
    # Into two equal halves only if the large ones do not come last.
    for seed in range(20):
        assert list(np.bincount(groups_of(clusters, 2, seed))) == [6, 6]


def test_samples_of_their_own_are_shared_out_evenly_and_at_random() -> None:
    first, other = (groups_of(np.arange(103), 20, seed) for seed in (0, 1))
    np.testing.assert_array_equal(np.sort(np.bincount(first)), [5] * 17 + [6] * 3)
    assert (first != other).mean() > 0.8
    # Neighbours go to different groups no more and no less often than any two samples.
    together = [np.mean(np.diff(groups_of(np.arange(200), 4, seed)) == 0) for seed in range(40)]
    assert 0.23 < np.mean(together) < 0.26


def test_fewer_clusters_than_groups_and_one_cluster() -> None:
    assert len(set(groups_of(np.array(["b", "a", "b", "c"]), 20, 0))) == 3
    np.testing.assert_array_equal(groups_of(np.full(9, 3), 20, 0), np.zeros(9))


@settings(deadline=None)
@given(Clusters, st.floats(0, 1), st.integers(0, 2**31))
def test_whole_clusters_are_held_out_and_never_all(clusters: np.ndarray, share: float, seed: int) -> None:
    n = round(share * len(clusters))
    out = held_out(clusters, n, seed)
    assert not set(clusters[out]) & set(clusters[~out])
    assert not out.all()
    _, sizes = np.unique(clusters, return_counts=True)
    assert abs(out.sum() - n) <= max(sizes.max(), n if len(sizes) == 1 else 0)
    np.testing.assert_array_equal(held_out(clusters, n, seed), out)
    # What clusters are called decides nothing.
    np.testing.assert_array_equal(held_out(-clusters, n, seed), out)


def test_samples_of_their_own_are_held_out_in_the_number_asked_for() -> None:
    for n in (1, 30, 99):
        assert held_out(np.arange(100), n, 0).sum() == n
    assert not held_out(np.full(10, 3), 5, 0).any()
    shares = np.mean([held_out(np.arange(100), 30, seed) for seed in range(400)], axis=0)
    # Each is held out as often as any other: 0.3 ± 0.023.
    assert np.abs(shares - 0.3).max() < 0.09


def test_weights_are_counts_of_draws_with_replacement() -> None:
    n_groups, resamples = 20, 40_000
    weights = replicate_weights(n_groups, resamples, seed=1)
    assert weights.shape == (1 + resamples, n_groups)
    assert weights.dtype == np.float64
    np.testing.assert_array_equal(weights[0], 1)
    drawn = weights[1:]
    np.testing.assert_array_equal(drawn, drawn.round())
    np.testing.assert_array_equal(drawn.sum(axis=1), n_groups)
    # Multinomial: mean 1, variance 1 − 1/G, covariance −1/G; the errors are of some 1/√resamples.
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.03)
    covariance = np.cov(drawn.T)
    np.testing.assert_allclose(np.diag(covariance), 1 - 1 / n_groups, atol=0.04)
    np.testing.assert_allclose(covariance[~np.eye(n_groups, dtype=bool)], -1 / n_groups, atol=0.03)


def test_a_seed_fixes_the_weights() -> None:
    np.testing.assert_array_equal(replicate_weights(7, 30, 4), replicate_weights(7, 30, 4))
    assert (replicate_weights(7, 30, 4) != replicate_weights(7, 30, 5)).any()
    np.testing.assert_array_equal(replicate_weights(7, 0, 4), np.ones((1, 7)))
    np.testing.assert_array_equal(replicate_weights(1, 3, 4), np.ones((4, 1)))


@pytest.mark.parametrize("shape", [(), (4,), (3, 5), (0,)])
def test_sums_by_group_are_a_loop(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    group = rng.integers(0, 5, 31)
    group[group == 3] = 2
    values = rng.standard_normal((31, *shape)).astype(np.float32) + np.float32(100)
    expected = np.zeros((5, *shape))
    for g, value in zip(group, values, strict=True):
        expected[g] += value
    got = sum_by_group(values, group, 5)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_weighted_means_are_those_of_repeated_samples() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(50, 1, (40, 3))
    values[rng.random((40, 3)) < 0.3] = np.nan
    group = groups_of(np.arange(40), 6, 0)
    values[:, 2] = np.where(group == 4, values[:, 2], np.nan)
    weights = replicate_weights(6, 25, 7)
    got = weighted_mean(values, group, weights)
    for found, row in zip(got, weights.astype(int), strict=True):
        repeated = np.repeat(values, row[group], axis=0)
        np.testing.assert_allclose(found[:2], np.nanmean(repeated[:, :2], axis=0), rtol=1e-12)
        assert np.isnan(found[2]) == np.isnan(repeated[:, 2]).all()
    assert np.isnan(got[1:, 2]).any()
    assert not np.isnan(got[:, 2]).all()


def test_an_interval_is_percentiles_about_their_median_moved_to_the_value_and_widened() -> None:
    draws = np.concatenate([[10.0], np.linspace(0, 1, 201) ** 2])
    low, high = interval(draws, n_groups=5, level=0.9)
    wider = np.sqrt(5 / 4) * stats.t.ppf(0.95, 4) / stats.norm.ppf(0.95)
    assert low == pytest.approx(10 + wider * (0.05**2 - 0.25), rel=1e-12)
    assert high == pytest.approx(10 + wider * (0.95**2 - 0.25), rel=1e-12)
    low, high = interval(draws, n_groups=2)
    wider = np.sqrt(2) * stats.t.ppf(0.975, 1) / stats.norm.ppf(0.975)
    assert low == pytest.approx(10 + wider * (0.025**2 - 0.25), rel=1e-12)
    assert high == pytest.approx(10 + wider * (0.975**2 - 0.25), rel=1e-12)


@settings(deadline=None)
@given(
    arrays.arrays(np.float64, st.integers(2, 40), elements=st.floats(-1e3, 1e3)),
    st.floats(-100, 100),
    st.floats(-5, 5),
)
def test_an_interval_moves_and_grows_with_its_statistic(draws: np.ndarray, shift: float, factor: float) -> None:
    low, high = interval(draws, 20)
    assert low <= draws[0] <= high
    expected = sorted((factor * low + shift, factor * high + shift))
    np.testing.assert_allclose(interval(factor * draws + shift, 20), expected, rtol=1e-9, atol=1e-8)


def test_undefined_replicates_are_left_out_and_undefined_values_have_no_interval() -> None:
    draws = np.array([1.0, 0.5, np.nan, 1.5, np.inf, 1.0, -np.inf])
    assert interval(draws, 4) == interval(np.array([1.0, 0.5, 1.5, 1.0]), 4)
    for undefined, n_groups in [
        (draws, 1),
        (draws[:1], 4),
        (np.array([np.nan, 1.0, 2.0]), 4),
        (np.array([np.inf, 1.0, 2.0]), 4),
        (np.array([1.0, np.nan, np.inf]), 4),
    ]:
        assert np.isnan(interval(undefined, n_groups)).all()


def covers(values: np.ndarray, clusters: np.ndarray, seed: int, most: int = 20) -> bool:
    """Whether the interval of the mean of values (N,), whose true mean is 0, holds it."""
    group = groups_of(clusters, most, seed)
    n_groups = int(group.max()) + 1
    draws = weighted_mean(values[:, None], group, replicate_weights(n_groups, 300, seed))[:, 0]
    low, high = interval(draws, n_groups)
    return low <= 0 <= high


@pytest.mark.parametrize("n_groups", [3, 5, 9, 20])
def test_the_interval_of_a_mean_covers_however_few_the_groups(n_groups: int) -> None:
    rng = np.random.default_rng(11)
    values = rng.standard_normal((1000, 3 * n_groups))
    covered = np.mean([covers(x, np.arange(len(x)), seed, n_groups) for seed, x in enumerate(values)])
    # 300 replicates of three groups take few values: 93.3 % in truth; 1000 seeds err by 0.8 %.
    assert 0.92 < covered < 0.975


def test_clustered_samples_are_covered_by_groups_of_documents_and_by_no_others() -> None:
    rng = np.random.default_rng(12)
    document = np.repeat(np.arange(60), 5)

    def drawn() -> np.ndarray:
        return rng.standard_normal(60)[document] + 0.5 * rng.standard_normal(300)

    values = [drawn() for _ in range(500)]
    by_documents = np.mean([covers(x, document, seed) for seed, x in enumerate(values)])
    by_samples = np.mean([covers(x, np.arange(300), seed) for seed, x in enumerate(values)])
    assert 0.92 < by_documents < 0.98
    # The variance of the mean is 4.2 times that of 300 independent samples.
    assert 0.58 < by_samples < 0.8


def test_the_interval_of_a_mean_is_scipys_widened_and_moved_to_the_mean() -> None:
    values = np.random.default_rng(0).gamma(2, size=(9, 3)) + np.array([0, 10, 1000])
    got = mean_interval(values, resamples=4000, seed=1)
    np.testing.assert_array_equal(got.n, 9)
    np.testing.assert_allclose(got.mean, values.mean(axis=0), rtol=1e-12)
    reference = stats.bootstrap(
        (values,), np.mean, axis=0, n_resamples=4000, method="percentile", vectorized=True, rng=2
    )
    middle = np.median(reference.bootstrap_distribution, axis=-1)
    error = values.std(axis=0, ddof=1) / 3
    for end, theirs in zip((got.low, got.high), reference.confidence_interval, strict=True):
        # Two sets of 4000 draws agree to some per cent of the standard error.
        np.testing.assert_allclose((end - got.mean - few_draws(9) * (theirs - middle)) / error, 0, atol=0.25)


def test_whole_samples_are_drawn() -> None:
    column = np.random.default_rng(5).standard_normal(50)
    got = mean_interval(np.stack([column, 3 * column + 1, -column], axis=1), seed=6)
    np.testing.assert_allclose(got.low[1], 3 * got.low[0] + 1, rtol=1e-9)
    np.testing.assert_allclose(got.low[2], -got.high[0], rtol=1e-9)


def test_a_seed_fixes_the_interval_of_a_mean_and_another_moves_it() -> None:
    values = np.random.default_rng(7).standard_normal((60, 2))
    first, again, other = (mean_interval(values, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.low, again.low)
    assert (first.low != other.low).all()


def test_undefined_samples_are_left_out_of_their_column() -> None:
    values = np.random.default_rng(8).standard_normal((40, 2))
    values[5:12, 1] = np.nan
    got = mean_interval(values, seed=9)
    np.testing.assert_array_equal(got.n, [40, 33])
    np.testing.assert_allclose(got.mean[1], np.nanmean(values[:, 1]), rtol=1e-12)
    alone = mean_interval(values[:, :1], seed=9)
    np.testing.assert_allclose([got.low[0], got.high[0]], [alone.low[0], alone.high[0]], rtol=1e-12)
    width = (got.high[1] - got.low[1]) / (2 * 1.96 * np.nanstd(values[:, 1], ddof=1) / np.sqrt(33))
    assert 0.9 < width < 1.2


def test_one_sample_has_no_interval_and_none_no_mean() -> None:
    got = mean_interval(np.array([[1.0, np.nan, 4.0], [np.nan, np.nan, 6.0]]))
    np.testing.assert_array_equal(got.n, [1, 0, 2])
    np.testing.assert_array_equal(got.mean, [1, np.nan, 5])
    # Replicates of two samples are 4, 5 and 6; the ends are the outermost, widened.
    half = few_draws(2)
    np.testing.assert_allclose(got.low, [np.nan, np.nan, 5 - half], rtol=1e-12)
    np.testing.assert_allclose(got.high, [np.nan, np.nan, 5 + half], rtol=1e-12)


def test_equal_values_have_an_interval_of_no_width() -> None:
    got = mean_interval(np.full((30, 2), [0.1, 1.0]))
    np.testing.assert_allclose([got.low, got.high], [[0.1, 1.0]] * 2, rtol=0, atol=1e-15)
    assert got.low[1] == got.high[1] == 1


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [5, 9])
def test_the_interval_of_a_mean_covers_with_the_number_of_hosts_of_a_run(hosts: int) -> None:
    values = np.random.default_rng(13).standard_normal((20, hosts, 200))
    found = [mean_interval(columns, seed=seed) for seed, columns in enumerate(values)]
    covered = np.mean([(one.low <= 0) & (one.high >= 0) for one in found])
    assert 0.92 < covered < 0.98
