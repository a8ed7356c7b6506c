"""Massive units: found where they are, and every curve again without them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from residyn import (
    cosine,
    density,
    magnitude,
    mean_activation,
    relative_velocity,
    sign_kept,
    unit_correlation,
    velocity,
)
from residyn import walk as stream
from residyn.errors import DataError, UsageError
from residyn.quantities.information import Options, mutual_informations
from residyn.quantities.massive import leave_out, massive_ratio, massive_table, massive_units
from residyn.quantities.robustness import without_massive, without_massive_table

Make = Callable[..., xr.DataArray]


@pytest.fixture
def states(make_states: Make) -> xr.DataArray:
    """Unit 5 is massive from sublayer 2 on, in one sample; unit 9 a little, in all."""
    data = make_states(60, units=20).values.copy()
    data[7, 2:, 5] = -4000
    data[:, 3, 9] *= 30
    return make_states(data=data)


@pytest.fixture
def results(states: xr.DataArray) -> xr.Dataset:
    singles = (massive_ratio(states), mean_activation(states), unit_correlation(states))
    found = mutual_informations(states, ("gcmi", "ksg"), Options())
    return xr.Dataset({str(one.name): one for one in singles}).merge(found, compat="no_conflicts")


def test_the_ratio_is_the_largest_activation_over_the_sublayers_median(
    states: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 2 * states.isel(sublayer=0).nbytes)
    ratio = massive_ratio(states)
    size = np.abs(states.values.astype(float))
    expected = size.max(axis=0) / np.median(size, axis=(0, 2))[:, None]
    np.testing.assert_allclose(ratio.values, expected, rtol=1e-6)
    assert ratio.dims == ("sublayer", "unit")
    assert ratio.attrs["n_massive"] == int((expected >= 100).any(axis=0).sum()) >= 1


def test_a_silent_sublayer_has_no_ratio(states: xr.DataArray) -> None:
    data = states.values.copy()
    data[:, 1] = 0
    ratio = massive_ratio(states.copy(data=data))
    assert np.isnan(ratio.values[1]).all()
    assert ratio.attrs["n_undefined"] == 20
    assert massive_units(ratio, 1)[0] == 5


def test_units_are_ranked_by_their_peak(states: xr.DataArray) -> None:
    ratio = massive_ratio(states)
    assert list(massive_units(ratio, 2)) == [5, 9]
    assert len(massive_units(ratio, 0)) == 0
    assert len(massive_units(ratio, 99)) == 19
    table = massive_table(ratio, 2)
    assert list(table["unit"]) == [5, 9]
    assert table["massive"][0]
    assert table["at_sublayer"][1] == "1.mlp"
    assert table["ratio"][0] == pytest.approx(ratio.values[:, 5].max())


def test_each_curve_is_that_of_the_states_without_the_units(states: xr.DataArray, results: xr.Dataset) -> None:
    found = without_massive(states, results, (1, 2))
    assert list(found["left_out"].values) == [0, 1, 2]
    for row, units in enumerate(([], [5], [5, 9])):
        rest = leave_out(states, units)
        assert rest.sizes["unit"] == 20 - row
        expected = {
            "magnitude": magnitude(rest),
            "density": density(rest).mean("sample"),
            "cosine": cosine(rest).mean("sample"),
            "velocity": velocity(rest).mean("sample"),
            "relative_velocity": relative_velocity(rest).mean("sample"),
            "sign_kept": sign_kept(rest),
            "unit_correlation": unit_correlation(rest).median("unit"),
            "mutual_information": mutual_informations(rest, ("gcmi",))["mutual_information"][0].mean("unit"),
        }
        for name, curve in expected.items():
            ours = found[f"{name}_without_massive"].isel(left_out=row)
            np.testing.assert_allclose(ours.values, curve.values, rtol=1e-6, err_msg=name)
        eigenvalues = np.stack([np.linalg.eigvalsh(np.cov(rest.values[:, s].T.astype(float))) for s in range(6)])
        ratio = eigenvalues.sum(axis=1) ** 2 / (eigenvalues**2).sum(axis=1)
        ours = found["participation_ratio_without_massive"].isel(left_out=row)
        np.testing.assert_allclose(ours.values, ratio, rtol=1e-5)


def test_numbers_that_leave_one_unit_are_one_row(states: xr.DataArray, results: xr.Dataset) -> None:
    n_units = states.sizes["unit"]
    found = without_massive(states, results, (1, n_units - 1, n_units, n_units + 5))
    assert found["left_out"].values.tolist() == [0, 1, n_units - 1]


def test_one_massive_unit_owns_what_it_is_left_out_of(states: xr.DataArray, results: xr.Dataset) -> None:
    found = without_massive(states, results, (1,))
    step = found["velocity_without_massive"].sel(transition="0.mlp→1.attn").values
    assert step[0] > 10 * step[1]


def test_as_rows(states: xr.DataArray, results: xr.Dataset) -> None:
    found = without_massive(states, results, (1,))
    table = without_massive_table(found)
    row = table.query("quantity == 'cosine' and left_out == 1 and place == '1.attn→1.mlp'").iloc[0]
    assert (row["layer"], row["kind"]) == (1, "within")
    expected = found["cosine_without_massive"].sel(left_out=1, transition="1.attn→1.mlp").item()
    assert row["value"] == pytest.approx(expected)
    assert len(table) == 2 * (4 * 6 + 5 * 5)


def test_another_result_is_refused(states: xr.DataArray, results: xr.Dataset) -> None:
    with pytest.raises(DataError, match="massive_ratio, which is missing"):
        without_massive(states, results.drop_vars("massive_ratio"))
    with pytest.raises(DataError, match="got another result"):
        massive_units(results["mean_activation"], 1)
    with pytest.raises(UsageError, match="0 or more; got -1"):
        massive_units(results["massive_ratio"], -1)
