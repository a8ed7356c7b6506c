"""Curves over depth of every result that has one, each with its interval, its null, and the paper's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.explorer.quantised import Quantised, quantise
from residyn.explorer.record import Axis, Beside, Numbers, PageCurve
from residyn.published import published_curves
from residyn.quantities.registry import quantities
from residyn.quantities.robustness import LEFT_OUT, SUFFIX
from residyn.quantities.summaries import depth_of, null_of, summary
from residyn.schema import BOUND, BY_KIND, CURVE, SAMPLE, UNIT
from residyn.words import counted

_CALLED = {
    "components_for_90": "Components that carry 90 % of the variance",
    "information_excess": "Information beyond the correlation",
    "kurtosis_rotated": "Kurtosis in random bases",
    "massive_ratio": "Largest over median size",
    "mutual_information_shuffle": "Information of shuffled samples",
    "step_correlation": "Correlation of state and step",
    "step_information": "Information of state and step",
    "step_r2": "Step told by the state (r²)",
    "step_r2_joint": "Step told by all units of the state (r²)",
    "two_nn": "Intrinsic dimension (TwoNN)",
}
"""Results whose names are shorter than words."""
_PATHS = "pc_scores"
"""What the paths themselves are is no curve beside them."""
_MOST_PARTS = 12
"""Labels of a further dimension that are curves of their own; of more, as of components, none is."""


class _Found(NamedTuple):
    """What curves are made of."""

    results: xr.Dataset
    noise: xr.Dataset | None
    rows: np.ndarray


def curves(results: xr.Dataset, noise: xr.Dataset | None, rows: np.ndarray) -> tuple[PageCurve, ...]:
    """Every curve of the results, of samples those in `rows`; registered quantities are first, in their order."""
    found = _Found(results, noise, rows)
    named: dict[str, list[PageCurve]] = {}
    for name, array in results.data_vars.items():
        quantity = str(name).removesuffix(CURVE)
        repeated = quantity == name and f"{name}{CURVE}" in results
        told = name != _PATHS and bool(array.attrs.get("definition"))
        if repeated or not told or str(name).endswith((BY_KIND, SUFFIX)):
            continue
        for chosen in _parts(array):
            named.setdefault(quantity, []).append(_curve(found, quantity, array, chosen))
    order = [*(name for name in quantities() if name in named), *named]
    return tuple(curve for name in dict.fromkeys(order) for curve in named[name])


def parts_of(array: xr.DataArray) -> list[str]:
    """The dimensions of a result beside depth, samples, units and the ends of an interval: as of estimators."""
    return [str(dim) for dim in array.dims if dim not in (BOUND, SAMPLE, UNIT, depth_of(array))]


def title_of(results: xr.Dataset, quantity: str, part: str = "") -> str:
    """What a quantity is called, with which estimator or space it is of, where there are several."""
    known = quantities().get(quantity)
    attrs = _attrs(results, quantity)
    named = attrs.get("title") or (known.title if known else "") or _CALLED.get(quantity)
    words = str(named or quantity.replace("_", " "))
    words = f"{words[:1].upper()}{words[1:]}"
    return f"{words} ({part})" if part else words


def _attrs(results: xr.Dataset, quantity: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in (quantity, f"{quantity}{CURVE}"):
        if name in results:
            found |= results[name].attrs
    return found


def _parts(array: xr.DataArray) -> Iterator[dict[str, Any]]:
    """Which labels of further dimensions each curve of a result is of; nothing where it is no curve."""
    further = parts_of(array)
    n_parts = int(np.prod([array.sizes[dim] for dim in further]))
    if array.dtype.kind != "f" or n_parts > _MOST_PARTS or not all(dim in array.coords for dim in further):
        return
    if not depth_of(array) and (further or BOUND not in array.dims):
        return
    labels = [array[dim].values.tolist() for dim in further]
    yield from (dict(zip(further, one, strict=True)) for one in itertools.product(*labels))


def _curve(found: _Found, quantity: str, array: xr.DataArray, chosen: Mapping[str, object]) -> PageCurve:
    results, known, attrs = found.results, quantities().get(quantity), _attrs(found.results, quantity)
    part = ", ".join(map(str, chosen.values()))
    told = summary(array.sel(chosen))
    with_interval = BOUND in array.dims
    low, high = (told["low"], told["high"]) if with_interval else (told["q25"], told["q75"])
    over = [str(dim) for dim in (SAMPLE, UNIT) if dim in array.dims]
    band = "95 % interval over documents" if with_interval else f"middle half of {over[0]}s" if over else ""
    units = str(attrs.get("units", ""))
    label = str(attrs.get("label") or title_of(results, quantity))
    axis: Axis = depth_of(array) or "path"  # type: ignore[assignment]
    each = results.get(quantity)
    statistic = str(known.statistic if known else told.attrs.get("statistic", ""))
    return PageCurve(
        name=f"{quantity}.{part}" if part else quantity,
        title=title_of(results, quantity, part),
        label=label if units in ("", "1") or units in label else f"{label} ({units})",
        definition=str(attrs.get("definition", "")),
        source=str(attrs.get("source", "")),
        statistic=statistic,
        panel=known.panel if known else "",
        axis=axis,
        value=_numbers(told["value"]),
        low=_numbers(low) if band else (),
        high=_numbers(high) if band else (),
        band=band,
        beside=tuple(_beside(found, quantity, chosen)),
        paper=published_curves().get(quantity, ()) if axis == "transition" else (),
        samples=None
        if each is None or set(each.dims) - {axis} != {SAMPLE}
        else _of_samples(each, axis, found.rows),
    )


def _of_samples(each: xr.DataArray, axis: str, rows: np.ndarray) -> Quantised:
    along = [axis] if axis in each.dims else []
    values = each.isel({SAMPLE: rows}).transpose(*along, SAMPLE).values
    return quantise(values.reshape(-1, len(rows)), 16)


def _beside(found: _Found, quantity: str, chosen: Mapping[str, object]) -> Iterator[Beside]:
    results, noise = found.results, found.noise
    name = null_of(quantity)
    for null in (f"{name}{CURVE}", name):
        if name and null in results:
            array = results[null]
            same = {dim: label for dim, label in chosen.items() if dim in array.dims}
            values = _numbers(summary(array.sel(same))["value"])
            yield Beside(title_of(results, name), "null", values)
            break
    left = results.get(f"{quantity}{SUFFIX}")
    if left is not None and _first_only(results, quantity, chosen):
        for n in left[LEFT_OUT].values.tolist():
            if n:
                words = f"without {counted(n, 'massive unit')}"
                yield Beside(words, "without", _numbers(left.sel({LEFT_OUT: n})))
    floor = None if noise is None else noise.get(f"{quantity}_noise")
    if floor is not None:
        yield Beside("noise of the arithmetic", "noise", _numbers(floor))


def _first_only(results: xr.Dataset, quantity: str, chosen: Mapping[str, object]) -> bool:
    """Whether a curve is of the first estimator, the one of which curves without massive units are."""
    array = results[quantity] if quantity in results else results[f"{quantity}{CURVE}"]
    return all(array[dim].values.tolist()[0] == label for dim, label in chosen.items())


def _numbers(array: xr.DataArray) -> Numbers:
    return tuple(np.asarray(array.values, dtype=np.float64).ravel().tolist())
