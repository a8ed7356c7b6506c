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
from residyn.figures.panel import Panel
from residyn.figures.plot import depth, parts
from residyn.quantities.summaries import summary
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

    `result` is `cosine` (sample, transition). The axis is logarithmic in 1 − cosine, so that what lies close to 1
    can be told apart. A dot is the mean over samples, a band the interquartile range of
    the samples (both without NaN), colour and marker the kind; a thin grey line joins the dots in order of
    depth. `reference`, {"label": ..., "values": [...]}, is drawn dashed, its values spread evenly over the same
    depth. `noise`, `cosine_noise` of `residyn.noise_floor`, is a hatched band of ± 2 of it about the means,
    where it is wide enough to be seen. Raises DataError for another result, a reference without values, or noise
    of other transitions.

    >>> ax = rd.plot.cosine(rd.cosine(states), reference=rd.paper_reference("cosine"))
    """
    with style.context():
        ax = _curve(result, "cosine", reference, noise, ax)
        depth.label_near_one(ax)
        ax.set_ylabel("cosine similarity\n(log scale of 1 − cosine)", parse_math=False)
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

    >>> ax = rd.plot.velocity(rd.velocity(states))
    >>> ax.figure.savefig("velocity.pdf")
    """
    with style.context():
        ax = _curve(result, "velocity", reference, noise, ax)
        ax.set_ylabel(parts.with_units("velocity ‖hₛ₊₁ − hₛ‖₂", result), parse_math=False)
        ax.set_ylim(bottom=0)
        parts.shorten_numbers(ax.yaxis)
    return ax


def _curve(
    result: xr.DataArray,
    quantity: str,
    reference: Mapping[str, Any] | None,
    noise: xr.DataArray | None,
    ax: Axes | None,
) -> Axes:
    parts.expect(result, quantity, (SAMPLE, TRANSITION), ("kind", "from_layer"))
    places, curve = depth.places_of(result), summary(result)
    ax = style.new_axes(ax)
    if quantity == "cosine":
        laid_over = () if reference is None else np.ravel(reference.get("values", ()))
        depth.near_one(ax, np.concatenate([curve["value"].values, laid_over]))
    depth.dots(ax, curve, places)
    dashed = (
        [depth.reference_line(ax, reference, len(places.groups), own_scale=quantity == "velocity")]
        if reference is not None
        else []
    )
    depth.finish(ax, curve)
    bands = [depth.band_entry("middle half of samples")]
    if noise is not None and _draw_noise(ax, curve["value"].values, noise):
        bands.append(
            (Patch(facecolor="none", edgecolor=style.INK, hatch="//////", linewidth=0), "noise floor, ± 2 rms")
        )
    parts.legend_above(ax, *([dashed] if dashed else []), depth.entries(places), bands)
    return ax


def _draw_noise(ax: Axes, mean: np.ndarray, noise: xr.DataArray) -> bool:
    """Draw the noise floor about the means, where it is wide enough to be seen; whether it was."""
    width = 2 * np.asarray(noise.values, dtype=np.float64)
    if width.shape != mean.shape:
        raise DataError(
            f"A noise floor is of the transitions that are drawn: {len(mean)} of them, got {width.shape}. "
            "Pass that of residyn.noise_floor(states, again) of the same states."
        )
    on_axis = ax.yaxis.get_transform().transform
    low, high = on_axis(np.asarray(ax.get_ylim()))
    drawn = (on_axis(mean + width) - on_axis(mean - width)) / 2
    if not np.isfinite(drawn).any() or np.nanmax(drawn) < _VISIBLE * (high - low):
        return False
    ax.fill_between(
        np.arange(len(mean)), mean - width, mean + width, facecolor="none", edgecolor=style.INK, hatch="//////",
        linewidth=0, zorder=1.5, label="_noise",
    )  # fmt: skip
    return True


COSINE = Panel(
    stem="panel_e",
    letter="E",
    title="Cosine of successive states",
    needs=("cosine",),
    required=True,
    draw=lambda inputs, ax: cosine(
        inputs.results["cosine"], reference=inputs.published("cosine"), noise=inputs.noise_of("cosine"), ax=ax
    ),
)
VELOCITY = Panel(
    stem="panel_f",
    letter="F",
    title="Velocity",
    needs=("velocity",),
    required=True,
    shape_with_reference="scaled",
    draw=lambda inputs, ax: velocity(
        inputs.results["velocity"],
        reference=inputs.published("velocity"),
        noise=inputs.noise_of("velocity"),
        ax=ax,
    ),
)
