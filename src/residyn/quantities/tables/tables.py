"""All tables of some results, and writing them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from residyn.errors import DataError
from residyn.quantities.registry import quantities
from residyn.quantities.tables.curves import curve_tables, density_table, summary
from residyn.quantities.tables.further import FURTHER
from residyn.store.files import disk_errors, write_bytes
from residyn.store.leftovers import sweep_beside
from residyn.words import clean


def tables(results: xr.Dataset) -> dict[str, pd.DataFrame]:
    """Tables of the results, under the results' names, and `summary`.

    For each registered quantity a row per transition (transition, from_layer, kind) or sublayer (sublayer, layer,
    site): over samples n_samples, mean, sd; over units n_units, q25, median, q75, which are a spread and no
    interval; or the value; and ci_low and ci_high, the ends of the 95 % interval of the mean, median or value over
    documents. correlation_density: the mean over units of each bin's share, per kind, after a row for r < 0 (from
    −1 to 0). `summary`: one row per quantity of transitions and kind, the mean of the curve with its interval.
    Counts are of defined values; NaN are left out. Where their results are there: mutual_information, per
    estimator and transition, over units; explained_variance, cumulative per sublayer and number of components;
    dimension, per sublayer: the share explained in each space, participation ratio beside its ceiling, components
    for 90 %, TwoNN; massive_units, the units of the largest ratios; without_massive, every curve again without
    them; layer_pairs, per pair of sublayers, and together, per transition, of samples that are compared with one
    another; dependence, per transition over units; kurtosis_rotated, per sublayer; orbits_mean, the mean over
    units per null; orbits, per unit and null. Raises DataError where `results` holds no registered quantity.

    >>> rd.tables(rd.analyze(states))["cosine"].columns[:3].tolist()
    ['transition', 'from_layer', 'kind']
    """
    made = dict(curve_tables(results))
    if not made:
        raise DataError(
            f"Tables are made of {', '.join(quantities())}; "
            f"these results hold {', '.join(map(str, results)) or 'none of any kind'}. "
            "Pass analyze(states), or open_results(path)."
        )
    if "correlation_density" in results:
        made["correlation_density"] = density_table(results["correlation_density"])
    made |= {name: table(results) for name, (needed, table) in FURTHER.items() if needed in results}
    return {**made, "summary": summary(results)}


def write_tables(results: xr.Dataset, folder: str | Path) -> list[Path]:
    """Write `tables(results)` as NAME.csv into `folder` (made if missing), UTF-8; returns the paths.

    Each file is written beside its place and renamed, so that no reader meets half a table. Raises StoreError
    where the folder cannot be written, ResourceError where the disk is full.
    """
    return [write_frame(frame, folder, name) for name, frame in tables(results).items()]


def write_frame(frame: pd.DataFrame, folder: str | Path, name: str) -> Path:
    """Write one table as NAME.csv, as `write_tables` does; returns its path.

    Text that a spreadsheet would take for a formula has an apostrophe in front; control characters become "�".
    """
    path = Path(folder) / f"{name}.csv"
    content = _without_formulas(frame).to_csv(index=False, lineterminator="\n").encode("utf-8")
    with disk_errors(path.parent, f"Writing {path.name}", go_on="give the same command again"):
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a process that was ended here left behind is nobody's any more.
        sweep_beside(path)
        write_bytes(path, content)
    return path


_FORMULA = re.compile(r"[=+\-@\t\n＝＋－＠]")


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before text, in cells and headings, that a spreadsheet takes for a formula."""
    made = frame.rename(columns=_quoted)
    # By position: two headings may be equal.
    columns = [column.map(_quoted) if _holds_text(column) else column for _, column in made.items()]
    return pd.concat(columns, axis="columns") if columns else made


def _holds_text(column: pd.Series) -> bool:
    return not (pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype))


def _quoted(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # Of control characters, a carriage return would begin a row of its own.
    text = clean(value)
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
