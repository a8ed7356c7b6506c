"""Panels beside E and F: cosine and velocity by depth and by the token's place in its text, as heat maps."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize

from residyn.figures import style
from residyn.figures.panel import Inputs, Panel
from residyn.figures.plot import images, parts
from residyn.quantities.positions import by_place, has_several_places
from residyn.schema import SAMPLE, TRANSITION


def cosine_by_place(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The mean cosine of successive states by transition (y) and by the token's place in its text (x).

    `result` is `cosine` (sample, transition) with the coordinates `text_id` and `n_tokens` or `position`; places
    are put together in ranges that double. Colours run from the smallest mean to 1. Raises DataError for another
    result.

    >>> tokens = {"text_id": np.arange(60) // 6, "n_tokens": 1 + np.arange(60) % 6}
    >>> several = rd.from_array(walks, [0, 0, 1, 1, 2, 2, 3, 3], ["attn", "mlp"] * 4, **tokens)
    >>> ax = rd.plot.cosine_by_place(rd.cosine(several))
    """
    return _by_place(result, "cosine", "mean cosine", ax, log=False)


def velocity_by_place(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The mean velocity by transition (y) and by the token's place in its text (x), in logarithmic colours.

    As `cosine_by_place`; colours run from the smallest mean above 0 to the largest.

    >>> tokens = {"text_id": np.arange(60) // 6, "n_tokens": 1 + np.arange(60) % 6}
    >>> several = rd.from_array(walks, [0, 0, 1, 1, 2, 2, 3, 3], ["attn", "mlp"] * 4, **tokens)
    >>> ax = rd.plot.velocity_by_place(rd.velocity(several))
    """
    return _by_place(result, "velocity", parts.with_units("mean velocity", result), ax, log=True)


def _by_place(result: xr.DataArray, quantity: str, label: str, ax: Axes | None, *, log: bool) -> Axes:
    parts.expect(result, quantity, (SAMPLE, TRANSITION), ("kind", "from_layer"))
    means = by_place(result)
    values = means.transpose(TRANSITION, ...).values
    known = values[np.isfinite(values)]
    with style.context():
        ax = style.new_axes(ax)
        image = images.draw(ax, values, style.SEQUENTIAL, _norm(known, log=log))
        images.by_transition(ax, image, values, result, label, by_rank=False)
        ends = zip(means["first"].values.tolist(), means["last"].values.tolist(), strict=True)
        names = [str(first) if first == last else f"{first}–{last}" for first, last in ends]
        step = -(-len(names) // parts.MOST_TICKS)
        ax.set_xticks(np.arange(0, len(names), step) + 0.5, names[::step])
        ax.set_xlabel("tokens of the text before this one")
    return ax


def _norm(known: np.ndarray, *, log: bool) -> Normalize:
    """The scale of colours of these means."""
    if not log:
        low = float(known.min()) if known.size else 0.0
        return Normalize(min(low, 1.0 - 1e-6), 1.0)
    above = known[known > 0]
    if not above.size:
        return Normalize(0.0, 1.0)
    return LogNorm(float(above.min()), float(max(above.max(), above.min() * (1 + 1e-6))))


def _several(inputs: Inputs, quantity: str) -> bool:
    return has_several_places(inputs.results[quantity])


COSINE_BY_PLACE = Panel(
    stem="cosine_by_place",
    beside="E",
    title="Cosine by the token's place",
    shape="map",
    needs=("cosine",),
    when=lambda inputs: _several(inputs, "cosine"),
    draw=lambda inputs, ax: cosine_by_place(inputs.results["cosine"], ax=ax),
)
VELOCITY_BY_PLACE = Panel(
    stem="velocity_by_place",
    beside="F",
    title="Velocity by the token's place",
    shape="map",
    needs=("velocity",),
    when=lambda inputs: _several(inputs, "velocity"),
    draw=lambda inputs, ax: velocity_by_place(inputs.results["velocity"], ax=ax),
)
