"""Panels E and F: one number per sample and transition, over depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.panels import parts
from residyn.schema import SAMPLE, TRANSITION

_BAND = 0.3
"""How strongly a band takes its kind's colour."""


def cosine(result: xr.DataArray, *, reference: Mapping[str, Any] | None = None, ax: Axes | None = None) -> Axes:
    """Panel E: cosine similarity of successive states over depth, by kind of transition.

    `result` is `cosine` (sample, transition). A dot is the mean over samples, a band the interquartile range
    of the samples (both without NaN), colour and marker the kind; a thin grey line joins the dots in order
    of depth. `reference`, {"label": ..., "values": [...]}, is drawn dashed, its values spread evenly over the
    same depth. Raises DataError for another result or a reference without values.
    """
    with style.context():
        ax = _curve(result, "cosine", reference, ax)
        ax.set_ylabel("cosine similarity", parse_math=False)
        low, high = ax.get_ylim()
        ax.set_ylim(low, min(high, 1.02) if low < 1 else high)
    return ax


def velocity(result: xr.DataArray, *, reference: Mapping[str, Any] | None = None, ax: Axes | None = None) -> Axes:
    """Panel F: the length of the step between successive states over depth, by kind of transition.

    `result` is `velocity` (sample, transition), raw, in units of activation; else as `cosine`.
    """
    with style.context():
        ax = _curve(result, "velocity", reference, ax)
        units = parts.units_of(result, "activation")
        ax.set_ylabel(f"velocity ‖hₛ₊₁ − hₛ‖₂ ({units})", parse_math=False)
        ax.set_ylim(bottom=0)
    return ax


def _curve(result: xr.DataArray, quantity: str, reference: Mapping[str, Any] | None, ax: Axes | None) -> Axes:
    parts.expect(result, quantity, (SAMPLE, TRANSITION), ("kind", "from_layer"))
    kinds = np.array(parts.kinds_of(result))
    values = np.asarray(result.transpose(SAMPLE, TRANSITION).values, dtype=np.float64)
    mean, low, high = _summary(values)
    depth = np.arange(values.shape[1])
    ax = style.new_axes(ax)
    ax.plot(depth, mean, color=style.HAIRLINE, linewidth=0.5, zorder=2, label="_joined")
    for kind in (name for name in style.KIND_COLOURS if name in kinds):
        here = kinds == kind
        colour = style.KIND_COLOURS[kind]
        band = style.tint(colour, _BAND)
        if here.sum() > 1:
            ax.fill_between(
                depth[here], low[here], high[here], color=(*style.tint(colour, 1), _BAND), linewidth=0, zorder=1
            )
        else:  # a band over one point has no area
            ax.vlines(depth[here], low[here], high[here], color=band, linewidth=4, zorder=1)
        ax.plot(
            depth[here],
            mean[here],
            linestyle="none",
            marker=style.KIND_MARKERS[kind],
            markersize=_marker_size(len(depth), kind),
            markeredgewidth=0,
            color=colour,
            zorder=3,
            label=kind,
        )
    dashed = _draw_reference(ax, reference, len(depth)) if reference is not None else None
    parts.label_depth(ax, "x", result["from_layer"].values)
    ax.set_xlim(-0.5 - 0.01 * len(depth), len(depth) - 0.5 + 0.01 * len(depth))
    ax.margins(y=0.06)
    style.dress(ax)
    _legend(ax, list(kinds), dashed)
    if not np.isfinite(mean).any():
        ax.set_yticks([])
        ax.text(0.5, 0.5, "undefined for every transition", transform=ax.transAxes, ha="center", va="center")
    return ax


def _summary(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and quartiles over the samples of each transition, NaN where no sample is defined."""
    summary = np.full((3, values.shape[1]), np.nan)
    for index, column in enumerate(values.T):
        defined = column[np.isfinite(column)]
        if defined.size:
            summary[:, index] = (defined.mean(), *np.quantile(defined, (0.25, 0.75)))
    return summary[0], summary[1], summary[2]


def _marker_size(n_transitions: int, kind: str) -> float:
    """Markers shrink where many stand side by side; the diamond is drawn smaller for equal weight."""
    size = float(np.clip(260 / n_transitions, 2.0, 3.4))
    return size * {"within": 1.0, "cross": 0.9, "block": 0.9}[kind]


def _draw_reference(ax: Axes, reference: Mapping[str, Any], n_transitions: int) -> tuple[Line2D, str]:
    values = np.asarray(reference.get("values", ()), dtype=np.float64)
    if values.ndim != 1 or values.size < 2:
        raise DataError(
            'A reference is {"label": ..., "values": [...]} with at least two values over depth; '
            f"got values of shape {values.shape}. Pass one value per transition of the other model."
        )
    depth = np.linspace(0, n_transitions - 1, values.size)
    (line,) = ax.plot(depth, values, linestyle=(0, (4, 2)), linewidth=0.7, color=style.MUTED, zorder=2.5)
    return line, style.plain(reference.get("label", "reference"), limit=36)


def _legend(ax: Axes, kinds: list[str], dashed: tuple[Line2D, str] | None) -> None:
    band: tuple[Artist, str] = (
        Patch(facecolor=style.tint(style.INK, _BAND), linewidth=0),
        "middle half of samples",
    )
    parts.legend_above(ax, *([[dashed]] if dashed else []), parts.kind_entries(kinds), [band])
