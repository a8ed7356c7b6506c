"""What the panels' numbers are without the most massive units."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import dimension, geometry, pca
from residyn.numerics.geometry import PathSums
from residyn.quantities.massive import massive_units
from residyn.schema import SUBLAYER, TRANSITION, UNIT, along, label_result, transition_coords
from residyn.walk import Progress, each_block

LEFT_OUT = "left_out"
NEEDED = ("massive_ratio", "mean_activation", "unit_correlation")

_OF_PATHS: dict[str, Callable[[PathSums], np.ndarray]] = {
    "magnitude": geometry.mean_magnitude,
    "density": geometry.density,
    "cosine": geometry.cosine,
    "velocity": geometry.velocity,
    "relative_velocity": geometry.relative_velocity,
}
_SAID = {
    "magnitude": "mean of |h| over samples and units",
    "density": "mean of the population density over samples",
    "cosine": "mean of the cosine over samples",
    "velocity": "mean of the velocity over samples",
    "relative_velocity": "mean of the relative velocity over samples",
    "sign_kept": "share of units with the sign of their mean at the last sublayer",
    "unit_correlation": "median of r over units",
    "mutual_information": "mean over units",
    "participation_ratio": "(Σλ)²/Σλ² of the sublayer's covariance",
}


def without_massive(
    states: xr.DataArray,
    results: xr.Dataset,
    leave_out: Sequence[int] = (1, 3, 10),
    progress: Progress | None = None,
) -> xr.Dataset:
    """Each panel's curve again, without the 0, 1, 3, 10, … most massive units.

    `results` holds those of the same states: massive_ratio, which says which units go, mean_activation,
    unit_correlation and, where there is one, mutual_information (its first estimator is taken). Returns magnitude,
    density, sign_kept and participation_ratio (left_out, sublayer), and cosine, velocity, relative_velocity,
    unit_correlation and mutual_information (left_out, transition), each under its name and "_without_massive":
    means over samples, for units their median (r), mean (information) or share (sign), of what is finite. The row
    left_out = 0 is with every unit. Numbers of units to leave out that would leave none are cut to all but one.

    The explained variance without them is a fit of its own: fit_space(states, without=massive_units(ratio, 3)).
    Raises DataError where a result is missing or the states break the data contract.
    """
    missing = [name for name in NEEDED if name not in results]
    if missing:
        raise DataError(
            f"What changes without massive units is seen in {', '.join(NEEDED)}; missing: {', '.join(missing)}. "
            "Pass the results of analyze(states)."
        )
    gone = [massive_units(results["massive_ratio"], top) for top in (0, *leave_out)]
    # Numbers that were cut to all but one unit are the same row.
    gone = list({len(units): units for units in gone}.values())
    kept = [np.setdiff1d(np.arange(results.sizes[UNIT]), units) for units in gone]
    curves = {**_of_paths(states, kept), **_of_units(results, kept), **_of_covariance(states, gone, progress)}
    rows = {LEFT_OUT: np.array([len(units) for units in gone])}
    coords = {
        SUBLAYER: {**rows, **along(states, SUBLAYER)},
        TRANSITION: {**rows, **transition_coords(states)},
    }
    made = {}
    for name, values in curves.items():
        depth = SUBLAYER if values.shape[1] == states.sizes[SUBLAYER] else TRANSITION
        known = results[name].attrs if name in results else {}
        quantity = f"{name}_without_massive"
        made[quantity] = label_result(
            values,
            (LEFT_OUT, depth),
            coords[depth],
            quantity=quantity,
            units=str(known.get("units", "1")),
            definition=f"{_SAID[name]}, without the most massive units",
            source="control: massive units",
            states=states,
            parameters={"leave_out": [int(top) for top in leave_out]},
        )
    return xr.Dataset(made)


def without_massive_table(results: xr.Dataset) -> pd.DataFrame:
    """Those results as rows: quantity, left_out, the sublayer or transition, its layer and kind, value."""
    rows = list(_rows(results))
    return pd.DataFrame(rows, columns=["quantity", "left_out", "place", "layer", "kind", "value"])


def _rows(results: xr.Dataset) -> Iterator[tuple[Any, ...]]:
    suffix = "_without_massive"
    for name, result in results.data_vars.items():
        if not str(name).endswith(suffix):
            continue
        depth, layer, kind = (
            (SUBLAYER, "layer", "site") if SUBLAYER in result.dims else (TRANSITION, "from_layer", "kind")
        )
        for row, top in enumerate(result[LEFT_OUT].values):
            places = zip(result[depth].values, result[layer].values, result[kind].values, strict=True)
            for column, place in enumerate(places):
                yield (str(name).removesuffix(suffix), int(top), *place, float(result.values[row, column]))


def _of_paths(states: xr.DataArray, kept: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    def reduce(block: np.ndarray) -> list[PathSums]:
        return [geometry.path_sums(block[:, :, units]) for units in kept]

    blocks = list(each_block(states, reduce))
    sums = [geometry.concatenate([block[row] for block in blocks]) for row in range(len(kept))]
    return {name: np.stack([_mean(function(one), axis=0) for one in sums]) for name, function in _OF_PATHS.items()}


def _of_units(results: xr.Dataset, kept: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    sign = np.sign(results["mean_activation"].transpose(SUBLAYER, UNIT).values)
    correlation = results["unit_correlation"].transpose(TRANSITION, UNIT).values
    found = {
        "sign_kept": np.stack([(sign[:, units] == sign[-1, units]).mean(axis=1) for units in kept]),
        "unit_correlation": np.stack([_median(correlation[:, units]) for units in kept]),
    }
    if "mutual_information" in results:
        information = results["mutual_information"].isel(estimator=0).transpose(TRANSITION, UNIT).values
        found["mutual_information"] = np.stack([_mean(information[:, units], axis=1) for units in kept])
    return found


def _of_covariance(
    states: xr.DataArray, gone: Sequence[np.ndarray], progress: Progress | None
) -> dict[str, np.ndarray]:
    def reduce(band: np.ndarray) -> np.ndarray:
        return np.stack([dimension.participation_ratios(band[:, s], gone) for s in range(band.shape[1])], axis=1)

    with pca.one_thread():
        bands = list(each_block(states, reduce, progress, along=SUBLAYER))
    return {"participation_ratio": np.concatenate(bands, axis=1)}


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean of what is finite; NaN where there is nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.nanmean(np.where(np.isfinite(values), values, np.nan), axis=axis)


def _median(values: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        return np.nanmedian(values, axis=1)
