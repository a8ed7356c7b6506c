"""Orbits of units: how often their phase portraits turn, beside the paper's null and three that keep y = dx/dl."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics import orbits as numerics
from residyn.numerics.multiple import benjamini_hochberg, largest_of_all, p_values
from residyn.schema import SUBLAYER, UNIT, along, label_result, transition_coords
from residyn.walk import Progress

NULL = "null"
REPEATS = 200
NULLS = {
    "points shuffled": ("the points of each portrait", "their order, and with it that y is the gradient of x"),
    "signs flipped": ("the size of every step, and that y is the gradient of x", "the direction of the steps"),
    "steps permuted": ("the steps of each kind, and that y is the gradient of x", "their order"),
    "phases drawn": (
        "how smooth each path is, the typical size of each step, and that y is the gradient of x",
        "where along depth a path rises and falls",
    ),
}
"""What each null preserves, and what it destroys."""
SMOOTH = "phases drawn"
"""The null whose paths are as smooth as the units'."""
LEVEL = 0.05
_VALUES_AT_ONCE = 1 << 22
_SOURCE = "Fernando & Guitchounts 2025, arXiv:2502.12131v1, unit orbits"


def orbits(
    mean_activation: xr.DataArray, repeats: int = REPEATS, seed: int = 0, *, progress: Progress | None = None
) -> xr.Dataset:
    """Rotations of each unit's phase portrait, x its mean activation over depth and y its gradient, beside nulls.

    `mean_activation` is the result of that name. Turns are those of the portrait's tangent, counter-clockwise
    positive. Returns, of the mean over units: `rotations_mean` (), the mean; `rotations_mean_null` (null, draw),
    the same in each of `repeats` draws; `rotations_mean_difference` (null), by how much the units turn more often
    (> 0) or less often (< 0) than the null's, whichever way round: the size of the mean minus that of the draws'
    mean; and `rotations_mean_p` (null), two-sided. Of each unit: `rotations` and `rotations_absolute` (unit), the
    turns whatever their direction, ≥ 0; of the first `rotations_null_mean` and `rotations_null_sd` (null, unit)
    over draws, `rotations_z`, `rotations_p` (two-sided), `rotations_p_adjusted` over the units (Benjamini &
    Hochberg 1995), which few units among many cannot make small with few draws, and `rotations_p_family`, which
    they can: of the farthest unit beside the farthest of each draw, in standard deviations, then of the next
    (Westfall & Young 1993). `rotations_absolute_null_mean` (null, unit) is of the second.

    "points shuffled" is the paper's null: it permutes the points of a portrait, which leaves about 0 turns of any
    path. The others make another path and take its gradient, which turns clockwise: that of a random walk of 64
    points some 11 times, of a smoother path less often, be it on a circle or not. "signs flipped" and "steps
    permuted" lose how smooth a path is, so that a difference from these two alone is one of smoothness. "phases
    drawn" keeps it. The paper's 10.74 is a mean over units. Each null's coordinates `preserves` and `destroys` say
    more. NaN for two or three sublayers (attribute `note`), and for units that do not move.

    Raises DataError for another result or a single sublayer; UsageError for fewer than one repeat or a negative
    seed.

    >>> rd.orbits(rd.mean_activation(states), repeats=20)["rotations"].dims
    ('unit',)
    """
    if not isinstance(mean_activation, xr.DataArray) or set(mean_activation.dims) != {SUBLAYER, UNIT}:
        came = getattr(mean_activation, "dims", type(mean_activation).__name__)
        raise DataError(
            f"Orbits are of mean activations with the dimensions {SUBLAYER} and {UNIT}, got {came}. "
            "Pass residyn.mean_activation(states)."
        )
    if repeats < 1:
        raise UsageError(f"A null takes at least one draw; got repeats={repeats}.")
    if seed < 0:
        raise UsageError(f"seed is an integer, 0 or more; got {seed}.")
    x = mean_activation.transpose(UNIT, SUBLAYER).values.astype(np.float64)
    kind = np.asarray(transition_coords(mean_activation)["kind"][1])
    signed, absolute = numerics.rotations(x, numerics.gradient(x))
    rows: list[dict[str, np.ndarray]] = []
    for done, draw in enumerate(numerics.NULLS.values()):
        rng = np.random.default_rng([seed, done])
        counts = [numerics.rotations(*draw(x, kind, n, rng)) for n in _portions(repeats, x.size)]
        rows.append(_beside(signed, *(np.concatenate([part[i] for part in counts]) for i in (0, 1))))
        if progress is not None:
            progress(done + 1, len(numerics.NULLS))
    return _label(mean_activation, signed, absolute, rows, {"repeats": repeats, "seed": seed})


def _portions(repeats: int, size: int) -> list[int]:
    """How many draws of paths of this size are in memory at a time."""
    at_once = max(1, _VALUES_AT_ONCE // size)
    return [min(at_once, repeats - start) for start in range(0, repeats, at_once)]


def _beside(observed: np.ndarray, signed: np.ndarray, absolute: np.ndarray) -> dict[str, np.ndarray]:
    """The observed counts (D,) beside those of a null's draws (R, D)."""
    mean, sd = _mean(signed), _sd(signed)
    of_all, of_draws = _mean(observed), _mean(signed.T)
    return {
        "rotations_mean_null": of_draws,
        "rotations_mean_difference": np.abs(of_all) - np.abs(_mean(of_draws)),
        "rotations_mean_p": p_values(np.asarray(of_all), of_draws, "two-sided"),
        "rotations_null_mean": mean,
        "rotations_null_sd": sd,
        "rotations_z": np.divide(observed - mean, sd, out=np.full(mean.shape, np.nan), where=sd > 0),
        "rotations_p": p_values(observed, signed, "two-sided"),
        "rotations_p_family": largest_of_all(observed, signed),
        "rotations_absolute_null_mean": _mean(absolute),
    }


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the first axis, without NaN."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


def _sd(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    square = np.where(known, (np.where(known, values, 0.0) - _mean(values)) ** 2, 0.0).sum(axis=0)
    count = known.sum(axis=0) - 1
    return np.sqrt(np.divide(square, count, out=np.full(square.shape, np.nan), where=count > 0))


_OF_MEAN = {
    "rotations_mean_difference": (
        "turns",
        "size of the mean over units of the signed turns minus that of its mean under the null: above 0 the units "
        "turn more often than the null's, below 0 less often",
    ),
    "rotations_mean_p": ("1", "two-sided p of the mean over units"),
}
_OF_NULLS = {
    "rotations_null_mean": ("turns", "mean of the signed turns over draws of the null"),
    "rotations_null_sd": ("turns", "standard deviation of the signed turns over draws of the null"),
    "rotations_z": ("1", "signed turns minus their mean under the null, over their standard deviation there"),
    "rotations_p": ("1", "two-sided p of the signed turns"),
    "rotations_p_adjusted": ("1", "that p adjusted over the units (Benjamini & Hochberg 1995)"),
    "rotations_p_family": (
        "1",
        "two-sided p over all units together: the share of draws in which the farthest unit is as far from its "
        "mean, in its standard deviations (step-down maximum; Westfall & Young 1993)",
    ),
    "rotations_absolute_null_mean": ("turns", "mean of the absolute turns over draws of the null"),
}


def _label(
    means: xr.DataArray,
    signed: np.ndarray,
    absolute: np.ndarray,
    rows: list[dict[str, np.ndarray]],
    options: dict[str, Any],
) -> xr.Dataset:
    of_unit = along(means, UNIT)
    of_null = {
        NULL: np.array(list(NULLS)),
        "preserves": (NULL, np.array([preserves for preserves, _ in NULLS.values()])),
        "destroys": (NULL, np.array([destroys for _, destroys in NULLS.values()])),
    }
    few = means.sizes[SUBLAYER] < numerics.LEAST_SUBLAYERS
    note = {"note": "NaN everywhere: a portrait turns from four sublayers on."} if few else {}
    common: dict[str, Any] = {"source": _SOURCE, "states": _provenance(means), "seed": options["seed"]}
    mean = float(_mean(signed))
    of_turns = "Σ Δθ / 2π of the tangent of (mean activation, its gradient) over depth"
    for row in rows:
        row["rotations_p_adjusted"] = benjamini_hochberg(row["rotations_p"])
    made: dict[Hashable, xr.DataArray] = {}
    made["rotations_mean"] = label_result(
        np.asarray(mean), (), {}, quantity="rotations_mean", units="turns",
        definition=f"mean over units of {of_turns}", **note, **common,
    )  # fmt: skip
    made["rotations_mean_null"] = label_result(
        np.stack([row["rotations_mean_null"] for row in rows]), (NULL, "draw"),
        {**of_null, "draw": np.arange(options["repeats"])},
        quantity="rotations_mean_null", units="turns",
        definition="mean over units of the signed turns in each draw of the null", parameters=options, **common,
    )  # fmt: skip
    for name, (units, said) in _OF_MEAN.items():
        made[name] = label_result(
            np.array([float(row[name]) for row in rows]), (NULL,), of_null,
            quantity=name, units=units, definition=said, parameters=options, **common,
        )  # fmt: skip
    for name, values, said in (
        ("rotations", signed, of_turns),
        ("rotations_absolute", absolute, "Σ |Δθ| / 2π of the same tangent"),
    ):
        made[name] = label_result(
            values, (UNIT,), of_unit, quantity=name, units="turns", definition=said,
            mean_rotations=float(_mean(values)), n_undefined=int(np.isnan(values).sum()), **note, **common,
        )  # fmt: skip
    for name, (units, said) in _OF_NULLS.items():
        made[name] = label_result(
            np.stack([row[name] for row in rows]), (NULL, UNIT), {**of_null, **of_unit},
            quantity=name, units=units, definition=said, parameters=options, **common,
        )  # fmt: skip
    return xr.Dataset(made)


def _provenance(means: xr.DataArray) -> xr.DataArray:
    """What label_result takes provenance from: the means know how many samples they are of."""
    n = int(means.attrs.get("n_samples", 0))
    return xr.DataArray(np.empty((n, 0)), dims=("sample", "none"), attrs=means.attrs)


def more_often(turns: np.ndarray, of_null: np.ndarray) -> np.ndarray:
    """Which turns are more, either way round, than the mean turns of a null; both of one shape."""
    return np.abs(turns) > np.abs(of_null)


def orbits_mean_table(results: xr.Dataset) -> pd.DataFrame:
    """The mean over units beside each null, a row each: null, n_units, rotations, null_mean, null_sd over draws,
    direction ("more often" or "less often" than the null), p; the numbers of units that turn more and less often
    at a p over all units together of 0.05 or less; and what the null preserves and destroys.
    """
    turns, draws = results["rotations"].values, results["rotations_mean_null"].transpose(NULL, "draw").values
    n_units = int(np.isfinite(turns).sum())
    rows = []
    for row, null in enumerate(results[NULL].values):
        beyond = results["rotations_p_family"].transpose(NULL, UNIT).values[row] <= LEVEL
        more = more_often(turns, results["rotations_null_mean"].transpose(NULL, UNIT).values[row])
        rows.append(
            {
                "null": str(null),
                "n_units": n_units,
                "rotations": float(_mean(turns)),
                "null_mean": float(_mean(draws[row])),
                "null_sd": float(_sd(draws[row])),
                "direction": _direction(bool(more_often(_mean(turns), _mean(draws[row]))), n_units),
                "p": float(results["rotations_mean_p"].values[row]),
                "units_more_often": int((beyond & more).sum()),
                "units_less_often": int((beyond & ~more).sum()),
                "preserves": str(results["preserves"].values[row]),
                "destroys": str(results["destroys"].values[row]),
            }
        )
    return pd.DataFrame(rows)


def _direction(more: bool, defined: object) -> str:
    return ("more often" if more else "less often") if defined else ""


def orbits_table(results: xr.Dataset) -> pd.DataFrame:
    """The counts as rows, one a unit and null: unit, null, rotations, rotations_absolute, direction ("more often"
    or "less often" than the null), the null's mean and sd, z, p, p adjusted over units, p over all units together.
    """
    turns = results["rotations"].values
    rows = []
    for null in results[NULL].values:
        one = results.sel({NULL: null})
        columns = {name.removeprefix("rotations_"): one[name].values for name in _OF_NULLS}
        more = more_often(turns, columns["null_mean"])
        rows.append(
            pd.DataFrame(
                {
                    "unit": results[UNIT].values,
                    "null": str(null),
                    "rotations": turns,
                    "rotations_absolute": results["rotations_absolute"].values,
                    "direction": [_direction(*pair) for pair in zip(more, np.isfinite(turns), strict=True)],
                    **columns,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)
