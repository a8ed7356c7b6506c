"""The noise floor: pairs by label, numbers by hand, and the reasons where there is none."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residyn.adapters import from_array
from residyn.errors import DataError
from residyn.quantities.noise import noise_floor


def labelled(array):
    n = np.shape(array)[1]
    return from_array(np.asarray(array, dtype=np.float32), [i // 2 for i in range(n)], ["attn", "mlp"] * (n // 2))


def test_two_samples_worked_by_hand():
    states = labelled([[[3, 4], [0, 10]], [[0, 5], [0, 5]]])
    again = labelled([[[3, 4.5], [0, 10]], [[1, 5], [0, 5]]])
    floor = noise_floor(states, again)
    # ‖h′ − h‖ / ‖h‖ at sublayer 0 is 0.5 / 5 and 1 / 5; at sublayer 1 the bits are the same.
    np.testing.assert_allclose(floor["state_noise"], [np.sqrt((0.1**2 + 0.2**2) / 2), 0], rtol=1e-12, atol=0)
    steps = np.hypot(3, 6), np.hypot(3, 5.5), 0.0, 1.0
    expected = np.sqrt(((steps[1] - steps[0]) ** 2 + (steps[3] - steps[2]) ** 2) / 2)
    np.testing.assert_allclose(floor["velocity_noise"], [expected], rtol=1e-12)
    angles = 0.8, 4.5 / np.hypot(3, 4.5), 1.0, 5 / np.hypot(1, 5)
    expected = np.sqrt(((angles[1] - angles[0]) ** 2 + (angles[3] - angles[2]) ** 2) / 2)
    np.testing.assert_allclose(floor["cosine_noise"], [expected], rtol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_samples_are_paired_by_label_in_any_order(seed, n):
    rng = np.random.default_rng(seed)
    states = labelled(rng.normal(size=(12, 4, 5)))
    order = rng.permutation(12)[:n]
    again = states.isel(sample=order).copy()
    assert all((noise_floor(states, again)[name] == 0).all() for name in ("state_noise", "velocity_noise"))
    moved = again + np.float32(0.01) * rng.normal(size=again.shape).astype(np.float32)
    moved = moved.assign_attrs(again.attrs)
    floor = noise_floor(states, moved)
    h, other = states.values[order].astype(float), moved.values.astype(float)
    relative = np.linalg.norm(other - h, axis=2) / np.linalg.norm(h, axis=2)
    np.testing.assert_allclose(floor["state_noise"], np.sqrt((relative**2).mean(axis=0)), rtol=1e-10)
    speed = [np.linalg.norm(np.diff(part, axis=1), axis=2) for part in (h, other)]
    expected = np.sqrt(((speed[1] - speed[0]) ** 2).mean(axis=0))
    np.testing.assert_allclose(floor["velocity_noise"], expected, rtol=1e-9)
    assert floor["state_noise"].attrs["n_samples"] == n


def test_zero_states_have_no_floor_and_are_counted():
    states = labelled([[[0, 0], [1, 0]], [[0, 0], [2, 0]]])
    again = labelled([[[0, 0], [1.5, 0]], [[0, 0], [2, 0]]])
    floor = noise_floor(states, again)
    assert np.isnan(floor["state_noise"][0])
    assert np.isnan(floor["cosine_noise"][0])
    np.testing.assert_allclose(floor["state_noise"][1], 0.5 / np.sqrt(2))
    np.testing.assert_allclose(floor["velocity_noise"][0], 0.5 / np.sqrt(2))
    counted = {name: floor[name].attrs["n_undefined"] for name in floor.data_vars}
    assert counted == {"state_noise": 2, "cosine_noise": 2, "velocity_noise": 0}


def test_a_sample_without_a_number_leaves_the_mean_to_the_others():
    states = labelled([[[0, 0], [1, 0]], [[1, 0], [2, 0]]])
    again = labelled([[[0, 0], [1, 0]], [[1.5, 0], [2, 0]]])
    floor = noise_floor(states, again)["state_noise"]
    np.testing.assert_allclose(floor, [0.5, 0])
    assert floor.attrs["n_undefined"] == 1


def test_it_is_labelled_and_says_of_what():
    states = labelled(np.random.default_rng(0).normal(size=(5, 4, 3)))
    one = states.assign_attrs(texts="some texts", states_hash="0" * 64, capture_dtype="bfloat16")
    other = states.isel(sample=[1, 3]).assign_attrs(texts="some texts (one text a batch)")
    floor = noise_floor(one, other)
    assert floor["state_noise"].dims == ("sublayer",)
    assert list(floor["velocity_noise"]["transition"].values) == ["0.attn→0.mlp", "0.mlp→1.attn", "1.attn→1.mlp"]
    for result in floor.data_vars.values():
        assert result.attrs["n_samples"] == 2
        assert result.attrs["states_hash"] == "0" * 64
        assert result.attrs["capture_dtype"] == "bfloat16"
        assert (result.attrs["texts"], result.attrs["texts_again"]) == ("some texts", other.attrs["texts"])
        assert json.loads(result.attrs["parameters"]) == {}
    assert floor["velocity_noise"].attrs["units"] == "activation"


def test_captures_that_are_no_pair_are_refused():
    states = labelled(np.ones((4, 4, 3)))
    with pytest.raises(DataError, match="0 samples are in both"):
        noise_floor(states, states.assign_coords(sample=np.arange(4) + 10))
    with pytest.raises(DataError, match=r"4 sublayers from 0\.attn and 2 from 0\.attn"):
        noise_floor(states, labelled(np.ones((4, 2, 3))))
    with pytest.raises(DataError, match="of 3 and 2 units"):
        noise_floor(states, labelled(np.ones((4, 4, 2))))
    blocks = from_array(np.ones((4, 4, 3), dtype=np.float32), range(4), ["block"] * 4)
    with pytest.raises(DataError, match=r"from 0\.block"):
        noise_floor(states, blocks)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e39])
@pytest.mark.parametrize("capture", ["first", "second"])
def test_states_that_are_not_finite_are_refused(bad, capture):
    states = labelled(np.random.default_rng(0).normal(size=(6, 4, 3)))
    broken = states.astype(np.float64)
    broken[4, 1, 2] = bad
    pair = (broken, states) if capture == "first" else (states, broken)
    with pytest.raises(DataError, match=rf"1 of the 6 .* {capture} capture, sample 4 the first"):
        noise_floor(*pair)
    # What is left out of one capture is not common to both; the message says how.
    kept = broken[(abs(broken) < 3e38).all(["sublayer", "unit"])]
    assert noise_floor(states, kept)["state_noise"].attrs["n_samples"] == 5
