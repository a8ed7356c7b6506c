"""How much a step depends on the state it leaves: what is left of r when the skip path has had its share.

Successive states share the skip path, h′ = h + Δ, so they correlate even where Δ knows nothing of h. The step
itself is therefore measured against h: it is formed in float64 before anything is squared, because
var h + var h′ − 2 cov would cancel where steps are small.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from residyn.numerics import pca
from residyn.numerics.groups import groups_of
from residyn.numerics.moments import LEAST_SAMPLES

PENALTIES = 10.0 ** np.arange(-11, 3.25, 0.25)
"""Ridge penalties tried, as multiples of the inputs' sum of squares: from none, but for rounding, to all."""
FOLDS = 2
"""Parts of the fitted half by which the penalty is chosen."""

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


def folds(clusters: np.ndarray, split: tuple[np.ndarray, np.ndarray], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The part, 0 … `FOLDS` − 1, of each sample of either half, by which its ridge's penalty is chosen.

    `clusters` (N,) as in `halves`, whose result `split` is: parts hold whole clusters, about equally many samples
    each. A half of a single cluster has one part, and nothing to choose a penalty by.
    """
    first, second = (groups_of(clusters[rows], FOLDS, seed) for rows in split)
    return first, second


def joint_share(
    state: np.ndarray,
    step: np.ndarray,
    split: tuple[np.ndarray, np.ndarray],
    parts: tuple[np.ndarray, np.ndarray],
    penalties: np.ndarray = PENALTIES,
) -> float:
    """R² of whole steps (N, D) on the whole states (N, D) they leave, each half predicted from the other, ≤ 1.

    Steps are differences taken in float64; states may be of any float width. A ridge regression on all units,
    each divided by its standard deviation in the fitted half, so that a unit that varies little is heard as well
    as one that varies much. Its penalty, one of `penalties` (P,), multiples of the sum of squares of these inputs,
    is that of least error when each of the half's `parts` (`folds`) is predicted from its others.
    1 − Σ‖Δ − prediction‖² / Σ‖Δ − mean‖² over both halves, the mean that of the half that was fitted. NaN where a
    half's states are all the same or has but one part, or no step differs from another. Beside its arguments it
    holds a few copies of them in float64. Call it within `pca.one_thread()`.
    """
    if any(np.ptp(part) == 0 for part in parts):
        return float("nan")
    left = total = 0.0
    for (fitted, held), part in zip((split, split[::-1]), parts, strict=True):
        errors = _held_out_errors(_halved(state, step, fitted, held), part, penalties)
        left, total = left + errors[0], total + errors[1]
    return 1 - left / total if total > 0 else float("nan")


@dataclass(frozen=True)
class _Halved:
    """States and steps of the fitted half (n, D) and of the held one (m, D), about the means of the fitted.

    States are over the fitted half's standard deviations, and 0 where these are. Of many units, the states'
    products with the fitted ones, `inner` (n, n) and `across` (m, n), are the smaller matrices.
    """

    states: np.ndarray
    held_states: np.ndarray
    steps: np.ndarray
    held_steps: np.ndarray
    inner: np.ndarray | None
    across: np.ndarray | None


def _halved(state: np.ndarray, step: np.ndarray, fitted: np.ndarray, held: np.ndarray) -> _Halved:
    # A unit that is the same in all of the half leaves exact zeros, in `pca.centred` and nowhere else.
    states, mean = pca.centred(state[fitted])
    spread = np.sqrt(np.einsum("nd,nd->d", states, states) / len(states))
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    other = np.subtract(state[held], mean, dtype=np.float64)
    states *= scale
    other *= scale
    steps, mean = pca.centred(step[fitted])
    wide = len(states) < states.shape[1]
    inner, across = (states @ states.T, other @ states.T) if wide else (None, None)
    return _Halved(states, other, steps, step[held] - mean, inner, across)


def _held_out_errors(of: _Halved, part: np.ndarray, penalties: np.ndarray) -> tuple[float, float]:
    """Squared errors on the held half of the ridge fitted to the other, and of that one's mean."""
    total, scale = _square(of.held_steps), _square(of.states)
    if scale <= 0:
        return float("nan"), total
    tried = penalties * scale
    chosen = tried[0]
    if len(tried) > 1:
        inner = [_errors_of_part(of, part != one, tried) for one in range(part.max() + 1)]
        chosen = tried[np.argmin(np.sum(inner, axis=0))]
    return _square(of.held_steps - _prediction(of, chosen)), total


def _errors_of_part(of: _Halved, fitted: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """Squared errors (P,) of the ridge fitted to the samples `fitted` (n,) of the half, on its others.

    One eigendecomposition serves all penalties. Predictions are P (square + penalty)⁻¹ C, of the states' part
    along each eigenvector P and what of the steps lies along it, C (r, D): their squares need PᵀP and CCᵀ alone.
    """
    one, other = np.flatnonzero(fitted), np.flatnonzero(~fitted)
    if of.inner is None:
        states, mean = pca.centred(of.states[one])
        square, axes = _eigen(states.T @ states)
        left, right = states @ axes, (of.states[other] - mean) @ axes
    else:
        inner, across = _about(of.inner[np.ix_(one, one)], of.inner[np.ix_(other, one)])
        square, left = _eigen(inner)
        right = across @ left
    steps, mean = pca.centred(of.steps[one])
    held = of.steps[other] - mean
    image = left.T @ steps
    cross = np.einsum("kd,kd->k", right.T @ held, image)
    both = right.T @ right
    both *= image @ image.T
    kept = 1 / (square + penalties[:, None])
    return _square(held) - 2 * kept @ cross + np.einsum("pk,pk->p", kept @ both, kept)


def _prediction(of: _Halved, penalty: float) -> np.ndarray:
    """The held steps (m, D), about the mean of the fitted, as the ridge fitted to the whole half says them."""
    if of.inner is None or of.across is None:
        matrix = of.states.T @ of.states
        matrix.flat[:: len(matrix) + 1] += penalty
        return of.held_states @ _solved(matrix, of.states.T @ of.steps)
    matrix = of.inner.copy()
    matrix.flat[:: len(matrix) + 1] += penalty
    return _solved(matrix, of.across.T).T @ of.steps


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The solution of a positive definite system; the matrix is overwritten."""
    factor = linalg.cho_factor(matrix, overwrite_a=True, check_finite=False)
    return linalg.cho_solve(factor, right, check_finite=False)


def _eigen(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, ≥ 0, and vectors of a symmetric matrix, which is overwritten."""
    square, vectors = linalg.eigh(matrix, driver="evd", overwrite_a=True, check_finite=False)
    return np.maximum(square, 0.0), vectors


def _about(inner: np.ndarray, across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products of n samples among themselves (n, n) and of others with them (m, n), about the mean of the n."""
    of_mean = inner.mean(axis=0)
    square = of_mean.mean()
    inner = inner - of_mean - (of_mean - square)[:, None]
    return inner, across - of_mean - (across.mean(axis=1) - square)[:, None]


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
