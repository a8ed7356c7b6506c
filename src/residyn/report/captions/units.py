"""Captions of panels A to D: where states are read, and what single units do."""

from __future__ import annotations

from collections import Counter

import numpy as np
import xarray as xr

from residyn.figures.figure1 import sites_of
from residyn.quantities.summaries import (
    STRONG,
    curve,
    ends_by_kind,
    strong_share,
    whole_by_kind,
)
from residyn.report.captions.phrases import (
    around,
    by_kind_in_words,
    change,
    extreme,
    higher_within,
    labels_of,
    sentences,
    without_most,
)
from residyn.schema import MIXERS, SITES, SUBLAYER, UNIT
from residyn.words import counted, number, percent


def schematic(results: xr.Dataset) -> tuple[str, ...]:
    sites = sites_of(results)
    if sites is None:
        return ()
    layers = len({site.layer for site in sites.sites})
    counts = Counter(site.site for site in sites.sites)
    hybrid = not set(counts) & set(MIXERS) <= {"attn"}
    first = "entering what mixes tokens" if hybrid else "entering attention"
    reads = {
        "sequential": f"{first} and entering the MLP",
        "post-norm": f"{first} and entering the MLP, the stream itself being normalised after each sum",
        "parallel": "entering each block, whose attention and MLP add to it at once",
        "single": "entering each block, which makes one write",
        "mixed": "entering each block, and before its MLP where there is a state between its two writes",
    }[sites.arrangement]
    text = (
        f"The residual stream of {counted(layers, 'layer')} is read {reads}: "
        f"{counted(len(sites.sites), 'state')} of {counted(results.sizes[UNIT], 'unit')} a sample."
    )
    each = ", ".join(f"{SITES[name]} {n}" for name, n in counts.items())
    return (f"{text} By what they enter: {each}.",) if hybrid or len(counts) > 2 else (text,)


def activation(results: xr.Dataset) -> tuple[str, ...]:
    return sentences(_magnitude(results), _massive(results), _sign(results), _density(results))


def _magnitude(results: xr.Dataset) -> str:
    if "magnitude" not in results:
        return ""
    size, labels = results["magnitude"].values, labels_of(results, SUBLAYER)
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
    kept, labels = results["sign_kept"].values, labels_of(results, SUBLAYER)
    half = len(kept) // 2
    return (
        f"Of the units, {percent(kept[0])} have the sign of their last mean at {labels[0]} and "
        f"{percent(kept[half])} at {labels[half]}; chance gives about half."
    )


def _density(results: xr.Dataset) -> str:
    if "density" not in results:
        return ""
    course = change(curve(results["density"]).values)
    return around("The population density, which does not change when everything grows,", course)


def correlation(results: xr.Dataset) -> tuple[str, ...]:
    r = results["unit_correlation"]
    first, last = ({kind: ends[i] for kind, ends in ends_by_kind(r).items()} for i in (0, 1))
    undefined = int(np.isnan(r.values).sum())
    return sentences(
        around("The median r over units and transitions is", by_kind_in_words(whole_by_kind(r))),
        around("In the first third of the depth it averages", by_kind_in_words(first)),
        around("In the last third it averages", by_kind_in_words(last)),
        higher_within(r, "The median r"),
        f"{percent(undefined / r.size)} of the correlations are not defined and drawn grey." if undefined else "",
    )


def density(results: xr.Dataset) -> tuple[str, ...]:
    strong, negative = strong_share(results["correlation_density"])
    if np.isnan(negative):
        return ("No unit has a correlation.",)
    on_average = (
        f"A unit's r is above {number(STRONG)} at {percent(strong)} of its transitions on average, and below 0 at "
        f"{percent(negative)}."
    )
    if "strong_throughout" not in results:
        return (on_average,)
    share = float(results["strong_throughout"])
    return on_average, f"{percent(share)} of the units have r above {number(STRONG)} at nine of ten transitions."
