"""Kurtosis of labelled states, before and after rotation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import residyn
from quantity_sets import basis
from residyn import walk as stream
from residyn.errors import DataError, UsageError
from residyn.quantities import basis as module

Make = Callable[..., xr.DataArray]


@pytest.fixture
def massive(make_states: Make) -> xr.DataArray:
    """Unit 5 towers over the others from sublayer 2 on."""
    data = make_states(30, units=64).values.copy()
    data[:, 2:, 5] = 300
    return make_states(data=data)


def test_one_massive_unit_is_seen_in_its_basis_alone(massive: xr.DataArray) -> None:
    found = basis(massive, repeats=20)
    expected = stats.kurtosis(massive.values.astype(float), axis=2, fisher=False)
    np.testing.assert_allclose(found["kurtosis"], expected, rtol=1e-10)
    assert (found["kurtosis"].values[:, 2:] > 50).all()
    assert (found["kurtosis"].values[:, :2] < 10).all()
    isotropic = found["kurtosis_rotated"].attrs["isotropic"]
    assert isotropic == pytest.approx(3 * 63 / 65)
    np.testing.assert_allclose(found["kurtosis_rotated"].mean("sample"), isotropic, atol=0.4)


def test_a_chosen_part_of_the_samples_is_rotated(massive: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = basis(massive, repeats=2, seed=4)["kurtosis_rotated"]
    assert not np.isnan(whole).any()
    monkeypatch.setattr(module, "MOST_ROTATED", 7)
    part = basis(massive, repeats=2, seed=4)["kurtosis_rotated"]
    rows = ~np.isnan(part.values).any(axis=1)
    assert rows.sum() == part.attrs["n_rotated"] == 7
    assert not np.array_equal(np.flatnonzero(rows), np.arange(7))
    np.testing.assert_array_equal(part.values[rows], whole.values[rows])
    assert part.attrs["n_undefined"] == 0


def test_the_mean_is_over_repeats_and_decided_by_the_seed(massive: xr.DataArray) -> None:
    one, again = (basis(massive, repeats=1, seed=2) for _ in range(2))
    xr.testing.assert_identical(one, again)
    other = basis(massive, repeats=1, seed=3)["kurtosis_rotated"]
    assert not np.array_equal(other, one["kurtosis_rotated"])
    many = basis(massive, repeats=16, seed=2)["kurtosis_rotated"]
    assert many.values[:, 2:].std() < 0.6 * one["kurtosis_rotated"].values[:, 2:].std() + 0.15
    assert many.attrs["parameters"] == '{"precision": "float32", "repeats": 16, "samples": 30}'
    assert many.attrs["seed"] == 2


@pytest.mark.parametrize(("units", "rotations"), [(64, 3), (2047, 3), (2048, 2), (4095, 2), (4096, 1)])
def test_wide_states_are_rotated_fewer_times(
    make_states: Make, monkeypatch: pytest.MonkeyPatch, units: int, rotations: int
) -> None:
    # How many there are, without their cost.
    monkeypatch.setattr(module, "haar_rotation", lambda n, rng: np.eye(1))
    monkeypatch.setattr(module.numerics, "kurtosis_rotated", lambda rows, turn: np.ones(rows.shape[:2]))
    found = residyn.kurtosis_rotated(make_states(4, units=units))
    assert f'"repeats": {rotations}' in found.attrs["parameters"]
    assert f"mean over {rotations} common" in found.attrs["definition"]
    assert (found == 1).all()


def test_bits_do_not_depend_on_blocks(massive: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = basis(massive)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 4 * massive[0].nbytes)
    xr.testing.assert_identical(basis(massive), whole)


def test_labels_and_undefined_states(make_states: Make) -> None:
    data = make_states(6).values
    data[2, 1] = 4
    data[3, 0] = 0
    found = basis(make_states(data=data))
    assert found["kurtosis"].attrs["n_undefined"] == 2
    assert found["kurtosis_rotated"].attrs["n_undefined"] == 1
    for name, result in found.items():
        assert result.dims == ("sample", "sublayer")
        assert result.attrs["quantity"] == name
        assert result.attrs["states_hash"] == "0f" * 8
        assert list(result["site"].values) == ["attn", "mlp"] * 3


def test_what_it_cannot_do_is_refused(make_states: Make) -> None:
    for repeats in (0, 1.5, True):
        with pytest.raises(UsageError, match="at least 1 rotation"):
            basis(make_states(4), repeats=repeats)  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="Expected states"):
        basis(make_states(4)[0])
    with pytest.raises(UsageError, match="seed is an integer, 0 or more; got -1"):
        basis(make_states(4), seed=-1)


def test_products_in_float32_are_close_to_those_in_float64(massive: xr.DataArray) -> None:
    fast, exact = (residyn.kurtosis_rotated(massive, 2, 4, precision=each) for each in ("float32", "float64"))
    np.testing.assert_allclose(fast, exact, rtol=1e-5)
    assert (fast.values != exact.values).any()
    with pytest.raises(UsageError, match="precision is float32 or float64; got 'half'"):
        residyn.kurtosis_rotated(massive, precision="half")  # type: ignore[arg-type]
