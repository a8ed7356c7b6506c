"""Angles of all pairs of places beside loops, and the expected ones of a walk beside walks that are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from residyn.numerics.layer_angles import angle_sums, walk_products
from residyn.numerics.surrogates import random_walk


def angles(states: np.ndarray) -> np.ndarray:
    """Mean over samples of the angle of each pair, one at a time, in half turns."""
    n, s, _ = states.shape
    found = np.zeros((n, s, s))
    for i in range(n):
        for a in range(s):
            for b in range(s):
                x, y = states[i, a] / np.linalg.norm(states[i, a]), states[i, b] / np.linalg.norm(states[i, b])
                found[i, a, b] = 2 * np.arctan2(np.linalg.norm(x - y), np.linalg.norm(x + y)) / np.pi
    return found.mean(axis=0)


def path(rng: np.random.Generator, n: int, s: int, d: int) -> np.ndarray:
    """Paths that have a common drift, and grow: neither norms nor angles are those of independent steps."""
    steps = (
        rng.standard_normal((n, s, d)) + 2 * rng.standard_normal((1, s, d)) / np.sqrt(np.arange(1, s + 1))[:, None]
    )
    return np.cumsum(steps * np.linspace(1, 3, s)[:, None], axis=1)


def test_the_angles_are_those_of_every_pair():
    states = path(np.random.default_rng(0), 11, 6, 9)
    sums = angle_sums(states)
    np.testing.assert_allclose(sums.angle / sums.known, angles(states), atol=1e-9)
    # Two states next to each other, or next but one, are as far apart in the walk.
    for apart in (1, 2):
        np.testing.assert_allclose(sums.walk.diagonal(apart), sums.angle.diagonal(apart), atol=1e-8)


@pytest.mark.parametrize("seed", range(2))
def test_the_walk_is_the_mean_of_walks_that_are_drawn(seed):
    rng = np.random.default_rng(seed)
    states = path(rng, 6, 7, 60)
    products = states @ states.transpose(0, 2, 1)
    expected = walk_products(products)
    drawn = [walk @ walk.transpose(0, 2, 1) for walk in (random_walk(states, rng) for _ in range(600))]
    error = np.std(drawn, axis=0) / np.sqrt(600) + 1e-9 * np.abs(products).max()
    assert (np.abs(np.mean(drawn, axis=0) - expected) < 4.5 * error).all()
    # And it is another one than the data's.
    assert (np.abs(products - expected) > 20 * error).any()


def test_zero_states_and_states_that_stay_are_no_numbers_made_up():
    states = np.ones((3, 4, 5))
    states[0, 0] = 0
    sums = angle_sums(states)
    np.testing.assert_allclose(sums.angle, 0, atol=1e-7)
    assert sums.known[0].tolist() == [2, 2, 2, 2]
    assert sums.known[1, 2] == 3
    assert np.isfinite(sums.walk).all()


@pytest.mark.parametrize("shape", [(20, 9, 4096), (30, 100, 8)])  # few states a tile; few products a tile
def test_tiles_do_not_matter(shape: tuple[int, int, int]) -> None:
    block = np.random.default_rng(5).standard_normal(shape).cumsum(axis=1).astype(np.float32)
    alone = [angle_sums(one[None]) for one in block]
    for got, wanted in zip(angle_sums(block), zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(got, np.sum(wanted, axis=0), rtol=1e-13)
