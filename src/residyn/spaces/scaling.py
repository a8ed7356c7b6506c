"""Which states a space is fitted to, and in which units: moments first, where scales depend on them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.numerics import moments
from residyn.numerics.moments import Moments
from residyn.schema import SAMPLE, SUBLAYER, UNIT
from residyn.walk import Progress, each_numbered_block

T = TypeVar("T")


@dataclass(frozen=True)
class Selection:
    """The states of a fit: samples not held out `fitted` (N,), units used (D,), sublayers that vary (S,)."""

    fitted: np.ndarray
    used: np.ndarray
    varying: np.ndarray

    @property
    def n_states(self) -> int:
        return int(self.fitted.sum()) * int(self.varying.sum())

    @property
    def sublayers(self) -> slice | np.ndarray:
        """An index of the sublayers that vary, which copies nothing where all do."""
        return slice(None) if self.varying.all() else self.varying


@dataclass(frozen=True)
class Scaling:
    """What states are divided by: per unit (D,) and per sublayer (S,); 1 where nothing is scaled."""

    unit: np.ndarray
    sublayer: np.ndarray

    @property
    def both(self) -> np.ndarray:
        """(S, D)."""
        return self.sublayer[:, None] * self.unit


def select(
    states: xr.DataArray, without: Sequence[int] | np.ndarray | None, hold_out: float, seed: int
) -> Selection:
    """The samples and units of a fit, before anything is read."""
    n, n_units = states.sizes[SAMPLE], states.sizes[UNIT]
    fitted = np.ones(n, dtype=bool)
    if isinstance(hold_out, bool) or not isinstance(hold_out, int | float) or not 0 <= hold_out < 1:
        raise UsageError(f"hold_out is a share of the samples, at least 0 and below 1; got {hold_out!r}.")
    if hold_out:
        n_out = round(hold_out * n)
        if not 0 < n_out < n:
            raise UsageError(
                f"hold_out={hold_out!r} of {n} samples holds out {n_out}; a held-out fit needs samples on both "
                "sides. Capture more texts, or choose another share."
            )
        fitted[np.random.default_rng(seed).permutation(n)[:n_out]] = False
    used = np.ones(n_units, dtype=bool)
    left_out = np.asarray([] if without is None else without)
    if left_out.size:
        if left_out.dtype.kind not in "iu" or left_out.min() < 0 or left_out.max() >= n_units:
            raise UsageError(f"Units left out are positions 0 … {n_units - 1}; got {left_out.tolist()}.")
        used[left_out] = False
    if n_units and not used.any():
        raise UsageError(f"All {n_units} units are left out; a space needs at least one.")
    return Selection(fitted, used, np.ones(states.sizes[SUBLAYER], dtype=bool))


def gather(
    states: xr.DataArray,
    selection: Selection,
    reduce: Callable[[np.ndarray], T],
    merge: Callable[[T, T], T],
    progress: Progress | None = None,
) -> T:
    """`reduce` of each block of the samples that are fitted, merged in their order."""

    def of_fitted(block: np.ndarray, first: int) -> T | None:
        chosen = selection.fitted[first : first + len(block)]
        return reduce(block if chosen.all() else block[chosen]) if chosen.any() else None

    blocks = each_numbered_block(states, of_fitted, progress)
    return functools.reduce(merge, (part for part in blocks if part is not None))


def measure(
    states: xr.DataArray, selection: Selection, *, equalize: bool, standardize: bool, progress: Progress | None
) -> tuple[Scaling, Selection, Moments]:
    """Scales from one reading of the states, and the sublayers that vary; the moments of the states as they are.

    Units and sublayers without variance keep the scale 1. An equalised fit leaves such sublayers out: there is
    no variance to bring them to that of the others.
    """
    m = gather(states, selection, moments.from_block, moments.merge, progress)
    unit = np.ones(m.mean.shape[1])
    if standardize:
        mean = m.mean.mean(axis=0)
        total = m.m2.sum(axis=0) + m.count * ((m.mean - mean) ** 2).sum(axis=0)
        unit = _root(total / max(m.count * len(m.mean) - 1, 1))
    sublayer = np.ones(len(m.mean))
    if equalize:
        total = (m.m2 / unit**2)[:, selection.used].sum(axis=1)
        sublayer = _root(total / max(m.count - 1, 1))
        selection = replace(selection, varying=total > 0)
    return Scaling(unit, sublayer), selection, m


def unscaled(states: xr.DataArray) -> Scaling:
    return Scaling(np.ones(states.sizes[UNIT]), np.ones(states.sizes[SUBLAYER]))


def readings(progress: Progress | None, n: int, states: xr.DataArray) -> list[Progress | None]:
    """One progress for each of n readings of the states, which together report as one, counted in samples."""
    n_samples = states.sizes[SAMPLE]

    if progress is None:
        return [None] * n

    def part(i: int) -> Progress:
        return lambda done, total: progress(i * n_samples + n_samples * done // total, n * n_samples)

    return [part(i) for i in range(n)]


def _root(variance: np.ndarray) -> np.ndarray:
    return np.sqrt(np.where(variance > 0, variance, 1.0))
