"""Summaries, beside what numpy says of the finite values."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from residyn.quantities import summaries
from residyn.schema import Sublayer, label_states, transition_coords

STATES = label_states(
    np.zeros((2, 6, 4)), [Sublayer(layer, site) for layer in range(3) for site in ("attn", "mlp")]
)


def of_transitions(rows, over, **names):
    array = np.array(rows, dtype=float).T
    return xr.DataArray(array, dims=(over, "transition"), coords=transition_coords(STATES), **names)


R = of_transitions([[0.9, 0.7], [0.1, 0.3], [0.8, np.nan], [np.inf, 0.9], [np.nan, np.nan]], "unit")


def test_values_and_quartiles_are_of_what_is_finite():
    values = np.array([[1, np.nan], [2, np.inf], [3, np.nan], [10, np.nan], [np.inf, np.nan]])
    found = summaries.summary(xr.DataArray(values, dims=("unit", "sublayer")))
    np.testing.assert_array_equal(found["value"], [2.5, np.nan])
    np.testing.assert_array_equal(found["q25"], [1.75, np.nan])
    np.testing.assert_array_equal(found["q75"], [4.75, np.nan])


def test_samples_are_averaged_units_have_a_median_and_information_is_averaged_over_units():
    rows = [[1.0, 2], [1, 3], [2, 2], [4, 9], [0, 0]]
    for over, name, statistic in (
        ("sample", "cosine", "mean"),
        ("unit", "unit_correlation", "median"),
        ("unit", "mutual_information", "mean"),
    ):
        array = of_transitions(np.c_[rows, np.zeros(5)], over, name=name)
        found = summaries.summary(array)
        np.testing.assert_allclose(found["value"], getattr(array, statistic)(over), rtol=1e-14)
        assert found.attrs["statistic"] == f"{statistic} over {over}s"
        assert {"kind", "from_layer", "transition"} <= set(found.coords)


def test_other_dimensions_stay_and_a_curve_is_its_own_value():
    values = np.arange(24.0).reshape(2, 3, 4)
    array = xr.DataArray(values, dims=("estimator", "unit", "transition"), coords={"estimator": ["a", "b"]})
    found = summaries.summary(array, "mean")
    np.testing.assert_array_equal(found["value"].transpose("estimator", "transition"), values.mean(axis=1))
    alone = summaries.summary(array.isel(estimator=0, unit=0))
    np.testing.assert_array_equal(alone["value"], values[0, 0])
    assert np.isnan(alone["q25"]).all()
    assert alone.attrs["statistic"] == "value"


def test_kinds_are_summarised_whole_and_by_thirds():
    assert summaries.whole_by_kind(R) == pytest.approx({"within": 0.8, "cross": 0.3})
    samples = R.rename(unit="sample")
    assert summaries.whole_by_kind(samples) == pytest.approx({"within": 0.8, "cross": (0.2 + 0.9) / 2})
    assert summaries.ends_by_kind(R)["cross"] == pytest.approx((0.2, 0.9))
    assert summaries.layers_higher_within(R) == (1, 2)
    assert summaries.layers_higher_within(R.isel(transition=[0, 2])) == (0, 0)


def test_the_distance_from_the_floor_leaves_out_what_is_infinite_in_both():
    nats = R.expand_dims(estimator=["gcmi"]).assign_coords(
        gaussian_floor=(("unit", "transition"), R.values - 0.25)
    )
    assert summaries.beyond_floor(nats) == pytest.approx(0.25)
