"""Phrases that captions share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import xarray as xr

from residyn.report.words import listed, number
from residyn.schema import SAMPLE, TRANSITION, UNIT

NAMES = {"within": "within layers", "cross": "across layers", "block": "across whole blocks"}
MOST_TIED = 0.5
"""Share of tied samples above which what is measured is said to rest on few values."""

Write = Callable[[float], str]


def change(values: np.ndarray, write: Write = number) -> str:
    """How a curve goes from its first place to its last; empty where it has but one, or neither is defined.

    What is the same as it is written is neither a rise nor a fall.
    """
    if len(values) < 2 or np.isnan([values[0], values[-1]]).all():
        return ""
    first, last = float(values[0]), float(values[-1])
    if write(first) == write(last):
        return f"begins and ends at {write(first)}"
    if np.isnan(first) or np.isnan(last):
        return f"goes from {write(first)} to {write(last)}"
    return f"{'rises' if last > first else 'falls'} from {write(first)} to {write(last)}"


def extreme(values: np.ndarray, labels: Sequence[str], write: Write = number) -> str:
    """Where a curve is lowest and highest; empty where it is not defined anywhere."""
    values = np.asarray(values, dtype=np.float64)
    if np.isnan(values).all():
        return ""
    low, high = int(np.nanargmin(values)), int(np.nanargmax(values))
    return f"lowest at {labels[low]} ({write(values[low])}) and highest at {labels[high]} ({write(values[high])})"


def mean_over(array: xr.DataArray, dim: str) -> np.ndarray:
    """The mean along `dim` without NaN; NaN where there is nothing else."""
    values = np.moveaxis(array.values, array.dims.index(dim), 0).astype(np.float64)
    # The mean of ∞ and −∞ is not defined, and no reason to warn.
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.nanmean(values, axis=0)


def mean_of(values: np.ndarray) -> float:
    """The mean of all values but NaN; NaN where there is nothing else."""
    return _of_known(np.mean, values)


def median_of(values: np.ndarray) -> float:
    """The median of all values but NaN; NaN where there is nothing else."""
    return _of_known(np.median, values)


def _of_known(function: Callable[[np.ndarray], np.floating], values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    with np.errstate(invalid="ignore"):
        return float(function(known)) if known.size else float("nan")


def tied(nats: xr.DataArray) -> np.ndarray:
    """By transition, the share of samples that share a value in the median unit; NaN where it is not known."""
    if "tie_share" not in nats.coords:
        return np.full(nats.sizes[TRANSITION], np.nan)
    return nats["tie_share"].median(UNIT, skipna=True).values


def by_kind(array: xr.DataArray) -> dict[str, xr.DataArray]:
    """The transitions of each kind, in the order within, cross, block."""
    kinds = array["kind"].values
    return {
        kind: array.isel({TRANSITION: np.flatnonzero(kinds == kind)}) for kind in NAMES if (kinds == kind).any()
    }


def curves(array: xr.DataArray) -> dict[str, tuple[np.ndarray, list[str]]]:
    """Per kind: the mean over samples at each transition, and the transitions' names."""
    return {
        kind: (mean_over(part, SAMPLE), [str(label) for label in part[TRANSITION].values])
        for kind, part in by_kind(array).items()
    }


def said_by_kind(values: Mapping[str, float], write: Write = number) -> str:
    """As in "0.94 within layers and 0.87 across layers"; empty where none is defined."""
    if np.isnan(list(values.values())).all():
        return ""
    return listed([f"{write(value)} {NAMES[kind]}" for kind, value in values.items()])


def higher_within(within: xr.DataArray, cross: xr.DataArray, what: str) -> str:
    """In how many layers a curve is higher within the layer than on the way to the next one.

    Both are along transitions; layers are paired by where their transitions leave.
    """
    on_the_way = dict(zip(cross["from_layer"].values.tolist(), cross.values.tolist(), strict=True))
    pairs = [
        (value, on_the_way[layer])
        for layer, value in zip(within["from_layer"].values.tolist(), within.values.tolist(), strict=True)
        if layer in on_the_way and not np.isnan([value, on_the_way[layer]]).any()
    ]
    if not pairs:
        return ""
    higher = sum(a > b for a, b in pairs)
    return f"{what} is higher within a layer than on the way to the next in {higher} of {len(pairs)} layers."


def around(head: str, said: str, tail: str = ".") -> str:
    """A sentence around what is said; empty where that is."""
    return f"{head} {said}{tail}" if said else ""


def without_most(n: int) -> str:
    """The beginning of what is said without so many massive units."""
    return f"Without the {'most massive unit' if n == 1 else f'{n} most massive units'}"


def sentences(*found: str) -> tuple[str, ...]:
    """The sentences that there is something to say in."""
    return tuple(sentence for sentence in found if sentence)
