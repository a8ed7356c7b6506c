"""Panels of what is written: its cosine with the state and the write before, its share among earlier writes."""

from __future__ import annotations

import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from residyn.axis_names import axis_names
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import depth, parts
from residyn.quantities.summaries import curve, summary
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION

_KINDS = ("kind", "from_layer")
_SITES = ("site", "layer")


def write_cosine(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The cosine of each write with the state that it is added to, over depth, by kind of transition.

    `result` is `write_cosine` (sample, transition). Dots are means over samples, bands their middle half, without
    NaN. The hatched band is what single writes of random direction have, ± 2 standard deviations. Raises DataError
    for another result.
    """
    parts.expect(result, "write_cosine", (SAMPLE, TRANSITION), _KINDS)
    return _beside_chance(result, "cosine of write and state", ax)


def successive_writes_cosine(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The cosine of the writes to and from each state, over depth, by the state's site.

    `result` is `successive_writes_cosine` (sample, sublayer); else as `write_cosine`.
    """
    parts.expect(result, "successive_writes_cosine", (SAMPLE, SUBLAYER), _SITES)
    return _beside_chance(result, "cosine of\nsuccessive writes", ax)


def earlier_writes_overlap(result: xr.DataArray, chance: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The share of a write within the span of its sample's earlier writes, beside that of a random write.

    `result` is `earlier_writes_overlap` (sample, transition), drawn filled with the middle half of the samples;
    `chance` is `earlier_writes_overlap_random` (transition), hollow. Raises DataError for other results, or where
    they are of different states.
    """
    parts.expect(result, "earlier_writes_overlap", (SAMPLE, TRANSITION), _KINDS)
    parts.expect(chance, "earlier_writes_overlap_random", (TRANSITION,), _KINDS)
    depth.same_places(result, chance)
    places, own = depth.places_of(result), summary(result)
    with style.context():
        ax = style.new_axes(ax)
        depth.dots(ax, own, places)
        depth.hollow(ax, curve(chance).values, places, "chance")
        depth.finish(ax, own)
        ax.set_ylim(bottom=0)
        ax.set_ylabel(axis_names(result.attrs).said("share within the span\nof earlier writes"))
        curves = [depth.dot_entry("written", filled=True), depth.dot_entry("random", filled=False)]
        parts.legend_above(ax, [*curves, depth.band_entry("middle half")], depth.entries(places))
    return ax


def _beside_chance(result: xr.DataArray, label: str, ax: Axes | None) -> Axes:
    places, own = depth.places_of(result), summary(result)
    with style.context():
        ax = style.new_axes(ax)
        ax.axhline(0, color=style.HAIRLINE, linewidth=0.5, zorder=0.8, label="_zero")
        entries: list[tuple[Artist, str]] = [depth.band_entry("middle half")]
        sd = result.attrs.get("random_sd")
        if sd is not None:
            ax.axhspan(
                -2 * sd, 2 * sd, facecolor="none", edgecolor=style.HAIRLINE, hatch="//////", linewidth=0,
                zorder=0.7, label="_random",
            )  # fmt: skip
            hatch = Patch(facecolor="none", edgecolor=style.HAIRLINE, hatch="//////", linewidth=0)
            entries.append((hatch, "random, ± 2 sd"))
        depth.dots(ax, own, places)
        depth.finish(ax, own)
        ax.set_ylabel(axis_names(result.attrs).said(label))
        parts.legend_above(ax, depth.entries(places), entries)
    return ax


WRITE_COSINE = Panel(
    stem="dynamics_write_cosine",
    figure="dynamics",
    place=10,
    title="Writes along the state and against it",
    needs=("write_cosine",),
    draw=lambda inputs, ax: write_cosine(inputs.results["write_cosine"], ax=ax),
)
SUCCESSIVE_WRITES = Panel(
    stem="dynamics_successive_writes",
    figure="dynamics",
    place=11,
    title="Writes along the write before and against it",
    needs=("successive_writes_cosine",),
    draw=lambda inputs, ax: successive_writes_cosine(inputs.results["successive_writes_cosine"], ax=ax),
)
EARLIER_WRITES = Panel(
    stem="dynamics_earlier_writes",
    figure="dynamics",
    place=12,
    title="Writes among earlier writes",
    needs=("earlier_writes_overlap", "earlier_writes_overlap_random"),
    draw=lambda inputs, ax: earlier_writes_overlap(
        inputs.results["earlier_writes_overlap"], inputs.results["earlier_writes_overlap_random"], ax=ax
    ),
)
