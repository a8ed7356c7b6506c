"""Kinematics of labelled states: the numbers, their labels, what is undefined, and independence of blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from quantity_sets import KINEMATICS, kinematics
from residyn import cosine, velocity
from residyn import walk as stream
from residyn.errors import DataError

Make = Callable[..., xr.DataArray]


def test_the_numbers_agree_with_cosine_and_velocity(make_states: Make) -> None:
    states = make_states(30)
    found = kinematics(states)
    np.testing.assert_allclose(np.cos(np.pi * found["angular_velocity"]), cosine(states), atol=1e-12)
    speed = velocity(states)
    parts = found["radial_step"] ** 2 + found["tangential_step"] ** 2
    np.testing.assert_allclose(np.sqrt(parts), speed, rtol=1e-12)
    whole = np.linalg.norm(states.values[:, -1].astype(float) - states.values[:, 0], axis=1)
    np.testing.assert_allclose(found["straightness"] * speed.sum("transition"), whole, rtol=1e-12)
    step = np.diff(states.values.astype(float), axis=1)
    expected = np.linalg.norm(step[:, 3] - step[:, 1], axis=1)
    np.testing.assert_allclose(found["acceleration"].sel(transition="1.mlp→2.attn"), expected, rtol=1e-12)


def test_attention_is_compared_with_attention(make_states: Make) -> None:
    blocks = kinematics(make_states(5, sites=("block",), layers=4))["acceleration"]
    np.testing.assert_array_equal(np.isnan(blocks.values).all(axis=0), [True, False, False])
    both = kinematics(make_states(5))["acceleration"]
    np.testing.assert_array_equal(np.isnan(both.values).all(axis=0), [True, True, False, False, False])


def test_labels_and_provenance(make_states: Make) -> None:
    found = kinematics(make_states(6))
    dims = {name: result.dims for name, result in found.items()}
    assert dims == {
        "angular_velocity": ("sample", "transition"),
        "radial_step": ("sample", "transition"),
        "tangential_step": ("sample", "transition"),
        "acceleration": ("sample", "transition"),
        "turning_angle": ("sample", "sublayer"),
        "straightness": ("sample",),
    }
    for name, result in found.items():
        assert result.attrs["quantity"] == name
        assert result.attrs["states_hash"] == "0f" * 8
        assert result.attrs["n_undefined"] == 0
        assert {"units", "definition", "source", "parameters", "n_samples"} <= result.attrs.keys()
        assert list(result["text_id"].values) == [f"text-{i}" for i in range(6)]
    assert list(found["angular_velocity"]["kind"].values) == ["within", "cross", "within", "cross", "within"]
    assert list(found["turning_angle"]["site"].values) == ["attn", "mlp"] * 3
    assert found["angular_velocity"].attrs["units"] == "half turns"
    assert found["turning_angle"].attrs["units"] == "degrees"


def test_zero_states_and_steps_are_counted(make_states: Make) -> None:
    data = make_states(4).values
    data[1, 2] = 0
    data[3] = data[3, 0]
    found = kinematics(make_states(data=data))
    counts = {name: result.attrs["n_undefined"] for name, result in found.items()}
    assert counts == {
        "angular_velocity": 2,
        "radial_step": 1,
        "tangential_step": 1,
        "acceleration": 0,
        "turning_angle": 4,
        "straightness": 1,
    }
    assert np.isnan(found["straightness"].sel(sample=103))


def test_bits_do_not_depend_on_blocks(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_states(23)
    whole = kinematics(states)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 3 * states[0].nbytes)
    seen: list[tuple[int, int]] = []
    parted = kinematics(states, lambda done, total: seen.append((done, total)))
    xr.testing.assert_identical(whole, parted)
    assert len(seen) == 8 * len(KINEMATICS)
    assert seen[-1] == (23, 23)


def test_states_out_of_contract_are_refused(make_states: Make) -> None:
    with pytest.raises(DataError, match="A transition needs two sublayers"):
        kinematics(make_states(5, layers=1, sites=("attn",)))
    states = make_states(5)
    states.values[2, 3, 1] = np.nan
    with pytest.raises(DataError, match=r"sample 102 .*1\.mlp"):
        kinematics(states)
