"""Surrogates of states: what each preserves, to rounding, and what it destroys, two-sided."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import pdist

from residyn.errors import DataError
from residyn.numerics import surrogates

Draw = Callable[[np.ndarray, np.random.Generator], np.ndarray]

KIND = np.array(["within", "cross"] * 4)[:7]

DRAWS: dict[str, Draw] = {
    "shuffle_samples": surrogates.shuffle_samples,
    "permute_units": surrogates.permute_units,
    "rotate_basis": surrogates.rotate_basis,
    "shuffle_sublayers": surrogates.shuffle_sublayers,
    "flip_increments": surrogates.flip_increments,
    "permute_increments": lambda states, rng: surrogates.permute_increments(states, KIND, rng),
    "random_walk": surrogates.random_walk,
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def paths(seed: int = 0, n: int = 30, n_sublayers: int = 8, n_units: int = 20) -> np.ndarray:
    """Walks with a drift that samples share, and units of means and sizes of their own."""
    r = rng(seed)
    steps = r.standard_normal((n, n_sublayers, n_units)) + r.normal(0, 1, n_units)
    return np.cumsum(steps * r.uniform(0.5, 2, n_units), axis=1) + r.normal(0, 3, n_units)


def norms(states: np.ndarray) -> np.ndarray:
    return np.linalg.norm(states, axis=-1)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1) / (norms(a) * norms(b))


def along_depth(vectors: np.ndarray) -> np.ndarray:
    """Cosine of each vector of a path and the next."""
    return cosines(vectors[:, :-1], vectors[:, 1:])


def sorted_rows(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort(rows.T)]


def correlations(states: np.ndarray) -> np.ndarray:
    """Pearson r of each unit over samples, between successive sublayers: (S − 1, D)."""
    return np.array(
        [
            [np.corrcoef(states[:, s, d], states[:, s + 1, d])[0, 1] for d in range(states.shape[2])]
            for s in range(states.shape[1] - 1)
        ]
    )


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_seed_gives_the_same_bits_and_another_gives_others(draw: Draw) -> None:
    states = paths().astype(np.float32)
    kept = states.copy()
    first, again, other = draw(states, rng(3)), draw(states, rng(3)), draw(states, rng(4))
    np.testing.assert_array_equal(states, kept)
    assert first.dtype == np.float32
    assert first.shape == states.shape
    assert not np.shares_memory(first, states)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first != states).any()


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_float32_differs_from_float64_by_its_rounding(draw: Draw) -> None:
    states = paths().astype(np.float32)
    narrow, wide = draw(states, rng(3)), draw(states.astype(np.float64), rng(3))
    assert wide.dtype == np.float64
    np.testing.assert_array_equal(narrow, wide.astype(np.float32))


def test_shuffled_samples_keep_each_cloud_and_lose_who_is_who() -> None:
    states = paths(n=400)
    drawn = surrogates.shuffle_samples(states, rng())
    for s in range(8):
        np.testing.assert_array_equal(sorted_rows(drawn[:, s]), sorted_rows(states[:, s]))
    assert correlations(states).mean() > 0.7
    r = correlations(drawn)
    assert r.mean() == pytest.approx(0, abs=0.02)
    assert r.std() == pytest.approx(1 / np.sqrt(399), rel=0.2)


def test_permuted_units_keep_norms_and_distances_and_lose_who_is_who() -> None:
    states = paths(n_units=200)
    drawn = surrogates.permute_units(states, rng())
    np.testing.assert_array_equal(np.sort(drawn, axis=2), np.sort(states, axis=2))
    for s in range(8):
        np.testing.assert_allclose(pdist(drawn[:, s]), pdist(states[:, s]), rtol=1e-12)
    means = [np.corrcoef(*pair)[0, 1] for pair in pairwise(states.mean(axis=0))]
    assert min(means) > 0.8
    assert np.mean([np.corrcoef(*pair)[0, 1] for pair in pairwise(drawn.mean(axis=0))]) == pytest.approx(
        0, abs=0.1
    )


def test_a_rotation_keeps_every_inner_product_and_loses_the_basis() -> None:
    states = rng(1).normal(0, 0.1, (20, 4, 300))
    states[:, :, 7] += 10
    drawn = surrogates.rotate_basis(states, rng())
    flat, turned = states.reshape(-1, 300), drawn.reshape(-1, 300)
    np.testing.assert_allclose(turned @ turned.T, flat @ flat.T, rtol=1e-12, atol=1e-12)
    assert stats.kurtosis(states, axis=2, fisher=False).min() > 100
    kurtosis = [
        stats.kurtosis(surrogates.rotate_basis(states, rng(seed)), axis=2, fisher=False).mean()
        for seed in range(12)
    ]
    # A direction that is uniform over the sphere has 3 D / (D + 2) in the mean.
    assert np.mean(kurtosis) == pytest.approx(3 * 300 / 302, abs=0.25)


def test_a_rotation_in_float32_keeps_norms_velocities_and_cosines_to_a_millionth() -> None:
    states = paths(n_units=200).astype(np.float32)
    states[:, :, 3] *= 50
    drawn = surrogates.rotate_basis(states, rng()).astype(np.float64)
    exact = states.astype(np.float64)
    np.testing.assert_allclose(norms(drawn), norms(exact), rtol=1e-6)
    np.testing.assert_allclose(norms(np.diff(drawn, axis=1)), norms(np.diff(exact, axis=1)), rtol=1e-6)
    np.testing.assert_allclose(
        cosines(drawn[:, :-1], drawn[:, 1:]), cosines(exact[:, :-1], exact[:, 1:]), atol=1e-6
    )


def test_rotations_are_uniform_over_all() -> None:
    n_units, r = 5, rng(2)
    drawn = np.array([surrogates.haar_rotation(n_units, r) for _ in range(400)])
    np.testing.assert_allclose(
        drawn @ drawn.transpose(0, 2, 1), np.broadcast_to(np.eye(5), drawn.shape), atol=1e-13
    )
    law = stats.beta((n_units - 1) / 2, (n_units - 1) / 2, loc=-1, scale=2)
    for i in range(n_units):
        for j in range(n_units):
            assert stats.kstest(drawn[:, i, j], law.cdf).pvalue > 1e-4, (i, j)
    assert np.mean(np.linalg.det(drawn) > 0) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("n_units", [1, 2, 5, 40])
def test_a_rotation_is_the_gram_schmidt_basis_of_normal_columns(n_units: int) -> None:
    """Uniform because of that: whoever turns the columns turns their basis. Signs of rows would break it."""
    for seed in range(20):
        columns, rotation = (
            rng(seed).standard_normal((n_units, n_units)),
            surrogates.haar_rotation(n_units, rng(seed)),
        )
        basis: list[np.ndarray] = []
        for column in columns.T:
            left = column - sum((vector * (vector @ column) for vector in basis), np.zeros(n_units))
            left -= sum((vector * (vector @ left) for vector in basis), np.zeros(n_units))
            basis.append(left / np.linalg.norm(left))
        np.testing.assert_allclose(rotation, np.stack(basis, axis=1), atol=1e-11)


def test_a_direction_that_only_the_data_or_the_walk_has_is_none() -> None:
    data = np.array([[3.0, 4, 0], [0, 0, 0], [1e-11, 0, 0], [2, 0, 0], [0, 0, 5]])
    walk = np.array([[0.0, 0, 5], [1, 0, 0], [1, 0, 0], [0, 1e-11, 0], [0, 0, 0]])
    of_data, of_walk = surrogates._directions(data, walk, np.ones(5))
    np.testing.assert_allclose(of_data[0], [0.6, 0.8, 0], rtol=1e-15)
    np.testing.assert_array_equal(of_walk[0], [0, 0, 1])
    np.testing.assert_array_equal(of_data[1:], np.zeros((4, 3)))
    np.testing.assert_array_equal(of_walk[1:], np.zeros((4, 3)))


def test_shuffled_sublayers_are_the_same_sublayers_in_every_order_alike() -> None:
    states = paths(n_sublayers=3)
    orders = []
    for seed in range(600):
        drawn = surrogates.shuffle_sublayers(states, rng(seed))
        order = [next(s for s in range(3) if np.array_equal(states[:, s], drawn[:, t])) for t in range(3)]
        orders.append(tuple(order))
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


def test_flipped_steps_have_the_same_size_and_a_sign_for_each_transition_and_unit() -> None:
    states = paths(n_units=100)
    drawn = surrogates.flip_increments(states, rng())
    np.testing.assert_array_equal(drawn[:, 0], states[:, 0])
    before, after = np.diff(states, axis=1), np.diff(drawn, axis=1)
    np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(norms(after), norms(before), rtol=1e-12)
    signs = np.sign(after * before)
    assert (signs == signs[:1]).all()
    one = signs[0]
    assert one.mean() == pytest.approx(0, abs=4 / np.sqrt(one.size))
    # Neither all units of a transition nor all transitions of a unit turn together.
    assert one.mean(axis=1).std() == pytest.approx(1 / np.sqrt(100), rel=0.7)
    assert one.mean(axis=0).std() == pytest.approx(1 / np.sqrt(7), rel=0.3)


def test_flipped_steps_of_a_line_go_as_far_as_a_walk() -> None:
    line = np.broadcast_to(np.arange(26.0)[None, :, None], (2, 26, 40))
    far = [(surrogates.flip_increments(line, rng(seed))[0, -1] ** 2).sum() for seed in range(100)]
    assert (line[0, -1] ** 2).sum() == 25**2 * 40
    assert np.mean(far) == pytest.approx(25 * 40, rel=0.1)


def test_permuted_steps_keep_both_ends_and_the_steps_of_each_kind() -> None:
    states = paths()
    drawn = surrogates.permute_increments(states, KIND, rng())
    np.testing.assert_array_equal(drawn[:, 0], states[:, 0])
    np.testing.assert_allclose(drawn[:, -1], states[:, -1], rtol=1e-12, atol=1e-12)
    before, after = np.diff(states, axis=1), np.diff(drawn, axis=1)
    for kind in ("within", "cross"):
        of_kind = kind == KIND
        taken = [
            int(np.abs(before[:, of_kind] - after[:, [t]]).max(axis=(0, 2)).argmin())
            for t in np.flatnonzero(of_kind)
        ]
        assert sorted(taken) == list(range(of_kind.sum()))
        np.testing.assert_allclose(after[:, of_kind], before[:, of_kind][:, taken], atol=1e-12)


def test_permuted_steps_come_in_every_order_alike() -> None:
    steps = np.array([1.0, 10.0, 2.0, 20.0, 3.0, 30.0])
    states = np.concatenate([[0.0], np.cumsum(steps)])[None, :, None]
    kind = np.array(["within", "cross"] * 3)
    orders = [
        tuple(np.diff(surrogates.permute_increments(states, kind, rng(seed))[0, :, 0])) for seed in range(1800)
    ]
    found, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(found) == 36
    assert stats.chisquare(counts).pvalue > 1e-3


def kept_by_a_walk(states: np.ndarray) -> list[np.ndarray]:
    """Inner products of (h, Δ before, Δ) at every step, over the largest square of the path."""
    steps = np.diff(states, axis=1)
    h = states[:, :-1]
    scale = np.maximum((states**2).sum(axis=2).max(axis=1), 1e-300)[:, None]
    inner = [(states**2).sum(axis=2), (steps**2).sum(axis=2), (h * steps).sum(axis=2)]
    return [values / scale for values in (*inner, (steps[:, :-1] * steps[:, 1:]).sum(axis=2))]


def test_a_walk_keeps_norms_velocities_cosines_and_turning_angles() -> None:
    states = paths(n=50, n_sublayers=60)
    drawn = surrogates.random_walk(states, rng())
    np.testing.assert_array_equal(drawn[:, 0], states[:, 0])
    steps, walked = np.diff(states, axis=1), np.diff(drawn, axis=1)
    np.testing.assert_allclose(norms(drawn), norms(states), rtol=1e-11)
    np.testing.assert_allclose(norms(walked), norms(steps), rtol=1e-11)
    np.testing.assert_allclose(
        cosines(drawn[:, :-1], drawn[:, 1:]), cosines(states[:, :-1], states[:, 1:]), atol=1e-11
    )
    np.testing.assert_allclose(
        cosines(walked[:, :-1], walked[:, 1:]), cosines(steps[:, :-1], steps[:, 1:]), atol=1e-11
    )


def naive_walk(states: np.ndarray, r: np.random.Generator) -> np.ndarray:
    """The same walk, sample by sample: a step solves two equations in the plane, the rest is what is left."""
    n, n_sublayers, n_units = states.shape
    noise = [r.standard_normal((n, n_units)) for _ in range(n_sublayers - 1)]
    drawn = np.empty_like(states)
    for i, path in enumerate(states):
        drawn[i, 0] = path[0]
        for s in range(n_sublayers - 1):
            step = path[s + 1] - path[s]
            of_data, of_walk = [path[s]], [drawn[i, s]]
            if s:
                of_data.append(path[s] - path[s - 1])
                of_walk.append(drawn[i, s] - drawn[i, s - 1])
            plane = np.array(of_walk)
            inside = plane.T @ np.linalg.solve(plane @ plane.T, np.array(of_data) @ step)
            free = noise[s][i] - plane.T @ np.linalg.lstsq(plane.T, noise[s][i], rcond=None)[0]
            length = np.sqrt(step @ step - inside @ inside)
            drawn[i, s + 1] = drawn[i, s] + inside + length * free / np.linalg.norm(free)
    return drawn


def test_a_walk_is_the_naive_one() -> None:
    states = paths(n=6, n_sublayers=12)
    np.testing.assert_allclose(
        surrogates.random_walk(states, rng(5)), naive_walk(states, rng(5)), rtol=0, atol=1e-9
    )


def test_a_walk_loses_what_samples_share_and_the_basis() -> None:
    r = rng(3)
    steps = 0.3 * r.standard_normal((60, 30, 80))
    steps[:, :, 4] += 3
    states = r.standard_normal((60, 1, 80)) * 5 + np.cumsum(steps, axis=1)
    drawn = np.diff(surrogates.random_walk(states, rng()), axis=1)
    between = [cosines(steps[i, 1:], steps[i + 1, 1:]).mean() for i in range(59)]
    assert np.mean(between) > 0.5
    assert np.mean([cosines(drawn[i], drawn[i + 1]).mean() for i in range(59)]) == pytest.approx(0, abs=0.03)
    assert (steps[:, :, 4] ** 2 / (steps**2).sum(axis=2)).mean() > 0.5
    assert (drawn[:, :, 4] ** 2 / (drawn**2).sum(axis=2)).mean() == pytest.approx(1 / 80, rel=0.2)


def test_a_walk_remembers_its_last_step_and_none_before() -> None:
    turns = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    states = np.zeros((200, 41, 60))
    states[:, 1:, :2] = np.cumsum(np.tile(turns, (10, 1)), axis=0)
    states += 30 * rng(4).standard_normal((200, 1, 60))
    steps = np.diff(states, axis=1)
    drawn = np.diff(surrogates.random_walk(states, rng()), axis=1)
    assert cosines(steps[:, :-2], steps[:, 2:]).mean() == pytest.approx(-1, abs=1e-12)
    np.testing.assert_allclose(cosines(drawn[:, :-1], drawn[:, 1:]), 0, atol=1e-9)
    assert cosines(drawn[:, :-2], drawn[:, 2:]).mean() == pytest.approx(0, abs=0.02)


@settings(max_examples=200, deadline=None)
@given(
    states=arrays(
        np.float64, st.tuples(st.just(4), st.integers(1, 7), st.integers(3, 5)), elements=st.integers(-1, 1)
    ),
    seed=st.integers(0, 1000),
)
def test_a_walk_keeps_what_there_is_where_states_vanish_or_steps_are_parallel(
    states: np.ndarray, seed: int
) -> None:
    drawn = surrogates.random_walk(states, rng(seed))
    assert np.isfinite(drawn).all()
    for before, after in zip(kept_by_a_walk(states), kept_by_a_walk(drawn), strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-9)


@pytest.mark.parametrize("bend", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_walk_along_a_line_that_is_almost_straight_and_then_turns(bend: float) -> None:
    states = np.arange(1.0, 31.0)[None, :, None] * rng(6).standard_normal((20, 1, 12))
    states += bend * rng(7).standard_normal(states.shape)
    states[:, 25:] += np.cumsum(rng(8).standard_normal((20, 5, 12)), axis=1)
    drawn = surrogates.random_walk(states, rng())
    np.testing.assert_allclose(norms(drawn), norms(states), rtol=1e-12)
    np.testing.assert_allclose(norms(np.diff(drawn, axis=1)), norms(np.diff(states, axis=1)), rtol=1e-11)
    np.testing.assert_allclose(along_depth(drawn), along_depth(states), rtol=0, atol=1e-11)
    turns, walked = (along_depth(np.diff(path, axis=1)) for path in (states, drawn))
    np.testing.assert_allclose(walked, turns, rtol=0, atol=1e-9)


def test_a_walk_from_zero_goes_in_any_direction() -> None:
    states = np.zeros((2000, 2, 4))
    states[:, 1, 0] = 2
    ends = surrogates.random_walk(states, rng())[:, 1]
    np.testing.assert_allclose(norms(ends), 2, rtol=1e-12)
    np.testing.assert_allclose(ends.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(np.cov(ends.T), np.eye(4), atol=0.12)


def test_a_walk_needs_three_units() -> None:
    with pytest.raises(DataError, match=r"at least 3 units.*have 2.*flip_increments"):
        surrogates.random_walk(paths(n_units=2), rng())
    assert np.isfinite(surrogates.random_walk(paths(n_units=3), rng())).all()


@pytest.mark.parametrize("name", [name for name in DRAWS if name != "permute_increments"])
def test_one_sublayer_has_no_steps_to_change(name: str) -> None:
    states = paths(n_sublayers=1)
    drawn = DRAWS[name](states, rng())
    if name in ("flip_increments", "random_walk", "shuffle_sublayers"):
        np.testing.assert_array_equal(drawn, states)
    else:
        assert (drawn != states).any()


@pytest.mark.slow
def test_a_rotation_of_many_units_is_that_of_qr_and_orthogonal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = surrogates.haar_rotation(1030, rng(4))
    monkeypatch.setattr(surrogates, "_BY_CHOLESKY", 2000)
    expected = surrogates.haar_rotation(1030, rng(4))
    assert not np.array_equal(found, expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.T @ found, np.eye(1030), rtol=0, atol=1e-13)
