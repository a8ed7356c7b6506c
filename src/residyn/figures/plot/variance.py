"""Panels J and K: how much of each sublayer's variance the first principal components hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from residyn.axis_names import axis_names
from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import depth, layers, parts
from residyn.quantities.summaries import summary
from residyn.schema import SUBLAYER

COMPONENT, SPACE = "component", "space"
_OTHERS = (
    ("#8f5aa8", (0, ())),
    ("#a0622d", (0, (4, 1.5))),
    ("#c2588f", (0, (1, 1))),
    ("#6d6d6d", (0, (5, 1.2, 1, 1.2))),
    ("#3f8f95", (0, (2.5, 1))),
)
"""Colour and dashes of spaces beside the first."""
_MOST = 4
"""How many of them are drawn unless more are asked for."""
_LETTERS = 30
"""What two names in a row of the legend may have together, in the composite's narrow column."""
_ALL = 1e-5
"""How far from 1 the share of all variance is at most, as it is stored."""


def explained_variance(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Panel J: the share of each sublayer's variance within the first components, cumulative.

    `result` is `explained_variance` (sublayer, component), from 0 to 1, its components counted from 1. A
    curve is a sublayer, coloured by its layer. Undefined shares (NaN) are left out. Raises DataError for
    another result.

    >>> ax = rd.plot.explained_variance(rd.explained_variance(states, rd.fit_space(states)))
    """
    parts.expect(result, "explained_variance", (SUBLAYER, COMPONENT), ("layer", COMPONENT))
    values = result.transpose(SUBLAYER, COMPONENT).values.astype(np.float64)
    numbers = result[COMPONENT].values.astype(np.float64)
    colours = layers.colours_of(result["layer"].values)
    with style.context():
        ax = style.new_axes(ax)
        curves = [np.column_stack([numbers, row]) for row in values]
        rgba = colours.to_rgba(result["layer"].values)
        ax.add_collection(LineCollection(curves, colors=rgba, linewidth=0.6), autolim=False)
        first, last = numbers.min(), numbers.max()
        margin = 0.02 * (last - first) or 0.5
        ax.set_xlim(first - margin, last + margin)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
        ax.set_xlabel("number of components")
        _share(ax, "variance explained", values)
        layers.colourbar(ax, colours, result["layer"].values, axis_names(result.attrs))
        style.dress(ax)
    return ax


def explained_variance_by_sublayer(
    result: xr.DataArray, *, spaces: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Panel K: the share of each sublayer's variance within the first `n_components` components, over depth.

    `result` is `explained_variance_by_sublayer` (space, sublayer), from 0 to 1, or (sublayer) of one space.
    The first space (the paper's: one PCA of all states) is drawn as dots joined by a thin grey line, attn
    and mlp states in the colours and by the names that panel A gives them; others as thin lines: those
    that `spaces` names, or by default as many as can be told apart, the second to the fourth and the last.
    Raises DataError for another result or a space that it lacks.

    >>> explained = rd.explained_variance(states, rd.fit_space(states, n_components=5))
    >>> ax = rd.plot.explained_variance_by_sublayer(rd.explained_variance_by_sublayer(explained))
    """
    by_space = isinstance(result, xr.DataArray) and SPACE in result.dims
    dims, coords = (SUBLAYER,), ("layer", "site")
    parts.expect(
        result,
        "explained_variance_by_sublayer",
        (SPACE, *dims) if by_space else dims,
        (*coords, SPACE) if by_space else coords,
    )
    names = [str(name) for name in result[SPACE].values] if by_space else []
    values = np.atleast_2d(result.transpose(..., SUBLAYER).values.astype(np.float64))
    chosen = _beside(names, spaces)
    first = result.isel({SPACE: 0}) if by_space else result
    places, curve = depth.places_of(first), summary(first)
    with style.context():
        ax = style.new_axes(ax)
        depth.dots(ax, curve, places, band=False)
        others = [_line(ax, place, values[index], names[index]) for place, index in enumerate(chosen)]
        depth.span(ax, result["layer"].values, axis_names(result.attrs))
        _share(ax, _label(result), values[[0, *chosen]])
        style.dress(ax)
        if not np.isfinite(values[0]).any():
            parts.say(ax, axis_names(result.attrs).said("undefined for every sublayer"))
        main = [] if not others else [depth.dot_entry(style.plain(names[0], 16), filled=True)]
        parts.legend_above(ax, *_rows([*main, *depth.entries(places)], others))
    return ax


def _beside(names: list[str], spaces: Sequence[str] | None) -> list[int]:
    """The places of the spaces drawn as lines."""
    others = list(range(1, len(names)))
    if spaces is None:
        return others if len(others) <= _MOST else [*others[: _MOST - 1], others[-1]]
    unknown = [name for name in spaces if name not in names[1:]]
    if unknown:
        raise DataError(
            f"Beside the dots, this panel draws the spaces {', '.join(names[1:]) or '(there is none)'}; "
            f"got {', '.join(map(repr, unknown))}. Choose among them."
        )
    return [names.index(name) for name in spaces]


def _line(ax: Axes, place: int, values: np.ndarray, name: str) -> tuple[Artist, str]:
    colour, dashes = _OTHERS[place % len(_OTHERS)]
    (line,) = ax.plot(values, color=colour, linestyle=dashes, linewidth=0.7, zorder=1.5, label=f"_beside {place}")
    return line, style.plain(name, 24)


def _share(ax: Axes, label: str, values: np.ndarray) -> None:
    """The axis of a share: from 0 to 1, or lower where a value is."""
    defined = values[np.isfinite(values)]
    ax.set_ylim(min(0.0, 1.05 * float(defined.min())) if defined.size else 0.0, 1.02)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_ylabel(label, parse_math=False)


def _label(result: xr.DataArray) -> str:
    count: Any = result.attrs.get("n_components")
    return "variance explained" if count is None else f"variance in {style.plain(count, 8)} PCs"


def _rows(states: list[tuple[Artist, str]], others: list[tuple[Artist, str]]) -> list[list[tuple[Artist, str]]]:
    """The legend's rows: two of the other spaces to a row where their names are short enough, then the states."""
    rows: list[list[tuple[Artist, str]]] = []
    for entry in others:
        fits = rows and len(rows[-1]) == 1 and len(rows[-1][0][1]) + len(entry[1]) <= _LETTERS
        if fits:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return [*rows, states]


EXPLAINED_VARIANCE = Panel(
    stem="panel_j",
    letter="J",
    title="Variance by number of components",
    shape="map",
    needs=("explained_variance",),
    draw=lambda inputs, ax: explained_variance(inputs.results["explained_variance"], ax=ax),
)


def _says_something(shares: xr.DataArray) -> bool:
    """Whether a share is below 1: as many components as there are units leave a flat line."""
    known = shares.values[np.isfinite(shares.values)]
    return not known.size or bool(known.min() < 1 - _ALL)


EXPLAINED_VARIANCE_BY_SUBLAYER = Panel(
    stem="panel_k",
    letter="K",
    title="Variance in one space, by sublayer",
    needs=("explained_variance_by_sublayer",),
    when=lambda inputs: _says_something(inputs.results["explained_variance_by_sublayer"]),
    draw=lambda inputs, ax: explained_variance_by_sublayer(
        inputs.results["explained_variance_by_sublayer"], ax=ax
    ),
)
