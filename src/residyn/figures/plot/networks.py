"""A number over depth in the run's model, beside other networks: what panels of local maps and outputs share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from residyn.axis_names import axis_names
from residyn.control_names import MODEL, PERMUTED
from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import depth, parts
from residyn.quantities.at_samples import curve, over_networks
from residyn.schema import BOUNDS, LAYER

Networks = Mapping[str, xr.Dataset]

_PERMUTED, RANDOM = "#c46a1b", "#8a5cc2"
_WIDE = 4.0
"""Largest over smallest value from which on a scale is logarithmic."""


def over_depth(
    networks: Networks,
    name: str,
    label: str,
    ax: Axes | None,
    *,
    beside: tuple[np.ndarray, str] | None = None,
    undefined: str = "",
    linear: bool = False,
) -> Axes:
    """One number over depth: the model's with intervals, untrained networks and permuted weights.

    `beside` is what else is drawn at each place, and what it is called; `undefined` is said where the model has
    none. The scale is logarithmic where the model's values span much of one, unless `linear`.
    Raises DataError without the model's.
    """
    found = of_model(networks)
    own = curve(found, name)
    value, low, high = own.sel(bound=list(BOUNDS)).values.T
    x = np.arange(len(value))
    with style.context():
        ax = style.new_axes(ax)
        entries: list[tuple[Artist, str]] = [(parts.marker(style.INK, "o", 3.0), "model")]
        others = over_networks(networks, name)
        if others is not None:
            ax.plot(x, others.values.T, color=style.HAIRLINE, linewidth=0.7, zorder=1, label="_untrained")
            said = f"untrained ({others.sizes['network']})"
            entries.append((Line2D([], [], color=style.HAIRLINE, linewidth=0.9), said))
        if PERMUTED in networks:
            permuted = curve(networks[PERMUTED], name).sel(bound=BOUNDS[0]).values
            ax.plot(
                x, permuted, color=_PERMUTED, linewidth=0.9, linestyle=(0, (4, 2)), zorder=2, label="_permuted"
            )
            entries.append((Line2D([], [], color=_PERMUTED, linewidth=0.9, linestyle=(0, (3, 1.5))), "permuted"))
        if beside is not None and np.isfinite(beside[0]).any():
            style_of = {"color": RANDOM, "linewidth": 0.9, "linestyle": (0, (1, 1.2))}
            ax.plot(x, beside[0], zorder=2, label="_random", **style_of)
            entries.append((Line2D([], [], **style_of), beside[1]))
        ax.vlines(x, low, high, color=style.INK, linewidth=0.7, zorder=2.5, label="_interval")
        ax.plot(x, value, color=style.INK, linewidth=0.5, zorder=2.6, label="_joined")
        size = float(np.clip(160 / len(x), 1.6, 3.2))
        ax.plot(x, value, "o", markersize=size, markeredgewidth=0, color=style.INK, zorder=3, label="model")
        known = value[np.isfinite(value)]
        if not linear and len(known) and known.min() > 0 and known.max() > _WIDE * known.min():
            ax.set_yscale("log")
        layer = own["sublayer_layer"] if "sublayer_layer" in own.coords else own[LAYER]
        depth.span(ax, layer.values, axis_names(found.attrs))
        ax.margins(y=0.06)
        if ax.get_yscale() == "log":
            depth.label_log(ax)
        depth.plain_numbers(ax)
        style.dress(ax)
        ax.set_ylabel(label)
        if not np.isfinite(value).any():
            parts.say(ax, undefined)
        parts.legend_above(ax, *([entries] if len(entries) < 3 else [entries[:2], entries[2:]]))
    return ax


def of_model(networks: Networks) -> xr.Dataset:
    """What was found in the run's model. Raises DataError where it is not among the networks."""
    if MODEL not in networks:
        raise DataError(
            f"Networks are drawn from a mapping with what was found in {MODEL!r}, as Run.jacobians and "
            f"Run.outputs give it; this one has {', '.join(map(str, networks)) or 'none'}."
        )
    return networks[MODEL]
