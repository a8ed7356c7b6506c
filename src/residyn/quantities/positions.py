"""Results by the place of the token in its text, where several tokens of a text are samples."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import nan
from residyn.schema import SAMPLE, TRANSITION

PLACES = "places"
"""The dimension of ranges of places: 0, 1, 2–3, 4–7, … tokens before."""


def has_several_places(result: xr.DataArray) -> bool:
    """Whether some text has more than one sample, at tokens whose places are known and differ."""
    named = "text_id" in result.coords and _name_of_places(result) is not None
    if SAMPLE not in result.dims or not named:
        return False
    texts = result["text_id"].values
    return len(np.unique(texts)) < len(texts) and len(np.unique(_begins(_places_of(result)))) > 1


def by_place(result: xr.DataArray) -> xr.DataArray:
    """The mean of a result over samples whose tokens stand at like places of their texts, (places, transition).

    `result` (sample, transition) is as `velocity` and `cosine` return it. The place of a token is the number of
    tokens before it, 0 for the first: the samples' coordinate `position`, or n_tokens − 1. Ranges of places
    double: 0, 1, 2–3, 4–7, …; those without samples are left out. Coordinates along `places`: `first` and `last`
    of each range as far as there are samples, and how many these are, `n_samples`. In the units of the result;
    samples where it is not defined are left out, and where none is defined the mean is NaN. Raises DataError
    where the result has other dimensions, or no place is known.
    """
    if set(result.dims) != {SAMPLE, TRANSITION}:
        raise DataError(
            f"Means by place are of results over (sample, transition); got {tuple(result.dims)}. Pass "
            "velocity(states) or cosine(states), whole."
        )
    places = _places_of(result)
    values = np.asarray(result.transpose(SAMPLE, TRANSITION).values, dtype=np.float64)
    begins = _begins(places)
    ranges = np.unique(begins)
    chosen = [begins == begin for begin in ranges]
    coords = {name: coord.variable for name, coord in result.coords.items() if coord.dims == (TRANSITION,)}
    return xr.DataArray(
        np.stack([nan.finite_mean(values[rows], axis=0) for rows in chosen]),
        dims=(PLACES, TRANSITION),
        coords={
            **coords,
            "first": (PLACES, np.array([places[rows].min() for rows in chosen])),
            "last": (PLACES, np.array([places[rows].max() for rows in chosen])),
            "n_samples": (PLACES, np.array([int(rows.sum()) for rows in chosen])),
        },
        name=result.name,
        attrs=dict(result.attrs),
    )


def _places_of(result: xr.DataArray) -> np.ndarray:
    name = _name_of_places(result)
    if name is None:
        raise DataError(
            "Where tokens stand in their texts is read from the coordinate position or n_tokens along the "
            "samples; the result has neither. Label states with residyn.from_array(…, n_tokens=…)."
        )
    return result[name].values.astype(np.int64) - (name == "n_tokens")


def _name_of_places(result: xr.DataArray) -> str | None:
    found = (name for name in ("position", "n_tokens") if name in result.coords)
    return next((name for name in found if result[name].dims == (SAMPLE,)), None)


def _begins(places: np.ndarray) -> np.ndarray:
    """Where the range of each place begins: 0, or the largest power of two that is not beyond the place."""
    return np.where(places > 0, 2 ** np.floor(np.log2(np.maximum(places, 1))), 0).astype(np.int64)
