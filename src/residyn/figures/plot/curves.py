"""Panels E and F: one number per sample and transition, over depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import dots, parts
from residyn.schema import SAMPLE, TRANSITION

_VISIBLE = 0.005
"""Share of the axis's height from which half a noise band is drawn: a third of a millimetre in print."""


def cosine(
    result: xr.DataArray,
    *,
    reference: Mapping[str, Any] | None = None,
    noise: xr.DataArray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Panel E: cosine similarity of successive states over depth, by kind of transition.

    `result` is `cosine` (sample, transition). A dot is the mean over samples, a band the interquartile range of
    the samples (both without NaN), colour and marker the kind; a thin grey line joins the dots in order of
    depth. `reference`, {"label": ..., "values": [...]}, is drawn dashed, its values spread evenly over the same
    depth. `noise`, `cosine_noise` of `residyn.noise_floor`, is a hatched band of ± 2 of it about the means,
    where it is wide enough to be seen. Raises DataError for another result, a reference without values, or noise
    of other transitions.
    """
    with style.context():
        ax = _curve(result, "cosine", reference, noise, ax)
        ax.set_ylabel("cosine similarity", parse_math=False)
        low, high = ax.get_ylim()
        ax.set_ylim(low, min(high, 1.02) if low < 1 else high)
    return ax


def velocity(
    result: xr.DataArray,
    *,
    reference: Mapping[str, Any] | None = None,
    noise: xr.DataArray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Panel F: the length of the step between successive states over depth, by kind of transition.

    `result` is `velocity` (sample, transition), raw, in units of activation; else as `cosine`. A reference
    has its own scale on the right, from 0 as the left one: lengths in two models are in no common unit.
    """
    with style.context():
        ax = _curve(result, "velocity", reference, noise, ax)
        units = parts.units_of(result, "activation")
        ax.set_ylabel(f"velocity ‖hₛ₊₁ − hₛ‖₂ ({units})", parse_math=False)
        ax.set_ylim(bottom=0)
    return ax


def _curve(
    result: xr.DataArray,
    quantity: str,
    reference: Mapping[str, Any] | None,
    noise: xr.DataArray | None,
    ax: Axes | None,
) -> Axes:
    parts.expect(result, quantity, (SAMPLE, TRANSITION), ("kind", "from_layer"))
    kinds = parts.kinds_of(result)
    summary = dots.summary(np.asarray(result.transpose(SAMPLE, TRANSITION).values, dtype=np.float64))
    ax = style.new_axes(ax)
    dots.by_kind(ax, summary, kinds)
    dashed = (
        [dots.reference_line(ax, reference, len(kinds), own_scale=quantity == "velocity")]
        if reference is not None
        else []
    )
    dots.finish(ax, result, summary.mean)
    bands = [dots.band_entry("samples")]
    if noise is not None and _draw_noise(ax, summary.mean, noise):
        bands.append(
            (Patch(facecolor="none", edgecolor=style.INK, hatch="//////", linewidth=0), "noise floor, ± 2 rms")
        )
    parts.legend_above(ax, *([dashed] if dashed else []), parts.kind_entries(kinds), bands)
    return ax


def _draw_noise(ax: Axes, mean: np.ndarray, noise: xr.DataArray) -> bool:
    """Draw the noise floor about the means, where it is wide enough to be seen; whether it was."""
    width = 2 * np.asarray(noise.values, dtype=np.float64)
    if width.shape != mean.shape:
        raise DataError(
            f"A noise floor is of the transitions that are drawn: {len(mean)} of them, got {width.shape}. "
            "Pass that of residyn.noise_floor(states, again) of the same states."
        )
    low, high = ax.get_ylim()
    if not np.isfinite(width).any() or np.nanmax(width) < _VISIBLE * (high - low):
        return False
    depth = np.arange(len(mean))
    ax.fill_between(
        depth, mean - width, mean + width, facecolor="none", edgecolor=style.INK, hatch="//////", linewidth=0,
        zorder=1.5, label="_noise",
    )  # fmt: skip
    return True
