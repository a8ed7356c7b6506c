"""What holds for every estimator: shapes, orders, threads, laws, and refused inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from residyn.errors import DataError, UsageError
from residyn.numerics.information import average_ranks, binned, copula, kde, ksg, local_kde, local_ksg, tie_share

ESTIMATORS = (copula, ksg, kde, binned)
each = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: estimator.__name__)


def walks(seed: int, n_units: int = 5, n_sublayers: int = 4, n: int = 60) -> np.ndarray:
    """Random walks over sublayers, (unit, sublayer, sample): neighbours depend on each other."""
    return np.cumsum(np.random.default_rng(seed).standard_normal((n_units, n_sublayers, n)), axis=1)


@each
def test_each_estimate_is_that_of_its_pair_alone(estimator: Callable[..., np.ndarray]) -> None:
    paths = walks(0)
    orders = np.stack([np.arange(60), *(np.random.default_rng(seed).permutation(60) for seed in (1, 2))])
    whole = estimator(paths, orders)
    assert whole.shape == (3, 5, 3)
    assert whole.dtype == np.float64
    assert whole.flags.c_contiguous
    for row, order in enumerate(orders):
        for unit in range(5):
            for s in range(3):
                pair = np.stack([paths[unit, s], paths[unit, s + 1, order]])[None]
                np.testing.assert_allclose(estimator(pair), whole[row, unit, s], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(estimator(paths)[0], whole[0])
    # Shuffled samples are independent: what all estimators see of the walks is gone.
    assert (whole[0].mean(axis=0) > whole[1:].mean(axis=(0, 1)) + 0.1).all()


@each
def test_the_bits_do_not_depend_on_threads_or_on_the_other_units(estimator: Callable[..., np.ndarray]) -> None:
    paths = walks(3, n_units=11)
    orders = np.random.default_rng(4).permutation(60)[None]
    one = estimator(paths, orders, threads=1)
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(estimator(paths, orders, threads=threads), one)
    np.testing.assert_array_equal(estimator(paths[::-1], orders)[:, ::-1], one)
    np.testing.assert_array_equal(estimator(paths[4:5], orders), one[:, 4:5])


@pytest.mark.parametrize(("estimator", "local"), [(ksg, local_ksg), (kde, local_kde)], ids=["ksg", "kde"])
def test_estimates_are_means_of_what_samples_say(
    estimator: Callable[..., np.ndarray], local: Callable[..., np.ndarray]
) -> None:
    paths = walks(8, n_units=7)
    orders = np.stack([np.arange(60), np.random.default_rng(9).permutation(60)])
    said = local(paths, orders)
    assert said.shape == (2, 7, 3, 60)
    assert said.flags.c_contiguous
    np.testing.assert_allclose(said.mean(axis=-1), estimator(paths, orders), rtol=0, atol=1e-13)
    assert said.std(axis=-1).min() > 0.1
    np.testing.assert_array_equal(local(paths)[0], said[0])
    for threads in (1, 3):
        np.testing.assert_array_equal(local(paths, orders, threads=threads), said)
    renumbered = np.random.default_rng(10).permutation(60)
    np.testing.assert_allclose(local(paths[:, :, renumbered])[0], said[0][..., renumbered], rtol=0, atol=1e-11)
    assert local(paths[:, :1]).shape == (1, 7, 0, 60)
    with pytest.raises(UsageError, match="permutations of the 60 samples"):
        local(paths, orders[:, :-1])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(8, 80))
def test_estimates_are_symmetric_and_blind_to_the_numbering_of_samples(seed: int, n: int) -> None:
    paths = walks(seed, n_units=2, n=n)
    shuffled = paths[:, :, np.random.default_rng(seed).permutation(n)]
    for estimator in ESTIMATORS:
        expected = estimator(paths)
        np.testing.assert_allclose(estimator(paths[:, ::-1])[:, :, ::-1], expected, rtol=0, atol=1e-11)
        np.testing.assert_allclose(estimator(shuffled), expected, rtol=0, atol=1e-11)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_which_maps_of_a_sublayer_change_nothing(seed: int) -> None:
    paths = walks(seed, n_units=2)
    for estimator in (copula, binned):
        np.testing.assert_array_equal(estimator(np.exp(paths)), estimator(paths))
        np.testing.assert_array_equal(estimator(paths * np.array([1.0, 7.0, 0.1, 3.0])[:, None]), estimator(paths))
    # A power of two scales without rounding; KSG's maximum norm wants it on both sides.
    np.testing.assert_array_equal(ksg(paths * 8), ksg(paths))
    np.testing.assert_allclose(copula(-paths), copula(paths), rtol=0, atol=1e-13)
    assert np.abs(ksg(np.exp(paths)) - ksg(paths)).max() > 1e-3
    assert np.abs(kde(np.exp(paths)) - kde(paths)).max() > 1e-3


@each
def test_one_sublayer_has_no_transition_and_no_units_no_estimate(estimator: Callable[..., np.ndarray]) -> None:
    assert estimator(walks(5, n_sublayers=1)).shape == (1, 5, 0)
    assert estimator(walks(5)[:0], np.arange(60)[None]).shape == (1, 0, 3)
    assert estimator(walks(5), np.empty((0, 60), dtype=int)).shape == (0, 5, 3)


@each
def test_paths_of_another_width_or_layout_are_read_right(estimator: Callable[..., np.ndarray]) -> None:
    narrow = walks(6).astype(np.float32)
    expected = estimator(narrow.astype(np.float64))
    np.testing.assert_array_equal(estimator(narrow), expected)
    np.testing.assert_array_equal(estimator(np.asfortranarray(narrow)), expected)
    np.testing.assert_array_equal(estimator(narrow, np.arange(60, dtype=np.uint16)[None]), expected)


@each
def test_malformed_inputs_are_refused_before_a_kernel_sees_them(estimator: Callable[..., np.ndarray]) -> None:
    paths = walks(7)
    for bad in (paths[0], paths[:, :, :0]):
        with pytest.raises(DataError, match="unit, sublayer, sample"):
            estimator(bad)
    twice, outside = np.arange(60), np.arange(60)
    twice[3], outside[3] = 4, 60
    for orders in (np.arange(60), np.arange(59)[None], twice[None], outside[None], -np.arange(60)[None]):
        with pytest.raises(UsageError, match="permutations of the 60 samples"):
            estimator(paths, orders)


def test_tie_share_counts_the_samples_that_are_not_alone() -> None:
    paths = np.array([[[1.0, 2, 3, 4, 5], [0.0, -0.0, 7, 7, 7]], [[2.0, 1, 2, 3, 4], [9.0, 9, 9, 9, 9]]])
    np.testing.assert_array_equal(tie_share(paths), [[0, 1], [0.4, 1]])
    np.testing.assert_array_equal(tie_share(paths[:, :, :1]), 0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 50), values=st.integers(1, 60))
def test_tie_share_is_what_numpy_counts(seed: int, n: int, values: int) -> None:
    paths = np.random.default_rng(seed).integers(values, size=(3, 2, n)).astype(float)
    counts = [[np.unique(x, return_counts=True)[1] for x in path] for path in paths]
    expected = [[c[c > 1].sum() / n for c in path] for path in counts]
    np.testing.assert_array_equal(tie_share(paths), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 50), values=st.integers(1, 60))
def test_average_ranks_are_scipys(seed: int, n: int, values: int) -> None:
    paths = np.random.default_rng(seed).integers(values, size=(3, 2, n)).astype(float)
    np.testing.assert_array_equal(average_ranks(paths), rankdata(paths, axis=-1))
