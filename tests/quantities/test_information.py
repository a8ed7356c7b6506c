"""Mutual information as results: the right pairs, any banding, and every number qualified."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import dask.array
import numpy as np
import pytest
import xarray as xr
from sklearn.feature_selection import mutual_info_regression

from residyn import unit_correlation
from residyn import walk as stream
from residyn.errors import DataError, UsageError
from residyn.quantities.information import ESTIMATORS, Options, mutual_information, mutual_informations

Make = Callable[..., xr.DataArray]


@pytest.fixture
def states(make_states: Make) -> xr.DataArray:
    return make_states(200, layers=2, units=6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_number_for_each_unit_and_transition_with_its_conditions(states: xr.DataArray, estimator) -> None:
    result = mutual_information(states, estimator)
    assert result.dims == ("transition", "unit")
    assert list(result["kind"].values) == ["within", "cross", "within"]
    assert (result.name, result.attrs["units"], result["estimator"].item()) == (
        "mutual_information",
        "nats",
        estimator,
    )
    assert result.attrs["n_samples"] == 200
    assert result.attrs["ceiling"] == pytest.approx(math.log(200) - 1)
    assert result.attrs["states_hash"] == states.attrs["states_hash"]
    assert np.isfinite(result.values).all()
    # A walk remembers: the more steps it is old, the more the next state owes to it.
    mean = result.mean("unit").values
    assert mean[0] < mean[1] < mean[2]


def test_the_estimate_is_of_this_unit_at_this_transition(states: xr.DataArray) -> None:
    result = mutual_information(states, "ksg")
    for transition, unit in ((0, 4), (2, 1)):
        x, y = states.values[:, transition, unit], states.values[:, transition + 1, unit]
        theirs = mutual_info_regression(x[:, None].astype(float), y.astype(float), n_neighbors=3, random_state=5)
        assert result.values[transition, unit] == pytest.approx(theirs[0], abs=1e-6)


def test_gaussian_states_recover_their_closed_form(make_states: Make) -> None:
    rng = np.random.default_rng(3)
    rho, n, units = 0.8, 500, 400
    first = rng.standard_normal((n, units))
    second = rho * first + math.sqrt(1 - rho**2) * rng.standard_normal((n, units))
    result = mutual_information(make_states(layers=1, data=np.stack([first, second], axis=1)))
    error = result.values.std() / math.sqrt(units)
    assert abs(result.values.mean() + 0.5 * math.log(1 - rho**2)) < 3 * error
    assert error < 0.01


@pytest.mark.parametrize("chunks", [None, (16, -1, -1), (7, 2, 3)])
def test_bands_and_chunks_decide_no_bit(
    states: xr.DataArray, monkeypatch: pytest.MonkeyPatch, chunks: tuple[int, ...] | None
) -> None:
    options = Options(repeats=2, seed=4)
    whole = mutual_informations(states, ESTIMATORS, options)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 2 * states.isel(unit=0).nbytes)
    monkeypatch.setattr(stream, "_BAND_MULTIPLE", {"unit": 1})
    given = states if chunks is None else states.copy(data=dask.array.from_array(states.values, chunks=chunks))
    xr.testing.assert_identical(mutual_informations(given, ESTIMATORS, options), whole)


def test_the_shuffle_baseline_is_what_no_dependence_gives(states: xr.DataArray) -> None:
    found = mutual_informations(states, ESTIMATORS, Options(repeats=8))
    shuffled = found["mutual_information_shuffle"].mean("unit")
    assert found["mutual_information_shuffle"].dims == ("estimator", "transition", "unit")
    for estimator in ("gcmi", "ksg"):
        np.testing.assert_allclose(shuffled.sel(estimator=estimator), 0, atol=0.03)
    # The paper's estimator sees information where there is none: what minus="shuffle" is for.
    assert (shuffled.sel(estimator="kde") > 0.03).all()
    less = mutual_information(states, "kde", minus="shuffle", repeats=8)
    expected = found["mutual_information"] - found["mutual_information_shuffle"]
    np.testing.assert_allclose(less, expected.sel(estimator="kde"), rtol=1e-12)
    np.testing.assert_allclose(less["shuffle"], found["mutual_information_shuffle"].sel(estimator="kde"))
    assert "minus the mean of 8 sample shuffles" in less.attrs["definition"]


def test_shuffles_follow_the_seed(states: xr.DataArray) -> None:
    one, same, other = (
        mutual_information(states, minus="shuffle", repeats=1, seed=seed)["shuffle"].values for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_the_excess_over_the_gaussian_floor(states: xr.DataArray) -> None:
    result = mutual_information(states, "ksg")
    r = unit_correlation(states).values
    np.testing.assert_allclose(result["gaussian_floor"], -0.5 * np.log(1 - r**2), rtol=1e-9)
    excess = mutual_information(states, "ksg", minus="gaussian")
    np.testing.assert_allclose(excess, result.values + 0.5 * np.log(1 - r**2), rtol=1e-9, atol=1e-12)


def test_a_constant_unit_is_undefined_and_said(states: xr.DataArray) -> None:
    data = states.values.copy()
    data[:, 1, 2] = 4.0
    result = mutual_informations(states.copy(data=data), ESTIMATORS, Options(repeats=1))
    for name in ("mutual_information", "mutual_information_shuffle"):
        undefined = np.isnan(result[name].values)
        assert undefined[:, :2, 2].all()
        assert undefined.sum() == 4 * 2
    attrs = result["mutual_information"].attrs
    assert (attrs["n_undefined"], attrs["n_constant"]) == (8, 2)
    assert "constant" in attrs["note"]


def test_ties_are_counted_and_said(states: xr.DataArray) -> None:
    data = states.values.copy()
    data[:190, 0, :] = data[0, 0, :]
    tied = states.copy(data=data)
    result = mutual_information(tied, "ksg")
    np.testing.assert_allclose(result["tie_share"].values[0], 0.95)
    np.testing.assert_allclose(result["tie_share"].values[1:], 0)
    assert result.attrs["n_tied"] == 6
    assert "share a value" in result.attrs["note"]
    assert np.isfinite(result.values).all()


def test_what_the_last_token_can_tell_is_its_entropy(states: xr.DataArray) -> None:
    assert mutual_information(states).attrs["last_token_entropy"] == pytest.approx(math.log(5))
    assert "last_token_entropy" not in mutual_information(states.drop_vars("last_token")).attrs


def test_estimates_above_the_ceiling_are_counted(make_states: Make) -> None:
    rng = np.random.default_rng(0)
    first = rng.standard_normal((50, 3))
    data = np.stack([first, first + 1e-6 * rng.standard_normal((50, 3))], axis=1)
    assert mutual_information(make_states(layers=1, data=data)).attrs["n_above_ceiling"] == 3


def test_too_few_samples_give_nothing_but_a_reason(make_states: Make) -> None:
    result = mutual_informations(make_states(3), ("ksg",), Options(k=3))["mutual_information"]
    assert np.isnan(result.values).all()
    assert "too few" in result.attrs["note"]


def test_parameters_are_recorded(states: xr.DataArray) -> None:
    result = mutual_informations(states, ("binned", "ksg"), Options(k=5, bins=7, seed=9))["mutual_information"]
    assert json.loads(result.attrs["parameters"]) == {"bins": 7, "estimators": ["binned", "ksg"], "k": 5}
    assert result.attrs["seed"] == 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "kraskov"}, "one or more of gcmi, ksg, kde, binned"),
        ({"k": 0}, "k is a whole number of at least 1; got 0"),
        ({"bins": 1}, "bins is a whole number of at least 2; got 1"),
        ({"minus": "mean"}, "minus is None"),
        ({"minus": "shuffle", "repeats": 0}, "at least 1 repeat"),
        ({"seed": -1}, "seed is a whole number of at least 0"),
    ],
)
def test_bad_options_are_refused(states: xr.DataArray, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mutual_information(states, **options)


def test_one_sublayer_has_no_transition(make_states: Make) -> None:
    with pytest.raises(DataError, match="needs two sublayers"):
        mutual_information(make_states(10, layers=1, sites=("attn",)))


def test_some_units_are_shuffled_and_others_have_no_baseline(make_states: Make) -> None:
    states = make_states(60)
    every = mutual_informations(states, ("gcmi", "ksg", "kde"), Options(repeats=2, seed=4))
    some = mutual_informations(states, ("gcmi", "ksg", "kde"), Options(repeats=2, seed=4, shuffled_units=5))
    xr.testing.assert_identical(some["mutual_information"], every["mutual_information"])
    drawn = np.sort(np.random.default_rng(4).permutation(12)[:5])
    baseline, whole = some["mutual_information_shuffle"], every["mutual_information_shuffle"]
    np.testing.assert_array_equal(baseline[..., drawn], whole[..., drawn])
    assert np.isnan(np.delete(baseline.values, drawn, axis=2)).all()
    assert (baseline.attrs["n_units_shuffled"], whole.attrs["n_units_shuffled"]) == (5, 12)


def test_float32_is_close_to_float64_and_named(make_states: Make) -> None:
    states = make_states(60)
    fast, exact = (mutual_information(states, "kde", precision=each) for each in ("float32", "float64"))
    np.testing.assert_allclose(fast, exact, rtol=0, atol=1e-6)
    assert (fast.values != exact.values).any()
    assert [json.loads(each.attrs["parameters"])["precision"] for each in (fast, exact)] == ["float32", "float64"]
    with pytest.raises(UsageError, match="precision is float32 or float64; got 'half'"):
        mutual_information(states, "kde", precision="half")  # type: ignore[arg-type]
