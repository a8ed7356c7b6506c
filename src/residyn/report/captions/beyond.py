"""Captions of the panels beside Figure 1: what is left without the skip path, without norms, in another basis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from residyn.quantities.summaries import curve, whole, whole_by_kind
from residyn.report.captions.phrases import around, change, said_by_kind, sentences
from residyn.schema import UNIT
from residyn.words import counted, listed, number

Sentences = tuple[str, ...]


def beyond_skip(results: xr.Dataset) -> Sentences:
    """The correlation beside the one that the skip path alone gives."""
    names = {
        "unit_correlation": "The median r",
        "skip_correlation": "with steps that do not depend on the state it",
    }
    medians = {words: said_by_kind(whole_by_kind(results[name])) for name, words in names.items()}
    # The second speaks of the first: neither is said without the other.
    return (
        (f"{'; '.join(f'{words} is {said}' for words, said in medians.items())}.",)
        if all(medians.values())
        else ()
    )


def of_samples(name: str, what: str) -> Callable[[xr.Dataset], Sentences]:
    """The mean over samples and transitions, by kind."""

    def caption(results: xr.Dataset) -> Sentences:
        return sentences(around(f"{what} is", said_by_kind(whole_by_kind(results[name])), " on average."))

    return caption


def directions(results: xr.Dataset) -> Sentences:
    """How much of a step is along the state, and how much across it."""
    along = of_samples("radial_step", "The part of a step along the state")
    across = of_samples("tangential_step", "The part of a step across the state")
    return (*along(results), *across(results))


def turning(results: xr.Dataset) -> Sentences:
    angle = whole(results["turning_angle"])
    if np.isnan(angle):
        return ()
    return (f"Successive steps make {number(angle)}° on average; a random walk's make 90°, white noise's 120°.",)


def kurtosis(results: xr.Dataset) -> Sentences:
    """Before and after a random rotation; Gaussian units have 3."""
    before, after = (change(curve(results[name]).values) for name in ("kurtosis", "kurtosis_rotated"))
    found = sentences(
        around("Over the depth the mean kurtosis over units", before),
        around("In a random basis the mean kurtosis over units", after),
    )
    return (*found, "Gaussian units have 3.") if found else ()


def portraits(results: xr.Dataset) -> Sentences:
    units = counted(results.sizes[UNIT], "unit")
    return (f"Paths of a few of the {units}: mean activation against its gradient over depth, coloured by depth.",)


def orbits(results: xr.Dataset) -> Sentences:
    """Mean signed rotations over units, beside their nulls."""
    turns, n = whole(results["rotations"]), results.sizes[UNIT]
    if np.isnan(turns):
        return ()
    text = f"The {counted(n, 'unit')} turn{'s' if n == 1 else ''} {number(turns)} times on average"
    nulls = results["rotations_null_mean"]
    means = zip(nulls["null"].values, curve(nulls, "mean").values, strict=True)
    said = [f"{number(float(mean))} with {name}" for name, mean in means if not np.isnan(mean)]
    return (f"{text}, against {listed(said)}." if said else f"{text}.",)
