"""Correlation of each unit between successive sublayers, beside the skip path's (panels C, D)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import moments, nan
from residyn.numerics.moments import Moments
from residyn.quantities.gathers import MOMENTS
from residyn.quantities.record import Quantity
from residyn.quantities.sums import Depth, Labels
from residyn.schema import TRANSITION, UNIT

STRONG = 0.8
"""Correlation that counts as strong: the paper's r > 0.8."""
THROUGHOUT = 0.9
"""Share of a unit's transitions that count as all of them."""

_EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_LEAST_LEFT = 1e-12
"""1 − r² below which rounding decides how far r is from 1: of a unit that does not change."""


def _correlation(weights: np.ndarray, found: Moments, _: Depth) -> np.ndarray:
    return moments.correlation(found)


def _skip(weights: np.ndarray, found: Moments, _: Depth) -> np.ndarray:
    return moments.skip_correlation(found)


def _excess(weights: np.ndarray, found: Moments, _: Depth) -> np.ndarray:
    return moments.correlation(found) - moments.skip_correlation(found)


def _gaussian_information(weights: np.ndarray, found: Moments, depth: Depth) -> np.ndarray:
    r = _correlation(weights, found, depth)
    left = (1 - r) * (1 + r)
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(left > _LEAST_LEFT, -0.5 * np.log(left), np.inf)
    return np.where(np.isnan(r), np.nan, floor)


def _strong_throughout(weights: np.ndarray, found: Moments, depth: Depth, *, of: Any = _correlation) -> np.ndarray:
    """Share of the units that have a correlation, (R, 1), with r above `STRONG` at `THROUGHOUT` of their
    transitions.
    """
    r = of(weights, found, depth)
    known = np.isfinite(r)
    with np.errstate(invalid="ignore"):
        strong = (r > STRONG).sum(axis=1) >= THROUGHOUT * known.sum(axis=1)
    told = known.any(axis=1)
    return nan.ratio((strong & told).sum(axis=1), told.sum(axis=1))[:, None]


def _throughout(weights: np.ndarray, found: Moments, depth: Depth, *, of: Any = _correlation) -> np.ndarray:
    """Median over units, (R, 1), of the correlation that `THROUGHOUT` of a unit's transitions reach.

    It is above `STRONG` where `_strong_throughout` is above a half, and moves evenly with the correlations, which
    a count of units at the edge does not.
    """
    ordered = np.sort(of(weights, found, depth), axis=1)
    known = np.isfinite(ordered).sum(axis=1, keepdims=True)
    place = np.maximum(known - np.ceil(THROUGHOUT * known - 1e-9), 0).astype(np.int64)
    return nan.median(np.take_along_axis(ordered, place, axis=1)[:, 0])[:, None]


def _precision(states: xr.DataArray, found: Moments, r: np.ndarray, _: Depth) -> Labels:
    """What qualifies correlations: constant units, and units that vary by less than rounding."""
    dtype = capture_dtype(states)
    constant = moments.constant(found)[0]
    imprecise = moments.imprecise(found, _EPS[dtype])[0]
    undefined = int(np.isnan(r).sum())
    attrs: dict[str, Any] = {
        "n_constant_units": int(constant.any(axis=0).sum()),
        "n_imprecise_units": int(imprecise.any(axis=0).sum()),
        "imprecise_below_sd": f"8 eps({dtype}) |mean|",
        **_note(found, undefined),
    }
    return Labels({"imprecise": ((TRANSITION, UNIT), imprecise[:-1] | imprecise[1:])}, attrs)


def _few(_states: xr.DataArray, found: Moments, values: np.ndarray, _: Depth) -> Labels:
    undefined = int(np.isnan(values).sum())
    return Labels(attrs={"n_infinite": int(np.isinf(values).sum()), **_note(found, undefined)})


def _note(found: Moments, undefined: int) -> dict[str, str]:
    if found.count < moments.LEAST_SAMPLES:
        return {"note": f"NaN everywhere: r needs {moments.LEAST_SAMPLES} samples, and there are {found.count}."}
    if undefined:
        return {"note": f"NaN in {undefined} places, where the unit is constant over samples at either sublayer."}
    return {}


def capture_dtype(states: xr.DataArray) -> str:
    """The precision the states were computed in. Raises DataError for one that is not known."""
    dtype = str(states.attrs.get("capture_dtype", "float32")).removeprefix("torch.")
    if dtype not in _EPS:
        raise DataError(
            f"The precision of the states decides which correlations rounding shapes; attrs['capture_dtype'] is "
            f"{dtype!r}, not one of {', '.join(_EPS)}. Set it to the dtype the model ran in; in mixed "
            "precision, to the coarsest."
        )
    return dtype


UNIT_CORRELATION = Quantity(
    name="unit_correlation",
    title="Correlation between successive states",
    label="Pearson r (median over units)",
    axis="transition",
    over="unit",
    units="Pearson r",
    definition="correlation over samples of the unit's activations at successive sublayers",
    source="Fernando & Guitchounts 2025, Fig. 1C",
    gather=MOMENTS,
    value=_correlation,
    summary=nan.median,
    statistic="median over units",
    note=_precision,
    undefined="the unit is constant over samples at either sublayer",
    bounds=(-1.0, 1.0),
    panel="C",
    drawing="bespoke",
    compared=True,
    without_massive=True,
    null_curve="skip_correlation",
)

STRONG_THROUGHOUT = Quantity(
    name="strong_throughout",
    title="Units strongly correlated throughout",
    axis="path",
    units="share of units",
    definition=f"share of units with r > {STRONG:g} at {THROUGHOUT:.0%} of their transitions",
    source="Fernando & Guitchounts 2025, Fig. 1D (claim: most units strongly correlated throughout)",
    gather=MOMENTS,
    value=_strong_throughout,
    bounds=(0.0, 1.0),
    panel="D",
)

CORRELATION_THROUGHOUT = Quantity(
    name="correlation_throughout",
    title="Correlation that units keep throughout",
    axis="path",
    units="Pearson r",
    definition=f"median over units of the r that {THROUGHOUT:.0%} of a unit's transitions reach",
    source="Fernando & Guitchounts 2025, Fig. 1D (claim: most units strongly correlated throughout)",
    gather=MOMENTS,
    value=_throughout,
    bounds=(-1.0, 1.0),
    panel="D",
    null_curve="skip_correlation_throughout",
)

_SKIP_SOURCE = "control: dependence beyond the skip path"

SKIP_CORRELATION = Quantity(
    name="skip_correlation",
    title="Correlation by the skip path alone",
    axis="transition",
    over="unit",
    units="Pearson r",
    definition="σ_h/√(σ_h² + σ_Δ²) of state h and step Δ: r of h and h + Δ if Δ were independent of h",
    source=_SKIP_SOURCE,
    gather=MOMENTS,
    value=_skip,
    summary=nan.median,
    statistic="median over units",
    note=_few,
    undefined="a unit is constant",
    bounds=(0.0, 1.0),
    drawing="bespoke",
)

CORRELATION_EXCESS = Quantity(
    name="correlation_excess",
    title="Correlation beyond the skip path",
    axis="transition",
    over="unit",
    units="Pearson r",
    definition="r of successive states − σ_h/√(σ_h² + σ_Δ²)",
    source=_SKIP_SOURCE,
    gather=MOMENTS,
    value=_excess,
    summary=nan.median,
    statistic="median over units",
    note=_few,
    undefined="a unit is constant at either sublayer",
    bounds=(-2.0, 1.0),
    drawing="bespoke",
)

SKIP_CORRELATION_THROUGHOUT = Quantity(
    name="skip_correlation_throughout",
    title="Correlation that the skip path alone keeps throughout",
    axis="path",
    units="Pearson r",
    definition=f"median over units of the skip_correlation that {THROUGHOUT:.0%} of a unit's transitions reach",
    source=_SKIP_SOURCE,
    gather=MOMENTS,
    value=partial(_throughout, of=_skip),
    bounds=(0.0, 1.0),
)

GAUSSIAN_INFORMATION = Quantity(
    name="gaussian_information",
    title="Information that the correlation implies",
    axis="transition",
    over="unit",
    keeps=False,
    units="nats",
    definition="mean over units of −½ ln(1 − r²), what Gaussian variables of the unit's r share",
    source="Cover & Thomas 2006, 8.5",
    gather=MOMENTS,
    value=_gaussian_information,
    summary=nan.finite_mean,
    statistic="mean over units, of what is finite",
    bounds=(0.0, np.inf),
)
