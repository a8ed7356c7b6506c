"""What panels coloured by layer share: the colours and their bar, and the markers of the states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize
from matplotlib.lines import Line2D

from residyn.axis_names import AxisNames
from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import parts
from residyn.schema import MIXERS

_MOST_IN_CORNER = 4
"""Ticks that have room below a bar in a corner; of more, every third is kept."""
_ROOM_BESIDE_BAR = 4
"""Characters of a name that has room beside a colour bar; where one has more, places are numbered there."""


def colours_of(layers: Sequence[int] | np.ndarray) -> ScalarMappable:
    """The colours of layers, from the first, dark, to the last, light."""
    low, high = int(np.min(layers)), int(np.max(layers))
    margin = 0.5 if low == high else 0.0
    return ScalarMappable(Normalize(low - margin, high + margin), style.DEPTH)


def colourbar(
    ax: Axes, colours: ScalarMappable, layers: Sequence[int] | np.ndarray, names: AxisNames, left: float = 1.035
) -> None:
    """The bar of the layers' colours beside `ax`, inside its layout slot, ticked as a depth axis."""
    ticks = [int(label) for label in parts.layer_ticks(np.unique(layers))[1]]
    shown = _shown(colours, layers)
    bar = ax.figure.colorbar(shown, cax=ax.inset_axes((left, 0.0, 0.035, 1.0)), ticks=ticks)
    _name(bar, ticks, names)


def _shown(colours: ScalarMappable, layers: Sequence[int] | np.ndarray) -> ScalarMappable:
    """The colours as a bar has them: a field for each of a few layers, between which there is none."""
    there = np.unique(layers).astype(float)
    if len(there) > parts.MOST_TICKS:
        return colours
    edges = [there[0] - 0.5, *(there[:-1] + there[1:]) / 2, there[-1] + 0.5]
    each = ListedColormap(list(colours.to_rgba(there)))
    return ScalarMappable(BoundaryNorm(edges, len(there)), each)


def _name(bar: Colorbar, ticks: Sequence[int], names: AxisNames) -> None:
    """Say what the colours are of."""
    parts.dress_bar(bar, style.plain(names.depth, limit=24))
    bar.minorticks_off()
    labels = [style.plain(names.place(tick)) for tick in ticks]
    if max(map(len, labels)) <= _ROOM_BESIDE_BAR:
        bar.set_ticks(list(ticks), labels=labels)


def corner_colourbar(
    ax: Axes, colours: ScalarMappable, layers: Sequence[int] | np.ndarray, names: AxisNames
) -> None:
    """The same lying in the upper right corner of `ax`, with fewer ticks: axes in space fill their sides."""
    every = [int(label) for label in parts.layer_ticks(np.unique(layers))[1]]
    ticks = every if len(every) <= _MOST_IN_CORNER else every[::3]
    cax = ax.inset_axes((0.76, 0.92, 0.27, 0.025))
    bar = ax.figure.colorbar(_shown(colours, layers), cax=cax, ticks=ticks, orientation="horizontal")
    _name(bar, ticks, names)
    cax.xaxis.set_label_position("top")
    cax.xaxis.labelpad = 1.5


def sites_of(sites: Sequence[str] | np.ndarray) -> list[str]:
    """The site of each state; DataError for one that residyn does not know."""
    names = [str(site) for site in sites]
    unknown = sorted(set(names) - set(style.SITE_COLOURS))
    if unknown:
        raise DataError(
            f"A state's site is one of {', '.join(style.SITE_COLOURS)}; got {', '.join(map(repr, unknown))}. "
            "Label states with residyn.from_array or residyn.schema.label_states."
        )
    return names


def present(sites: Sequence[str]) -> list[str]:
    """The sites that occur, in the order of a layer."""
    return [site for site in style.SITE_COLOURS if site in sites]


def site_entry(site: str, name: str, *, colour: str | None = None) -> tuple[Line2D, str]:
    """A legend's entry of a site: its marker in `colour`, or in its own, and what it is called."""
    colour = colour or style.SITE_COLOURS[site]
    hollow = colour == style.MUTED and site not in MIXERS
    return (
        Line2D(
            [], [], linestyle="none", marker=style.SITE_MARKERS[site], markersize=3.2,
            markerfacecolor="white" if hollow else colour, markeredgecolor=colour,
            markeredgewidth=0.7 if hollow else 0.0,
        ),
        name,
    )  # fmt: skip
