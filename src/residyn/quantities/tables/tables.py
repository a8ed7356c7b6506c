"""All tables of some results, and writing them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from residyn.errors import DataError
from residyn.quantities.tables.curves import SHAPES, density_table, row_labels, summary, values_of
from residyn.quantities.tables.further import FURTHER
from residyn.store.files import ABANDONED_AFTER_S, TEMPORARY_SUFFIX, disk_errors, sweep, write_bytes

RESAMPLES = 1000
SEED = 0


def tables(results: xr.Dataset, *, resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, pd.DataFrame]:
    """Tables of the results, under the results' names, and `summary`.

    Per transition (transition, from_layer, kind): cosine, velocity and relative_velocity with n_samples,
    mean, sd, ci_low, ci_high over samples; unit_correlation with n_units, q25, median, q75 over units. Per
    sublayer (sublayer, layer, site): norm and density over samples, mean_activation over units, and the values of
    magnitude and sign_kept. correlation_density: the mean over units of each bin's share, per kind,
    after a row for r < 0 (from −1 to 0). `summary`: one row per quantity of transitions and kind. Counts are of
    defined values; NaN are left out.
    Where their results are there: mutual_information, per estimator and transition, over units;
    explained_variance, cumulative per sublayer and number of components; dimension, per sublayer: the share
    explained in each space, participation ratio beside its ceiling, components for 90 %, TwoNN; massive_units,
    the units of the largest ratios; without_massive, every curve again without them; kinematics, per place over
    samples; dependence, per transition over units; kurtosis, per sublayer over samples; orbits, per unit and null.
    `resamples` and `seed` make the bootstrap; they are recorded in `summary` and in each frame's `attrs`.
    Raises DataError where `results` holds none of these quantities.
    """
    made: dict[str, pd.DataFrame] = {}
    for name, shape in SHAPES.items():
        if name in results:
            array = results[name]
            columns = values_of(array, shape, resamples, seed)
            made[name] = pd.DataFrame({**row_labels(array, shape.row), **columns})
    if not made:
        raise DataError(
            f"Tables are made of {', '.join(SHAPES)}; "
            f"these results hold {', '.join(map(str, results)) or 'none of any kind'}. "
            "Pass analyze(states), or open_results(path)."
        )
    if "correlation_density" in results:
        made["correlation_density"] = density_table(results["correlation_density"])
    made |= {name: table(results) for name, (needed, table) in FURTHER.items() if needed in results}
    made["summary"] = summary(results, resamples, seed)
    for frame in made.values():
        frame.attrs.update(resamples=resamples, seed=seed)
    return made


def write_tables(
    results: xr.Dataset, folder: str | Path, *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[Path]:
    """Write `tables(results)` as NAME.csv into `folder` (made if missing), UTF-8; returns the paths.

    Each file is written beside its place and renamed, so that no reader meets half a table. Raises StoreError
    where the folder cannot be written, ResourceError where the disk is full.
    """
    frames = tables(results, resamples=resamples, seed=seed)
    return [write_frame(frame, folder, name) for name, frame in frames.items()]


def write_frame(frame: pd.DataFrame, folder: str | Path, name: str) -> Path:
    """Write one table as NAME.csv, as `write_tables` does; returns its path."""
    path = Path(folder) / f"{name}.csv"
    content = frame.to_csv(index=False, lineterminator="\n").encode("utf-8")
    with disk_errors(path.parent, f"Writing {path.name}", go_on="give the same command again"):
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a process that was ended here left behind is nobody's any more.
        sweep(path.parent, (f".{path.name}.*{TEMPORARY_SUFFIX}",), ABANDONED_AFTER_S)
        write_bytes(path, content)
    return path
