"""The p of a test among draws of its null, and the false discovery rate of many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from residyn.errors import UsageError
from residyn.numerics.multiple import benjamini_hochberg, largest_of_all, p_values


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.05, 0.5]), min_size=1, max_size=30))
def test_adjusted_p_are_scipys(values: list[float]) -> None:
    p = np.array(values)
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), rtol=1e-13, atol=0)


def test_nan_is_no_test_and_the_shape_is_kept() -> None:
    p = np.random.default_rng(0).uniform(size=(4, 5)) ** 2
    p[1, 2] = p[3, 0] = np.nan
    adjusted = benjamini_hochberg(p)
    known = ~np.isnan(p)
    assert adjusted.shape == (4, 5)
    assert np.isnan(adjusted[~known]).all()
    np.testing.assert_allclose(adjusted[known], false_discovery_control(p[known]), rtol=1e-13)
    assert np.isnan(benjamini_hochberg(np.full(3, np.nan))).all()
    assert benjamini_hochberg(np.array(0.3)) == 0.3


def stepped(observed: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Algorithm 2.8 of Westfall & Young, one test at a time."""
    every = np.concatenate([observed[None], draws])
    far = np.abs(every - every.mean(axis=0)) / every.std(axis=0)
    found, left, least = np.full(len(observed), np.nan), list(range(len(observed))), 0.0
    while left:
        k = max(left, key=lambda test: far[0, test])
        least = max(least, (1 + (far[1:, left].max(axis=1) >= far[0, k]).sum()) / len(every))
        found[k] = least
        left.remove(k)
    return found


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), repeats=st.integers(2, 25), tests=st.integers(1, 8))
def test_the_largest_of_all_is_stepped_down(seed: int, repeats: int, tests: int) -> None:
    rng = np.random.default_rng(seed)
    draws = rng.gamma(1, size=(repeats, tests)) * np.geomspace(1, 100, tests)
    observed = 2 * draws.mean(axis=0) * rng.uniform(size=tests)
    np.testing.assert_allclose(largest_of_all(observed, draws), stepped(observed, draws), rtol=1e-12)


def test_any_of_many_is_small_as_seldom_as_one_is() -> None:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((400, 20, 1))
    values = shared + rng.standard_t(4, size=(400, 20, 50))
    least = [largest_of_all(one[0], one[1:]).min() for one in values]
    # Of 400 data sets of no effect a twentieth, 20 ± 4.4, have the least p of all, whatever the tests share.
    assert 7 <= np.sum(np.array(least) <= 0.05) <= 33


def test_few_of_many_are_found_with_few_draws() -> None:
    rng = np.random.default_rng(1)
    draws, observed = rng.standard_normal((200, 576)), rng.standard_normal(576)
    observed[:6] = 5.5
    assert (largest_of_all(observed, draws)[:6] == 1 / 201).all()
    assert (largest_of_all(observed, draws)[6:] > 0.05).all()
    assert (benjamini_hochberg(p_values(observed, draws)) > 0.05).all()


def test_of_what_no_draw_moves_p_is_one_and_nan_is_no_test() -> None:
    draws = np.random.default_rng(2).standard_normal((9, 4))
    draws[:, 1] = 3 + 1e-8 * draws[:, 1]
    draws[4, 2] = np.nan
    p = largest_of_all(np.array([9.0, 3, 1, np.nan]), draws)
    assert p[:2].tolist() == [0.1, 1]
    assert np.isnan(p[2:]).all()
    assert np.isnan(largest_of_all(np.full(4, np.nan), draws)).all()


def test_p_by_hand() -> None:
    draws = np.array([1.0, 2.0, 3.0, 4.0])[:, None]
    assert p_values(np.array([5.0]), draws, "greater") == 1 / 5
    assert p_values(np.array([3.0]), draws, "greater") == 3 / 5
    assert p_values(np.array([3.0]), draws, "less") == 4 / 5
    assert p_values(np.array([0.0]), draws, "less") == 1 / 5
    # All five values have the mean 4; 9 is 5 from it, and no draw is farther than 3.
    assert p_values(np.array([10.0]), draws) == 1 / 5
    # The mean is 2.4; 2 is nearest to it.
    assert p_values(np.array([2.0]), draws) == 5 / 5


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), repeats=st.integers(2, 25))
def test_each_of_the_values_is_as_likely_as_any_to_be_the_farthest(seed: int, repeats: int) -> None:
    values = np.random.default_rng(seed).gamma(1, size=repeats + 1)
    whole = np.arange(1, repeats + 2) / (repeats + 1)
    for alternative in ("two-sided", "greater", "less"):
        p = [p_values(values[i], np.delete(values, i), alternative) for i in range(repeats + 1)]
        np.testing.assert_allclose(np.sort(p), whole, rtol=1e-12)


def test_a_difference_of_rounding_is_none() -> None:
    draws = np.array([1.0, 1.0, 1.0])[:, None]
    for alternative in ("two-sided", "greater", "less"):
        sign = -1 if alternative == "less" else 1
        assert p_values(np.array([1 + sign * 1e-7]), draws, alternative) == 1
        assert p_values(np.array([1 + sign * 1e-5]), draws, alternative) == 1 / 4


def test_draws_that_are_not_finite_are_left_out() -> None:
    draws = np.array([[1.0, np.nan, 1.0], [np.inf, np.nan, 2.0], [3.0, np.nan, 3.0]])
    p = p_values(np.array([4.0, 4.0, np.nan]), draws, "greater")
    np.testing.assert_array_equal(p, [1 / 3, np.nan, np.nan])
    far = p_values(np.array([4.0, 4.0, np.nan]), draws)
    np.testing.assert_array_equal(far, [2 / 3, np.nan, np.nan])


def test_an_unknown_alternative_is_refused() -> None:
    with pytest.raises(UsageError, match="'both'"):
        p_values(np.zeros(1), np.zeros((2, 1)), "both")  # pyright: ignore[reportArgumentType]
