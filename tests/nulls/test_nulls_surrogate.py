"""Nulls by name: labels, provenance, kinds of transitions, and what is refused."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import residyn
from residyn import unit_correlation
from residyn.catalogues import records_of
from residyn.errors import DataError, UsageError
from residyn.nulls import NULLS, Null, against_null, surrogate
from residyn.numerics import surrogates

Make = Callable[..., xr.DataArray]

NAMES = (
    "shuffle_samples",
    "permute_units",
    "rotate_basis",
    "shuffle_sublayers",
    "flip_increments",
    "permute_increments",
    "random_walk",
)


def test_the_nulls_there_are() -> None:
    assert set(NULLS) == set(NAMES)
    assert len(NULLS) == len(NAMES)
    for name, null in NULLS.items():
        assert null.name == name
        assert null.title
        assert null.preserves != null.destroys
        assert not null.preserves.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_a_surrogate_is_labelled_as_the_states_are(name: str, make_states: Make) -> None:
    states = make_states(12)
    kept = states.copy(deep=True)
    drawn = surrogate(states, name, seed=7)
    xr.testing.assert_identical(states, kept)
    assert drawn.dtype == np.float32
    assert drawn.dims == states.dims
    xr.testing.assert_identical(drawn.coords.to_dataset(), states.coords.to_dataset())
    assert drawn.attrs == {**states.attrs, "null": name, "seed": 7}
    assert (drawn.values != states.values).any()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_draw_of_the_plain_arrays(name: str, make_states: Make) -> None:
    states = make_states(12)
    rng = np.random.default_rng(7)
    make = getattr(surrogates, name)
    if name == "permute_increments":
        expected = make(states.values, np.array(["within", "cross", "within", "cross", "within"]), rng)
    else:
        expected = make(states.values, rng)
    np.testing.assert_array_equal(surrogate(states, name, seed=7), expected)
    np.testing.assert_array_equal(NULLS[name].draw(states, np.random.default_rng(7)), expected)
    assert (surrogate(states, name, seed=8).values != expected).any()


@pytest.mark.parametrize("name", NAMES)
def test_lazy_and_wider_states_give_the_same_bits(name: str, make_states: Make) -> None:
    states = make_states(12)
    expected = surrogate(states, name, seed=1).values
    lazy = states.chunk({"sample": 5, "sublayer": 2, "unit": 4})
    np.testing.assert_array_equal(surrogate(lazy, name, seed=1).values, expected)
    np.testing.assert_array_equal(surrogate(states.astype(np.float64), name, seed=1).values, expected)


def test_quantities_of_surrogates_are_kept_or_lost_as_is_said(make_states: Make) -> None:
    states = make_states(300, layers=4, units=40)
    norm, cosine = residyn.norm(states), residyn.cosine(states)
    for name in ("permute_units", "rotate_basis", "random_walk"):
        np.testing.assert_allclose(residyn.norm(surrogate(states, name)), norm, rtol=1e-6)
    for name in ("rotate_basis", "random_walk"):
        np.testing.assert_allclose(residyn.cosine(surrogate(states, name)), cosine, rtol=0, atol=1e-6)
    other = residyn.cosine(surrogate(states, "permute_units"))
    assert float(cosine.mean()) > 0.8
    assert float(other.mean()) == pytest.approx(0, abs=0.2)
    r = unit_correlation(states)
    assert float(r.mean()) > 0.6
    assert float(unit_correlation(surrogate(states, "shuffle_samples")).mean()) == pytest.approx(0, abs=0.02)


def test_steps_of_parallel_blocks_are_of_one_kind(make_states: Make) -> None:
    states = make_states(3, layers=9, sites=("block",))
    drawn = surrogate(states, "permute_increments", seed=1)
    steps, taken = np.diff(states.values, axis=1), np.diff(drawn.values, axis=1)
    order = [int(abs(steps - step[:, None]).max(axis=(0, 2)).argmin()) for step in taken.transpose(1, 0, 2)]
    assert sorted(order) == list(range(8))
    assert order != list(range(8))


@pytest.mark.parametrize("name", NAMES)
def test_one_sublayer_and_one_sample(name: str, make_states: Make) -> None:
    for states in (make_states(5).isel(sublayer=[2]), make_states(1)):
        drawn = surrogate(states, name)
        assert drawn.shape == states.shape
        assert np.isfinite(drawn.values).all()


def test_what_is_refused(make_states: Make) -> None:
    states = make_states(6)
    with pytest.raises(UsageError, match=r"one of flip_inc.*sublayers, or a Null; got 'sublayer_shuffle'"):
        surrogate(states, "sublayer_shuffle")
    with pytest.raises(UsageError, match="got -1"):
        surrogate(states, "rotate_basis", seed=-1)
    with pytest.raises(DataError, match="Expected states"):
        surrogate(states.mean("sample"), "rotate_basis")
    with pytest.raises(DataError, match="'sample': 0"):
        surrogate(states.isel(sample=slice(0)), "rotate_basis")
    for bad in (np.nan, np.inf):
        with pytest.raises(DataError, match="need finite states"):
            surrogate(states.where(states["sample"] != 102, bad), "rotate_basis")
    with pytest.raises(DataError, match="at least 3 units"):
        surrogate(states.isel(unit=slice(2)), "random_walk")


REVERSED = Null("reverse", "depth reversed", "every sublayer", "the order of depth", lambda x, _, rng: x[:, ::-1])


def test_a_null_of_one_s_own_is_drawn_and_compared_with(make_states: Make) -> None:
    states = make_states(6)
    drawn = surrogate(states, REVERSED, seed=2)
    np.testing.assert_array_equal(drawn, states.values[:, ::-1])
    assert (drawn.attrs["null"], drawn.attrs["seed"]) == ("reverse", 2)
    found = against_null(unit_correlation, states, REVERSED, repeats=2)
    expected = unit_correlation(surrogate(states, REVERSED))
    np.testing.assert_allclose(found["null_mean"].values, expected.values, rtol=1e-12)
    assert (found.attrs["null"], found.attrs["destroys"]) == ("reverse", "the order of depth")


def test_a_file_in_the_catalogue_is_a_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "another_null.py").write_text(
        "from residyn.nulls import Null\nANOTHER = Null('another', 'a', 'b', 'c', lambda x, kind, rng: x)\n"
    )
    package = importlib.import_module("residyn.nulls.catalogue")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    names = [null.name for null in records_of(package.__name__, Null)]
    monkeypatch.delitem(sys.modules, f"{package.__name__}.another_null")
    assert sorted(names) == sorted([*NAMES, "another"])
