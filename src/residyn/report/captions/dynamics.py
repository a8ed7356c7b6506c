"""Captions of the panels of the figure "Dynamics"."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.quantities.summaries import curve, whole, whole_by_kind
from residyn.report.captions.phrases import around, said_by_kind, sentences
from residyn.words import listed, number

Sentences = tuple[str, ...]


def write_cosine(results: xr.Dataset) -> Sentences:
    """The mean cosine of writes with the state, by kind of transition, beside that of random ones."""
    said = said_by_kind(whole_by_kind(results["write_cosine"]))
    return sentences(around("The cosine of a write with the state is", said, f" on average{_random(results)}."))


def successive_writes(results: xr.Dataset) -> Sentences:
    """The mean cosine of the writes to and from a state, by the state's site."""
    result = results["successive_writes_cosine"]
    values, sites = curve(result).values, result["site"].values.astype(str)
    means = {site: whole(values[sites == site]) for site in dict.fromkeys(sites.tolist())}
    said = listed([f"{number(mean)} at {site} states" for site, mean in means.items() if not np.isnan(mean)])
    head = "The cosine of the writes to and from a state is"
    return sentences(around(head, said, f" on average{_random(results)}."))


def earlier_writes(results: xr.Dataset) -> Sentences:
    """The mean share of writes among earlier ones, beside that of random ones."""
    share, chance = (whole(curve(results[f"earlier_writes_overlap{end}"])) for end in ("", "_random"))
    if np.isnan(share):
        return ()
    return (
        f"Of a write's squared length {number(share)} lies in the span of its sample's earlier writes on average; "
        f"of a write of random direction it would be {number(chance)}.",
    )


def _random(results: xr.Dataset) -> str:
    sd = results["write_cosine"].attrs.get("random_sd") if "write_cosine" in results else None
    return "" if sd is None else f"; single writes of random direction have 0 ± {number(float(sd))}"
