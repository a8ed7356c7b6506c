"""Phrases that captions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import xarray as xr

from residyn.quantities.summaries import by_kind, curve, layers_higher_within, places
from residyn.words import listed, number

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


def by_name(said: Mapping[str, str]) -> list[str]:
    """What is said of each kind of transition, with the kind's name, unless all are whole blocks."""
    return [words if said.keys() == {"block"} else f"{words} {NAMES[kind]}" for kind, words in said.items()]


def by_kind_in_words(values: Mapping[str, float], write: Write = number) -> str:
    """As in "0.94 within layers and 0.87 across layers"; empty where none is defined."""
    if np.isnan(list(values.values())).all():
        return ""
    return listed(by_name({kind: write(value) for kind, value in values.items()}))


def higher_within(array: xr.DataArray, what: str) -> str:
    """In how many layers a curve is higher within the layer than on the way to the next one."""
    higher, n = layers_higher_within(array)
    return f"{what} is higher within a layer than on the way to the next in {higher} of {n} layers." if n else ""


def courses(array: xr.DataArray) -> dict[str, str]:
    """Of each kind, how its curve goes from the first transition to the last; kinds without one are left out."""
    found = {kind: change(values.values) for kind, values in by_kind(curve(array)).items()}
    return {kind: said for kind, said in found.items() if said}


def labels_of(array: xr.DataArray | xr.Dataset, along: str) -> list[str]:
    """The names of the places along depth."""
    return places(array, along)


def around(head: str, said: str, tail: str = ".") -> str:
    """A sentence around what is said; empty where that is."""
    return f"{head} {said}{tail}" if said else ""


def without_most(n: int) -> str:
    """The beginning of what is said without so many massive units."""
    return f"Without the {'most massive unit' if n == 1 else f'{n} most massive units'}"


def sentences(*found: str) -> tuple[str, ...]:
    """The sentences that there is something to say in."""
    return tuple(sentence for sentence in found if sentence)
