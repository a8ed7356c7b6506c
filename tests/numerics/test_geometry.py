"""Geometry of state vectors against scikit-learn, scipy and the definitions, and its invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import distance
from scipy.stats import ortho_group
from sklearn.metrics.pairwise import paired_cosine_distances

from residyn.numerics import geometry


def paths(seed: int, n: int = 20, n_sublayers: int = 5, n_units: int = 16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.standard_normal((n, n_sublayers, n_units)), axis=1).astype(np.float32)


def test_cosine_is_scikit_learns() -> None:
    block = paths(0)
    data = block.astype(np.float64)
    expected = [1 - paired_cosine_distances(data[:, s], data[:, s + 1]) for s in range(4)]
    np.testing.assert_allclose(
        geometry.cosine(geometry.path_sums(block)), np.stack(expected, axis=1), rtol=0, atol=1e-12
    )


def test_velocity_and_norm_are_scipys() -> None:
    block = paths(1)
    sums = geometry.path_sums(block)
    data = block.astype(np.float64)
    steps = [[distance.euclidean(path[s], path[s + 1]) for s in range(4)] for path in data]
    norms = [[distance.euclidean(state, np.zeros(16)) for state in path] for path in data]
    np.testing.assert_allclose(geometry.velocity(sums), steps, rtol=1e-12)
    np.testing.assert_allclose(geometry.norm(sums), norms, rtol=1e-12)
    np.testing.assert_allclose(
        geometry.relative_velocity(sums), np.array(steps) / np.array(norms)[:, :-1], rtol=1e-12
    )


def test_density_and_magnitude_are_their_definitions() -> None:
    block = paths(2)
    sums = geometry.path_sums(block)
    for i, path in enumerate(block.astype(np.float64)):
        for s, h in enumerate(path):
            magnitude = sum(abs(value) for value in h) / 16
            assert geometry.mean_magnitude(sums)[i, s] == pytest.approx(magnitude, rel=1e-12)
            expected = magnitude**2 / (sum(value**2 for value in h) / 16)
            assert geometry.density(sums)[i, s] == pytest.approx(expected, rel=1e-12)


def test_closed_forms() -> None:
    root = np.sqrt(0.5)
    path = np.array([[[1, 0], [root, root], [0, 3], [0, -3]]])
    sums = geometry.path_sums(path)
    np.testing.assert_allclose(geometry.cosine(sums), [[root, root, -1]], atol=1e-15)
    np.testing.assert_allclose(
        geometry.velocity(sums), [[np.sqrt(2 - np.sqrt(2)), np.sqrt(0.5 + (3 - root) ** 2), 6]]
    )
    np.testing.assert_allclose(geometry.norm(sums), [[1, 1, 3, 3]])
    np.testing.assert_allclose(geometry.relative_velocity(sums)[0, 2], 2)


def test_density_of_known_vectors() -> None:
    one_unit, equal = np.zeros(64), np.where(np.arange(64) % 2, 5.0, -5.0)
    one_unit[3] = -7
    gaussian = np.random.default_rng(0).standard_normal(64_000)
    got = geometry.density(geometry.path_sums(np.stack([one_unit, equal])[None]))
    np.testing.assert_allclose(got, [[1 / 64, 1]], rtol=1e-14)
    assert geometry.density(geometry.path_sums(gaussian[None, None]))[0, 0] == pytest.approx(2 / np.pi, abs=0.01)


def test_zero_vectors_have_no_direction_and_no_density() -> None:
    block = paths(3, n=2)
    block[1, 2] = 0
    sums = geometry.path_sums(block)
    for function, where in [
        (geometry.cosine, [1, 2]),
        (geometry.relative_velocity, [2]),
        (geometry.density, [2]),
        (geometry.velocity, []),
        (geometry.norm, []),
    ]:
        undefined = np.isnan(function(sums))
        assert not undefined[0].any()
        np.testing.assert_array_equal(np.flatnonzero(undefined[1]), where)
    assert geometry.norm(sums)[1, 2] == 0
    assert geometry.velocity(sums)[1, 2] == geometry.norm(sums)[1, 3]


def test_a_state_that_does_not_move_has_cosine_exactly_one() -> None:
    block = np.repeat(paths(4, n=200, n_sublayers=1, n_units=33), 2, axis=1)
    sums = geometry.path_sums(block)
    np.testing.assert_array_equal(geometry.cosine(sums), 1.0)
    np.testing.assert_array_equal(geometry.velocity(sums), 0.0)


def test_a_small_step_of_a_long_state_keeps_its_digits() -> None:
    start = np.full(4096, 1000.0, dtype=np.float32)
    end = start.copy()
    end[7] = np.nextafter(np.float32(1000), np.float32(2000))
    got = geometry.velocity(geometry.path_sums(np.stack([start, end])[None]))
    assert got[0, 0] == float(end[7]) - float(start[7])


@pytest.mark.parametrize("scale", [1e-44, 3e38])
def test_the_whole_range_of_float32_is_measured(scale: float) -> None:
    block = (np.array([[[1, 0, 0], [1, -1, 0]]]) * scale).astype(np.float32)
    sums = geometry.path_sums(block)
    size = float(block.max())
    assert geometry.cosine(sums)[0, 0] == pytest.approx(np.sqrt(0.5), rel=1e-12)
    np.testing.assert_allclose(geometry.norm(sums)[0], [size, size * np.sqrt(2)], rtol=1e-12)
    np.testing.assert_allclose(geometry.density(sums)[0], [1 / 3, 2 / 3], rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scales=st.lists(st.floats(1e-3, 1e3), min_size=5, max_size=5))
def test_cosine_keeps_under_rotation_and_under_the_scale_of_each_state(seed: int, scales: list[float]) -> None:
    block = paths(seed, n=4, n_units=8).astype(np.float64)
    rotation = ortho_group.rvs(8, random_state=seed)
    moved = (block @ rotation) * np.array(scales)[:, None]
    before, after = (geometry.cosine(geometry.path_sums(b)) for b in (block, moved))
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
def test_what_a_common_rotation_and_scale_change(seed: int, scale: float) -> None:
    block = paths(seed, n=4, n_units=8).astype(np.float64)
    rotated, scaled = (
        geometry.path_sums(b) for b in (block @ ortho_group.rvs(8, random_state=seed), block * scale)
    )
    sums = geometry.path_sums(block)
    np.testing.assert_allclose(geometry.velocity(rotated), geometry.velocity(sums), rtol=1e-12)
    np.testing.assert_allclose(geometry.velocity(scaled), scale * geometry.velocity(sums), rtol=1e-12)
    np.testing.assert_allclose(geometry.relative_velocity(scaled), geometry.relative_velocity(sums), rtol=1e-12)
    np.testing.assert_allclose(geometry.density(scaled), geometry.density(sums), rtol=1e-12)
    # Density is a statement about the units themselves: turning the basis changes it.
    assert np.abs(geometry.density(rotated) - geometry.density(sums)).max() > 1e-3


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 19), units=st.integers(1, 70))
def test_a_samples_numbers_are_the_same_bits_in_any_block(seed: int, cut: int, units: int) -> None:
    block = paths(seed, n_units=units)
    whole = geometry.path_sums(block)
    parts = geometry.concatenate([geometry.path_sums(block[:cut]), geometry.path_sums(block[cut:])])
    for name in ("absolute", "square", "product", "step_square"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_samples_beyond_one_tile_are_all_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    block = paths(5)
    whole = geometry.path_sums(block)
    monkeypatch.setattr(geometry, "_TILE_VALUES", 48)
    tiled = geometry.path_sums(block)
    for name in ("absolute", "square", "product", "step_square"):
        np.testing.assert_array_equal(getattr(tiled, name), getattr(whole, name))


def test_one_sublayer_has_no_step() -> None:
    sums = geometry.path_sums(paths(6, n_sublayers=1))
    assert geometry.norm(sums).shape == (20, 1)
    assert geometry.cosine(sums).shape == geometry.velocity(sums).shape == (20, 0)
