"""What limits the numbers: ties among the last tokens, what is not defined, and the noise of the arithmetic."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from residyn.report.words import counted, number, percent

_UNDEFINED = {
    "unit_correlation": "correlations",
    "mutual_information": "values of mutual information",
    "cosine": "cosines",
}
_MOST = 0.5
"""Share of samples that share their last token above which what that means is said."""


def limits(results: xr.Dataset, noise_floor: xr.Dataset | None = None) -> tuple[str, ...]:
    """One sentence each; what is not known is left out."""
    return tuple(
        sentence
        for sentence in (_ties(results), *_undefined(results), _imprecise(results), _noise(noise_floor))
        if sentence
    )


def _ties(results: xr.Dataset) -> str:
    attrs = results.attrs
    if "distinct_last_tokens" not in attrs:
        return ""
    text = f"The samples end in {counted(int(attrs['distinct_last_tokens']), 'distinct token')}"
    tied = float(attrs.get("tie_fraction", math.nan))
    if math.isnan(tied):
        return f"{text}."
    text += f"; {percent(tied)} of them share theirs with another sample."
    if tied > _MOST:
        text += (
            " Where the first state is a function of the last token alone, what is measured there rests on few "
            "values."
        )
    return text


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
