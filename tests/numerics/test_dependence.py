"""Dependence of steps on states against numpy, scikit-learn and closed forms, and its laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge

from residyn.numerics import dependence as module
from residyn.numerics import moments
from residyn.numerics.dependence import (
    folds,
    halves,
    held_out_share,
    joint_share,
    merge,
    paired,
    step_correlation,
    step_moments,
)


def coupled(seed: int, n: int = 60, n_units: int = 7, slope: float = -0.4) -> np.ndarray:
    """Paths of four states whose steps are `slope` times the state, and noise."""
    rng = np.random.default_rng(seed)
    path = [rng.normal(3, 2, (n, n_units))]
    for _ in range(3):
        path.append(path[-1] * (1 + slope) + rng.standard_normal((n, n_units)))
    return np.stack(path, axis=1).astype(np.float32)


def pairs_of(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = block.astype(np.float64)
    return values[:, :-1], np.diff(values, axis=1)


def test_moments_are_numpys_whatever_the_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    block = coupled(0, n_units=150)
    state, step = pairs_of(block)
    h, d = state - state.mean(axis=0), step - step.mean(axis=0)
    for values in (1 << 17, 64):
        monkeypatch.setattr(module, "_TILE_VALUES", values)
        got = step_moments(block)
        np.testing.assert_allclose(got.state_mean, state.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(got.step_mean, step.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(got.state_m2, (h * h).sum(axis=0), rtol=1e-12)
        np.testing.assert_allclose(got.step_m2, (d * d).sum(axis=0), rtol=1e-12)
        np.testing.assert_allclose(got.product, (h * d).sum(axis=0), rtol=1e-10)
    rows = np.array([3, 5, 8, 40])
    np.testing.assert_array_equal(step_moments(block, rows).product, step_moments(block[rows]).product)


def test_merged_halves_are_the_whole() -> None:
    block = coupled(1)
    first, second = halves(np.arange(60), 2)
    got, whole = merge(step_moments(block, first), step_moments(block, second)), step_moments(block)
    assert got.count == 60
    for name in ("state_mean", "step_mean", "state_m2", "step_m2", "product"):
        np.testing.assert_allclose(getattr(got, name), getattr(whole, name), rtol=1e-10)


def test_correlations_are_numpys() -> None:
    block = coupled(2)
    state, step = pairs_of(block)
    m, skip = step_moments(block), moments.skip_correlation(moments.from_block(block))
    for t in range(3):
        for u in range(7):
            expected = np.corrcoef(state[:, t, u], step[:, t, u])[0, 1]
            assert step_correlation(m)[t, u] == pytest.approx(expected, abs=1e-12)
            spread = state[:, t, u].var(), step[:, t, u].var()
            assert skip[t, u] == pytest.approx(np.sqrt(spread[0] / sum(spread)), rel=1e-12)


def test_the_skip_path_alone_gives_its_r() -> None:
    rng = np.random.default_rng(3)
    state = rng.normal(0, 2, (40_000, 1, 3))
    block = np.concatenate([state, state + rng.normal(0, 1.5, state.shape)], axis=1)
    skip = moments.skip_correlation(moments.from_block(block))
    np.testing.assert_allclose(skip, 0.8, atol=0.01)
    np.testing.assert_allclose(moments.correlation(moments.from_block(block)), skip, atol=0.015)


def test_a_step_opposite_to_the_state_correlates_below_the_skip_path() -> None:
    m = step_moments(coupled(4, n=5000))
    r = moments.correlation(moments.from_block(coupled(4, n=5000)))
    # h′ = 0.6 h + e with sd 2 and 1: r = 1.2/√(1.44 + 1), and the step has variance 0.64 + 1.
    assert r[0].mean() == pytest.approx(1.2 / np.sqrt(2.44), abs=0.01)
    skip = moments.skip_correlation(moments.from_block(coupled(4, n=5000)))
    assert skip[0].mean() == pytest.approx(2 / np.sqrt(4 + 1.64), abs=0.01)
    assert step_correlation(m)[0].mean() == pytest.approx(-0.8 / np.sqrt(1.64), abs=0.01)


def test_small_steps_of_large_states_keep_their_digits() -> None:
    rng = np.random.default_rng(5)
    state = rng.normal(1000, 1, (500, 1, 1))
    step = np.round(rng.normal(0, 1e-5, state.shape) + 1e-6 * (state - 1000), 12)
    block = np.concatenate([state, state + step], axis=1)
    exact = block[:, 1] - block[:, 0]
    m = step_moments(block)
    assert m.step_m2[0, 0] == pytest.approx(exact.var() * 500, rel=1e-9)
    assert step_correlation(m)[0, 0] == pytest.approx(np.corrcoef(state[:, 0, 0], exact[:, 0])[0, 1], abs=1e-9)


def test_the_held_out_share_is_scikit_learns() -> None:
    block = coupled(6, n=31)
    state, step = pairs_of(block)
    split = halves(np.arange(31), 7)
    got = held_out_share(*(step_moments(block, rows) for rows in split))
    for t in range(3):
        for u in range(7):
            left = total = 0.0
            for fitted, held in (split, split[::-1]):
                line = LinearRegression().fit(state[fitted, t, u, None], step[fitted, t, u])
                left += ((step[held, t, u] - line.predict(state[held, t, u, None])) ** 2).sum()
                total += ((step[held, t, u] - step[fitted, t, u].mean()) ** 2).sum()
            assert got[t, u] == pytest.approx(1 - left / total, abs=1e-10)


def test_a_linear_step_is_explained_and_an_independent_one_is_not() -> None:
    rng = np.random.default_rng(8)
    state = rng.standard_normal((400, 1, 50))
    split = halves(np.arange(400), 0)
    for step, expected in ((-0.3 * state + 2, 1), (rng.standard_normal(state.shape), 0)):
        block = np.concatenate([state, state + step], axis=1)
        share = held_out_share(*(step_moments(block, rows) for rows in split))
        assert share.mean() == pytest.approx(expected, abs=0.01)
        assert share.min() < expected or expected == 1
        assert joint(state[:, 0], step[:, 0], split) == pytest.approx(expected, abs=0.01)


def test_halves_are_random_disjoint_and_cover() -> None:
    first, second = halves(np.arange(9), 0)
    assert (len(first), len(second)) == (5, 4)
    np.testing.assert_array_equal(np.sort(np.concatenate([first, second])), np.arange(9))
    assert not np.array_equal(first, np.arange(5))
    np.testing.assert_array_equal(first, np.sort(first))
    assert not np.array_equal(first, halves(np.arange(9), 1)[0])


@settings(deadline=None)
@given(st.lists(st.integers(-3, 8), max_size=60), st.integers(0, 99))
def test_halves_never_share_a_cluster_and_differ_by_one_of_them_at_most(clusters: list[int], seed: int) -> None:
    names = np.array(clusters, dtype=np.int64)
    first, second = halves(names, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([first, second])), np.arange(len(names)))
    assert not set(names[first]) & set(names[second])
    largest = np.bincount(names + 3).max() if len(names) else 0
    assert 0 <= len(first) - len(second) <= largest


def test_one_cluster_leaves_nothing_to_hold_out() -> None:
    first, second = halves(np.full(7, 3), 0)
    np.testing.assert_array_equal(first, np.arange(7))
    assert second.shape == (0,)


def test_what_does_not_vary_is_undefined() -> None:
    block = coupled(9)
    block[:, 1, 2] = 5
    block[:, 3, 4] = block[:, 2, 4]
    m, skip = step_moments(block), moments.skip_correlation(moments.from_block(block))
    shares = held_out_share(*(step_moments(block, rows) for rows in halves(np.arange(60), 1)))
    for values, where in [
        (skip, [(1, 2)]),
        (step_correlation(m), [(1, 2), (2, 4)]),
        (shares, [(1, 2), (2, 4)]),
    ]:
        assert list(zip(*np.nonzero(np.isnan(values)), strict=True)) == where
    assert skip[2, 4] == 1
    few = step_moments(block[:2])
    assert np.isnan(moments.skip_correlation(moments.from_block(block[:2]))).all()
    assert np.isnan(step_correlation(few)).all()
    assert np.isnan(held_out_share(few, m)).all()


def joint(
    state: np.ndarray,
    step: np.ndarray,
    split: tuple[np.ndarray, np.ndarray],
    clusters: np.ndarray | None = None,
    **options: np.ndarray,
) -> float:
    """The joint share of samples that, by default, are each a cluster of their own."""
    clusters = np.arange(len(state)) if clusters is None else clusters
    return joint_share(state, step, split, folds(clusters, split, 0), **options)


def predicted(
    fitted: tuple[np.ndarray, ...], states: np.ndarray, penalty: float, deviation: np.ndarray
) -> np.ndarray:
    """Steps as scikit-learn's ridge says them of units over their `deviation`."""
    spread = np.where(deviation > 0, deviation, 1)
    model = Ridge(alpha=penalty, solver="svd").fit(fitted[0] / spread, fitted[1])
    return model.predict(states / spread)


def naive(
    state: np.ndarray,
    step: np.ndarray,
    split: tuple[np.ndarray, np.ndarray],
    parts: tuple[np.ndarray, np.ndarray],
    penalties: np.ndarray,
) -> float:
    """The share, written as simply as can be: every ridge fitted anew in the space of units."""
    left = total = 0.0
    for (fitted, held), part in zip((split, split[::-1]), parts, strict=True):
        x, y = state[fitted].astype(float), step[fitted]
        deviation = x.std(axis=0)
        scale = len(x) * np.count_nonzero(deviation)
        found = []
        for penalty in penalties * scale:
            error = 0.0
            for one in np.unique(part):
                there = part == one
                said = predicted((x[~there], y[~there]), x[there], penalty, deviation)
                error += ((y[there] - said) ** 2).sum()
            found.append((error, penalty))
        said = predicted((x, y), state[held].astype(float), min(found)[1], deviation)
        left += ((step[held] - said) ** 2).sum()
        total += ((step[held] - y.mean(axis=0)) ** 2).sum()
    return 1 - left / total


@pytest.mark.parametrize("n_units", [9, 40, 80])
@pytest.mark.parametrize("size", [45, 58])
@pytest.mark.parametrize("penalties", [np.array([0.003]), 10.0 ** np.arange(-6, 1)])
def test_the_joint_share_is_scikit_learns_ridge(n_units: int, size: int, penalties: np.ndarray) -> None:
    rng = np.random.default_rng(10)
    state = (rng.standard_normal((90, n_units)) * np.geomspace(5, 0.1, n_units) + 7).astype(np.float32)
    step = 0.2 * state @ rng.standard_normal((n_units, n_units)) + rng.standard_normal((90, n_units)) + 1
    state[:, 3] = 0.1
    split = np.arange(size), np.arange(size, 90)
    parts = folds(np.arange(90) // 2, split, 1)
    got = joint_share(state, step, split, parts, penalties)
    assert 0.05 < got < 0.99
    assert got == pytest.approx(naive(state, step, split, parts, penalties), abs=1e-9)


def planar(n: int, n_units: int, transitions: int, seed: int) -> list[np.ndarray]:
    """States whose part in one plane, small beside the rest, shrinks to 0.8 of itself with each transition."""
    rng = np.random.default_rng(seed)
    axes = ortho_group.rvs(n_units, random_state=seed)
    path = [(rng.standard_normal((n, n_units)) * np.geomspace(1, 0.05, n_units)) @ axes]
    plane = axes[-2:]
    for _ in range(transitions):
        path.append(path[-1] - 0.2 * path[-1] @ plane.T @ plane)
    return path


def test_a_contraction_in_a_plane_of_little_variance_is_found_where_a_cut_of_components_would_not() -> None:
    path = planar(400, 64, 12, 3)
    split = halves(np.arange(400), 0)
    for before, after in itertools.pairwise(path):
        step = after - before
        assert joint(before.astype(np.float32), step, split) > 0.99
        cut = PCA(50).fit(before[split[0]])
        line = LinearRegression().fit(cut.transform(before[split[0]]), step[split[0]])
        assert line.score(cut.transform(before[split[1]]), step[split[1]]) < 0.2


def test_an_exact_linear_map_is_told_at_every_transition() -> None:
    rng = np.random.default_rng(17)
    state = rng.standard_normal((400, 64)) * np.geomspace(30, 0.1, 64)
    matrix = np.eye(64) + 0.1 * rng.standard_normal((64, 64)) / 8
    split = halves(np.arange(400), 0)
    for _ in range(20):
        following = state @ matrix
        assert joint(state.astype(np.float32), following - state, split) > 0.95
        state = following


@pytest.mark.parametrize("documents", [400, 40, 8])
def test_noise_is_not_explained_though_samples_of_a_document_are_near_copies(documents: int) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        own = np.arange(400) % documents
        state, step = (
            rng.standard_normal((documents, 64))[own] + 0.01 * rng.standard_normal((400, 64)) for _ in range(2)
        )
        split = halves(own, seed)
        assert -0.2 < joint(state, step, split, own) < 0.03
        if documents == 40:
            # Single samples in the place of documents leak: the copies of each are on both sides.
            assert joint(state, step, halves(np.arange(400), seed)) > 0.9


def test_the_parts_of_a_half_hold_whole_clusters() -> None:
    clusters = np.arange(60) // 4
    split = halves(clusters, 2)
    for rows, part in zip(split, folds(clusters, split, 2), strict=True):
        assert part.shape == rows.shape
        assert set(part) == {0, 1}
        assert not set(clusters[rows][part == 0]) & set(clusters[rows][part == 1])


def test_a_half_of_one_cluster_has_nothing_to_choose_a_penalty_by() -> None:
    rng = np.random.default_rng(18)
    state, clusters = rng.standard_normal((30, 4)), np.arange(30) // 10
    assert np.isnan(joint(state, -state, halves(clusters, 0), clusters))


@pytest.mark.parametrize("n_units", [9, 80])
def test_directions_beyond_the_rank_of_the_states_predict_nothing(n_units: int) -> None:
    rng = np.random.default_rng(16)
    few = rng.standard_normal((60, 3))
    state = few @ rng.standard_normal((3, n_units))
    step = rng.standard_normal((60, n_units))
    split = halves(np.arange(60), 0)
    assert joint(state, step, split) == pytest.approx(0, abs=0.1)
    assert joint(state, step + 20 * state, split) > 0.98


def test_the_joint_share_needs_states_and_steps_that_vary() -> None:
    rng = np.random.default_rng(11)
    varied, same = rng.standard_normal((40, 5)), np.full((40, 5), 0.1)
    split = halves(np.arange(40), 0)
    assert np.isnan(joint(same, varied, split))
    assert np.isnan(joint(varied, same, split))
    assert joint(varied, -varied, split) == pytest.approx(1, abs=1e-6)


def test_a_rotation_that_mixes_units_hides_a_step_from_units_but_not_from_all() -> None:
    rng = np.random.default_rng(12)
    state = rng.standard_normal((400, 20))
    step = state @ ortho_group.rvs(20, random_state=1)
    split = halves(np.arange(400), 0)
    block = np.stack([state, state + step], axis=1)
    assert held_out_share(*(step_moments(block, rows) for rows in split)).mean() < 0.2
    assert joint(state, step, split) > 0.999


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 100), st.floats(-100, 100))
def test_units_of_measure_change_nothing(seed: int, scale: float, shift: float) -> None:
    block = coupled(seed, n=24).astype(np.float64)
    split = halves(np.arange(24), seed)
    moved = scale * block + shift
    np.testing.assert_allclose(
        step_correlation(step_moments(moved)), step_correlation(step_moments(block)), atol=1e-8
    )
    skips = [moments.skip_correlation(moments.from_block(b)) for b in (block, moved)]
    np.testing.assert_allclose(skips[1], skips[0], atol=1e-8)
    own, other = (held_out_share(*(step_moments(b, rows) for rows in split)) for b in (block, moved))
    np.testing.assert_allclose(other, own, rtol=1e-7, atol=1e-7)
    shares = [joint(b[:, 0], b[:, 1] - b[:, 0], split) for b in (block, moved)]
    assert shares[1] == pytest.approx(shares[0], abs=1e-6)


def test_pairs_are_states_beside_their_steps() -> None:
    block = coupled(13, n=5, n_units=7)
    state, step = pairs_of(block)
    parts = list(paired(block, 3))
    assert [part.shape for part in parts] == [(3, 6, 5), (3, 6, 5), (1, 6, 5)]
    joined = np.concatenate(parts).reshape(7, 3, 2, 5)
    np.testing.assert_array_equal(joined[:, :, 0], state.transpose(2, 1, 0))
    np.testing.assert_array_equal(joined[:, :, 1], step.transpose(2, 1, 0))
