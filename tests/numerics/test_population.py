"""Flow and rotation of populations: planted ones recovered, their opposites refused, the null's p uniform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from residyn.numerics import fitted_maps, population
from residyn.numerics.tensor_entropy import law_of

ONE = np.ones((1, 10))


def paths(seed: int, generator: np.ndarray, *, n: int = 60, places: int = 30, noise: float = 0.05) -> np.ndarray:
    """Samples (n, S, 12) that follow h′ = h + A h in six coordinates, about a common path."""
    rng = np.random.default_rng(seed)
    k = len(generator)
    x = [rng.standard_normal((n, k))]
    for _ in range(places - 1):
        x.append(x[-1] + x[-1] @ generator.T + noise * rng.standard_normal((n, k)))
    frame = np.linalg.qr(rng.standard_normal((12, 12)))[0][:k]
    return np.stack(x, axis=1) @ frame + np.cumsum(rng.standard_normal((places, 12)), axis=0)


def turning(angle: float, k: int = 6) -> np.ndarray:
    """A turn by the angles angle, angle/2, … in planes, without growth."""
    a = np.zeros((k, k))
    for plane in range(k // 2):
        here = slice(2 * plane, 2 * plane + 2)
        turn = angle / (plane + 1)
        a[here, here] = [[np.cos(turn) - 1, -np.sin(turn)], [np.sin(turn), np.cos(turn) - 1]]
    return a


def ratio(states: np.ndarray) -> tuple[float, np.ndarray]:
    coordinates = population.along_components(population.equalised(states), population.KEPT)
    group = np.arange(len(states)) % 10
    found = population.rotation_of(coordinates, group, 10)
    return float(population.ratios(found, ONE)[0][0]), coordinates


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_turn_is_a_rotation_beyond_its_surrogates_and_a_saddle_is_none(seed):
    turned, coordinates = ratio(paths(seed, turning(0.3)))
    drawn = population.ratios_of_surrogates(coordinates, np.random.default_rng(seed), 40)[:, 0]
    assert turned > 0.8
    assert (drawn < turned).all()
    straight, _ = ratio(paths(seed, np.diag([0.04, 0.03, 0.0, -0.02, -0.03, -0.05])))
    assert straight < 0.3


def test_the_plane_is_the_planted_one_and_so_is_the_angle():
    states = paths(5, turning(0.3), noise=0.01)
    _, coordinates = ratio(states)
    found = population.rotation_of(coordinates, np.zeros(len(states), dtype=int), 1)
    sums = fitted_maps.centred(found.products, np.ones((1, 1)))
    _, angle = fitted_maps.fastest_plane(fitted_maps.best_rotation(sums.xx[0], sums.xy[0]))
    assert abs(angle) == pytest.approx(np.sin(0.3), abs=0.03)


@pytest.mark.parametrize(("rate", "sign"), [(-0.1, -1), (0.1, 1)])
@pytest.mark.parametrize("seed", range(2))
def test_planted_contraction_and_growth_are_recovered(seed, rate, sign):
    states = paths(seed, rate * np.eye(6), places=8, n=200, noise=0.01)
    found = population.flow_of(states, np.arange(200) % 10, 10)
    growth = np.array([fitted_maps.log_growth(one)[0] for one in population.maps_of(found, ONE)])
    # Six of the twelve directions have a variance; the maps of the others are the penalty's.
    assert (sign * growth > 0.3 * abs(np.log1p(rate))).all()
    assert (found.share > 0.7).all()


def test_p_is_uniform_on_the_surrogates_own_law():
    rng = np.random.default_rng(9)
    coordinates = ratio(paths(9, turning(0.1), n=40, places=10, noise=0.5))[1][:, :, :6]
    law = law_of(coordinates.transpose(1, 2, 0))
    p = []
    for _ in range(80):
        own, drawn = ratio(law.draw(rng).transpose(2, 0, 1))
        others = population.ratios_of_surrogates(drawn, rng, 19)[:, 0]
        p.append((1 + int((others >= own).sum())) / 20)
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert np.mean(np.array(p) <= 0.05) <= 0.17


def test_draws_are_treated_as_the_data_are():
    """Sizes that grow along a path, and a path that all share, are no part of a ratio, whosever it is."""
    states = paths(3, turning(0.2)) * np.exp(0.2 * np.arange(30))[:, None]
    assert population.ratio_of(states)[0] == pytest.approx(ratio(states)[0], rel=1e-9)
    assert population.ratio_of(states)[0] > 0.6


def test_states_that_are_equal_have_no_paths():
    assert not population.equalised(np.ones((5, 4, 3))).any()
