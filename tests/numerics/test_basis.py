"""Kurtosis against scipy and closed forms, and under rotations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from residyn.numerics import basis, pca
from residyn.numerics.surrogates import haar_rotation


def test_it_is_scipys(monkeypatch: pytest.MonkeyPatch) -> None:
    block = np.random.default_rng(0).standard_t(4, (30, 4, 50)).astype(np.float32)
    expected = stats.kurtosis(block.astype(np.float64), axis=2, fisher=False)
    np.testing.assert_allclose(basis.kurtosis(block), expected, rtol=1e-12)
    monkeypatch.setattr(basis, "_TILE_VALUES", 700)
    np.testing.assert_allclose(basis.kurtosis(block), expected, rtol=1e-12)


def test_known_states() -> None:
    one_unit, halves = np.full(64, 2.0), np.where(np.arange(64) % 2, 5.0, -5.0)
    one_unit[3] = -7
    got = basis.kurtosis(np.stack([one_unit, halves, 1e6 + halves])[None])
    np.testing.assert_allclose(got, [[62 + 1 / 63, 1, 1]], rtol=1e-12)
    gaussian = np.random.default_rng(1).standard_normal((1, 1, 200_000))
    assert basis.kurtosis(gaussian)[0, 0] == pytest.approx(3, abs=0.05)


def test_equal_units_have_none() -> None:
    block = np.full((2, 3, 7), 0.1)
    block[0, 1, 2] = 5
    got = basis.kurtosis(block)
    assert np.isfinite(got[0, 1])
    assert np.isnan(got).sum() == 5


@given(st.integers(0, 2**31), st.floats(-50, 50).filter(lambda scale: abs(scale) > 0.02), st.floats(-10, 10))
def test_shift_scale_and_order_change_nothing(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    block = rng.standard_normal((2, 2, 20))
    own = basis.kurtosis(block)
    assert ((own >= 1) & (own <= 18 + 1 / 19)).all()
    np.testing.assert_allclose(basis.kurtosis(scale * block[:, :, rng.permutation(20)] + shift), own, rtol=1e-6)


def test_rotations_bring_any_state_to_the_isotropic_mean() -> None:
    rng = np.random.default_rng(2)
    one_unit, constant = np.eye(16)[3] * 1000, np.full(16, 3.0)
    block = np.stack([one_unit, constant, rng.standard_normal(16)])[:, None]
    with pca.one_thread():
        drawn = np.stack([basis.kurtosis_rotated(block, haar_rotation(16, rng)) for _ in range(4000)])
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert basis.isotropic_kurtosis(16) == pytest.approx(45 / 17)
    assert (np.abs(drawn.mean(axis=0) - 45 / 17) < 4 * error).all()
    assert error.max() < 0.03


def test_a_rotation_is_the_product_and_bits_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(3)
    block, rotation = rng.standard_normal((9, 5, 30)).astype(np.float32), haar_rotation(30, rng)
    with pca.one_thread():
        got = basis.kurtosis_rotated(block, rotation, threads=1)
        np.testing.assert_array_equal(basis.kurtosis_rotated(block, rotation, threads=4), got)
        np.testing.assert_array_equal(basis.kurtosis_rotated(block[4:], rotation), got[4:])
    expected = stats.kurtosis(np.einsum("nsd,de->nse", block.astype(float), rotation), axis=2, fisher=False)
    np.testing.assert_allclose(got, expected, rtol=1e-10)
