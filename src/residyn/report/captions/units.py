"""Captions of panels A to D: where states are read, and what single units do."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.figures.figure1 import sites_of
from residyn.report.captions.phrases import (
    around,
    by_kind,
    change,
    extreme,
    higher_within,
    mean_of,
    mean_over,
    median_of,
    said_by_kind,
    sentences,
    without_most,
)
from residyn.report.words import counted, number, percent
from residyn.schema import SAMPLE, SUBLAYER, UNIT

STRONG = 0.8
"""The r from which the paper calls a correlation strong."""


def schematic(results: xr.Dataset) -> tuple[str, ...]:
    sites = sites_of(results)
    if sites is None:
        return ()
    layers = len({site.layer for site in sites.sites})
    reads = {
        "sequential": "entering attention and entering the MLP",
        "post-norm": "entering attention and entering the MLP, the stream itself being normalised after each sum",
        "parallel": "entering each block, whose attention and MLP add to it at once",
    }[sites.arrangement]
    return (
        f"The residual stream of {counted(layers, 'layer')} is read {reads}: "
        f"{counted(len(sites.sites), 'state')} of {counted(results.sizes[UNIT], 'unit')} a sample.",
    )


def activation(results: xr.Dataset) -> tuple[str, ...]:
    return sentences(_magnitude(results), _massive(results), _sign(results), _density(results))


def _labels(results: xr.Dataset) -> list[str]:
    return [str(label) for label in results[SUBLAYER].values]


def _magnitude(results: xr.Dataset) -> str:
    if "magnitude" not in results:
        return ""
    size, labels = results["magnitude"].values, _labels(results)
    course, where = change(size), extreme(size, labels)
    if not course:
        return around("The mean magnitude of an activation is", where)
    text = f"From {labels[0]} to {labels[-1]} the mean magnitude of an activation {course}"
    return f"{text}; it is {where}."


def _massive(results: xr.Dataset) -> str:
    if "magnitude_without_massive" not in results:
        return ""
    without = results["magnitude_without_massive"]
    most = int(without["left_out"].values.max())
    if most == 0:
        return ""
    size = without.sel(left_out=most).values
    return around(f"{without_most(most)} it", change(size))


def _sign(results: xr.Dataset) -> str:
    if "sign_kept" not in results:
        return ""
    kept, labels = results["sign_kept"].values, _labels(results)
    half = len(kept) // 2
    return (
        f"Of the units, {percent(kept[0])} have the sign of their last mean at {labels[0]} and "
        f"{percent(kept[half])} at {labels[half]}; chance gives about half."
    )


def _density(results: xr.Dataset) -> str:
    if "density" not in results:
        return ""
    density = mean_over(results["density"], SAMPLE)
    return around("The population density, which does not change when everything grows,", change(density))


def correlation(results: xr.Dataset) -> tuple[str, ...]:
    r = results["unit_correlation"]
    kinds = by_kind(r)
    pooled = {kind: median_of(part.values) for kind, part in kinds.items()}
    medians = {kind: part.median(UNIT, skipna=True) for kind, part in kinds.items()}
    early = {kind: mean_of(curve.values[: max(1, len(curve) // 3)]) for kind, curve in medians.items()}
    late = {kind: mean_of(curve.values[-max(1, len(curve) // 3) :]) for kind, curve in medians.items()}
    undefined = int(np.isnan(r.values).sum())
    return sentences(
        around("The median r over units and transitions is", said_by_kind(pooled)),
        around("In the first third of the depth it averages", said_by_kind(early)),
        around("In the last third it averages", said_by_kind(late)),
        higher_within(medians["within"], medians["cross"], "The median r")
        if {"within", "cross"} <= set(kinds)
        else "",
        f"{percent(undefined / r.size)} of the correlations are not defined and drawn grey." if undefined else "",
    )


def density(results: xr.Dataset) -> tuple[str, ...]:
    whole = results["correlation_density"].sel(transition_kind="all")
    strong = whole.isel(bin=np.flatnonzero(whole["bin_left"].values > STRONG - 1e-9)).sum("bin").values
    known = ~np.isnan(whole["share_negative"].values)
    if not known.any():
        return ("No unit has a correlation.",)
    negative = float(whole["share_negative"].values[known].mean())
    share, throughout = float(strong[known].mean()), float((strong[known] > 0.9).mean())
    return (
        f"A unit's r is above {number(STRONG)} at {percent(share)} of its transitions on average, and below 0 at "
        f"{percent(negative)}.",
        f"{percent(throughout)} of the units have r above {number(STRONG)} at more than nine of ten transitions.",
    )
