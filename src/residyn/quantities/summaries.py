"""Summaries of results, along depth, by kind of transition and whole, as figures, captions and tables show them.

What is not finite is left out; NaN stands where nothing else is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr

from residyn.axis_names import axis_names
from residyn.quantities.catalogue.correlation import STRONG
from residyn.quantities.registry import quantities
from residyn.schema import BOUND, KINDS, SAMPLE, SUBLAYER, TRANSITION, UNIT

Statistic = Literal["mean", "median"]

_MEANS_OVER_UNITS = frozenset({"mutual_information", "mutual_information_shuffle"})
"""Quantities whose mean over units the paper shows; of others over units it is the median."""

_NULLS = {"mutual_information": "mutual_information_shuffle"}
"""Of quantities that no record describes: the result that says what their curve is under a null."""


def places(result: xr.DataArray | xr.Dataset, along: str) -> list[str]:
    """What places along depth are called: "7.mlp", "7.attn→7.mlp"; of a recording "V1", "V1→V4", "time bin 3"."""
    names = axis_names(result.attrs)
    if names.of_a_model:
        return [str(label) for label in result[along].values]
    begins = result["layer" if along == SUBLAYER else "from_layer"].values.tolist()
    before = "" if names.places else f"{names.depth} "
    ends = [f"→{names.place(number + 1)}" if along == TRANSITION else "" for number in begins]
    return [f"{before}{names.place(begin)}{end}" for begin, end in zip(begins, ends, strict=True)]


def summary(result: xr.DataArray, statistic: Statistic | None = None) -> xr.Dataset:
    """The value of a result at each of its other places, over its samples or units, and the quartiles there.

    The Dataset has `value`, `q25` and `q75` with the result's dimensions but `sample` and `unit`, and the
    coordinates along them; its attribute `statistic` says what a value is, as "mean over samples". By default that
    is the mean over samples, the median over units, and of mutual information the mean over units. A result
    without samples and units is its own value, without quartiles (NaN). A curve (bound, …) is its own value too,
    with the ends of its interval as the coordinates `low` and `high`.
    """
    if BOUND in result.dims:
        return _of_curve(result)
    over = [dim for dim in (SAMPLE, UNIT) if dim in result.dims]
    along = [dim for dim in result.dims if dim not in over]
    values = np.asarray(result.transpose(*over, *along).values, dtype=np.float64)
    shape = values.shape[len(over) :]
    chosen = statistic or default_statistic(result)
    if over:
        found = np.array([_of(column, chosen) for column in values.reshape(-1, int(np.prod(shape))).T])
        value, low, high = found.T.reshape(3, *shape)
    else:
        value, low, high = values, np.full(shape, np.nan), np.full(shape, np.nan)
    coords = {name: coord.variable for name, coord in result.coords.items() if set(coord.dims) <= set(along)}
    words = f"{chosen} over {' and '.join(f'{dim}s' for dim in over)}" if over else "value"
    data = {"value": (along, value), "q25": (along, low), "q75": (along, high)}
    return xr.Dataset(data, coords, {**result.attrs, "statistic": words})


def _of_curve(result: xr.DataArray) -> xr.Dataset:
    value, low, high = (result.sel({BOUND: end}, drop=True) for end in ("value", "low", "high"))
    unknown = xr.full_like(value, np.nan)
    ends = {"low": (value.dims, low.values), "high": (value.dims, high.values)}
    found = xr.Dataset({"value": value, "q25": unknown, "q75": unknown}).assign_coords(ends)
    return found.assign_attrs({"statistic": "value", **result.attrs})


def default_statistic(result: xr.DataArray) -> Statistic:
    """The statistic that `summary` takes of a result where none is named."""
    quantity = result.attrs.get("quantity", result.name)
    return "mean" if SAMPLE in result.dims or quantity in _MEANS_OVER_UNITS else "median"


def curve(result: xr.DataArray, statistic: Statistic | None = None) -> xr.DataArray:
    """The values of `summary` alone."""
    return summary(result, statistic)["value"]


def whole(result: xr.DataArray | np.ndarray, statistic: Statistic = "mean") -> float:
    """The mean or the median of all values."""
    return _of(np.asarray(result, dtype=np.float64).ravel(), statistic)[0]


def by_kind(result: xr.DataArray) -> dict[str, xr.DataArray]:
    """The transitions of each kind that occurs, in the order of `KINDS`."""
    kinds = result["kind"].values
    return {
        kind: result.isel({TRANSITION: np.flatnonzero(kinds == kind)}) for kind in KINDS if (kinds == kind).any()
    }


def whole_by_kind(result: xr.DataArray, statistic: Statistic | None = None) -> dict[str, float]:
    """Of each kind: the mean over its transitions of their means, or the median of all its values."""
    chosen = statistic or default_statistic(result)
    parts = by_kind(result)
    if chosen == "median":
        return {kind: whole(part, "median") for kind, part in parts.items()}
    return {kind: whole(curve(part, "mean")) for kind, part in parts.items()}


def ends_by_kind(result: xr.DataArray) -> dict[str, tuple[float, float]]:
    """Of each kind: the mean of its curve over the first third of its transitions, and over the last third."""
    found = {}
    for kind, part in by_kind(curve(result)).items():
        third = max(1, part.size // 3)
        found[kind] = (whole(part[:third]), whole(part[-third:]))
    return found


def layers_higher_within(result: xr.DataArray) -> tuple[int, int]:
    """In how many layers the curve is higher within the layer than on the way to the next one, and of how many.

    Transitions are paired by the layer that they leave; those that are not defined are in no pair.
    """
    parts = by_kind(curve(result))
    if not {"within", "cross"} <= set(parts):
        return 0, 0
    within, cross = (
        dict(zip(parts[kind]["from_layer"].values.tolist(), parts[kind].values.tolist(), strict=True))
        for kind in ("within", "cross")
    )
    pairs = [(within[layer], cross[layer]) for layer in within if layer in cross]
    known = [(a, b) for a, b in pairs if not np.isnan([a, b]).any()]
    return sum(a > b for a, b in known), len(known)


def tie_share(information: xr.DataArray) -> np.ndarray:
    """By transition, the share of samples that share a value in the median unit; NaN where it is not known."""
    if "tie_share" not in information.coords:
        return np.full(information.sizes[TRANSITION], np.nan)
    return curve(information["tie_share"], "median").values


def strong_share(density: xr.DataArray) -> tuple[float, float]:
    """Of `correlation_density`, mean shares of a unit's transitions: with r from `STRONG` on, and with r < 0.

    Units without a correlation are left out; NaN where there are no others.
    """
    every = density.sel(transition_kind="all")
    negative = every["share_negative"].values
    known = ~np.isnan(negative)
    strong = every.isel(bin=np.flatnonzero(every["bin_left"].values > STRONG - 1e-9)).sum("bin").values
    return whole(strong[known]), whole(negative[known])


def beyond_floor(information: xr.DataArray) -> float:
    """The median over units and transitions of the first estimator's information minus its `gaussian_floor`, what
    the linear correlation alone implies; NaN where none is finite.
    """
    first = information.isel(estimator=0).transpose(TRANSITION, UNIT).values
    with np.errstate(invalid="ignore"):  # both are infinite where the states are equal
        return whole(first - information["gaussian_floor"].transpose(TRANSITION, UNIT).values, "median")


def null_of(name: str) -> str:
    """The name of the result that says what a quantity's curve is under a null; "" where there is none."""
    known = quantities().get(name)
    return known.null_curve if known else _NULLS.get(name, "")


def depth_of(result: xr.DataArray) -> str:
    """The dimension of depth that a result has, "transition" or "sublayer"; "" where it has none."""
    return next((dim for dim in (TRANSITION, SUBLAYER) if dim in result.dims), "")


def rotations_of_nulls(results: xr.Dataset) -> Mapping[str, tuple[float, float]]:
    """Of each null of `orbits`: the mean over units of its mean, and the root of that of its variance."""
    names = [str(name) for name in results["null"].values]
    means, deviations = results["rotations_null_mean"], results["rotations_null_sd"]
    return {
        name: (float(means[row].mean()), float(np.sqrt((deviations[row] ** 2).mean())))
        for row, name in enumerate(names)
    }


def _of(values: np.ndarray, statistic: Statistic) -> tuple[float, float, float]:
    """The statistic and the quartiles of what is finite."""
    known = values[np.isfinite(values)]
    if not known.size:
        return float("nan"), float("nan"), float("nan")
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    return (float(known.mean()) if statistic == "mean" else float(middle), float(low), float(high))
