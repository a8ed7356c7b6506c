"""The scores of states in spaces that are fitted, from one reading: their quantiles, spread and first values."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from residyn.schema import SAMPLE, SUBLAYER
from residyn.spaces.methods import Found
from residyn.spaces.record import ROBUST
from residyn.spaces.spread import Spread, merge, rows_where, spread
from residyn.walk import Progress, each_numbered_block

_SCORE_BYTES = 1 << 30
"""Scores held at a time; of more, in float32, each space has a reading of its own, or some share one."""


class Scored(NamedTuple):
    """Robust `quantiles` (2, K) of the scores fitted, spread `captured` of those judged, `first` (N, S, n)."""

    quantiles: np.ndarray
    captured: Spread
    first: np.ndarray


def spaces_a_reading(states: xr.DataArray, n_components: int) -> int:
    """How many spaces' scores are held at a time."""
    return max(1, _SCORE_BYTES // (4 * states.sizes[SAMPLE] * states.sizes[SUBLAYER] * n_components))


def score(
    states: xr.DataArray,
    fits: Sequence[Found],
    judged: Sequence[np.ndarray],
    n_first: int,
    progress: Progress | None,
) -> list[Scored]:
    """The scores of the states in each space, from one reading; `judged` (N,) bool are samples of `captured`."""
    dtype = np.float64 if states.dtype == np.float64 else np.float32

    def of_block(block: np.ndarray, start: int) -> list[tuple[np.ndarray, Spread | None, np.ndarray]]:
        made = []
        for fit, chosen in zip(fits, judged, strict=True):
            scores = fit.coordinates.scores(block)
            here = slice(start, start + len(block))
            fitted = rows_where(scores, fit.selection.fitted[here])[:, fit.selection.sublayers]
            counted = spread(rows_where(scores, chosen[here])) if chosen[here].any() else None
            made.append((fitted.astype(np.float32), counted, scores[:, :, :n_first].astype(dtype)))
        return made

    by_space = zip(*each_numbered_block(states, of_block, progress), strict=True)
    return [_finished(parts) for parts in by_space]


def _finished(parts: Sequence[tuple[np.ndarray, Spread | None, np.ndarray]]) -> Scored:
    fitted, counted, first = zip(*parts, strict=True)
    scores = np.concatenate(fitted)
    quantiles = np.stack([np.quantile(scores[:, :, k], ROBUST) for k in range(scores.shape[2])], axis=1)
    captured = functools.reduce(merge, (one for one in counted if one is not None))
    return Scored(quantiles, captured, np.concatenate(first))
