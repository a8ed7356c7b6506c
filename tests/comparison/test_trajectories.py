"""Distances of trajectories: a metric that sees shape alone, and what chance does."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.stats import ortho_group

from residyn import mean_activation
from residyn.adapters import from_array
from residyn.comparison import distance_table, trajectory_distance
from residyn.comparison.trajectories import HALVINGS
from residyn.errors import DataError

seeds = st.integers(0, 2**32 - 1)


def path_of(points: np.ndarray) -> xr.DataArray:
    """A mean activation with these values (S, D)."""
    layers = range(len(points))
    states = from_array(np.asarray(points)[None], list(layers), ["block"] * len(points))
    return states.isel(sample=0, drop=True)


def random_path(seed: int, n_sublayers: int = 7, units: int = 5) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).standard_normal((n_sublayers, units)), axis=0)


def between(one: np.ndarray, other: np.ndarray) -> float:
    return float(trajectory_distance({"a": path_of(one), "b": path_of(other)}).values[0, 1])


def reference(one: np.ndarray, other: np.ndarray) -> float:
    """Arc cosine of linear CKA, from the features: ‖AᵀB‖² / (‖AᵀA‖ ‖BᵀB‖) of resampled, centred columns."""
    paths = []
    for path in (one, other):
        at = interp1d(np.linspace(0, 1, len(path)), path, axis=0)(np.linspace(0, 1, 50))
        paths.append(at - at.mean(axis=0))
    a, b = paths
    cka = np.linalg.norm(a.T @ b) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    return float(np.arccos(min(cka, 1.0)))


@given(seeds, st.integers(2, 9), st.integers(2, 9), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_it_is_the_arc_cosine_of_linear_cka(seed: int, s: int, t: int, units: int, others: int) -> None:
    one, other = random_path(seed, s, units), random_path(seed + 1, t, others)
    assert between(one, other) == pytest.approx(reference(one, other), abs=1e-6)


def test_lines_are_one_geometry_and_a_line_and_a_turn_are_not() -> None:
    line = np.outer(np.arange(6.0), [1.0, 2.0])
    assert between(line, np.outer(np.arange(11.0), [3.0, 0.0, -1.0])) == pytest.approx(0, abs=1e-12)
    there_and_back = np.abs(np.arange(-2.5, 3.5))[:, None] * [1.0, 2.0]
    # An even and an odd function of depth have nothing in common.
    assert between(line, there_and_back) == pytest.approx(np.pi / 2, abs=1e-12)


@given(seeds, st.floats(1e-30, 1e30), st.floats(-1e3, 1e3))
@settings(max_examples=40, deadline=None)
def test_rotation_translation_and_scale_change_nothing(seed: int, scale: float, shift: float) -> None:
    path, other = random_path(seed), random_path(seed + 1, 9, 3)
    turn = ortho_group.rvs(5, random_state=np.random.default_rng(seed))
    moved = scale * (path @ turn + shift)
    assert between(path, moved) == pytest.approx(0, abs=1e-9)
    assert between(moved, other) == pytest.approx(between(path, other), abs=1e-9)
    wider = np.hstack([path, np.zeros((7, 4))])
    assert between(wider, other) == pytest.approx(between(path, other), abs=1e-9)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_it_is_a_metric(seed: int) -> None:
    paths = {name: path_of(random_path(seed + i, 4 + i, 2 + i)) for i, name in enumerate("abcd")}
    distance = trajectory_distance(paths).values
    np.testing.assert_array_equal(distance, distance.T)
    np.testing.assert_array_equal(np.diag(distance), 0.0)
    assert (distance >= 0).all()
    assert (distance <= np.pi / 2).all()
    assert (distance[~np.eye(4, dtype=bool)] > 1e-3).all()
    for i, j, k in itertools.permutations(range(4), 3):
        assert distance[i, k] <= distance[i, j] + distance[j, k] + 1e-12


def test_a_path_with_more_sublayers_between_is_the_same_path() -> None:
    path = random_path(3, 8)
    between_them = np.insert(path, range(1, 8), (path[1:] + path[:-1]) / 2, axis=0)
    # 50 depths meet the corners of neither exactly, but the same points of both.
    assert between(path, between_them) == pytest.approx(0, abs=1e-12)


def test_states_give_the_distance_of_their_mean_activation(make_walk) -> None:
    one, other = make_walk(), make_walk(25, 4, 6, seed=4)
    from_states = trajectory_distance({"a": one, "b": other})
    from_means = trajectory_distance({"a": mean_activation(one), "b": mean_activation(other)})
    np.testing.assert_allclose(from_states.values, from_means.values, rtol=1e-9)
    assert from_states.values[0, 1] > 0.05
    assert list(from_states["run"].values) == list(from_states["other"].values) == ["a", "b"]
    assert from_states.attrs["quantity"] == "trajectory_distance"


def test_halves_of_a_run_are_compared_on_average(make_walk) -> None:
    states = make_walk(21, 3, 5, seed=6)
    found = trajectory_distance({"a": states}, seed=5)
    rng = np.random.default_rng(5)
    values = states.values.astype(np.float64)
    expected = []
    for _ in range(HALVINGS):
        order = rng.permutation(21)
        expected.append(reference(values[order[:10]].mean(axis=0), values[order[10:]].mean(axis=0)))
    assert float(found["within"][0]) == pytest.approx(np.mean(expected), abs=1e-9)
    assert found["within_undefined"].item() == ""
    assert float(trajectory_distance({"a": states}, seed=6)["within"][0]) != float(found["within"][0])


def test_more_samples_leave_less_to_chance(make_walk) -> None:
    few, many = (float(trajectory_distance({"a": make_walk(n, seed=7)})["within"][0]) for n in (20, 2000))
    assert 5 < few / many < 20  # √100, up to chance


def test_chunks_change_no_bits(make_walk) -> None:
    states = make_walk(64, 3, 5)
    twice = [trajectory_distance({"a": states.chunk(sample=16), "b": make_walk(9)}) for _ in range(2)]
    np.testing.assert_array_equal(twice[0].values, twice[1].values)
    np.testing.assert_array_equal(twice[0]["within"], twice[1]["within"])
    whole = trajectory_distance({"a": states, "b": make_walk(9)})
    np.testing.assert_allclose(twice[0]["within"], whole["within"], rtol=1e-9)


def test_blocks_take_the_samples_of_their_own_halves(make_walk, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_walk(64, 3, 5)
    whole = trajectory_distance({"a": states})
    monkeypatch.setattr("residyn.walk._BLOCK_ROWS", 10)
    said = []
    cut = trajectory_distance({"a": states}, progress=lambda done, total: said.append(done))
    assert said == [10, 20, 30, 40, 50, 60, 64]
    np.testing.assert_allclose(cut["within"], whole["within"], rtol=1e-9)


def test_what_cannot_be_known_is_nan_with_a_reason(make_walk) -> None:
    found = trajectory_distance(
        {
            "means": mean_activation(make_walk()),
            "one sample": make_walk(1),
            "still": path_of(np.full((4, 3), 1 / 3)),
            "one sublayer": path_of(np.ones((1, 3))),
            "states of one sublayer": make_walk().isel(sublayer=[0]),
        }
    )
    assert list(found["within_undefined"].values) == [
        "no states",
        "fewer than two samples",
        "no states",
        "no states",
        "one sublayer",
    ]
    assert np.isnan(found["within"]).all()
    assert np.isfinite(found.values[:2, :2]).all()
    assert np.isnan(found.values[2:]).all()
    assert np.isnan(found.values[:, 2:]).all()
    assert found.attrs["n_undefined"] == 3


def test_progress_counts_the_samples_of_all_runs(make_walk) -> None:
    said = []
    trajectory_distance({"a": make_walk(12), "b": make_walk(5)}, progress=lambda *counts: said.append(counts))
    assert said == [(12, 17), (17, 17)]


def test_errors_say_what_was_wanted(make_walk) -> None:
    with pytest.raises(DataError, match="there are none"):
        trajectory_distance({})
    with pytest.raises(DataError, match=r"odd has \('x',\)"):
        trajectory_distance({"fine": make_walk(), "odd": xr.DataArray([1.0], dims="x")})
    with pytest.raises(DataError, match="odd has ndarray"):
        trajectory_distance({"odd": np.ones((2, 3))})  # type: ignore[dict-item]
    bad = make_walk()
    bad[3, 2, 1] = np.nan
    with pytest.raises(DataError, match="sample 3"):
        trajectory_distance({"bad": bad})


def test_the_table_has_a_row_for_each_pair(make_walk) -> None:
    found = trajectory_distance({"a": make_walk(), "b": mean_activation(make_walk(seed=1))})
    table = distance_table(found)
    assert list(zip(table["run"], table["other"], strict=True)) == [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
    np.testing.assert_array_equal(table["distance"], found.values.ravel())
    np.testing.assert_array_equal(table["run_within"][[0, 1]], found["within"].values[[0, 0]])
    np.testing.assert_array_equal(table["other_within"][[0, 2]], found["within"].values[[0, 0]])
    assert np.isnan(table["other_within"][[1, 3]]).all()
