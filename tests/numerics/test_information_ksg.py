"""KSG against scikit-learn and a double loop, on friendly and hostile data; scaling and jitter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import digamma
from sklearn.feature_selection import _mutual_info as peer
from sklearn.feature_selection import mutual_info_regression
from sklearn.preprocessing import scale

from residyn.errors import DataError, UsageError
from residyn.numerics.information import jittered, ksg, local_ksg

TIED = 0.98


def correlated(rho: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        x, e = rng.standard_normal((2, n))
        return np.stack([x, rho * x + np.sqrt(1 - rho**2) * e])

    return draw


def with_ties(which: tuple[bool, bool], *, same: bool) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Most samples share one value at one sublayer or both, there the same samples or others; jittered."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        pair = rng.standard_normal((2, n))
        first = rng.random(n) < TIED
        for axis, tied in enumerate(which):
            if tied:
                pair[axis, first if same or axis == 0 else rng.random(n) < TIED] = 0.3
        return jittered(pair[None], int(rng.integers(1000)), [0])[0]

    return draw


def with_outliers(rng: np.random.Generator, n: int) -> np.ndarray:
    pair = rng.standard_normal((2, n))
    pair[0, 3], pair[:, 5], pair[1, 7] = 1e6, -1e4, 1e300
    return pair


def with_constant(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.stack([np.full(n, 0.1), rng.standard_normal(n)])


def with_offset(rng: np.random.Generator, n: int) -> np.ndarray:
    """Differences that are exact multiples of the spacing at 1e9: many equal the k-th distance itself."""
    return np.round(rng.standard_normal((2, n)) * 20) * 2.0**-20 + 1e9


DATA = {
    "independent": correlated(0),
    "correlated": correlated(0.9),
    "almost determined": correlated(0.99999),
    "determined": lambda rng, n: np.repeat(rng.standard_normal((1, n)), 2, axis=0),
    "duplicates": lambda rng, n: np.round(rng.standard_normal((2, n)) * 4),
    "two values": lambda rng, n: rng.integers(2, size=(2, n)).astype(float),
    "ties at one": with_ties((True, False), same=True),
    "ties at both": with_ties((True, True), same=True),
    "ties elsewhere": with_ties((True, True), same=False),
    "outliers": with_outliers,
    "constant": with_constant,
    "both constant": lambda rng, n: np.full((2, n), 3.0),
    "offset": with_offset,
    "unlike scales": lambda rng, n: rng.standard_normal((2, n)) * np.array([[1e-8], [1e8]]),
}


@pytest.fixture
def scikit_learns(monkeypatch: pytest.MonkeyPatch) -> Callable[..., float]:
    """Its estimator of one pair, before negative values are replaced."""
    monkeypatch.setattr(peer, "max", lambda zero, value: value, raising=False)
    return peer._compute_mi_cc


def said_by_definition(x: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    n, said = len(x), np.empty(len(x))
    for i in range(n):
        others = [j for j in range(n) if j != i]
        d = sorted(max(abs(x[i] - x[j]), abs(y[i] - y[j])) for j in others)[k - 1]
        said[i] = digamma(n) + digamma(k)
        for axis in (x, y):
            inside = [abs(axis[i] - axis[j]) < d or (axis[i] == axis[j] and d == 0) for j in others]
            said[i] -= digamma(1 + sum(inside))
    return said


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize("data", DATA)
def test_it_is_scikit_learns(data: str, n: int, scikit_learns: Callable[..., float]) -> None:
    paths = np.stack([DATA[data](np.random.default_rng(seed), n) for seed in range(3)])
    for k in (3, 1, 7) if n == 200 else (3,):
        expected = [scikit_learns(x, y, k) for x, y in paths]
        np.testing.assert_allclose(ksg(paths, k=k)[0, :, 0], expected, rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 40), k=st.integers(1, 6), seed=st.integers(0, 10_000), grid=st.sampled_from([0.5, 2, 10, 1e9])
)
def test_it_is_its_definition(n: int, k: int, seed: int, grid: float) -> None:
    paths = np.round(np.random.default_rng(seed).standard_normal((1, 2, n)) * grid) / grid
    got = ksg(paths, k=k)[0, 0, 0]
    if n <= k:
        assert np.isnan(got)
    else:
        assert got == pytest.approx(said_by_definition(paths[0, 0], paths[0, 1], k).mean(), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(2, 40), k=st.integers(1, 6), seed=st.integers(0, 10_000), grid=st.sampled_from([0.5, 2, 10, 1e9])
)
def test_what_each_sample_says_is_its_definition_in_its_own_place(n: int, k: int, seed: int, grid: float) -> None:
    rng = np.random.default_rng(seed)
    paths = np.round(rng.standard_normal((2, 3, n)) * grid) / grid
    orders = np.stack([rng.permutation(n), np.arange(n)])
    got = local_ksg(paths, orders, k=k)
    assert got.shape == (2, 2, 2, n)
    for row, unit, s in np.ndindex(got.shape[:3]):
        expected = said_by_definition(paths[unit, s], paths[unit, s + 1, orders[row]], k) if n > k else np.nan
        np.testing.assert_allclose(got[row, unit, s], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rho", [0, 0.5, 0.9, 0.99])
def test_the_closed_form_is_recovered(rho: float) -> None:
    # More repeats would resolve the bias of KSG itself: 0.01 to 0.02 nats at strong dependence.
    repeats = 20
    estimates = ksg(np.stack([correlated(rho)(np.random.default_rng(seed), 1000) for seed in range(repeats)]))
    error = estimates.std(ddof=1) / np.sqrt(repeats)
    assert abs(estimates.mean() + np.log(1 - rho**2) / 2) < 3 * error
    assert error < 0.012


def test_dependence_without_correlation_is_seen() -> None:
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, 1000)
    noise = 0.1 * np.random.default_rng(2).standard_normal((2, 1000))
    assert ksg(np.stack([np.cos(angle), np.sin(angle)])[None] + noise)[0, 0, 0] > 0.7


def test_negative_values_are_kept() -> None:
    paths = np.random.default_rng(3).standard_normal((200, 2, 100))
    estimates = ksg(paths)
    assert 0.3 < (estimates < 0).mean() < 0.7


def test_determined_pairs_reach_the_ceiling_and_not_more() -> None:
    x = np.random.default_rng(4).standard_normal(500)
    # The k-th neighbour lies in the same place on both axes: n_x = n_y = k − 1.
    assert ksg(np.stack([x, x])[None])[0, 0, 0] == pytest.approx(digamma(500) - digamma(3), abs=1e-12)


def test_the_order_of_the_samples_leaves_no_trace() -> None:
    paths = jittered(np.cumsum(np.random.default_rng(5).standard_normal((3, 4, 300)), axis=1), 0, range(3))
    for seed in range(3):
        shuffled = paths[:, :, np.random.default_rng(seed).permutation(300)]
        np.testing.assert_array_equal(ksg(shuffled), ksg(paths))


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_neighbour_is_refused(k: int) -> None:
    with pytest.raises(UsageError, match=f"k={k}"):
        ksg(np.zeros((1, 2, 9)), k=k)


def test_too_few_samples_are_undefined_and_inputs_still_checked() -> None:
    paths = np.random.default_rng(6).standard_normal((2, 3, 3))
    assert np.isnan(ksg(paths)).all()
    assert ksg(paths).shape == (1, 2, 2)
    assert np.isfinite(ksg(paths, k=2)).all()
    with pytest.raises(UsageError, match="permutations"):
        ksg(paths, np.array([[0, 0, 1]]))


def test_jittered_data_are_scaled_as_scikit_learn_scales_them() -> None:
    paths = np.random.default_rng(7).gamma(2, 50, size=(4, 3, 400)) + 1000
    expected = scale(paths.reshape(12, 400), axis=1, with_mean=False).reshape(paths.shape)
    got = jittered(paths, 1, range(4))
    np.testing.assert_allclose(got, expected, rtol=1e-8)
    size = 1e-10 * np.abs(expected).mean(axis=2, keepdims=True)
    noise = (got - expected) / size
    # The subtraction rounds at 1e-16 of the values, which is 1e-6 of the noise.
    assert stats.kstest(noise.ravel(), "norm").pvalue > 0.01
    assert len(np.unique(noise.round(3))) > 2000


def test_it_agrees_with_mutual_info_regression_from_end_to_end() -> None:
    paths = np.stack([correlated(rho)(np.random.default_rng(8), 500) * 30 + 7 for rho in (0.3, 0.8, 0.95)])
    expected = [mutual_info_regression(x[:, None], y, random_state=0)[0] for x, y in paths]
    np.testing.assert_allclose(ksg(jittered(paths, 0, range(3)))[0, :, 0], expected, rtol=0, atol=1e-12)


def test_small_values_get_jitter_of_1e_10_and_constant_ones_are_not_scaled() -> None:
    values = np.stack([np.full(1000, 0.1), np.full(1000, 5e7), np.where(np.arange(1000) == 3, 1e-30, 0)])
    got = jittered(values[None], 0, [0])[0]
    assert (got[0] - 0.1).std() == pytest.approx(1e-10, rel=0.1)
    assert (got[1] - 5e7).std() == pytest.approx(5e-3, rel=0.1)
    assert got[2, 3] == pytest.approx(1 / np.sqrt(0.001 * 0.999), rel=1e-8)
    assert len(np.unique(got[0])) > 900


def test_a_units_noise_follows_from_seed_and_id_alone() -> None:
    paths = np.random.default_rng(9).standard_normal((6, 3, 40))
    whole = jittered(paths, 4, range(6), threads=1)
    np.testing.assert_array_equal(jittered(paths, 4, range(6), threads=3), whole)
    np.testing.assert_array_equal(jittered(paths[3:5], 4, [3, 4]), whole[3:5])
    np.testing.assert_array_equal(jittered(paths, 4, np.arange(6).tolist()), whole)
    assert (jittered(paths, 5, range(6)) != whole).mean() > 0.99
    same = jittered(np.repeat(paths[:1], 2, axis=0), 4, [0, 1])
    assert (same[0] != same[1]).mean() > 0.99
    np.testing.assert_allclose(whole, paths / paths.std(axis=2, keepdims=True), rtol=0, atol=1e-9)


def test_jitter_refuses_ids_that_do_not_name_the_units() -> None:
    paths = np.zeros((2, 2, 5))
    for seed, ids in ((0, [0]), (0, [0, -1]), (-1, [0, 1])):
        with pytest.raises(UsageError, match="own id"):
            jittered(paths, seed, ids)
    with pytest.raises(DataError):
        jittered(paths[0], 0, [0, 1])
