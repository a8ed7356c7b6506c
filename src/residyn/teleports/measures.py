"""What is measured of one host's targets at one place, and the walk over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics import flow as numerics
from residyn.numerics.flow import Cloud
from residyn.schema import SUBLAYER
from residyn.spaces.coordinates import Coordinates
from residyn.teleports.labels import HOST, INJECTED, STEP, TARGET

_EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


class Paths(NamedTuple):
    """The targets of one host at one place: states (T, M + 1, D), control (M + 1, D), the step of the horizon.

    Both are NaN beyond the last sublayer.
    """

    moved: np.ndarray
    control: np.ndarray
    horizon: int


def measure(
    jumps: xr.Dataset, plane: Coordinates, steps: np.ndarray, clouds: Sequence[Cloud] | None
) -> dict[str, np.ndarray]:
    """Every quantity of the states, as plain arrays; `clouds` and `steps`, the horizon, are per place."""
    sizes = [jumps.sizes[dim] for dim in (HOST, INJECTED, TARGET)]
    found: dict[str, np.ndarray] = {"control_path": _scores(plane, jumps["control"].values)}
    negligible = _negligible(jumps)
    for host, place, paths in _each_paths(jumps, steps):
        measured = _of_paths(paths, plane, negligible)
        if clouds is not None:
            measured["mahalanobis"] = numerics.mahalanobis(clouds[place], paths.moved[:, 0])
        for name, values in measured.items():
            whole = found.setdefault(name, np.full([*sizes, *values.shape[1:]], np.nan))
            whole[host, place] = values
    return found


def _of_paths(paths: Paths, plane: Coordinates, negligible: float) -> dict[str, np.ndarray]:
    """Quantities of one host and place, each with the targets first."""
    control = paths.control.astype(np.float64)
    written = paths.moved[:, 0].astype(np.float64)
    left = numerics.contraction(paths.moved, paths.control, negligible)
    move = written - control[0]
    start, own = _scores(plane, written), _scores(plane, control[0])
    distance, size = np.linalg.norm(move, axis=1), np.linalg.norm(control[0])
    off = move / plane.scale[0] - (start - own) @ plane.axes[0]
    whole = np.linalg.norm(move / plane.scale[0], axis=1)
    told = np.where(distance > negligible * size, whole, np.nan)
    known = {
        "start": start,
        "distance": distance,
        "off_plane_share": numerics.divide(np.linalg.norm(off, axis=1), told) ** 2,
        "norm_ratio": numerics.divide(np.linalg.norm(written, axis=1), np.full_like(distance, size)),
        "rho": left.rho,
        "amplification": left.amplification,
        "relative_distance": left.relative,
    }
    return known | _ahead(paths, control, written, plane)


def _ahead(paths: Paths, control: np.ndarray, written: np.ndarray, plane: Coordinates) -> dict[str, np.ndarray]:
    """What is measured between the write and the horizon; NaN where nothing follows."""
    if not paths.horizon:
        nothing = np.full(len(written), np.nan)
        names = ("displacement_norm", "pull", "pull_plane", "pull_passive", "pull_plane_passive")
        return dict.fromkeys(names, nothing) | {"displacement": np.full((len(written), 2), np.nan)}
    end, there = paths.moved[:, paths.horizon].astype(np.float64), control[paths.horizon]
    start, own, at_end, goal = (_scores(plane, states) for states in (written, control[0], end, there))
    return {
        "displacement": at_end - start,
        "displacement_norm": np.linalg.norm(end - written, axis=1),
        "pull": numerics.cosine(end - written, there - written),
        "pull_plane": numerics.cosine(at_end - start, goal - start),
        "pull_passive": numerics.cosine(there - control[0], there - written),
        "pull_plane_passive": numerics.cosine(goal - own, goal - start),
    }


def _each_paths(jumps: xr.Dataset, steps: np.ndarray) -> Iterator[tuple[int, int, Paths]]:
    """Host by host and place by place, so that one place's states are in memory at a time."""
    sublayers = [str(name) for name in jumps[SUBLAYER].values]
    there = reached(jumps)
    for host in range(jumps.sizes[HOST]):
        path = jumps["control"].isel({HOST: host}).values
        for place, name in enumerate(jumps["step_sublayer"].values[:, 0]):
            lazy = jumps["states"].isel({HOST: host, INJECTED: place}).variable
            moved = lazy.compute(scheduler="synchronous").values
            first, n = sublayers.index(str(name)), int(there[place].sum())
            control = np.full(moved.shape[1:], np.nan)
            control[:n] = path[first : first + n]
            if not np.isfinite(moved[:, :n]).all():
                raise DataError(
                    f"States of host {host} injected at {name} are not finite. Make the teleports again, "
                    "with nearer targets or in float32."
                )
            yield host, place, Paths(moved, control, int(steps[place]))


def horizons(jumps: xr.Dataset, horizon: int) -> np.ndarray:
    """How many steps the horizon of each place is, (injected,)."""
    sublayers = [str(name) for name in jumps[SUBLAYER].values]
    first = [sublayers.index(str(name)) for name in jumps["step_sublayer"].values[:, 0]]
    steps = np.array([min(horizon, len(sublayers) - 1 - index) for index in first])
    recorded = jumps.sizes[STEP] - 1
    if steps.max() > recorded:
        raise UsageError(
            f"A horizon of {horizon} sublayers was asked for, and the teleports recorded {recorded}. Take "
            f"horizon={recorded}, or teleport with steps={horizon}."
        )
    return steps


def reached(jumps: xr.Dataset) -> np.ndarray:
    """Whether a sublayer lies at each step after each place, (injected, step)."""
    return jumps["step_sublayer"].values != ""


def _negligible(jumps: xr.Dataset) -> float:
    dtype = str(jumps.attrs.get("capture_dtype", "float32"))
    return max(1e-5, 2 * _EPS.get(dtype, 0.0))


def _scores(plane: Coordinates, vectors: np.ndarray) -> np.ndarray:
    """Scores (…, 2) of vectors (…, D), in float64."""
    rows = vectors.reshape(-1, 1, vectors.shape[-1])
    return plane.scores(rows).reshape(*vectors.shape[:-1], -1)
