"""Captions of the panels beside Figure 1: what is left without the skip path, without norms, in another basis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from residyn.report.captions.phrases import Write, by_kind, change, mean_over, said_by_kind
from residyn.report.words import counted, listed, number
from residyn.schema import SAMPLE, SUBLAYER, UNIT

Sentences = tuple[str, ...]


def beyond_skip(results: xr.Dataset) -> Sentences:
    """The correlation beside the one that the skip path alone gives."""
    names = {
        "unit_correlation": "The median r",
        "skip_correlation": "with steps that do not depend on the state it",
    }
    said = [f"{words} is {said_by_kind(_medians(results[name]))}" for name, words in names.items()]
    return (f"{'; '.join(said)}.",)


def of_samples(name: str, what: str, write: Write = number) -> Callable[[xr.Dataset], Sentences]:
    """The mean over samples and transitions, by kind."""

    def caption(results: xr.Dataset) -> Sentences:
        means = {kind: float(np.nanmean(mean_over(part, SAMPLE))) for kind, part in by_kind(results[name]).items()}
        return (f"{what} is {said_by_kind(means, write)} on average.",)

    return caption


def directions(results: xr.Dataset) -> Sentences:
    """How much of a step is along the state, and how much across it."""
    along = of_samples("radial_step", "The part of a step along the state")
    across = of_samples("tangential_step", "The part across it")
    return (*along(results), *across(results))


def turning(results: xr.Dataset) -> Sentences:
    angle = float(np.nanmean(results["turning_angle"].values))
    return (f"Successive steps make {number(angle)}° on average; a random walk's make 90°, white noise's 120°.",)


def kurtosis(results: xr.Dataset) -> Sentences:
    """Before and after a random rotation; Gaussian units have 3."""
    before, after = (
        mean_over(results[name], SAMPLE)
        if SAMPLE in results[name].dims
        else results[name].transpose(SUBLAYER).values
        for name in ("kurtosis", "kurtosis_rotated")
    )
    return (
        f"Over the depth the mean kurtosis over units {change(before[0], before[-1])}; in a random basis it "
        f"{change(after[0], after[-1])}. Gaussian units have 3.",
    )


def portraits(results: xr.Dataset) -> Sentences:
    units = counted(results.sizes[UNIT], "unit")
    return (f"Paths of a few of the {units}: mean activation against its gradient over depth, coloured by depth.",)


def orbits(results: xr.Dataset) -> Sentences:
    """Mean signed rotations over units, beside their nulls."""
    rotations = results["rotations"].values
    text = (
        f"The {counted(results.sizes[UNIT], 'unit')} turn {number(float(np.nanmean(rotations)))} times on average"
    )
    nulls = results["rotations_null_mean"]
    if set(nulls.dims) != {"null", UNIT}:
        return (f"{text}.",)
    means = np.nanmean(nulls.transpose("null", UNIT).values, axis=1)
    said = [f"{number(float(mean))} with {name}" for name, mean in zip(nulls["null"].values, means, strict=True)]
    return (f"{text}, against {listed(said)}.",)


def _medians(array: xr.DataArray) -> dict[str, float]:
    return {kind: float(np.nanmedian(part.values)) for kind, part in by_kind(array).items()}
