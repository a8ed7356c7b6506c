"""The p of a test among draws of its null, and the false discovery rate of many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from residyn.errors import UsageError
from residyn.numerics.multiple import benjamini_hochberg, p_values


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
