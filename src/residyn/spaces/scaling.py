"""Which states a space is fitted to, and in which units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.numerics.groups import held_out
from residyn.schema import SAMPLE, SUBLAYER, UNIT, documents_of
from residyn.spaces.spread import Spread
from residyn.walk import Progress


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


class Variant(NamedTuple):
    """One space to fit: to which states, and what brings them to one scale."""

    selection: Selection
    equalize: bool = False
    standardize: bool = False


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
        fitted = ~held_out(documents_of(states), n_out, seed)
        if fitted.all():
            raise UsageError(
                f"hold_out={hold_out!r} holds out whole documents; none can be held out of {n} samples of "
                f"{len(np.unique(documents_of(states)))}. Capture texts of more documents, or leave hold_out out."
            )
    used = np.ones(n_units, dtype=bool)
    left_out = np.asarray([] if without is None else without)
    if left_out.size:
        if left_out.dtype.kind not in "iu" or left_out.min() < 0 or left_out.max() >= n_units:
            raise UsageError(f"Units left out are positions 0 … {n_units - 1}; got {left_out.tolist()}.")
        used[left_out] = False
    if n_units and not used.any():
        raise UsageError(f"All {n_units} units are left out; a space needs at least one.")
    return Selection(fitted, used, np.ones(states.sizes[SUBLAYER], dtype=bool))


def scales(variant: Variant, found: Spread) -> tuple[Scaling, Selection]:
    """Scales by the spread of the samples fitted, and the selection less the sublayers that do not vary.

    Units and sublayers without variance keep the scale 1. An equalised fit leaves such sublayers out: there is
    no variance to bring them to that of the others.
    """
    selection = variant.selection
    n_sublayers, n_units = found.mean.shape
    unit = unit_scale(found) if variant.standardize else np.ones(n_units)
    sublayer = np.ones(n_sublayers)
    if variant.equalize:
        sublayer, varying = sublayer_scale(found, unit, selection.used)
        selection = replace(selection, varying=varying)
    return Scaling(unit, sublayer), selection


def unit_scale(found: Spread) -> np.ndarray:
    """The standard deviation of each unit over samples and sublayers, (D,); 1 where it is 0."""
    mean = found.mean.mean(axis=0)
    total = found.m2.sum(axis=0) + found.count * ((found.mean - mean) ** 2).sum(axis=0)
    return _root(total / max(found.count * len(found.mean) - 1, 1))


def sublayer_scale(found: Spread, unit: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The root of each sublayer's variance over the units used, in units of `unit`, (S,), 1 where it is 0.

    And whether it is above 0, (S,) bool.
    """
    total = (found.m2 / unit**2)[:, used].sum(axis=1)
    return _root(total / max(found.count - 1, 1)), total > 0


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
