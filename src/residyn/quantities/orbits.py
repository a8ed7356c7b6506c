"""Orbits of units: how often their phase portraits turn, beside the paper's null and two that keep y = dx/dl."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics import orbits as numerics
from residyn.numerics.multiple import benjamini_hochberg, p_values
from residyn.schema import SUBLAYER, UNIT, along, label_result, transition_coords
from residyn.walk import Progress

NULL = "null"
REPEATS = 200
SAID = {
    "points shuffled": ("the points of each portrait", "their order, and with it that y is the gradient of x"),
    "signs flipped": ("the size of every step, and that y is the gradient of x", "the direction of the steps"),
    "steps permuted": ("the steps of each kind, and that y is the gradient of x", "their order"),
}
"""What each null preserves, and what it destroys."""
_VALUES_AT_ONCE = 1 << 22
_SOURCE = "Fernando & Guitchounts 2025, arXiv:2502.12131v1, unit orbits"


def orbits(
    mean_activation: xr.DataArray, repeats: int = REPEATS, seed: int = 0, *, progress: Progress | None = None
) -> xr.Dataset:
    """Rotations of each unit's phase portrait, x its mean activation over depth and y its gradient, beside nulls.

    `mean_activation` is the result of that name. Returns `rotations` (unit), the turns of the portrait's
    tangent, counter-clockwise positive, and `rotations_absolute` (unit), the turns whatever their direction, ≥
    0; and, with the dimension `null`, of the first: `rotations_null_mean` and `rotations_null_sd` (null, unit)
    over `repeats` draws, `rotations_z`, `rotations_p` (two-sided), and `rotations_p_adjusted` over the units
    (Benjamini & Hochberg 1995). `rotations_mean_null` (null, draw) is the mean over units in each draw, beside
    which attribute `mean_rotations` of `rotations` stands; `rotations_mean_p` (null) is its p. The absolute
    count has `rotations_absolute_null_mean` (null, unit).

    "points shuffled" is the paper's null: it permutes the points of a portrait, which leaves about 0 turns of any
    path. "signs flipped" and "steps permuted" make another path and take its gradient; a random walk of 64 points
    turns some 11 times, clockwise. The paper's 10.74 is a mean over units. Each null's coordinates `preserves` and
    `destroys` say more. NaN for two or three sublayers (attribute `note`), and for units that do not move.

    Raises DataError for another result or a single sublayer; UsageError for fewer than one repeat or a negative
    seed.
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
    of_draws = _mean(signed.T)
    return {
        "rotations_null_mean": mean,
        "rotations_null_sd": sd,
        "rotations_z": np.divide(observed - mean, sd, out=np.full(mean.shape, np.nan), where=sd > 0),
        "rotations_p": p_values(observed, signed, "two-sided"),
        "rotations_absolute_null_mean": _mean(absolute),
        "rotations_mean_null": of_draws,
        "rotations_mean_p": p_values(np.asarray(_mean(observed)), of_draws, "two-sided"),
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


_OF_NULLS = {
    "rotations_null_mean": ("turns", "mean of the signed turns over draws of the null"),
    "rotations_null_sd": ("turns", "standard deviation of the signed turns over draws of the null"),
    "rotations_z": ("1", "signed turns minus their mean under the null, over their standard deviation there"),
    "rotations_p": ("1", "two-sided p of the signed turns"),
    "rotations_p_adjusted": ("1", "that p adjusted over the units (Benjamini & Hochberg 1995)"),
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
        NULL: np.array(list(SAID)),
        "preserves": (NULL, np.array([preserves for preserves, _ in SAID.values()])),
        "destroys": (NULL, np.array([destroys for _, destroys in SAID.values()])),
    }
    few = means.sizes[SUBLAYER] < numerics.LEAST_SUBLAYERS
    note = {"note": "NaN everywhere: a portrait turns from four sublayers on."} if few else {}
    common: dict[str, Any] = {"source": _SOURCE, "states": _provenance(means), "seed": options["seed"]}
    made: dict[Hashable, xr.DataArray] = {}
    for name, values, said in (
        ("rotations", signed, "Σ Δθ / 2π of the tangent of (mean activation, its gradient) over depth"),
        ("rotations_absolute", absolute, "Σ |Δθ| / 2π of the same tangent"),
    ):
        made[name] = label_result(
            values, (UNIT,), of_unit, quantity=name, units="turns", definition=said,
            mean_rotations=float(_mean(values)), n_undefined=int(np.isnan(values).sum()), **note, **common,
        )  # fmt: skip
    for row in rows:
        row["rotations_p_adjusted"] = benjamini_hochberg(row["rotations_p"])
    for name, (units, said) in _OF_NULLS.items():
        made[name] = label_result(
            np.stack([row[name] for row in rows]), (NULL, UNIT), {**of_null, **of_unit},
            quantity=name, units=units, definition=said, parameters=options, **common,
        )  # fmt: skip
    made["rotations_mean_null"] = label_result(
        np.stack([row["rotations_mean_null"] for row in rows]), (NULL, "draw"),
        {**of_null, "draw": np.arange(options["repeats"])},
        quantity="rotations_mean_null", units="turns",
        definition="mean over units of the signed turns in each draw of the null", parameters=options, **common,
    )  # fmt: skip
    made["rotations_mean_p"] = label_result(
        np.array([float(row["rotations_mean_p"]) for row in rows]), (NULL,), of_null,
        quantity="rotations_mean_p", units="1", definition="two-sided p of the mean over units", **common,
    )  # fmt: skip
    return xr.Dataset(made)


def _provenance(means: xr.DataArray) -> xr.DataArray:
    """What label_result takes provenance from: the means know how many samples they are of."""
    n = int(means.attrs.get("n_samples", 0))
    return xr.DataArray(np.empty((n, 0)), dims=("sample", "none"), attrs=means.attrs)


def orbits_table(results: xr.Dataset) -> pd.DataFrame:
    """The counts as rows, one a unit and null: unit, null, rotations, rotations_absolute, the null's mean and sd,
    z, p and p adjusted over units.
    """
    rows = []
    for null in results[NULL].values:
        one = results.sel({NULL: null})
        columns = {name.removeprefix("rotations_"): one[name].values for name in _OF_NULLS}
        rows.append(
            pd.DataFrame(
                {
                    "unit": results[UNIT].values,
                    "null": str(null),
                    "rotations": results["rotations"].values,
                    "rotations_absolute": results["rotations_absolute"].values,
                    **columns,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)
