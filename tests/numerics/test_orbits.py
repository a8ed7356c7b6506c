from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residyn.numerics import orbits


def naive(x, y):
    """Signed and absolute turns, one step at a time."""
    angles = [math.atan2(dy, dx) for dx, dy in zip(np.diff(x), np.diff(y), strict=True) if (dx, dy) != (0.0, 0.0)]
    turns = []
    for before, after in itertools.pairwise(angles):
        turn = after - before
        while turn >= math.pi:
            turn -= 2 * math.pi
        while turn < -math.pi:
            turn += 2 * math.pi
        turns.append(turn)
    return sum(turns) / (2 * math.pi), sum(map(abs, turns)) / (2 * math.pi)


@pytest.mark.parametrize("times", [1, 3, -2])
def test_a_circle_turns_as_often_as_it_is_gone_around(times):
    n = 64
    phi = np.linspace(0, 2 * np.pi * times, n)
    signed, absolute = orbits.rotations(np.cos(phi), np.sin(phi))
    # The last of the n − 1 tangents lies one step before the first would come again.
    expected = times * (n - 2) / (n - 1)
    assert signed == pytest.approx(expected, abs=1e-12)
    assert absolute == pytest.approx(abs(expected), abs=1e-12)


def test_a_line_does_not_turn():
    line = np.linspace(0, 1, 20)
    assert orbits.rotations(line, 3 * line) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-12))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 30), st.booleans())
def test_equal_to_a_loop_with_and_without_pauses(seed, n, pauses):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 5, n))
    if pauses:
        still = rng.random(n) < 0.4
        for i in np.flatnonzero(still[1:]) + 1:
            x[:, i], y[:, i] = x[:, i - 1], y[:, i - 1]
    signed, absolute = orbits.rotations(x, y)
    for row in range(5):
        moves = np.count_nonzero((np.diff(x[row]) != 0) | (np.diff(y[row]) != 0))
        if moves < 2:
            assert np.isnan(signed[row])
            continue
        expected = naive(x[row], y[row])
        assert signed[row] == pytest.approx(expected[0], abs=1e-9)
        assert absolute[row] == pytest.approx(expected[1], abs=1e-9)


def test_mirrored_paths_turn_the_other_way():
    x, y = np.random.default_rng(0).standard_normal((2, 8, 20))
    signed, absolute = orbits.rotations(x, y)
    mirrored, same = orbits.rotations(-x, y)
    np.testing.assert_allclose(mirrored, -signed, atol=1e-12)
    np.testing.assert_allclose(same, absolute, atol=1e-12)


def test_three_points_and_paths_that_stay_have_no_turns():
    assert np.isnan(orbits.rotations(np.zeros((2, 3)), np.zeros((2, 3)))).all()
    assert np.isnan(orbits.rotations(np.zeros((2, 9)), np.zeros((2, 9)))).all()


def test_a_random_walk_turns_clockwise_eleven_times():
    """The turns that any path has in this plane: the paper's 10.74 is no more than them."""
    walks = np.cumsum(np.random.default_rng(0).standard_normal((4000, 64)), axis=1)
    signed, _ = orbits.rotations(walks, orbits.gradient(walks))
    assert signed.mean() == pytest.approx(-10.95, abs=0.1)
    assert signed.std() == pytest.approx(1.65, abs=0.1)


def going_on(rng, units, sublayers, share=0.8):
    """Smooth walks without rotation: each step keeps a share of the one before."""
    steps = rng.standard_normal((units, sublayers + 50))
    for place in range(1, sublayers + 50):
        steps[:, place] += share * steps[:, place - 1]
    return np.cumsum(steps[:, 50:], axis=1)


def test_over_sixty_points_smooth_walks_turn_half_as_often_as_rough_ones_and_three_circles_three_times():
    rng = np.random.default_rng(0)
    smooth = going_on(rng, 4000, 60)
    assert orbits.rotations(smooth, orbits.gradient(smooth))[0].mean() == pytest.approx(-4.6, abs=0.1)
    rough = going_on(rng, 4000, 60, 0)
    assert orbits.rotations(rough, orbits.gradient(rough))[0].mean() == pytest.approx(-10.2, abs=0.1)
    around = np.sin(np.linspace(0, 6 * np.pi, 60) + rng.uniform(0, 6, (100, 1)))
    assert orbits.rotations(around, orbits.gradient(around))[0].mean() == pytest.approx(-3.0, abs=0.1)


KIND = np.array(["within", "cross"] * 7 + ["within"])


def paths(seed=0, units=6):
    return np.cumsum(np.random.default_rng(seed).standard_normal((units, 16)), axis=1)


def test_shuffled_points_keep_pairs_and_lose_the_gradient():
    x = paths()
    drawn, slope = orbits.shuffled_points(x, KIND, 5, np.random.default_rng(1))
    assert drawn.shape == (5, 6, 16)
    pairs = set(zip(x[2].tolist(), orbits.gradient(x)[2].tolist(), strict=True))
    assert set(zip(drawn[3, 2].tolist(), slope[3, 2].tolist(), strict=True)) == pairs
    assert not np.allclose(slope, orbits.gradient(drawn))


@pytest.mark.parametrize("draw", [orbits.flipped_steps, orbits.permuted_steps, orbits.drawn_phases])
def test_nulls_of_steps_keep_that_y_is_the_gradient(draw):
    x = paths()
    drawn, slope = draw(x, KIND, 4, np.random.default_rng(1))
    np.testing.assert_array_equal(slope, orbits.gradient(drawn))
    np.testing.assert_allclose(drawn[:, :, 0], np.tile(x[:, 0], (4, 1)))
    assert not np.allclose(drawn[0], drawn[1])


def test_flipped_steps_keep_every_size_and_are_the_same_for_all_units():
    x = paths()
    drawn, _ = orbits.flipped_steps(x, KIND, 300, np.random.default_rng(1))
    steps = np.diff(drawn, axis=2)
    np.testing.assert_allclose(np.abs(steps), np.tile(np.abs(np.diff(x, axis=1)), (300, 1, 1)), atol=1e-12)
    assert np.abs(np.sign(steps).mean(axis=0)).max() < 0.25
    signs = np.sign(steps * np.diff(x, axis=1))
    np.testing.assert_array_equal(signs, np.tile(signs[:, :1], (1, 6, 1)))


def test_permuted_steps_keep_the_end_and_stay_in_their_kind():
    x = paths()
    drawn, _ = orbits.permuted_steps(x, KIND, 4, np.random.default_rng(1))
    np.testing.assert_allclose(drawn[:, :, -1], np.tile(x[:, -1], (4, 1)), atol=1e-12)
    steps, own = np.diff(drawn, axis=2), np.diff(x, axis=1)
    for kind in ("within", "cross"):
        np.testing.assert_allclose(
            np.sort(steps[2][:, kind == KIND], axis=1), np.sort(own[:, kind == KIND], axis=1), atol=1e-9
        )


def lag(paths):
    """Autocorrelation of steps, over those typical of their place, at lag 1; by unit."""
    steps = np.diff(paths, axis=-1)
    steps = steps / np.median(np.abs(steps), axis=-2, keepdims=True)
    return (steps[..., 1:] * steps[..., :-1]).sum(axis=-1) / (steps**2).sum(axis=-1)


def test_drawn_phases_keep_smoothness_and_sizes_and_move_what_is_where():
    rng = np.random.default_rng(0)
    sizes = np.exp(np.arange(40) / 12) * np.where(np.arange(40) % 2, 3, 1)
    x = np.cumsum(np.diff(going_on(rng, 50, 41), axis=1) * sizes, axis=1)
    drawn, _ = orbits.drawn_phases(x, KIND, 60, np.random.default_rng(1))
    assert lag(x).mean() > 0.7
    np.testing.assert_allclose(lag(drawn).mean(axis=0), lag(x), atol=0.15)
    assert lag(drawn).mean() == pytest.approx(lag(x).mean(), abs=0.03)
    typical = np.median(np.abs(np.diff(drawn, axis=2)), axis=(0, 1)) / np.median(
        np.abs(np.diff(x, axis=1)), axis=0
    )
    assert typical.min() > 0.5
    assert typical.max() < 2
    alike = [np.corrcoef(np.diff(one, axis=1).ravel(), np.diff(x, axis=1).ravel())[0, 1] for one in drawn]
    assert np.abs(np.mean(alike)) < 0.2


def test_drawn_phases_are_the_same_for_all_units_and_move_none_that_rests():
    x = paths()
    x[1], x[2] = x[0], 4
    drawn, _ = orbits.drawn_phases(x, KIND, 3, np.random.default_rng(1))
    np.testing.assert_array_equal(drawn[:, 1], drawn[:, 0])
    np.testing.assert_array_equal(drawn[:, 2], np.full((3, 16), 4.0))
