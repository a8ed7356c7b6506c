"""The density of correlations: every transition is in one bin, or counted as negative or undefined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from residyn import unit_correlation
from residyn.errors import DataError, UsageError
from residyn.quantities.correlations import correlation_density

Make = Callable[..., xr.DataArray]


def correlations(values: np.ndarray, kinds: list[str]) -> xr.DataArray:
    n_transitions, n_units = values.shape
    return xr.DataArray(
        values,
        dims=("transition", "unit"),
        coords={
            "transition": [f"{i}" for i in range(n_transitions)],
            "kind": ("transition", kinds),
            "unit": np.arange(n_units),
        },
        attrs={"n_samples": 9, "states_hash": "ab", "note": "not of the density"},
    )


def test_shares_by_hand() -> None:
    r = correlations(
        np.array([[0.0, 1.0], [0.25, np.nan], [0.5, -0.2], [0.24, np.nan]]), ["within", "cross", "within", "cross"]
    )
    got = correlation_density(r, bins=4)
    assert got.dims == ("transition_kind", "bin", "unit")
    assert list(got["transition_kind"].values) == ["all", "within", "cross"]
    np.testing.assert_array_equal(got.sel(transition_kind="all", unit=0), [0.5, 0.25, 0.25, 0])
    np.testing.assert_array_equal(got.sel(transition_kind="all", unit=1), [0, 0, 0, 0.5])
    np.testing.assert_array_equal(got.sel(transition_kind="within", unit=0), [0.5, 0, 0.5, 0])
    np.testing.assert_array_equal(got.sel(transition_kind="cross", unit=0), [0.5, 0.5, 0, 0])
    assert np.isnan(got.sel(transition_kind="cross", unit=1)).all()
    np.testing.assert_array_equal(got["share_negative"], [[0, 0.5], [0, 0.5], [0, np.nan]])
    np.testing.assert_array_equal(got["n_undefined"], [[0, 2], [0, 0], [0, 2]])
    assert (got.attrs["n_negative"], got.attrs["n_undefined"]) == (1, 2)
    np.testing.assert_array_equal(got["bin"], [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_array_equal(got["bin_left"], [0, 0.25, 0.5, 0.75])
    np.testing.assert_array_equal(got["bin_right"], [0.25, 0.5, 0.75, 1])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), bins=st.integers(1, 60), units=st.integers(1, 6))
def test_every_defined_transition_is_counted_once(seed: int, bins: int, units: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, (9, units))
    values[rng.random(values.shape) < 0.2] = np.nan
    kinds = list(rng.choice(["within", "cross", "block"], 9))
    got = correlation_density(correlations(values, kinds), bins=bins)
    total = got.sum("bin", skipna=False) + got["share_negative"]
    for kind in got["transition_kind"].values:
        chosen = values if kind == "all" else values[np.array(kinds) == kind]
        defined = (~np.isnan(chosen)).sum(axis=0)
        np.testing.assert_allclose(total.sel(transition_kind=kind), np.where(defined > 0, 1.0, np.nan), rtol=1e-12)
        for unit in np.flatnonzero(defined):
            expected = np.histogram(chosen[:, unit], bins=np.linspace(0, 1, bins + 1))[0] / defined[unit]
            np.testing.assert_allclose(got.sel(transition_kind=kind).values[:, unit], expected, rtol=1e-12)


def test_edges_belong_to_the_bin_on_their_right_and_one_to_the_last() -> None:
    edges = np.linspace(0, 1, 51)
    got = correlation_density(correlations(edges[:, None], ["within"] * 51), bins=50)
    counts = got.sel(transition_kind="all", unit=0).values * 51
    np.testing.assert_allclose(counts, [1.0] * 49 + [2.0])


def test_kinds_that_do_not_occur_are_not_listed(make_states: Make) -> None:
    blocks = correlation_density(unit_correlation(make_states(20, sites=("block",))))
    assert list(blocks["transition_kind"].values) == ["all", "block"]
    np.testing.assert_array_equal(blocks.values[0], blocks.values[1])
    one = correlation_density(unit_correlation(make_states(20).isel(sublayer=[1, 2])))
    assert list(one["transition_kind"].values) == ["all", "cross"]


def test_labels_and_provenance(make_states: Make) -> None:
    got = correlation_density(unit_correlation(make_states(20)))
    assert got.sizes == {"transition_kind": 3, "bin": 50, "unit": 12}
    assert got.name == got.attrs["quantity"] == "correlation_density"
    assert got.attrs["n_samples"] == 20
    assert got.attrs["states_hash"] == "0f" * 8
    assert "note" not in got.attrs
    assert got.attrs["parameters"] == '{"bins": 50}'


def test_what_it_cannot_count_is_refused(make_states: Make) -> None:
    states = make_states(5)
    with pytest.raises(DataError, match=r"Pass residyn\.unit_correlation"):
        correlation_density(states)
    with pytest.raises(DataError, match="got ndarray"):
        correlation_density(states.values)  # pyright: ignore[reportArgumentType]
    for bins in (0, 2.5, True):
        with pytest.raises(UsageError, match="at least 1"):
            correlation_density(unit_correlation(states), bins=bins)  # pyright: ignore[reportArgumentType]
