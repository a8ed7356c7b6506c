"""Streaming moments against numpy on the whole array, and the laws of their merge."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residyn.numerics import moments


def walk(seed: int, n: int, n_sublayers: int, n_units: int) -> np.ndarray:
    """Random walks over depth, each unit with its own scale and mean, in float32 as captured."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.standard_normal((n, n_sublayers, n_units)), axis=1)
    return (path * rng.uniform(0.1, 30, n_units) + rng.normal(0, 20, n_units)).astype(np.float32)


def numpy_correlation(block: np.ndarray) -> np.ndarray:
    data = block.astype(np.float64)
    _, n_sublayers, n_units = data.shape
    pairs = [
        [np.corrcoef(data[:, s, d], data[:, s + 1, d])[0, 1] for d in range(n_units)]
        for s in range(n_sublayers - 1)
    ]
    return np.array(pairs)


def split(block: np.ndarray, cuts: list[int]) -> moments.Moments:
    parts = np.split(block, sorted(set(cuts)))
    return functools.reduce(moments.merge, [moments.from_block(part) for part in parts if len(part)])


def test_moments_of_a_block_are_numpys() -> None:
    block = walk(0, 100, 5, 7)
    got = moments.from_block(block)
    data = block.astype(np.float64)
    centred = data - data.mean(axis=0)
    assert got.count == 100
    np.testing.assert_allclose(got.mean, data.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(got.m2, 100 * data.var(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        got.comoment, (centred[:, :-1] * centred[:, 1:]).sum(axis=0), rtol=1e-12, atol=1e-12 * got.m2.max()
    )


def test_units_beyond_one_tile_are_all_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    block = walk(1, 20, 3, 200)
    whole = moments.from_block(block)
    monkeypatch.setattr(moments, "_TILE_VALUES", 1)
    tiled = moments.from_block(block)
    for name in ("mean", "m2", "comoment"):
        np.testing.assert_array_equal(getattr(tiled, name), getattr(whole, name))


def test_correlation_is_numpys() -> None:
    block = walk(2, 300, 6, 9)
    np.testing.assert_allclose(
        moments.correlation(split(block, [7, 100, 101])), numpy_correlation(block), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_correlation_survives_a_mean_of_a_thousand_sd(dtype: type) -> None:
    rng = np.random.default_rng(3)
    block = np.cumsum(rng.standard_normal((1000, 4, 5)), axis=1) / np.sqrt(np.arange(1, 5))[:, None] + 1000
    block = block.astype(dtype)
    got = moments.correlation(split(block, [64, 500]))
    np.testing.assert_allclose(got, numpy_correlation(block), rtol=0, atol=1e-12)
    # The one-pass float32 formula is far off on the same data: the case is one that decides.
    x, y = block[:, 0].astype(np.float32), block[:, 1].astype(np.float32)
    n = np.float32(len(x))
    covariance = (x * y).sum(0) / n - x.mean(0) * y.mean(0)
    spread = [(z * z).sum(0) / n - z.mean(0) ** 2 for z in (x, y)]
    with np.errstate(all="ignore"):
        assert not np.all(np.abs(covariance / np.sqrt(spread[0] * spread[1]) - got[0]) < 1e-3)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(3, 60),
    cuts=st.lists(st.integers(1, 59), max_size=6),
    offset=st.sampled_from([0.0, 1.0, -300.0]),
)
def test_any_split_of_the_samples_gives_the_same_moments(
    seed: int, n: int, cuts: list[int], offset: float
) -> None:
    block = walk(seed, n, 3, 4) + np.float32(offset)
    whole, parts = moments.from_block(block), split(block, [cut for cut in cuts if cut < n])
    assert parts.count == whole.count == n
    scale = np.sqrt(whole.m2)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12, atol=1e-12 * scale.max())
    np.testing.assert_allclose(parts.m2, whole.m2, rtol=1e-12)
    np.testing.assert_allclose(parts.comoment / (scale[:-1] * scale[1:]), moments.correlation(whole), atol=1e-12)


def test_merge_does_not_depend_on_the_order() -> None:
    block = walk(4, 50, 3, 4)
    a, b = moments.from_block(block[:13]), moments.from_block(block[13:])
    one, other = moments.merge(a, b), moments.merge(b, a)
    for name in ("mean", "m2", "comoment"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    slope=st.floats(0.01, 100),
    sign=st.sampled_from([1, -1]),
    shift=st.floats(-50, 50),
)
def test_correlation_keeps_its_size_under_affine_maps(seed: int, slope: float, sign: int, shift: float) -> None:
    block = walk(seed, 40, 2, 3).astype(np.float64)
    mapped = block.copy()
    mapped[:, 1] = sign * slope * mapped[:, 1] + shift
    before, after = (moments.correlation(moments.from_block(b)) for b in (block, mapped))
    np.testing.assert_allclose(after, sign * before, rtol=0, atol=1e-10)


def test_correlation_of_a_linear_unit_is_one_and_never_beyond() -> None:
    x = walk(5, 50, 1, 40)
    block = np.concatenate([x, 2 * x, -x], axis=1)
    r = moments.correlation(split(block, [3, 20]))
    np.testing.assert_allclose(r, [[1.0] * 40, [-1.0] * 40], atol=1e-14)
    assert np.abs(r).max() <= 1


def test_only_rounding_is_clipped() -> None:
    wrong = moments.Moments(5, np.zeros((2, 2)), np.ones((2, 2)), np.array([[1 + 1e-12, 1.5]]))
    np.testing.assert_array_equal(moments.correlation(wrong), [[1.0, 1.5]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e-40, 3e38])
def test_a_constant_unit_is_found_exactly_and_has_no_correlation(value: float, dtype: type) -> None:
    block = walk(6, 1000, 3, 3).astype(dtype)
    block[:, 1, 2] = value
    got = split(block, [1, 7, 300])
    expected = np.zeros((3, 3), dtype=bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(moments.constant(got), expected)
    np.testing.assert_array_equal(np.isnan(moments.correlation(got)), expected[1:] | expected[:-1])


def test_a_unit_that_differs_in_one_sample_only_is_not_constant() -> None:
    block = np.ones((100, 2, 1), dtype=np.float32)
    block[63] = np.nextafter(np.float32(1), np.float32(2))
    got = split(block, [50])
    assert not moments.constant(got).any()
    np.testing.assert_allclose(moments.correlation(got), 1.0, atol=1e-12)


@pytest.mark.parametrize(("n", "defined"), [(1, False), (2, False), (3, True)])
def test_correlation_needs_three_samples(n: int, defined: bool) -> None:
    r = moments.correlation(moments.from_block(walk(7, n, 3, 4)))
    assert r.shape == (2, 4)
    assert np.isfinite(r).all() == defined
    assert np.isnan(r).all() != defined


def test_one_sublayer_has_moments_and_no_transition() -> None:
    got = moments.merge(moments.from_block(walk(8, 5, 1, 4)), moments.from_block(walk(9, 5, 1, 4)))
    assert got.comoment.shape == (0, 4)
    assert moments.correlation(got).shape == (0, 4)


def test_imprecise_marks_an_sd_below_eight_steps_of_the_precision() -> None:
    eps = 2.0**-7
    mean = np.array([100.0, 100.0, 100.0, 0.0, 100.0])
    sd = np.array([0.99, 1.01, 0.0, 1e-30, 50.0]) * np.array([8 * eps * 100] * 3 + [1, 1])
    block = mean + sd * np.array([-1.0, 0.0, 1.0])[:, None]
    got = moments.imprecise(moments.from_block(block[:, None]), eps)
    np.testing.assert_array_equal(got, [[True, False, False, False, False]])
    assert not moments.imprecise(moments.from_block(block[:1, None]), eps).any()
