"""What limits the numbers: ties among the last tokens, what is not defined, and the noise of the arithmetic."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from residyn.quantities.summaries import tie_share
from residyn.report.captions.phrases import MOST_TIED
from residyn.words import counted, number, percent

_UNDEFINED = {
    "unit_correlation": "correlations",
    "mutual_information": "values of mutual information",
    "cosine": "cosines",
}


def limits(results: xr.Dataset, noise_floor: xr.Dataset | None = None) -> tuple[str, ...]:
    """One sentence each; what is not known is left out."""
    return tuple(
        sentence
        for sentence in (
            _ties(results),
            _first_ties(results),
            *_undefined(results),
            _imprecise(results),
            _noise(noise_floor),
        )
        if sentence
    )


def _ties(results: xr.Dataset) -> str:
    attrs = results.attrs
    if "distinct_last_tokens" not in attrs:
        return ""
    text = f"The samples end in {counted(int(attrs['distinct_last_tokens']), 'distinct token')}"
    shared = float(attrs.get("tie_fraction", math.nan))
    return (
        f"{text}."
        if math.isnan(shared)
        else f"{text}; {percent(shared)} of them share theirs with another sample."
    )


def _first_ties(results: xr.Dataset) -> str:
    """Asked of the states: equal last tokens are one vector at first only in models that add no positions."""
    if "mutual_information" not in results:
        return ""
    first = float(tie_share(results["mutual_information"])[0])
    if not first > MOST_TIED:
        return ""
    return (
        f"On the first transition {percent(first)} of the median unit's samples share a value with another one: "
        "what is measured there rests on few values."
    )


def _undefined(results: xr.Dataset) -> list[str]:
    said = []
    for name, words in _UNDEFINED.items():
        if name not in results:
            continue
        missing = int(np.isnan(results[name].values).sum())
        if missing:
            said.append(f"Of the {words}, {percent(missing / results[name].size)} are not defined.")
    return said


def _imprecise(results: xr.Dataset) -> str:
    flagged = results["unit_correlation"].coords.get("imprecise")
    if flagged is None or not flagged.values.any():
        return ""
    share = percent(float(flagged.values.mean()))
    return f"Of the correlations, {share} are of units that spread less than rounding: they are not to be trusted."


def _noise(noise_floor: xr.Dataset | None) -> str:
    if noise_floor is None or "state_noise" not in noise_floor:
        return ""
    noise = noise_floor["state_noise"].values
    if np.isnan(noise).all():
        return ""
    most = float(np.nanmax(noise))
    if most == 0:
        return "Read in other batches, the same texts give the same bits."
    return (
        f"Read in other batches, the same texts give states that differ by up to {number(most)} of their length: "
        "what is smaller is noise of the arithmetic."
    )
