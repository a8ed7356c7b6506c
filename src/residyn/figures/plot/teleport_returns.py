"""How far a state may be moved and still come back: the return fraction over the radius."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.panel import Inputs, Panel
from residyn.figures.plot import layers, parts

INJECTED, KIND, RADIUS = "injected", "target_kind", "radius"
_QUANTITY = "return_fraction"
_ASIDE = 1.02
"""How far apart the curves of two places stand, as a ratio of radii."""
_DASHES = ("-", (0, (3.5, 1.5)), (0, (1, 1.2)))


def return_fraction(
    result: xr.Dataset, *, kinds: Sequence[str] = ("disc", "isotropic"), ax: Axes | None = None
) -> Axes:
    """The share of states that come nearer to the control within the horizon, over how far they were moved.

    `result` is what `return_fraction(flow)` returned. A curve is a place, named on the right in the colour of its
    layer, and drawn a little to the side of the others so that equal ones can be seen; its line is solid for the
    first of `kinds` that the result has, dashed for the second, dotted for the third: moves within the plane
    beside moves of equal length in directions of the whole space. A basin shows as a solid curve that stays high
    where the dashed one falls. A ring on the thin line at one half is r50, the radius at which the share falls to
    it, where there is one. Undefined shares (NaN) have no point; intervals are in the result and the tables.
    Raises DataError for another Dataset, or none of the kinds.

    >>> ax = rd.plot.return_fraction(run.teleports["return_fraction"])
    """
    shares, r50 = _checked(result)
    there = [str(kind) for kind in shares[KIND].values]
    drawn = [kind for kind in kinds if kind in there][: len(_DASHES)]
    if not drawn:
        raise DataError(
            f"Return fractions were measured for {', '.join(there)}; got kinds={tuple(kinds)}. Choose among them."
        )
    layer = shares["injected_layer"].values
    colours = layers.colours_of(layer)
    radii = shares[RADIUS].values.astype(np.float64)
    with style.context():
        ax = style.new_axes(ax)
        ax.axhline(0.5, color=style.HAIRLINE, linewidth=0.5, zorder=1, label="_half")
        for dashes, kind in zip(_DASHES, drawn, strict=False):
            values = shares.isel({KIND: there.index(kind)}).transpose(INJECTED, RADIUS).values
            halves = r50.isel({KIND: there.index(kind)}).values
            for place, rgba in enumerate(colours.to_rgba(layer)):
                ax.plot(
                    radii * _ASIDE ** (place - (len(layer) - 1) / 2), values[place], linestyle=dashes, color=rgba,
                    linewidth=0.9, marker="o", markersize=2.2,
                    markeredgewidth=0, label=f"{kind} {place}", zorder=2,
                )  # fmt: skip
                if np.isfinite(halves[place]):
                    ax.plot(
                        halves[place], 0.5, linestyle="none", marker="o", markersize=4.6, markeredgewidth=0.9,
                        markerfacecolor="white", markeredgecolor=rgba, label=f"r50 {kind} {place}", zorder=3,
                    )  # fmt: skip
        _axes(ax, radii)
        _places(ax, shares[INJECTED].values.astype(str), colours.to_rgba(layer))
        style.dress(ax)
        if not np.isfinite(shares.values).any():
            parts.say(ax, "undefined at every place")
        parts.legend_above(ax, _entries(drawn, bool(np.isfinite(r50.values).any())))
    return ax


def _places(ax: Axes, names: np.ndarray, rgba: np.ndarray) -> None:
    """Which colour is which place, to the right of the axes, the deepest on top."""
    legend = ax.legend(
        handles=[Line2D([], [], color=colour, linewidth=1.4) for colour in rgba[::-1]],
        labels=[style.plain(name, 12) for name in names[::-1]],
        title="moved at",
        title_fontsize=style.SMALL_PT,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    ax.add_artist(legend)


def _axes(ax: Axes, radii: np.ndarray) -> None:
    ax.set_xscale("log")
    ax.set_xlim(radii.min() / 1.12, radii.max() * 1.12)
    ax.set_xticks(radii, [f"{radius:g}" for radius in radii])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("moved by (σ of the sublayer)")
    ax.set_ylim(-0.04, 1.04)
    ax.set_ylabel("return fraction")


def _entries(drawn: Sequence[str], with_half: bool) -> list[tuple[Artist, str]]:
    entries: list[tuple[Artist, str]] = [
        (Line2D([], [], linestyle=dashes, color=style.MUTED, linewidth=0.9), _name(kind))
        for dashes, kind in zip(_DASHES, drawn, strict=False)
    ]
    ring = Line2D(
        [], [], linestyle="none", marker="o", markersize=4, markerfacecolor="white", markeredgecolor=style.MUTED
    )
    half = Line2D([], [], color=style.HAIRLINE, linewidth=0.5)
    return [*entries, (ring, "r50, where half return") if with_half else (half, "half of them")]


def _name(kind: str) -> str:
    return style.plain(style.TARGET_NAMES.get(kind, kind), 20)


def _checked(result: Any) -> tuple[xr.DataArray, xr.DataArray]:
    if not isinstance(result, xr.Dataset) or _QUANTITY not in result or "r50" not in result:
        raise DataError(
            f"This panel draws the Dataset that return_fraction(flow) returns, got {type(result).__name__}. "
            "Pass that one."
        )
    shares, r50 = result[_QUANTITY], result["r50"]
    parts.expect(shares, _QUANTITY, (INJECTED, KIND, RADIUS), ("injected_layer", KIND, RADIUS))
    parts.expect(r50, "r50", (INJECTED, KIND))
    return shares, r50


def _has_returns(inputs: Inputs) -> bool:
    return inputs.teleports is not None and inputs.teleports.returns is not None


def _draw(inputs: Inputs, ax: Axes) -> Axes:
    assert inputs.teleports is not None
    assert inputs.teleports.returns is not None
    return return_fraction(inputs.teleports.returns, ax=ax)


RETURN_FRACTION = Panel(
    stem="panel_l_return",
    beside="L",
    title="Who returns, by distance",
    definition="Share of targets whose distance from the control is smaller at the horizon than at the start.",
    when=_has_returns,
    draw=_draw,
)
