"""Controls over sublayers: how sharply a path turns at each state, and how unequal a state's units are."""

from __future__ import annotations

import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from residyn.figures import style
from residyn.figures.plot import dots, layers, parts
from residyn.figures.plot.controls import marks
from residyn.schema import SAMPLE, SUBLAYER

_COORDS = ("site", "layer")
_GUIDES = {90.0: (0, (4, 2)), 120.0: (0, (1, 1.2))}
"""Turning angles of paths without a law of their own, and the dashes that mark them."""
_GUIDE_NAMES = {90.0: "90°, independent steps", 120.0: "120°, independent states"}


def turning_angle(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The angle between the steps to and from each state, over depth, by the state's site.

    `result` is `turning_angle` (sample, sublayer), in degrees. Dots are means over samples, bands their middle
    half. Lines mark what paths without any law do: 90° where steps are independent of each other, 120° where
    states are. Raises DataError for another result.
    """
    parts.expect(result, "turning_angle", (SAMPLE, SUBLAYER), _COORDS)
    summary = dots.summary(marks.rows(result, SAMPLE, SUBLAYER))
    sites = layers.sites_of(result["site"].values)
    with style.context():
        ax = style.new_axes(ax)
        for height, dashes in _GUIDES.items():
            ax.axhline(height, color=style.MUTED, linewidth=0.6, linestyle=dashes, zorder=0.8, label="_guide")
        dots.by_site(ax, summary, sites)
        dots.finish(ax, result, summary.mean)
        low, high = ax.get_ylim()
        ax.set_ylim(max(0.0, min(low, 80.0)), min(180.0, max(high, 128.0)))
        ax.set_ylabel("angle between steps (degrees)")
        guides: list[tuple[Artist, str]] = [
            (Line2D([], [], color=style.MUTED, linewidth=0.6, linestyle=dashes), _GUIDE_NAMES[height])
            for height, dashes in _GUIDES.items()
        ]
        parts.legend_above(ax, guides, [*_site_entries(sites), dots.band_entry("samples")])
    return ax


def kurtosis(result: xr.DataArray, rotated: xr.DataArray | None = None, *, ax: Axes | None = None) -> Axes:
    """How unequal a state's units are, over depth, before and after a common rotation; on a logarithmic scale.

    `result` is `kurtosis` (sample, sublayer): dots by site are means over samples, bands their middle half.
    `rotated`, `kurtosis_rotated`, is drawn hollow; the line is the Gaussian's 3. Raises DataError for other
    results, or where they are of different states.
    """
    dims = (SAMPLE, SUBLAYER)
    parts.expect(result, "kurtosis", dims, _COORDS)
    summary = dots.summary(marks.rows(result, SAMPLE, SUBLAYER))
    sites = layers.sites_of(result["site"].values)
    entries = [(marks.dot(filled=True), "over units")]
    with style.context():
        ax = style.new_axes(ax)
        marks.label_log(ax)
        gaussian = ax.axhline(3, color=style.INK, linewidth=0.5, linestyle=(0, (4, 2)), zorder=0.8)
        dots.by_site(ax, summary, sites)
        if rotated is not None:
            parts.expect(rotated, "kurtosis_rotated", dims, _COORDS)
            marks.same_depth(result, rotated, SUBLAYER)
            mean = dots.summary(marks.rows(rotated, SAMPLE, SUBLAYER)).mean
            marks.hollow(ax, mean, sites, "rotated", colours=style.SITE_COLOURS, markers=style.SITE_MARKERS)
            entries.append((marks.dot(filled=False), "rotated"))
        dots.finish(ax, result, summary.mean)
        ax.set_ylabel("kurtosis of a state")
        rows: tuple[list[tuple[Artist, str]], ...] = (
            [*entries, (gaussian, "Gaussian")],
            [*_site_entries(sites), dots.band_entry("samples")],
        )
        parts.legend_above(ax, *rows)
    return ax


def _site_entries(sites: list[str]) -> list[tuple[Artist, str]]:
    return [layers.site_entry(site) for site in layers.present(sites)]
