"""What panel L draws: the arrows of targets at one place, the factor that they are drawn by, the view."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.figures import style
from residyn.figures.plot import parts
from residyn.schema import SAMPLE, SUBLAYER

HOST, INJECTED, TARGET, STEP, COMPONENT = "host", "injected", "target", "step", "component"
_KIND, _GRID = "target_kind", "grid"
_VARIABLES = {
    "start": (HOST, INJECTED, TARGET, COMPONENT),
    "displacement": (HOST, INJECTED, TARGET, COMPONENT),
    "rho": (HOST, INJECTED, TARGET, STEP),
    "control_path": (HOST, SUBLAYER, COMPONENT),
}
_COORDS = ("horizon_steps", "injected_layer", "injected_site")
_LONG, _TAIL, _ROOM = 1.6, 0.05, 0.06
"""Long arrows (all but a tail of them) are drawn at most so many distances between targets; the view's margin."""
_WORDS = 0.36
"""Room below the targets for what is said where a control lies outside, in heights of the view."""
_AROUND = 0.5
"""How far beyond the targets, in widths of their grid, the control may stretch the view."""


class Sheet(NamedTuple):
    """The part of the plane that is shown (2, low and high)."""

    view: np.ndarray

    def shows(self, point: np.ndarray) -> bool:
        """Whether a point (2) lies within the view."""
        return bool(((point >= self.view[:, 0]) & (point <= self.view[:, 1])).all())


class DrawnField(NamedTuple):
    """One place: its name, over how many sublayers arrows go, arrows (targets, 2) and ρ (targets).

    Arrows are drawn by `factor` longer than they are. `path` (sublayers, 2) is the control, `stretch` the part of
    it from the write to the horizon.
    """

    name: str
    span: int
    start: np.ndarray
    move: np.ndarray
    kept: np.ndarray
    factor: float
    path: np.ndarray
    stretch: slice

    @property
    def defined(self) -> bool:
        return bool(np.isfinite(self.move).all(axis=1).any())


def check_flow(flow: Any) -> None:
    """Raise DataError unless `flow` is a flow of teleports, of one target or more."""
    if not isinstance(flow, xr.Dataset):
        raise DataError(
            f"This panel draws the Dataset that flow(jumps, space) returns, got {type(flow).__name__}. "
            "Pass that one."
        )
    missing = [name for name in (*_VARIABLES, *_COORDS) if name not in flow.variables]
    if missing:
        raise DataError(
            f"This panel draws the Dataset that flow(jumps, space) returns; it lacks {', '.join(missing)}. "
            "Pass it whole, as it was computed."
        )
    for name, dims in _VARIABLES.items():
        if set(flow[name].dims) != set(dims) or 0 in flow[name].shape:
            raise DataError(
                f"The flow's {name!r} needs the dimensions {dims}, each of at least one entry; got "
                f"{dict(flow[name].sizes)}. Keep a dimension of length one when selecting: flow.isel(host=[0])."
            )


def place_of(flow: xr.Dataset, injected: int | str) -> int:
    """The number of a place, from 0, by its number or its label; UsageError where there is none."""
    labels = [str(name) for name in flow[INJECTED].values]
    if isinstance(injected, str) and injected in labels:
        return labels.index(injected)
    if isinstance(injected, str) or not 0 <= injected < len(labels):
        raise UsageError(
            f"A place is one of {', '.join(labels)}, by its label or its number from 0 to {len(labels) - 1}; "
            f"got {injected!r}."
        )
    return int(injected)


def sheet_of(flow: xr.Dataset, host: int) -> Sheet:
    """The view that a host's fields at all places share."""
    fields = [field_of(flow, host, place) for place in range(flow.sizes[INJECTED])]
    start = np.concatenate([field.start for field in fields])
    move = np.concatenate([field.move for field in fields])
    known = np.isfinite(move).all(axis=1)
    if not np.isfinite(start).all():
        raise DataError("Targets of the flow have no defined scores. Compute it again with flow(jumps, space).")
    low, high = start.min(axis=0), start.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    tips = np.concatenate([field.start + field.factor * field.move for field in fields])[known]
    if len(tips):
        ends = np.quantile(tips, (_TAIL, 1 - _TAIL), axis=0)
        low, high = np.minimum(low, ends[0]), np.maximum(high, ends[1])
    path = np.concatenate([field.path[field.stretch] for field in fields])
    near = ((path >= low - _AROUND * width) & (path <= high + _AROUND * width)).all(axis=1)
    low, high = (
        np.minimum(low, path[near].min(axis=0, initial=np.inf)),
        np.maximum(high, path[near].max(axis=0, initial=-np.inf)),
    )
    room = _ROOM * np.where(high > low, high - low, 1.0)
    sheet = Sheet(np.stack([low - room, high + room], axis=1))
    if not all(sheet.shows(field.path[field.stretch.start]) for field in fields):
        sheet.view[1, 0] -= _WORDS * (high - low)[1]
    return sheet


def field_of(flow: xr.Dataset, host: int, place: int, kind: str = _GRID, within: float = math.inf) -> DrawnField:
    """One host's arrows at one place: those of the targets of a kind, or of all where none has a kind.

    Of targets with a radius, those `within` some standard deviations.
    """
    if not 0 <= host < flow.sizes[HOST]:
        raise UsageError(f"A host is a number from 0 to {flow.sizes[HOST] - 1}; got {host!r}.")
    used = _targets(flow, kind, within)
    here = flow.isel({HOST: host, INJECTED: place, TARGET: used})
    span = int(here["horizon_steps"])
    path = here["control_path"].transpose(SUBLAYER, COMPONENT).values[:, :2].astype(np.float64)
    label, site = str(flow[INJECTED].values[place]), str(here["injected_site"].values)
    first = [str(name) for name in flow[SUBLAYER].values].index(label)
    start, move = (
        here[name].transpose(TARGET, COMPONENT).values[:, :2].astype(np.float64)
        for name in ("start", "displacement")
    )
    return DrawnField(
        style.plain(label, 12) if site == "mlp" else f"layer {int(here['injected_layer'])}",
        span,
        start,
        move,
        here["rho"].transpose(TARGET, STEP).values[:, span].astype(np.float64),
        _factor(start, move),
        path,
        slice(first, first + span + 1),
    )


def cloud_of(cloud: xr.DataArray, flow: xr.Dataset, place: int) -> np.ndarray:
    """The samples' states (samples, 2) at a place; DataError for other scores, or without this sublayer."""
    parts.expect(cloud, "pc_scores", (SAMPLE, SUBLAYER, "pc"))
    name = str(flow[INJECTED].values[place])
    known = [str(label) for label in cloud[SUBLAYER].values]
    if name not in known or cloud.sizes["pc"] < 2:
        raise DataError(
            f"The cloud needs two scores of every sample at {name}; it has {cloud.sizes['pc']}, at {known[0]} to "
            f"{known[-1]}. Pass pc_scores of the states that the space was fitted to."
        )
    scores = cloud.isel({SUBLAYER: known.index(name), "pc": slice(2)}).transpose(SAMPLE, "pc").values
    return scores[np.isfinite(scores).all(axis=1)].astype(np.float64)


def near_sheet(field: DrawnField, cloud: np.ndarray | None) -> Sheet:
    """The view of one place alone: its targets, and the middle of the samples' states there."""
    points = [field.start, field.path[field.stretch][:1]]
    if cloud is not None and len(cloud):
        points.append(np.quantile(cloud, (_TAIL, 1 - _TAIL), axis=0))
    together = np.concatenate(points)
    low, high = together.min(axis=0), together.max(axis=0)
    room = _ROOM * np.where(high > low, high - low, 1.0)
    return Sheet(np.stack([low - room, high + room], axis=1))


def has_kind(flow: xr.Dataset, kind: str) -> bool:
    """Whether there are targets of a kind."""
    return _KIND in flow.coords and bool((flow[_KIND].values.astype(str) == kind).any())


def _targets(flow: xr.Dataset, kind: str, within: float) -> np.ndarray:
    if _KIND not in flow.coords:
        return np.arange(flow.sizes[TARGET])
    kinds = flow[_KIND].values.astype(str)
    used = np.flatnonzero(kinds == kind)
    if not used.size:
        raise DataError(
            f"This panel draws targets of the kind {kind}; these are {', '.join(dict.fromkeys(kinds))}. "
            "Teleport to some."
        )
    if "radius" not in flow.coords:
        return used
    radii = flow["radius"].values.astype(np.float64)[used]
    return used[~(radii > max(within, np.nanmin(radii, initial=math.inf)))]


def _factor(start: np.ndarray, move: np.ndarray) -> float:
    """1, or the 1, 2 or 5 times a power of ten at which long arrows do not cross many others.

    Short arrows are drawn longer, by 2, 5, 10, …, as far as that goes.
    """
    known = np.isfinite(move).all(axis=1)
    width = np.ptp(start, axis=0)
    length = np.linalg.norm(move[known] / np.where(width > 0, width, 1.0), axis=1)
    long = float(np.quantile(length, 1 - _TAIL)) if length.size else 0.0
    if not long > 0:
        return 1.0
    wanted = _LONG / np.sqrt(len(start)) / long
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(next(digit for digit in (5, 2, 1) if digit * power <= wanted * (1 + 1e-9)) * power)
