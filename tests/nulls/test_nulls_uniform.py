"""Under each null p is uniform over many sets of data; with the effect that the null destroys it is small."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from residyn.nulls import NULLS, against_null
from residyn.numerics import surrogates
from residyn.numerics.multiple import p_values
from residyn.schema import Sublayer, label_states

N, S, D = 8, 10, 5
KIND = np.array(["within", "cross"] * 5)[:9]
REPEATS = 19
SETS = 200

Law = Callable[[np.random.Generator], np.ndarray]
Number = Callable[[np.ndarray], float]


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((N, S, D))


def walk(rng: np.random.Generator) -> np.ndarray:
    """Isotropic steps: given their lengths and angles to what came just before, their directions are uniform."""
    return np.cumsum(rng.standard_normal((N, S, D)), axis=1)


def common_walk(rng: np.random.Generator) -> np.ndarray:
    """Steps that samples share, exchangeable and symmetric, and what each sample adds to all its states."""
    steps = rng.standard_normal((1, S, D)) + 0.1 * rng.standard_normal((N, S, D))
    return np.cumsum(steps, axis=1)


def stable(rng: np.random.Generator) -> np.ndarray:
    """Each sample and unit keeps a value of its own through depth, of a mean that the unit has."""
    return 3 * rng.standard_normal((N, 1, D)) + 5 * rng.standard_normal(D) + 0.3 * noise(rng)


def one_unit(rng: np.random.Generator) -> np.ndarray:
    return 0.2 * noise(rng) + np.array([10, 0, 0, 0, 0])


def growing(rng: np.random.Generator) -> np.ndarray:
    return noise(rng) * 2.0 ** np.arange(S)[:, None]


def straight(rng: np.random.Generator) -> np.ndarray:
    return 3 * np.arange(S)[:, None] * rng.choice([-1, 1], D) + 0.1 * noise(rng)


def accelerating(rng: np.random.Generator) -> np.ndarray:
    return np.arange(S)[:, None] ** 2.0 + 0.1 * noise(rng)


def drifting(rng: np.random.Generator) -> np.ndarray:
    return 10 * rng.standard_normal((N, 1, D)) + 2 * np.arange(S)[:, None] * np.eye(D)[0] + 0.1 * walk(rng)


def same_samples(states: np.ndarray) -> float:
    return successive(states[:, :, 0])


def same_units(states: np.ndarray) -> float:
    return successive(states.mean(axis=0).T)


def successive(rows: np.ndarray) -> float:
    """Mean correlation over rows (n, S) of successive sublayers."""
    scores = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    return float((scores[:, :-1] * scores[:, 1:]).mean())


def tails(states: np.ndarray) -> float:
    return float((states**4).mean() / (states**2).mean() ** 2)


def late(states: np.ndarray) -> float:
    """How much larger states are late than early."""
    size = np.log((states**2).mean(axis=(0, 2)))
    return float(size @ (np.arange(S) - (S - 1) / 2))


def far(states: np.ndarray) -> float:
    return float(((states[:, -1] - states[:, 0]).mean(axis=0) ** 2).sum())


def late_steps(states: np.ndarray) -> float:
    steps = np.diff(states[:, :, 0].mean(axis=0))
    return float(steps @ (np.arange(S - 1) - (S - 2) / 2))


NUMBERS: dict[str, tuple[Number, Law, Law]] = {
    "shuffle_samples": (same_samples, noise, stable),
    "permute_units": (same_units, noise, stable),
    "rotate_basis": (tails, walk, one_unit),
    "shuffle_sublayers": (late, noise, growing),
    "flip_increments": (far, common_walk, straight),
    "permute_increments": (late_steps, common_walk, accelerating),
    "random_walk": (far, walk, drifting),
}
"""Null → a number, a law of data that the null does not change, and one with the effect that it destroys."""

CASES = pytest.mark.parametrize("null", NUMBERS)


def uniform(p: np.ndarray) -> None:
    """That p, of values 1/20 … 1, is uniform; less a uniform twentieth it is continuous, as the test wants it."""
    spread = p - np.random.default_rng(0).uniform(size=p.shape) / (REPEATS + 1)
    assert stats.kstest(spread, "uniform").pvalue > 0.005
    assert stats.binomtest(int((p <= 0.05).sum()), len(p), 0.05).pvalue > 0.005


@pytest.fixture(scope="module")
def values() -> dict[str, np.ndarray]:
    """Null → the number of each set of data under the null, and of its draws: (sets, 1 + draws)."""
    with pytest.MonkeyPatch.context() as patch:
        # Asking BLAS for one thread takes longer than a product of this size.
        patch.setattr(surrogates, "one_thread", contextlib.nullcontext)
        return {null: np.array([numbers_of(null, seed) for seed in range(SETS)]) for null in NUMBERS}


def numbers_of(null: str, seed: int) -> list[float]:
    number, law, _ = NUMBERS[null]
    rng = np.random.default_rng([seed, 1])
    states = law(np.random.default_rng(seed)).astype(np.float32)
    draws = [NULLS[null].make(states, KIND, rng) for _ in range(REPEATS)]
    return [number(one.astype(np.float64)) for one in (states, *draws)]


@CASES
def test_p_is_uniform_under_the_null(null: str, values: dict[str, np.ndarray]) -> None:
    observed, draws = values[null][:, 0], values[null][:, 1:].T
    for alternative in ("two-sided", "greater", "less"):
        uniform(p_values(observed, draws, alternative))


def p_of(null: str, law: Law, seed: int) -> float:
    number = NUMBERS[null][0]
    sublayers = [Sublayer(layer, site) for layer in range(S // 2) for site in ("attn", "mlp")]
    states = label_states(law(np.random.default_rng(seed)).astype(np.float32), sublayers)
    got = against_null(
        lambda one: xr.DataArray(number(one.values.astype(np.float64))), states, null, repeats=REPEATS, seed=seed
    )
    return float(got["p"])


@pytest.mark.slow
@CASES
def test_p_of_labelled_states_is_uniform_under_the_null(null: str) -> None:
    uniform(np.array([p_of(null, NUMBERS[null][1], seed) for seed in range(SETS)]))


@CASES
def test_p_is_small_with_the_effect(null: str) -> None:
    assert np.mean([p_of(null, NUMBERS[null][2], seed) for seed in range(5)]) < 0.06
