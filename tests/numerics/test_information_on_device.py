"""The estimators in torch, here on the processor, against those in numba."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from residyn.errors import DataError, UsageError
from residyn.numerics import information
from residyn.numerics.information import jittered, on_device

NAMES = ("copula", "ksg", "kde")


def hostile(n: int) -> np.ndarray:
    """Walks, duplicates, one outlier, a constant sublayer, repeated sublayers, heavy ties: (6, 4, n)."""
    rng = np.random.default_rng(n)
    walks = np.cumsum(rng.standard_normal((6, 4, n)), axis=1)
    walks[1] = np.round(walks[1] * 2)
    walks[2, :, 3] = 1e5
    walks[3, 2] = 0.1
    walks[4, 1:3] = walks[4, :1]
    walks[5, :, rng.random(n) < 0.9] = 0.25
    return walks


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [4, 51, 300])
def test_it_is_the_estimate_of_the_processor(name: str, n: int) -> None:
    orders = np.stack([np.arange(n), np.random.default_rng(0).permutation(n)])
    here: Callable[..., np.ndarray] = getattr(information, name)
    there: Callable[..., np.ndarray] = getattr(on_device, name)
    paths = hostile(n)
    np.testing.assert_allclose(there(paths, orders, device="cpu"), here(paths, orders), rtol=0, atol=1e-10)
    np.testing.assert_allclose(there(paths, device="cpu"), here(paths), rtol=0, atol=1e-10)
    smooth = jittered(paths, 0, range(6))
    np.testing.assert_allclose(there(smooth, orders, device="cpu"), here(smooth, orders), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("values", [60 * 7, 60 * 60 * 2, 1])
def test_batches_leave_no_trace(name: str, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = hostile(60)
    there: Callable[..., np.ndarray] = getattr(on_device, name)
    whole = there(paths, device="cpu")
    monkeypatch.setattr(on_device, "BATCH_VALUES", values)
    np.testing.assert_allclose(there(paths, device="cpu"), whole, rtol=0, atol=1e-12)


def test_the_number_of_neighbours_is_passed_on() -> None:
    paths = hostile(40)[:2]
    for k in (1, 5):
        expected = information.ksg(paths, k=k)
        np.testing.assert_allclose(on_device.ksg(paths, k=k, device="cpu"), expected, rtol=0, atol=1e-12)
    assert np.isnan(on_device.ksg(paths[:, :, :3], device="cpu")).all()
    with pytest.raises(UsageError, match="k=0"):
        on_device.ksg(paths, k=0, device="cpu")


@pytest.mark.parametrize("name", NAMES)
def test_malformed_inputs_are_refused(name: str) -> None:
    there: Callable[..., np.ndarray] = getattr(on_device, name)
    with pytest.raises(DataError, match="unit, sublayer, sample"):
        there(np.zeros((3, 9)), device="cpu")
    with pytest.raises(UsageError, match="permutations of the 9 samples"):
        there(np.zeros((2, 3, 9)), np.full((1, 9), 9), device="cpu")
    assert there(np.zeros((2, 1, 9)), device="cpu").shape == (1, 2, 0)
