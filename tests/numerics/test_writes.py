"""What a step shares with those before it: beside least squares, planted shares, and random steps."""

from __future__ import annotations

import numpy as np
import pytest

from residyn.numerics.writes import overlap_with_earlier


def projected(states: np.ndarray) -> np.ndarray:
    """The share by least squares, one sample and step at a time."""
    shares = np.full((len(states), states.shape[1] - 1), np.nan)
    for i, path in enumerate(np.diff(states.astype(np.float64), axis=1)):
        for t, step in enumerate(path):
            earlier = path[:t]
            if np.linalg.norm(step) > 0 and np.linalg.norm(earlier) > 0:
                inside = earlier.T @ np.linalg.lstsq(earlier.T, step, rcond=None)[0]
                shares[i, t] = inside @ inside / (step @ step)
    return shares


@pytest.mark.parametrize("units", [3, 20])
def test_it_is_the_projection_by_least_squares(units):
    rng = np.random.default_rng(units)
    states = np.cumsum(rng.standard_normal((7, 9, units)) * np.exp(3 * rng.standard_normal((1, 9, 1))), axis=1)
    found = overlap_with_earlier(states)
    np.testing.assert_allclose(found.share, projected(states), atol=1e-9)
    np.testing.assert_allclose(
        found.by_chance[:, 1:], np.broadcast_to(np.minimum(np.arange(1, 8), units) / units, (7, 7))
    )
    assert np.isnan(found.share[:, 0]).all()


def test_steps_of_zero_and_steps_that_repeat_add_no_direction():
    a, b, c = np.eye(4)[:3]
    steps = np.stack([a, 0 * a, 2 * a, b, a + b, 0 * a, c])
    states = np.concatenate([np.zeros((1, 4)), np.cumsum(steps, axis=0)])[None]
    found = overlap_with_earlier(states)
    np.testing.assert_allclose(found.share[0], [np.nan, np.nan, 1, 0, 1, np.nan, 0], atol=1e-12)
    np.testing.assert_allclose(found.by_chance[0], np.array([np.nan, np.nan, 1, 1, 2, np.nan, 2]) / 4)


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_share_is_found_and_random_steps_have_that_of_chance(seed):
    rng = np.random.default_rng(seed)
    n, n_steps, units = 200, 12, 40
    steps = rng.standard_normal((n, n_steps, units))
    random = overlap_with_earlier(np.concatenate([np.zeros((n, 1, units)), np.cumsum(steps, axis=1)], axis=1))
    chance = random.by_chance[0, 1:]
    rank = chance * units
    # A squared projection is a beta variable.
    error = np.sqrt(2 * rank * (units - rank) / (units**2 * (units + 2)) / n)
    assert (np.abs(random.share[:, 1:].mean(axis=0) - chance) < 4 * error).all()
    # The last step is made of one earlier direction and of a new one, 0.3 of its square from the first.
    basis = np.linalg.qr(rng.standard_normal((units, n_steps)))[0].T
    planted = np.concatenate([basis[:-1], [np.sqrt(0.3) * basis[4] + np.sqrt(0.7) * basis[-1]]])
    states = np.concatenate([np.zeros((1, units)), np.cumsum(planted, axis=0)])[None]
    assert overlap_with_earlier(states).share[0, -1] == pytest.approx(0.3, abs=1e-12)


def test_tiles_do_not_matter():
    states = np.random.default_rng(0).standard_normal((50, 6, 5000)).astype(np.float32)
    whole = overlap_with_earlier(states)
    one = overlap_with_earlier(states[31:32])
    np.testing.assert_array_equal(whole.share[31:32], one.share)
