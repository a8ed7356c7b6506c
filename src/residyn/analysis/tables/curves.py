"""Results as tidy tables: one row per transition or sublayer, for R, pandas or a spreadsheet.

Two things that look alike are kept apart. Samples are replicates: a mean over them has a 95 % bootstrap
interval (`ci_low`, `ci_high`). Units are not, they are parts of one network: over units a table gives the
median and the quartiles (`q25`, `q75`), which are a spread and not an interval for anything.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from residyn.analysis.correlations import KINDS, TRANSITION_KIND
from residyn.errors import DataError, StoreError
from residyn.numerics.resampling import bootstrap_mean
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION, UNIT

RESAMPLES = 1000
SEED = 0

_INTERVAL = "95 % bootstrap interval over samples"
_SPREAD = "quartiles over units and transitions: a spread, not an interval"


class _Shape(NamedTuple):
    """How a quantity becomes rows: what a row is, and over what it is summed up."""

    row: str
    over: str | None


_SHAPES = {
    "mean_activation": _Shape(SUBLAYER, UNIT),
    "magnitude": _Shape(SUBLAYER, None),
    "sign_kept": _Shape(SUBLAYER, None),
    "norm": _Shape(SUBLAYER, SAMPLE),
    "density": _Shape(SUBLAYER, SAMPLE),
    "unit_correlation": _Shape(TRANSITION, UNIT),
    "cosine": _Shape(TRANSITION, SAMPLE),
    "velocity": _Shape(TRANSITION, SAMPLE),
    "relative_velocity": _Shape(TRANSITION, SAMPLE),
}


def tables(results: xr.Dataset, *, resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, pd.DataFrame]:
    """Tables of the results, under the results' names, and `summary`.

    Per transition (transition, from_layer, kind): cosine, velocity and relative_velocity with n_samples,
    mean, sd, ci_low, ci_high over samples; unit_correlation with n_units, q25, median, q75 over units. Per
    sublayer (sublayer, layer, site): norm and density over samples, mean_activation over units, and the values of
    magnitude and sign_kept. correlation_density: the mean over units of each bin's share, per kind,
    after a row for r < 0 (from −1 to 0). `summary`: one row per quantity of transitions and kind. Counts are of
    defined values; NaN are left out.
    `resamples` and `seed` make the bootstrap; they are recorded in `summary` and in each frame's `attrs`.
    Raises DataError where `results` holds none of these quantities.
    """
    made: dict[str, pd.DataFrame] = {}
    for name, shape in _SHAPES.items():
        if name in results:
            array = results[name]
            columns = _values(array, shape, resamples, seed)
            made[name] = pd.DataFrame({**_row_labels(array, shape.row), **columns})
    if not made:
        raise DataError(
            f"Tables are made of {', '.join(_SHAPES)}; "
            f"these results hold {', '.join(map(str, results)) or 'none of any kind'}. "
            "Pass analyze(states), or open_results(path)."
        )
    if "correlation_density" in results:
        made["correlation_density"] = _density_table(results["correlation_density"])
    made["summary"] = _summary(results, resamples, seed)
    for frame in made.values():
        frame.attrs.update(resamples=resamples, seed=seed)
    return made


def write_tables(
    results: xr.Dataset, folder: str | Path, *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[Path]:
    """Write `tables(results)` as NAME.csv into `folder` (made if missing), UTF-8; returns the paths.

    Each file is written beside its place and renamed, so that no reader meets half a table. Raises StoreError
    where the folder cannot be written.
    """
    folder, written = Path(folder), []
    frames = tables(results, resamples=resamples, seed=seed)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            path, partial = folder / f"{name}.csv", folder / f"{name}.csv.partial"
            frame.to_csv(partial, index=False, encoding="utf-8", lineterminator="\n")
            partial.replace(path)
            written.append(path)
    except OSError as error:
        raise StoreError(
            f"Cannot write tables into {folder}: {error}. Choose a folder that can be written."
        ) from error
    return written


def _row_labels(array: xr.DataArray, row: str) -> dict[str, np.ndarray]:
    names = {SUBLAYER: (SUBLAYER, "layer", "site"), TRANSITION: (TRANSITION, "from_layer", "kind")}[row]
    return {name: array[name].values for name in names}


def _values(array: xr.DataArray, shape: _Shape, resamples: int, seed: int) -> dict[str, Any]:
    if shape.over is None:
        return {str(array.name): array.values}
    values = array.transpose(shape.over, shape.row).values
    if shape.over == SAMPLE:
        estimate = bootstrap_mean(values, resamples=resamples, seed=seed)
        return {
            "n_samples": estimate.n,
            "mean": estimate.mean,
            "sd": estimate.sd,
            "ci_low": estimate.low,
            "ci_high": estimate.high,
        }
    q25, median, q75 = _quartiles(values)
    return {"n_units": (~np.isnan(values)).sum(axis=0), "q25": q25, "median": median, "q75": q75}


def _quartiles(values: np.ndarray) -> np.ndarray:
    """Quartiles (3, K) of the columns of values (N, K), without NaN; NaN for a column of nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        return np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)


def _density_table(density: xr.DataArray) -> pd.DataFrame:
    """Each kind's share of r < 0 and in each bin, as the mean over units with transitions of that kind."""
    inside = density.transpose(TRANSITION_KIND, "bin", UNIT).values
    negative = density["share_negative"].transpose(TRANSITION_KIND, UNIT).values
    known = ~np.isnan(negative)
    rows = []
    for i, kind in enumerate(density[TRANSITION_KIND].values):
        shares = np.vstack([negative[i], inside[i]])[:, known[i]]
        mean = shares.mean(axis=1) if known[i].any() else np.full(len(shares), np.nan)
        left, right = ([end, *density[name].values] for end, name in ((-1.0, "bin_left"), (0.0, "bin_right")))
        rows.append(pd.DataFrame({"kind": kind, "bin_left": left, "bin_right": right, "share": mean}))
    return pd.concat(rows, ignore_index=True)


def _summary(results: xr.Dataset, resamples: int, seed: int) -> pd.DataFrame:
    """One row per quantity of transitions and kind, with what its low and high ends are."""
    rows = []
    for name, shape in _SHAPES.items():
        if name in results and shape.row == TRANSITION:
            for kind, part in _by_kind(results[name]):
                row = {"quantity": name, "kind": kind, "n_transitions": part.sizes[TRANSITION], "over": shape.over}
                rows.append({**row, **_summarized(part, shape, resamples, seed)})
    names = "quantity kind n_transitions over n statistic value low high low_and_high resamples seed"
    return pd.DataFrame(rows, columns=names.split()).astype({"resamples": "Int64", "seed": "Int64"})


def _by_kind(array: xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    kind = array["kind"].values
    for name in KINDS:
        if name in kind:
            yield name, array.isel({TRANSITION: np.flatnonzero(kind == name)})


def _summarized(part: xr.DataArray, shape: _Shape, resamples: int, seed: int) -> dict[str, Any]:
    if shape.over == SAMPLE:
        # A sample's transitions are not independent: they are averaged first, and samples are resampled.
        means = part.mean(TRANSITION, skipna=True).values[:, None]
        e = bootstrap_mean(means, resamples=resamples, seed=seed)
        return {
            "n": int(e.n[0]),
            "statistic": "mean",
            "value": e.mean[0],
            "low": e.low[0],
            "high": e.high[0],
            "low_and_high": _INTERVAL,
            "resamples": resamples,
            "seed": seed,
        }
    pooled = part.values.reshape(-1, 1)
    q25, median, q75 = _quartiles(pooled)[:, 0]
    return {
        "n": int((~np.isnan(part.values)).any(axis=0).sum()),
        "statistic": "median",
        "value": median,
        "low": q25,
        "high": q75,
        "low_and_high": _SPREAD,
    }
