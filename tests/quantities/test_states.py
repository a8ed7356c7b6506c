"""Per-state results against numpy on the whole array, their labels and their edge cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from residyn import cosine, density, norm, relative_velocity, velocity
from residyn.errors import DataError

Make = Callable[..., xr.DataArray]


def test_values_are_numpys(make_states: Make) -> None:
    states = make_states(30)
    data = states.values.astype(float)
    lengths = np.linalg.norm(data, axis=2)
    steps = np.linalg.norm(data[:, 1:] - data[:, :-1], axis=2)
    products = (data[:, :-1] * data[:, 1:]).sum(axis=2)
    np.testing.assert_allclose(norm(states), lengths, rtol=1e-12)
    np.testing.assert_allclose(velocity(states), steps, rtol=1e-12)
    np.testing.assert_allclose(relative_velocity(states), steps / lengths[:, :-1], rtol=1e-12)
    np.testing.assert_allclose(cosine(states), products / (lengths[:, :-1] * lengths[:, 1:]), rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        density(states), np.abs(data).mean(axis=2) ** 2 / (data**2).mean(axis=2), rtol=1e-12
    )


def test_labels_and_provenance(make_states: Make) -> None:
    states = make_states(6)
    for result, name, along in [
        (norm(states), "norm", "sublayer"),
        (density(states), "density", "sublayer"),
        (cosine(states), "cosine", "transition"),
        (velocity(states), "velocity", "transition"),
        (relative_velocity(states), "relative_velocity", "transition"),
    ]:
        assert result.dims == ("sample", along)
        assert result.name == result.attrs["quantity"] == name
        assert result.attrs["states_hash"] == "0f" * 8
        assert {"units", "definition", "source", "parameters", "n_samples"} <= result.attrs.keys()
        assert list(result["sample"].values) == list(range(100, 106))
        assert list(result["text_id"].values) == [f"text-{i}" for i in range(6)]
        assert list(result["last_token"].values) == [0, 1, 2, 3, 4, 0]
        assert list(result["n_tokens"].values) == list(range(3, 9))
        if along == "transition":
            assert list(result["kind"].values) == ["within", "cross", "within", "cross", "within"]
            assert list(result["from_layer"].values) == [0, 0, 1, 1, 2]
        else:
            assert list(result["site"].values) == ["attn", "mlp"] * 3


def test_states_without_sample_labels_are_read(make_states: Make) -> None:
    bare = make_states(4).drop_vars(["sample", "text_id", "n_tokens", "last_token"])
    np.testing.assert_array_equal(cosine(bare), cosine(make_states(4)).values)


def test_a_zero_vector_is_undefined_and_counted(make_states: Make) -> None:
    data = make_states(4).values
    data[1, 2] = 0
    states = make_states(data=data)
    for result, where in [
        (cosine(states), [1, 2]),
        (relative_velocity(states), [2]),
        (density(states), [2]),
    ]:
        undefined = np.zeros(result.shape, dtype=bool)
        undefined[1, where] = True
        np.testing.assert_array_equal(np.isnan(result), undefined)
        assert result.attrs["n_undefined"] == len(where)
    assert not np.isnan(velocity(states)).any()


def test_one_sample_is_enough(make_states: Make) -> None:
    states = make_states(1)
    assert np.isfinite(cosine(states)).all()
    assert velocity(states).shape == (1, 5)


@pytest.mark.parametrize("function", [cosine, velocity])
def test_one_sublayer_has_no_transition(make_states: Make, function: Callable[..., xr.DataArray]) -> None:
    states = make_states(5, layers=1, sites=("attn",))
    assert norm(states).shape == density(states).shape == (5, 1)
    with pytest.raises(DataError, match="A transition needs two sublayers; these states have 1"):
        function(states)
