"""Growth of distances beside a loop over pairs; planted attraction and repulsion; and where nothing is defined."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from residyn.numerics import pairs
from residyn.numerics.convergence import convergence, growth_of

N, GROUPS = 40, 10
GROUP = np.arange(N) % GROUPS


def found_of(states: np.ndarray, weights: np.ndarray | None = None, **options: bool):
    found = convergence(states, GROUP, np.arange(N), GROUPS, **options)
    return found, growth_of(found, GROUP, np.ones((1, GROUPS)) if weights is None else weights)


def by_pairs(states: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pair by pair, each as often as its groups."""
    mean = []
    for s in range(states.shape[1] - 1):
        total = count = 0.0
        for i, j in itertools.combinations(range(N), 2):
            if GROUP[i] != GROUP[j]:
                apart = [np.linalg.norm(states[i, place] - states[j, place]) for place in (s, s + 1)]
                w = weight[GROUP[i]] * weight[GROUP[j]]
                total, count = total + w * np.log(apart[1] / apart[0]), count + w
        norms = np.log(np.linalg.norm(states[:, s + 1], axis=1) / np.linalg.norm(states[:, s], axis=1))
        mean.append(total / count - np.average(norms, weights=weight[GROUP]))
    return np.array(mean)


def test_growth_is_that_of_a_loop_over_pairs_also_in_replicates():
    rng = np.random.default_rng(0)
    states = np.cumsum(rng.standard_normal((N, 4, 6)), axis=1) + 1
    weights = np.stack([np.ones(GROUPS), rng.integers(0, 4, GROUPS).astype(float)])
    _, growth = found_of(states, weights)
    for row, weight in enumerate(weights):
        np.testing.assert_allclose(growth[0, row], by_pairs(states, weight), rtol=1e-10)
    # Quarters hold a quarter of the pairs each: their mean is that of all.
    np.testing.assert_allclose(growth[1:, 0].mean(axis=0), growth[0, 0], atol=0.03)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", [-0.2, 0.15])
def test_planted_attraction_and_repulsion_are_told_whatever_the_norms_do(seed, rate):
    rng = np.random.default_rng(seed)
    start, centre = rng.standard_normal((N, 1, 8)), 30 * np.eye(8)[0]
    places = np.arange(5)[:, None]
    # About a far centre norms are the centre's, which grows by another factor.
    states = centre * np.exp(0.1 * places) + start * np.exp((rate + 0.1) * places)
    _, growth = found_of(states)
    np.testing.assert_allclose(growth[:, 0], rate, atol=0.01)


def test_scaling_and_rotation_change_nothing():
    rng = np.random.default_rng(1)
    states = rng.standard_normal((N, 4, 6))
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    first, second = found_of(states), found_of(3 * states @ turn)
    np.testing.assert_allclose(first[1], second[1], atol=1e-9)
    np.testing.assert_allclose(first[0].kept, second[0].kept)
    np.testing.assert_allclose(pairs.alignment(first[0].centred), pairs.alignment(second[0].centred), atol=1e-6)


def test_pairs_in_one_state_are_in_no_sum_and_documents_are_no_neighbours():
    rng = np.random.default_rng(2)
    states = rng.standard_normal((N, 3, 6))
    states[: N // 2, 0] = states[0, 0]
    found, growth = found_of(states)
    assert np.isfinite(growth[0]).all()
    assert found.pairs[0, 0].sum() < found.pairs[0, 1].sum()
    still, nothing = found_of(np.ones((N, 3, 6)))
    assert np.isnan(nothing).all()
    assert np.isnan(still.kept).all()
    # Two samples of a document that stay side by side keep no neighbour by that.
    twins = rng.standard_normal((N, 2, 6))
    twins[N // 2 :] = twins[: N // 2] + 1e-3 * rng.standard_normal((N // 2, 2, 6))
    own, shared = (convergence(twins, GROUP, doc, GROUPS).kept for doc in (np.arange(N), np.arange(N) % (N // 2)))
    assert np.nanmean(own) > np.nanmean(shared) + 0.03


def test_without_ranks_the_sums_are_the_same():
    states = np.random.default_rng(3).standard_normal((N, 3, 6))
    whole, bare = found_of(states)[0], found_of(states, ranks=False)[0]
    np.testing.assert_array_equal(whole.growth, bare.growth)
    assert np.isnan(bare.kept).all()
    assert not len(bare.centred)
