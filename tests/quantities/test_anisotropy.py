"""The mean cosine between two texts' states: a sum over all pairs, its law, and planted values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr

from residyn import anisotropy, from_array


def labelled(data: np.ndarray) -> xr.DataArray:
    n_layers = data.shape[1] // 2
    return from_array(data, np.repeat(np.arange(n_layers), 2), ["attn", "mlp"] * n_layers)


def test_it_is_the_mean_over_pairs_of_different_groups() -> None:
    rng = np.random.default_rng(0)
    states = labelled(rng.standard_normal((12, 4, 5)) + 1)
    found = anisotropy(states)
    unit = states.values / np.linalg.norm(states.values, axis=2, keepdims=True)
    pairs = [(unit[i] * unit[j]).sum(axis=1) for i, j in itertools.combinations(range(12), 2)]
    np.testing.assert_allclose(found, np.mean(pairs, axis=0), rtol=1e-12)
    documents = states.assign_coords(document=("sample", np.arange(12) // 2))
    across = [(unit[i] * unit[j]).sum(axis=1) for i, j in itertools.combinations(range(12), 2) if i // 2 != j // 2]
    np.testing.assert_allclose(anisotropy(documents), np.mean(across, axis=0), rtol=1e-12)


def test_length_does_not_matter_and_planted_directions_are_found() -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((400, 2, 50)) / np.sqrt(50)
    states = labelled(noise + np.array([0.0, 1.0])[:, None] * np.eye(50)[0])
    curve = anisotropy.curve(states)
    value, low, high = curve.values
    # A common part and one of the sample's own, of equal length: half of the squared length is shared.
    assert low[1] < 0.5 < high[1]
    np.testing.assert_allclose(value, [0, 0.5], atol=0.02)
    np.testing.assert_allclose(anisotropy(states * 7), anisotropy(states), rtol=1e-10)


def test_one_text_has_nobody_to_be_compared_with() -> None:
    assert np.isnan(anisotropy(labelled(np.ones((1, 4, 3))))).all()
    assert anisotropy(labelled(np.ones((3, 2, 4)))).values == pytest.approx(1)
