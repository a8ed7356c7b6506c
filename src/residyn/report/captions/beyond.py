"""Captions of the panels beside Figure 1: what is left without the skip path, without norms, in another basis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from residyn.quantities.orbits import LEVEL, SMOOTH, more_often
from residyn.quantities.summaries import curve, whole, whole_by_kind
from residyn.report.captions.phrases import around, by_kind_in_words, change, sentences
from residyn.schema import UNIT
from residyn.words import counted, listed, number, p_value

Sentences = tuple[str, ...]
_ALIKE = "not clearly more or less often than"


def beyond_skip(results: xr.Dataset) -> Sentences:
    """The correlation beside the one that the skip path alone gives."""
    names = {
        "unit_correlation": "The median r",
        "skip_correlation": "with steps that do not depend on the state it",
    }
    medians = {words: by_kind_in_words(whole_by_kind(results[name])) for name, words in names.items()}
    # The second speaks of the first: neither is said without the other.
    return (
        (f"{'; '.join(f'{words} is {said}' for words, said in medians.items())}.",)
        if all(medians.values())
        else ()
    )


def of_samples(name: str, what: str) -> Callable[[xr.Dataset], Sentences]:
    """The mean over samples and transitions, by kind."""

    def caption(results: xr.Dataset) -> Sentences:
        return sentences(around(f"{what} is", by_kind_in_words(whole_by_kind(results[name])), " on average."))

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
    """Mean signed rotations over units beside the nulls, then single units, then what smoothness accounts for."""
    turns, n = whole(results["rotations"]), results.sizes[UNIT]
    if np.isnan(turns):
        return ()
    text = f"The {counted(n, 'unit')} turn{'s' if n == 1 else ''} {number(turns)} times on average"
    nulls = results["rotations_null_mean"]
    means = zip(nulls["null"].values, curve(nulls, "mean").values, strict=True)
    said = [f"{number(float(mean))} with {name}" for name, mean in means if not np.isnan(mean)]
    if "rotations_mean_p" not in results or not said:
        return (f"{text}, against {listed(said)}." if said else f"{text}.",)
    return (f"{text}: {_mean_beside_nulls(results)}.", *_units_beside_nulls(results), *_smooth(results))


def _mean_beside_nulls(results: xr.Dataset) -> str:
    """As in "more often than with a (0.1, p = 0.005), and no clearly different number of times from b"."""
    found: dict[str, list[str]] = {}
    mean = results["rotations"].mean().values
    for row, null in enumerate(results["null"].values):
        of_null = results["rotations_null_mean"][row].mean().values
        p = float(results["rotations_mean_p"][row])
        if np.isnan(p):
            continue
        often = ("more often than" if more_often(mean, of_null) else "less often than") if p <= LEVEL else _ALIKE
        found.setdefault(often, []).append(f"with {null} ({number(float(of_null))}, {p_value(p)})")
    return ", ".join(f"{often} {listed(nulls)}" for often, nulls in found.items())


def _units_beside_nulls(results: xr.Dataset) -> Sentences:
    """How many units turn more and how many less often, at a p that is of all of them together."""
    if "rotations_p_family" not in results:
        return ()
    told = []
    for row, null in enumerate(results["null"].values):
        beyond = results["rotations_p_family"][row].values <= LEVEL
        more = more_often(results["rotations"].values, results["rotations_null_mean"][row].values)
        told.append(f"{int((beyond & more).sum())} and {int((beyond & ~more).sum())} with {null}")
    return (
        f"Units that turn more often and that turn less often than the null's, at p ≤ {LEVEL} over all units "
        f"together: {listed(told)}.",
    )


def _smooth(results: xr.Dataset) -> Sentences:
    """Whether the null that keeps how smooth a path is leaves anything to explain."""
    if SMOOTH not in results["null"].values:
        return ()
    p = float(results["rotations_mean_p"].values[list(results["null"].values).index(SMOOTH)])
    if np.isnan(p):
        return ()
    said = (
        "its mean differs too, by more than smoothness explains"
        if p <= LEVEL
        else "beside it the mean over units is as expected, so that a difference from the others need be no more "
        "than one of smoothness"
    )
    return (f"Of these nulls only {SMOOTH} keeps how smooth a path is; {said}.",)
