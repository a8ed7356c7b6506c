"""What panel I draws: some samples' paths, their mean, and the view in which they can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.axis_names import AxisNames, axis_names
from residyn.errors import UsageError
from residyn.figures.plot import layers, parts
from residyn.schema import SAMPLE, SUBLAYER
from residyn.words import percent

PC = "pc"
_TAIL, _ROOM, _FAR = 0.005, 0.07, 1.5
"""The view: the share left out at either end, its margin, and how much wider all points may be before any is."""


class DrawnPaths(NamedTuple):
    """What there is to draw: paths (samples, sublayers, components), their mean, the view, the labels."""

    paths: np.ndarray
    mean: np.ndarray
    view: list[tuple[float, float]]
    outside: float
    defined: bool
    layer: np.ndarray
    site: list[str]
    labels: list[str]
    names: AxisNames
    sites: Mapping[str, str]


def picture_of(scores: Any, components: Sequence[int], n_components: int, most: int) -> DrawnPaths:
    parts.expect(scores, "pc_scores", (SAMPLE, SUBLAYER, PC), ("layer", "site"))
    if most < 1:
        raise UsageError(f"most is how many samples are drawn at most, 1 or more; got {most}.")
    there = scores.sizes[PC]
    chosen = [int(index) for index in components]
    if len(chosen) != n_components or not all(0 <= index < there for index in chosen):
        raise UsageError(
            f"This panel draws {n_components} of the {there} components that the scores hold, counted from 0; "
            f"got {tuple(components)}. Compute more components, or choose others."
        )
    values = scores.isel({PC: chosen}).transpose(SAMPLE, SUBLAYER, PC).values.astype(np.float64)
    defined = np.isfinite(values).all(axis=2)
    values[~defined] = np.nan
    mean = np.full(values.shape[1:], np.nan)
    for sublayer in np.flatnonzero(defined.any(axis=0)):
        mean[sublayer] = values[defined[:, sublayer], sublayer].mean(axis=0)
    points = values[defined]
    view = [_view(column, middle) for column, middle in zip(points.T, mean.T, strict=True)]
    low, high = np.array(view).T
    inside = ((points >= low) & (points <= high)).all(axis=1)
    rows = np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int))
    return DrawnPaths(
        values[rows],
        mean,
        view,
        float(1 - inside.mean()) if len(points) else 0.0,
        bool(len(points)),
        scores["layer"].values,
        layers.sites_of(scores["site"].values),
        [component_name(scores, index) for index in chosen],
        axis_names(scores.attrs),
        parts.site_names(scores),
    )


def _view(points: np.ndarray, mean: np.ndarray) -> tuple[float, float]:
    """The stretch of an axis to show: all of the points, unless few of them would take much of the room."""
    if not points.size:
        return 0.0, 1.0
    low, high = np.quantile(points, (_TAIL, 1 - _TAIL))
    low, high = min(low, np.nanmin(mean)), max(high, np.nanmax(mean))
    if np.ptp(points) <= _FAR * (high - low):
        low, high = points.min(), points.max()
    room = _ROOM * (high - low) or 1.0
    return float(low - room), float(high + room)


def component_name(scores: xr.DataArray, index: int) -> str:
    """A component's label, "PC1 (63 %)": with its share of the total variance, where that is known."""
    share = float(scores["explained"].values[index]) if "explained" in scores.coords else np.nan
    return f"PC{index + 1}" + (f" ({percent(share, 2)})" if np.isfinite(share) else "")
