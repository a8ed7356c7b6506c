"""Samples that share their state with others, counted one by one."""

from __future__ import annotations

from collections.abc import Callable

import dask.array
import numpy as np
import pytest
import xarray as xr

from residyn import walk as stream
from residyn.quantities.curves import curves
from residyn.quantities.registry import quantity_named
from residyn.quantities.replicates import plan_of

Make = Callable[..., xr.DataArray]
TIED = quantity_named("tied_samples")


def counted(data: np.ndarray) -> np.ndarray:
    """The share of samples at each sublayer with another one in the same state."""
    n, sublayers = data.shape[:2]
    return np.array(
        [
            np.mean([any((data[i, s] == data[j, s]).all() for j in range(n) if j != i) for i in range(n)])
            for s in range(sublayers)
        ]
    )


@pytest.fixture
def data(make_states: Make) -> np.ndarray:
    made = make_states(20).values.copy()
    made[:, 0] = made[0, 0]
    made[:7, 1] = made[0, 1]
    made[[3, 11], 2] = made[5, 2]
    made[[1, 2, 8, 9], 3] = made[[4, 4, 6, 6], 3]
    return made


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_samples_with_another_in_the_same_state_are_counted(
    make_states: Make, data: np.ndarray, dtype: type
) -> None:
    states = make_states(data=data).astype(dtype)
    expected = counted(states.values)
    np.testing.assert_array_equal(expected, [1, 7 / 20, 3 / 20, 6 / 20, 0, 0])
    got = TIED(states)
    assert got.dims == ("sublayer",)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_zeros_of_either_sign_are_the_same_and_one_bit_of_one_unit_is_another_state(
    make_states: Make, dtype: type
) -> None:
    data = make_states(6).values.astype(dtype)
    data[:, 0] = 0.0
    data[::2, 0, 3] = -0.0
    data[:, 1] = data[0, 1]
    data[4, 1, 11] = np.nextafter(data[4, 1, 11], dtype(9))
    got = TIED(make_states(6).copy(data=data))
    np.testing.assert_allclose(got[:2], [1, 5 / 6], rtol=1e-12)


def test_a_state_at_another_sublayer_ties_nothing_and_one_sample_none(make_states: Make, data: np.ndarray) -> None:
    moved = make_states(6).values.copy()
    moved[0, 1], moved[2, 3] = moved[1, 0], moved[3, 2]
    np.testing.assert_array_equal(TIED(make_states(data=moved)), np.zeros(6))
    np.testing.assert_array_equal(TIED(make_states(1)), np.zeros(6))


def test_ties_are_found_across_blocks_and_groups(
    make_states: Make, data: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = make_states(data=data)
    expected = TIED(states)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 3 * states[0].nbytes)
    lazy = states.copy(data=dask.array.from_array(states.values, chunks=(4, -1, -1)))
    np.testing.assert_array_equal(TIED(lazy), expected)


def test_replicates_weigh_the_samples_that_are_tied_in_the_data(make_states: Make, data: np.ndarray) -> None:
    """A sample that is drawn twice is not tied with itself."""
    states = make_states(data=data)
    plan = plan_of(states, 8, seed=1, n_groups=7)
    got = curves(states, plan, ["tied_samples"]).curves["tied_samples"]
    tied = np.array(
        [[any((data[i, s] == data[j, s]).all() for j in range(20) if j != i) for s in range(6)] for i in range(20)]
    )
    for row, times in enumerate(plan.weights[:, plan.group]):
        np.testing.assert_allclose(got[row], times @ tied / times.sum(), rtol=1e-12)
    assert got[:, 4].max() == 0
