"""Per-unit results against numpy on the whole array, their labels and their edge cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from residyn import magnitude, mean_activation, sign_kept, unit_correlation
from residyn.errors import DataError

Make = Callable[..., xr.DataArray]


def test_mean_activation_and_its_rank(make_states: Make) -> None:
    states = make_states(60)
    got = mean_activation(states)
    assert got.dims == ("sublayer", "unit")
    np.testing.assert_allclose(got, states.values.astype(float).mean(axis=0), rtol=1e-12)
    by_rank = got.isel(sublayer=-1).values[np.argsort(got["rank"].values)]
    assert (np.diff(by_rank) > 0).all()
    assert sorted(got["rank"].values) == list(range(12))


def test_equal_means_are_ranked_in_the_order_of_the_units(make_states: Make) -> None:
    data = np.zeros((4, 2, 600), dtype=np.float32)
    data[:, 1] = np.arange(600) % 2
    rank = mean_activation(make_states(data=data, layers=1))["rank"]
    np.testing.assert_array_equal(rank, [300 * (unit % 2) + unit // 2 for unit in range(600)])


def test_magnitude_is_the_mean_absolute_activation(make_states: Make) -> None:
    states = make_states(60)
    np.testing.assert_allclose(
        magnitude(states), np.abs(states.values.astype(float)).mean(axis=(0, 2)), rtol=1e-12
    )


def test_sign_kept_counts_signs_of_means(make_states: Make) -> None:
    means = np.array([[1, -1, 1, 0], [2, 2, -2, -2], [0, 0, 0, 0], [1, 1, -1, 0]], dtype=np.float32)
    # Samples around each mean: their own signs differ from the sign of their mean.
    data = means + np.array([-5, 5, 0], dtype=np.float32)[:, None, None]
    got = sign_kept(make_states(data=data, layers=2))
    assert got.dims == ("sublayer",)
    np.testing.assert_array_equal(got, [0.5, 0.75, 0.25, 1.0])


def test_unit_correlation_is_numpys(make_states: Make) -> None:
    states = make_states(80, seed=3)
    data = states.values.astype(float)
    got = unit_correlation(states)
    assert got.dims == ("transition", "unit")
    for t in range(5):
        for d in range(12):
            expected = np.corrcoef(data[:, t, d], data[:, t + 1, d])[0, 1]
            assert got.values[t, d] == pytest.approx(expected, abs=1e-12)
    assert got.attrs["n_constant_units"] == got.attrs["n_imprecise_units"] == got.attrs["n_undefined"] == 0
    assert "note" not in got.attrs


def test_results_keep_labels_and_provenance(make_states: Make) -> None:
    states = make_states(10)
    r = unit_correlation(states)
    assert list(r["transition"].values[:2]) == ["0.attn→0.mlp", "0.mlp→1.attn"]
    assert list(r["kind"].values) == ["within", "cross", "within", "cross", "within"]
    assert list(r["from_layer"].values) == [0, 0, 1, 1, 2]
    for result, quantity in [
        (r, "unit_correlation"),
        (mean_activation(states), "mean_activation"),
        (magnitude(states), "magnitude"),
        (sign_kept(states), "sign_kept"),
    ]:
        assert result.name == result.attrs["quantity"] == quantity
        assert result.attrs["n_samples"] == 10
        assert result.attrs["states_hash"] == "0f" * 8
        assert {"units", "definition", "source", "parameters", "residyn_version"} <= result.attrs.keys()
        if "sublayer" in result.dims:
            assert list(result["site"].values) == ["attn", "mlp"] * 3
            assert list(result["layer"].values) == [0, 0, 1, 1, 2, 2]
        if "unit" in result.dims:
            assert list(result["unit"].values) == list(range(12))


def test_kind_follows_the_sites_and_not_the_parity(make_states: Make) -> None:
    whole = make_states(10)
    assert list(unit_correlation(whole.isel(sublayer=slice(1, None)))["kind"].values) == [
        "cross",
        "within",
        "cross",
        "within",
    ]
    assert set(unit_correlation(make_states(10, sites=("block",)))["kind"].values) == {"block"}


def test_a_constant_unit_has_no_correlation_and_is_counted(make_states: Make) -> None:
    data = make_states(30).values
    data[:, 2, 4] = 0.1
    data[:, :, 7] = -3
    got = unit_correlation(make_states(data=data))
    undefined = np.zeros((5, 12), dtype=bool)
    undefined[1:3, 4] = undefined[:, 7] = True
    np.testing.assert_array_equal(np.isnan(got), undefined)
    assert got.attrs["n_constant_units"] == 2
    assert got.attrs["n_undefined"] == 7
    assert got.attrs["note"].startswith("NaN in 7 places, where the unit is constant")


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_than_three_samples_have_no_correlation(make_states: Make, n: int) -> None:
    got = unit_correlation(make_states(n))
    assert np.isnan(got).all()
    assert got.attrs["n_undefined"] == 60
    assert got.attrs["note"] == f"NaN everywhere: r needs 3 samples, and there are {n}."


def test_precision_of_the_capture_decides_what_is_imprecise(make_states: Make) -> None:
    data = make_states(200).values
    data[:, 3, 5] = 100 + np.random.default_rng(0).standard_normal(200)
    counts = {
        dtype: unit_correlation(make_states(data=data, capture_dtype=dtype)).attrs["n_imprecise_units"]
        for dtype in ("float32", "bfloat16", "torch.bfloat16")
    }
    assert counts == {"float32": 0, "bfloat16": 1, "torch.bfloat16": 1}
    marked = unit_correlation(make_states(data=data, capture_dtype="bfloat16"))["imprecise"]
    expected = np.zeros((5, 12), dtype=bool)
    expected[2:4, 5] = True
    np.testing.assert_array_equal(marked, expected)
    with pytest.raises(DataError, match=r"'int4', not one of float64, float32, float16, bfloat16"):
        unit_correlation(make_states(data=data, capture_dtype="int4"))


def test_one_sublayer_has_means_and_no_transition(make_states: Make) -> None:
    states = make_states(10, layers=1, sites=("attn",))
    assert mean_activation(states).shape == (1, 12)
    np.testing.assert_array_equal(sign_kept(states), [1.0])
    with pytest.raises(DataError, match="two sublayers"):
        unit_correlation(states)
