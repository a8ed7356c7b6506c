"""How much a step depends on the state it leaves: what is left of r when the skip path has had its share.

Successive states share the skip path, h′ = h + Δ, so they correlate even where Δ knows nothing of h. The step
itself is therefore measured against h: it is formed in float64 before anything is squared, because
var h + var h′ − 2 cov would cancel where steps are small.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from residyn.numerics import pca
from residyn.numerics.groups import groups_of
from residyn.numerics.moments import LEAST_SAMPLES

PENALTIES = 10.0 ** np.arange(-8, 3.25, 0.25)
"""Ridge penalties tried, as multiples of the largest principal component's square: from none to all."""

_TILE_VALUES = 1 << 17
"""Values converted to float64 at a time: 1 MiB, which a core's cache holds."""


@dataclass(frozen=True)
class StepMoments:
    """Moments over n samples of each unit's state h and step Δ = h′ − h, all (S − 1, D) float64.

    Means, sums of squared deviations, and `product` = Σ of the products of both deviations. A sum of squares is
    exactly 0 where the unit, or its step, is the same in every sample, and only there.
    """

    count: int
    state_mean: np.ndarray
    step_mean: np.ndarray
    state_m2: np.ndarray
    step_m2: np.ndarray
    product: np.ndarray


def step_moments(block: np.ndarray, rows: np.ndarray | None = None) -> StepMoments:
    """Moments of a block of states (N, S, D), real and finite, over its samples `rows` (default: all, n ≥ 1).

    Works through tiles of units, sublayer by sublayer: beside the block it holds a few tiles in float64.
    """
    rows = np.arange(len(block)) if rows is None else rows
    _, n_sublayers, n_units = block.shape
    found = np.empty((5, max(n_sublayers - 1, 0), n_units))
    width = max(64, _TILE_VALUES // len(rows))
    for start in range(0, n_units, width):
        units = slice(start, min(start + width, n_units))
        following = _values(block, rows, 0, units)
        for s in range(n_sublayers - 1):
            state, following = following, _values(block, rows, s + 1, units)
            h, state_mean = pca.centred(state)
            step, step_mean = pca.centred(following - state)
            squares = (np.einsum("nd,nd->d", a, b) for a, b in ((h, h), (step, step), (h, step)))
            found[:, s, units] = (state_mean, step_mean, *squares)
    return StepMoments(len(rows), *found)


def _values(block: np.ndarray, rows: np.ndarray, s: int, units: slice) -> np.ndarray:
    """Values (n, d) in float64, row after row: the order of a sum, and its last bits, follow the layout."""
    return np.ascontiguousarray(block[:, s, units][rows], dtype=np.float64)


def merge(a: StepMoments, b: StepMoments) -> StepMoments:
    """Moments of the samples of `a` and `b` together, equal to those of one block up to rounding."""
    count = a.count + b.count
    state, step = b.state_mean - a.state_mean, b.step_mean - a.step_mean
    share, weight = b.count / count, a.count * b.count / count
    return StepMoments(
        count,
        a.state_mean + state * share,
        a.step_mean + step * share,
        a.state_m2 + b.state_m2 + weight * state**2,
        a.step_m2 + b.step_m2 + weight * step**2,
        a.product + b.product + weight * state * step,
    )


def step_correlation(m: StepMoments) -> np.ndarray:
    """Pearson r over samples of each unit's step and the state it leaves, (S − 1, D), in [−1, 1].

    NaN where the unit or its step is constant, and everywhere for fewer than `LEAST_SAMPLES` samples.
    """
    if m.count < LEAST_SAMPLES:
        return np.full_like(m.product, np.nan)
    return np.clip(_ratio(m.product, np.sqrt(m.state_m2) * np.sqrt(m.step_m2)), -1.0, 1.0)


def held_out_share(a: StepMoments, b: StepMoments) -> np.ndarray:
    """R² of each unit's step on its state, each half of the samples predicted from the other, (S − 1, D), ≤ 1.

    A line is fitted to one half and predicts the other; 1 − Σ(Δ − prediction)² / Σ(Δ − mean)² over both halves,
    the mean that of the half that was fitted. Negative where the line predicts worse than the mean does. NaN
    where the unit is constant in a half, or the step in all, and everywhere for halves below `LEAST_SAMPLES`.
    """
    if min(a.count, b.count) < LEAST_SAMPLES:
        return np.full_like(a.product, np.nan)
    left, total = np.zeros_like(a.product), np.zeros_like(a.product)
    for fitted, held in ((a, b), (b, a)):
        slope = _ratio(fitted.product, fitted.state_m2)
        state, step = held.state_mean - fitted.state_mean, held.step_mean - fitted.step_mean
        spread = held.step_m2 - 2 * slope * held.product + slope**2 * held.state_m2
        left += spread + held.count * (step - slope * state) ** 2
        total += held.step_m2 + held.count * step**2
    return 1 - _ratio(left, total)


def halves(clusters: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The samples 0 … N − 1 in two random halves about equally large, each in order; the first is no smaller.

    `clusters` (N,) names what each sample belongs to, such as its document: samples of one cluster are alike, so
    that none is in both halves. The second half is empty where all samples are of one cluster.
    """
    group = groups_of(clusters, 2, seed)
    first, second = (np.flatnonzero(group == half) for half in (0, 1))
    return (first, second) if len(first) >= len(second) else (second, first)


def joint_share(
    state: np.ndarray, step: np.ndarray, split: tuple[np.ndarray, np.ndarray], n_components: int
) -> float:
    """R² of whole steps (n, D) on the whole states (n, D) they leave, each half predicted from the other, ≤ 1.

    Steps are differences taken in float64; states may be of any float width, and are centred in float64.
    A ridge regression on the first `n_components` principal components of the fitted half's states; its penalty,
    one of `PENALTIES`, minimises generalised cross-validation within that half (Golub, Heath & Wahba 1979).
    1 − Σ‖Δ − prediction‖² / Σ‖Δ − mean‖² over both halves, the mean that of the half that was fitted. NaN where a
    half's states are all the same, or no step differs from another. Call it within `pca.one_thread()`.
    """
    parts = [_half(state[rows], step[rows]) for rows in split]
    left = total = 0.0
    for fitted, held in (parts, parts[::-1]):
        errors = _held_out_errors(fitted, held, n_components)
        left, total = left + errors[0], total + errors[1]
    return 1 - left / total if total > 0 else float("nan")


@dataclass(frozen=True)
class _Half:
    """Of a half of the samples: states and steps (n, D) about their means (D,), and the steps' sum of squares."""

    states: np.ndarray
    state_mean: np.ndarray
    steps: np.ndarray
    step_mean: np.ndarray
    square: float


def _half(state: np.ndarray, step: np.ndarray) -> _Half:
    states, state_mean = pca.centred(state)
    steps, step_mean = pca.centred(step)
    return _Half(states, state_mean, steps, step_mean, _square(steps))


def _held_out_errors(fitted: _Half, held: _Half, n_components: int) -> tuple[float, float]:
    """Squared errors on the held half of the ridge fitted to the other, and of that one's mean."""
    states, steps = fitted.states, fitted.steps
    state_shift, step_shift = held.state_mean - fitted.state_mean, held.step_mean - fitted.step_mean
    total = held.square + len(held.steps) * float(step_shift @ step_shift)
    n, n_units = states.shape
    k = pca.n_components(n_components, n, n_units)
    # Of the two matrices with the same eigenvalues, the smaller. What predicts is `loadings` (D, k), then `image`
    # (k, D) over square + penalty: never divided by a square alone, which is rounding beyond the states' rank.
    if n < n_units:
        square, left = pca.largest(states @ states.T, k)
        loadings, image = states.T @ left, left.T @ steps
        explained = np.einsum("kd,kd->k", image, image)
    else:
        square, loadings = pca.largest(states.T @ states, k)
        image = (states @ loadings).T @ steps
        explained = np.einsum("kd,kd->k", image, image)
        explained = np.divide(explained, square, out=np.zeros_like(square), where=square > 0)
    if square[0] <= 0:
        return float("nan"), total
    penalty = _penalty(square, explained, fitted.square, n)
    scores = held.states @ loadings + state_shift @ loadings
    # In place: a fresh array of this size costs more than the arithmetic on it.
    error = scores @ (image / (square + penalty)[:, None])
    np.subtract(held.steps, error, out=error)
    error += step_shift
    return _square(error), total


def _penalty(square: np.ndarray, explained: np.ndarray, total: float, n: int) -> float:
    """The penalty of least generalised cross-validation, of a ridge on n centred samples.

    `square` σ² (k,) of the components; `explained` (k,) how much of `total`, the sum of squares of the targets,
    least squares on each would explain.
    """
    tried = PENALTIES * square[0]
    kept = square / (square + tried[:, None])
    error = total - ((2 - kept) * kept * explained).sum(axis=1)
    freedom = n - 1 - kept.sum(axis=1)
    return float(tried[np.argmin(error / freedom**2)])


def paired(block: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """States and the steps that leave them in turn, in float64, `width` units at a time: (u, 2(S − 1), N).

    A path of each unit for `information.copula`, of whose transitions every other is from a state to its step.
    For a block (N, S, D).
    """
    n, n_sublayers, n_units = block.shape
    for start in range(0, n_units, width):
        states = np.ascontiguousarray(block[:, :, start : start + width].transpose(2, 1, 0), dtype=np.float64)
        pairs = np.empty((len(states), n_sublayers - 1, 2, n))
        pairs[:, :, 0] = states[:, :-1]
        np.subtract(states[:, 1:], states[:, :-1], out=pairs[:, :, 1])
        yield pairs.reshape(len(states), 2 * (n_sublayers - 1), n)


def _square(values: np.ndarray) -> float:
    return float(np.einsum("nd,nd->", values, values))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, NaN where the denominator is 0."""
    quotient = np.full_like(denominator, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
