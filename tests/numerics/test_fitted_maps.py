"""Maps from states to steps: planted ones recovered, PyDMD's eigenvalues, and the best rotation by search."""

from __future__ import annotations

import numpy as np
import pytest
from pydmd import DMD
from scipy import optimize

from residyn.numerics import fitted_maps, linear_maps
from residyn.numerics.fitted_maps import Centred

N, K, GROUPS = 400, 4, 10
ONE = np.ones((1, GROUPS))


def whole(x: np.ndarray, y: np.ndarray) -> fitted_maps.Products:
    return fitted_maps.products_of(x, y, np.arange(len(x)) % GROUPS, GROUPS)


def planted(seed: int, a: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((N, K)) * [4, 3, 2, 1] + 7
    return x, x @ a.T + 3 + noise * rng.standard_normal((N, K))


def generator(seed: int, shrinks: float) -> np.ndarray:
    """A turn in two planes, and the same contraction everywhere."""
    turn = np.zeros((K, K))
    turn[0, 1], turn[2, 3] = 0.5, 0.2
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((K, K)))[0]
    return q @ (turn - turn.T - shrinks * np.eye(K)) @ q.T


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_turn_and_contraction_are_recovered(seed):
    a = generator(seed, 0.1)
    found = whole(*planted(seed, a, 0.01))
    (map_,) = fitted_maps.ridge(fitted_maps.centred(found, ONE), 0.0)
    np.testing.assert_allclose(map_, a, atol=0.01)
    # By their imaginary parts: the real ones are the same, to rounding.
    own, wanted = (np.linalg.eigvals(one) for one in (map_, a))
    np.testing.assert_allclose(own[np.argsort(own.imag)], wanted[np.argsort(wanted.imag)], atol=0.01)
    values = np.linalg.eigvals(a)
    assert fitted_maps.log_growth(map_) == pytest.approx(np.log(np.abs(1 + values)).mean(), abs=0.01)
    turn = (0.5**2 + 0.2**2) * 2
    assert linear_maps.skew_share(map_) == pytest.approx(turn / (turn + K * 0.1**2), abs=0.01)
    # The opposite: a symmetric map turns nothing.
    straight = whole(*planted(seed, (a + a.T) / 2 + np.diag([0.3, 0.1, 0, -0.2]), 0.01))
    assert linear_maps.skew_share(fitted_maps.ridge(fitted_maps.centred(straight, ONE), 0.0))[0] < 0.01


def test_the_eigenvalues_are_those_of_pydmd():
    x, y = planted(1, generator(1, 0.1), 0.3)
    (map_,) = fitted_maps.ridge(fitted_maps.centred(whole(x, y), ONE), 0.0)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    dmd = DMD(svd_rank=K).fit(x.T, (x + y).T)
    np.testing.assert_allclose(
        np.sort_complex(1 + np.linalg.eigvals(map_)), np.sort_complex(np.asarray(dmd.eigs)), rtol=1e-9
    )


def test_the_penalty_is_chosen_by_what_is_held_out():
    folds = np.eye(GROUPS)
    clear, share = fitted_maps.best_penalty(whole(*planted(2, generator(2, 0.1), 0.1)), folds)
    assert clear <= 1e-2
    assert share > 0.97
    rng = np.random.default_rng(3)
    noise = whole(rng.standard_normal((N, K)), rng.standard_normal((N, K)))
    strong, nothing = fitted_maps.best_penalty(noise, folds)
    assert strong >= 10
    assert nothing == pytest.approx(0, abs=0.03)
    assert np.isnan(fitted_maps.best_penalty(whole(np.ones((N, K)), np.ones((N, K))), folds)[1])


def test_the_share_held_out_is_that_of_a_loop_over_folds():
    x, y = planted(4, generator(4, 0.2), 2.0)
    fold = np.arange(N) % GROUPS
    best = -np.inf
    for penalty in fitted_maps.PENALTIES:
        error = total = 0.0
        for f in range(GROUPS):
            x0, y0 = x[fold != f].mean(axis=0), y[fold != f].mean(axis=0)
            a, b = x[fold != f] - x0, y[fold != f] - y0
            lifted = a.T @ a + penalty * np.trace(a.T @ a) / K * np.eye(K)
            error += ((y[fold == f] - y0 - (x[fold == f] - x0) @ np.linalg.solve(lifted, a.T @ b)) ** 2).sum()
            total += ((y[fold == f] - y0) ** 2).sum()
        best = max(best, 1 - error / total)
    assert fitted_maps.best_penalty(whole(x, y), np.eye(GROUPS))[1] == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_the_best_rotation_is_the_one_that_a_search_finds(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 200, 3)) * [3, 2, 1]
    y += x @ rng.standard_normal((3, 3))
    xx, xy = x.T @ x, x.T @ y

    def skew(v: np.ndarray) -> np.ndarray:
        return np.array([[0, v[0], v[1]], [-v[0], 0, v[2]], [-v[1], -v[2], 0]])

    found = optimize.minimize(lambda v: ((y - x @ skew(v).T) ** 2).sum(), np.zeros(3), tol=1e-14)
    np.testing.assert_allclose(fitted_maps.best_rotation(xx, xy), skew(found.x), atol=1e-4)
    free, turning = fitted_maps.rotation_shares(Centred(xx[None], xy[None], np.array([(y**2).sum()])))
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    assert free[0] == pytest.approx(1 - ((y - x @ best) ** 2).sum() / (y**2).sum(), rel=1e-9)
    assert turning[0] == pytest.approx(1 - found.fun / (y**2).sum(), rel=1e-6)
    assert turning[0] < free[0]


@pytest.mark.parametrize("seed", range(2))
def test_the_fastest_plane_is_the_planted_one(seed):
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((K, K)))[0]
    turn = np.zeros((K, K))
    turn[0, 1], turn[2, 3] = 0.5, 0.2
    plane, angle = fitted_maps.fastest_plane(q @ (turn - turn.T) @ q.T)
    assert angle == pytest.approx(0.5)
    np.testing.assert_allclose(plane @ plane.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(plane.T @ plane, q[:, :2] @ q[:, :2].T, atol=1e-12)
