"""Observed numbers and draws of their null, as labelled results."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.numerics.multiple import ROUNDING, Alternative, benjamini_hochberg, p_values

QUANTILES_FROM = 40
"""Fewest draws whose 2.5 % quantile lies inside them."""
_LEVEL = 0.95
"""Of the null, what lies between the quantiles; one more draw is within the range of R with (R − 1) / (R + 1)."""

_IN_UNITS = ("observed", "null_mean", "null_sd", "effect", "effect_low", "effect_high")
_KEPT = ("definition", "source", "parameters")


def compared(observed: xr.DataArray, draws: np.ndarray, alternative: Alternative) -> xr.Dataset:
    """`observed` (…) beside draws (R, …), as `against_null` describes."""
    value = observed.values.astype(np.float64)
    known = np.isfinite(draws)
    count = known.sum(axis=0)
    total = np.where(known, draws, 0.0).sum(axis=0)
    mean = np.where(np.isfinite(value), _ratio(total, count), np.nan)
    square = (np.where(known, draws - mean, 0.0) ** 2).sum(axis=0)
    sd = np.sqrt(_ratio(square, np.maximum(count - 1, 0)))
    enough = len(draws) >= QUANTILES_FROM
    tail = (1 - _LEVEL) / 2
    low, high = _ends(np.where(known, draws, np.nan), (tail, 1 - tail) if enough else (0.0, 1.0))
    p = p_values(value, draws, alternative)
    numbers = {
        "observed": value,
        "null_mean": mean,
        "null_sd": sd,
        "effect": value - mean,
        "effect_low": value - high,
        "effect_high": value - low,
        "z": _ratio(value - mean, np.where(sd > ROUNDING * np.abs(mean), sd, 0.0)),
        "n_draws": count,
        "p": p,
        "p_adjusted": benjamini_hochberg(p),
    }
    result = xr.Dataset({name: observed.copy(data=array) for name, array in numbers.items()})
    quantity = str(observed.attrs.get("quantity", observed.name))
    for name, variable in result.data_vars.items():
        units = observed.attrs.get("units", "1") if name in _IN_UNITS else "1"
        variable.attrs = {"quantity": f"{quantity}: {name}", "units": units}
    return result.assign_attrs(
        quantity=quantity,
        interval="2.5 % and 97.5 % quantiles of the draws" if enough else "smallest and largest of the draws",
        level=_LEVEL if enough else (len(draws) - 1) / (len(draws) + 1),
        **{name: observed.attrs[name] for name in _KEPT if name in observed.attrs},
    )


def _ends(draws: np.ndarray, at: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles over the draws that are not NaN; NaN where none is."""
    flat = draws.reshape(len(draws), -1)
    ends = np.full((2, flat.shape[1]), np.nan)
    some = ~np.isnan(flat).all(axis=0)
    if some.any():
        ends[:, some] = np.nanquantile(flat[:, some], at, axis=0)
    low, high = ends.reshape(2, *draws.shape[1:])
    return low, high


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, NaN where the denominator is 0."""
    quotient = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator) > 0)
