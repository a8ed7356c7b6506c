"""The scores of states in spaces that are fitted, from one reading: their quantiles, spread and first values."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from residyn.numerics.subsamples import MOST_SAMPLES, some_samples
from residyn.schema import SAMPLE, SUBLAYER
from residyn.spaces.methods import FittedArrays
from residyn.spaces.record import ROBUST
from residyn.spaces.spread import Spread, merge, rows_where, spread
from residyn.walk import Progress, each_numbered_block

_SCORE_BYTES = 1 << 30
"""Scores held at a time; of more, in float32, each space has a reading of its own, or some share one."""
_TILE_VALUES = 1 << 23
"""Values of states converted to float64 at a time: 64 MiB, rows enough for a product to run at full speed."""


class Scored(NamedTuple):
    """Robust `quantiles` (2, K) of the scores fitted, spread `captured` of those judged, `first` (N, S, n)."""

    quantiles: np.ndarray
    captured: Spread
    first: np.ndarray


def spaces_a_reading(states: xr.DataArray, n_components: int) -> int:
    """How many spaces' scores are held at a time."""
    samples = min(states.sizes[SAMPLE], MOST_SAMPLES)
    return max(1, _SCORE_BYTES // (4 * samples * states.sizes[SUBLAYER] * n_components))


def score(
    states: xr.DataArray,
    fits: Sequence[FittedArrays],
    judged: Sequence[np.ndarray],
    n_first: int,
    progress: Progress | None,
    *,
    about: np.ndarray,
) -> list[Scored]:
    """The scores of the states in each space, from one reading; `judged` (N,) bool are samples of `captured`.

    `about` (S, D) is a point near the states of each sublayer, such as their mean: one product of the deviations
    from it serves all spaces.
    """
    dtype = np.float64 if states.dtype == np.float64 else np.float32
    together = _Together(fits, about)
    measured = [_some(fit.selection.fitted) for fit in fits]

    def reduce_block(block: np.ndarray, start: int) -> list[tuple[np.ndarray, Spread | None, np.ndarray]]:
        made = []
        here = slice(start, start + len(block))
        for scores, fit, chosen, some in zip(together.scores(block), fits, judged, measured, strict=True):
            kept = rows_where(scores, some[here])[:, fit.selection.sublayers]
            counted = spread(rows_where(scores, chosen[here])) if chosen[here].any() else None
            made.append((kept.astype(np.float32), counted, scores[:, :, :n_first].astype(dtype)))
        return made

    by_space = zip(*each_numbered_block(states, reduce_block, progress), strict=True)
    return [_finished(parts) for parts in by_space]


class _Together:
    """Several spaces, whose scores of a block come of one product.

    The score of a state x at a sublayer whose point is p is (x − p)·a/u / s + ((p/u)/s − mean)·a, for an axis a
    and scales u of units and s of the sublayer.
    """

    def __init__(self, fits: Sequence[FittedArrays], about: np.ndarray) -> None:
        self.about = about
        self.axes = np.concatenate([fit.axes / fit.scaling.unit for fit in fits])
        self.scale = [fit.scaling.sublayer[:, None] for fit in fits]
        self.offset = [(about / fit.scaling.both - fit.mean) @ fit.axes.T for fit in fits]
        self.ends = np.cumsum([0, *(len(fit.axes) for fit in fits)])

    def scores(self, block: np.ndarray) -> Iterator[np.ndarray]:
        """Scores (n, S, K), float64, of a block (n, S, D) in each space."""
        n, n_sublayers, n_units = block.shape
        product = np.empty((n, n_sublayers, len(self.axes)))
        height = max(1, _TILE_VALUES // (n_sublayers * n_units))
        for start in range(0, n, height):
            deviation = block[start : start + height] - self.about
            rows = deviation.reshape(-1, n_units) @ self.axes.T
            product[start : start + height] = rows.reshape(-1, n_sublayers, len(self.axes))
        for i, (begin, end) in enumerate(itertools.pairwise(self.ends)):
            scores = product[:, :, begin:end] / self.scale[i]
            scores += self.offset[i]
            yield scores


def _some(fitted: np.ndarray) -> np.ndarray:
    """The samples (N,) bool, of those fitted, whose scores the quantiles are of."""
    rows = np.flatnonzero(fitted)
    chosen = np.zeros(len(fitted), dtype=bool)
    chosen[rows[some_samples(len(rows))]] = True
    return chosen


def _finished(parts: Sequence[tuple[np.ndarray, Spread | None, np.ndarray]]) -> Scored:
    fitted, counted, first = zip(*parts, strict=True)
    scores = np.concatenate(fitted)
    quantiles = np.stack([np.quantile(scores[:, :, k], ROBUST) for k in range(scores.shape[2])], axis=1)
    captured = functools.reduce(merge, (one for one in counted if one is not None))
    return Scored(quantiles, captured, np.concatenate(first))
