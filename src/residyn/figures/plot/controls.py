"""Panels beside Figure 1: curves without norms, without the skip path or what r implies, turns, and the basis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from residyn.axis_names import axis_names
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import depth, parts
from residyn.quantities.summaries import Statistic, curve, summary
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION, UNIT

ESTIMATOR = "estimator"
_COORDS = ("kind", "from_layer")
_SITES = ("site", "layer")
_GUIDES = {90.0: (0, (4, 2)), 120.0: (0, (1, 1.2))}
"""Turning angles of paths without a law of their own, and the dashes that mark them."""
_GUIDE_NAMES = {90.0: "90°, independent steps", 120.0: "120°, independent states"}


def angular_velocity(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """How far successive states turn, over depth, by kind of transition: panel F without lengths.

    `result` is `angular_velocity` (sample, transition), in half turns. Dots are means over samples, bands their
    middle half, both without NaN. Raises DataError for another result.

    >>> ax = rd.plot.angular_velocity(rd.angular_velocity(states))
    """
    return _over_samples(result, "angular_velocity", "angle between states (half turns)", ax)


def relative_velocity(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The length of a step over that of the state it leaves, over depth, on a logarithmic scale.

    `result` is `relative_velocity` (sample, transition); else as `angular_velocity`.

    >>> ax = rd.plot.relative_velocity(rd.relative_velocity(states))
    """
    return _over_samples(result, "relative_velocity", "‖hₛ₊₁ − hₛ‖ / ‖hₛ‖", ax, log=True)


def radial_tangential(radial: xr.DataArray, tangential: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """A step's part along the state, which changes its norm, beside its part across it, which turns it.

    `radial` is `radial_step` (sample, transition), drawn filled with the middle half of the samples: below 0 the
    state is shortened. `tangential` is `tangential_step`, its means drawn hollow. Raises DataError for other
    results, or where they are of different states.

    >>> ax = rd.plot.radial_tangential(rd.radial_step(states), rd.tangential_step(states))
    """
    dims = (SAMPLE, TRANSITION)
    parts.expect(radial, "radial_step", dims, _COORDS)
    parts.expect(tangential, "tangential_step", dims, _COORDS)
    with style.context():
        ax = style.new_axes(ax)
        ax.axhline(0, color=style.HAIRLINE, linewidth=0.5, zorder=0.8, label="_zero")
        entries = _beside(radial, tangential, ax, names=("along the state", "across it"), label="tangential")
        ax.set_ylabel(parts.with_units("step", radial), parse_math=False)
        parts.legend_above(ax, entries.places, [*entries.curves, depth.band_entry("middle half of samples")])
    return ax


def correlation_excess(correlation: xr.DataArray, skip: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Panel C as a curve, beside the correlation that the skip path alone would give.

    `correlation` is `unit_correlation` (transition, unit), its median over units drawn filled, a band from the
    first to the third quartile (units are no replicates: a spread, not an interval). `skip` is `skip_correlation`,
    its median drawn hollow: where the filled mark stands on the hollow one, r is what a step that knows nothing of
    the state leaves; below it, steps take back what is there. The axis is logarithmic in 1 − r. Raises DataError
    for other results, or where they are of different states.

    >>> ax = rd.plot.correlation_excess(rd.unit_correlation(states), rd.skip_correlation(states))
    """
    dims = (TRANSITION, UNIT)
    parts.expect(correlation, "unit_correlation", dims, _COORDS)
    parts.expect(skip, "skip_correlation", dims, _COORDS)
    with style.context():
        ax = style.new_axes(ax)
        drawn = [summary(correlation)["value"].values, curve(skip).values]
        depth.near_one(ax, np.concatenate(drawn))
        said = axis_names(correlation.attrs).said
        entries = _beside(correlation, skip, ax, names=("successive states", "skip path alone"))
        depth.label_near_one(ax)
        parts.legend_above(ax, entries.curves, [*entries.places, depth.band_entry(said("middle half of units"))])
        ax.set_ylabel(said("Pearson r, median over units\n(log scale of 1 − r)"))
    return ax


def information_excess(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Panel H beside the information that the correlation alone implies.

    `result` is `mutual_information` (estimator, transition, unit) or one estimator's (transition, unit), with its
    coordinate `gaussian_floor`; the first estimator is drawn. Filled: its median over units, with their middle
    half; hollow: the median of −½ ln(1 − r²), what Gaussian variables of the same r share. Raises DataError for
    another result.

    >>> ax = rd.plot.information_excess(rd.mutual_information(states))
    """
    chosen = (
        result.isel({ESTIMATOR: 0}) if isinstance(result, xr.DataArray) and ESTIMATOR in result.dims else result
    )
    parts.expect(chosen, "mutual_information", (TRANSITION, UNIT), (*_COORDS, "gaussian_floor"))
    name = str(chosen[ESTIMATOR].values) if ESTIMATOR in chosen.coords else ""
    label = style.ESTIMATOR_NAMES.get(name) or style.plain(name or "estimate", 16)
    with style.context():
        ax = style.new_axes(ax)
        said = axis_names(chosen.attrs).said
        entries = _beside(chosen, chosen["gaussian_floor"], ax, names=(label, "−½ ln(1 − r²)"), statistic="median")
        parts.legend_above(ax, entries.curves, [*entries.places, depth.band_entry(said("middle half of units"))])
        ax.set_ylabel("mutual information (nats)")
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    return ax


def mean_path(result: xr.DataArray, walk: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Panel I in numbers: how far the mean path is from its beginning, beside a random walk with its steps.

    `result` is `mean_path_reach` (sublayer), filled; `walk` is `mean_path_walk_reach`, hollow. A path above the
    walk keeps a direction, one below it turns back. Raises DataError for other results, or where they are of
    different states.
    """
    names = ("mean_path_reach", "mean_path_walk_reach")
    return _path_beside_walk(result, walk, names, "distance from the first state", ax)


def mean_offset(result: xr.DataArray, walk: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """How far the mean states before MLPs are off the line between the states around them, beside a random walk.

    `result` is `mean_path_offset` (sublayer), filled; `walk` is `mean_path_walk_offset`, hollow; both NaN at other
    states. Raises DataError for other results, or where they are of different states.
    """
    names = ("mean_path_offset", "mean_path_walk_offset")
    return _path_beside_walk(result, walk, names, "offset over the line's length", ax)


def _path_beside_walk(
    result: xr.DataArray, walk: xr.DataArray, names: tuple[str, str], name: str, ax: Axes | None
) -> Axes:
    parts.expect(result, names[0], (SUBLAYER,), _SITES)
    parts.expect(walk, names[1], (SUBLAYER,), _SITES)
    with style.context():
        ax = style.new_axes(ax)
        entries = _beside(result, walk, ax, names=("mean path", "random walk, same steps"), label="walk")
        ax.set_ylabel(parts.with_units(name, result), parse_math=False)
        ax.set_ylim(bottom=0)
        parts.legend_above(ax, entries.curves, entries.places)
    return ax


def turning_angle(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The angle between the steps to and from each state, over depth, by the state's site.

    `result` is `turning_angle` (sample, sublayer), in degrees. Dots are means over samples, bands their middle
    half. Lines mark what paths without any law do: 90° where steps are independent of each other, 120° where
    states are. Raises DataError for another result.

    >>> ax = rd.plot.turning_angle(rd.turning_angle(states))
    """
    parts.expect(result, "turning_angle", (SAMPLE, SUBLAYER), _SITES)
    places, means = depth.places_of(result), summary(result)
    with style.context():
        ax = style.new_axes(ax)
        for height, dashes in _GUIDES.items():
            ax.axhline(height, color=style.MUTED, linewidth=0.6, linestyle=dashes, zorder=0.8, label="_guide")
        depth.dots(ax, means, places)
        depth.finish(ax, means)
        low, high = ax.get_ylim()
        ax.set_ylim(max(0.0, min(low, 80.0)), min(180.0, max(high, 128.0)))
        ax.set_ylabel("angle between steps (degrees)")
        guides: list[tuple[Artist, str]] = [
            (Line2D([], [], color=style.MUTED, linewidth=0.6, linestyle=dashes), _GUIDE_NAMES[height])
            for height, dashes in _GUIDES.items()
        ]
        parts.legend_above(ax, guides, [*depth.entries(places), depth.band_entry("middle half of samples")])
    return ax


def kurtosis(result: xr.DataArray, rotated: xr.DataArray | None = None, *, ax: Axes | None = None) -> Axes:
    """How unequal a state's units are, over depth, before and after a common rotation; on a logarithmic scale.

    `result` is `kurtosis` (sample, sublayer): dots by site are means over samples, bands their middle half.
    `rotated`, `kurtosis_rotated`, is drawn hollow; the line is the Gaussian's 3. Raises DataError for other
    results, or where they are of different states.

    >>> ax = rd.plot.kurtosis(rd.kurtosis(states), rd.kurtosis_rotated(states))
    """
    dims = (SAMPLE, SUBLAYER)
    parts.expect(result, "kurtosis", dims, _SITES)
    if rotated is not None:
        parts.expect(rotated, "kurtosis_rotated", dims, _SITES)
    with style.context():
        ax = style.new_axes(ax)
        ax.set_yscale("log", nonpositive="mask")
        gaussian = ax.axhline(3, color=style.INK, linewidth=0.5, linestyle=(0, (4, 2)), zorder=0.8)
        entries = _beside(
            result, rotated, ax, names=(axis_names(result.attrs).said("over units"), "rotated"), label="rotated"
        )
        depth.label_log(ax)
        ax.set_ylabel("kurtosis of a state")
        parts.legend_above(
            ax,
            [*entries.curves, (gaussian, "Gaussian")],
            [*entries.places, depth.band_entry("middle half of samples")],
        )
    return ax


class Entries(NamedTuple):
    """Legend entries: of the kinds or sites, and of the curve and its control."""

    places: list[tuple[Artist, str]]
    curves: list[tuple[Artist, str]]


def _beside(
    result: xr.DataArray,
    control: xr.DataArray | None,
    ax: Axes,
    *,
    names: tuple[str, str],
    label: str = "control",
    statistic: Statistic | None = None,
) -> Entries:
    """Draw a curve filled, with its band, and its control hollow beside it, where there is one."""
    places, own = depth.places_of(result), summary(result, statistic)
    depth.dots(ax, own, places)
    curves = [depth.dot_entry(names[0], filled=True)]
    if control is not None:
        depth.same_places(result, control)
        depth.hollow(ax, curve(control, statistic).values, places, label)
        curves.append(depth.dot_entry(names[1], filled=False))
    depth.finish(ax, own)
    return Entries(depth.entries(places, own["value"].values), curves)


def _over_samples(result: xr.DataArray, quantity: str, label: str, ax: Axes | None, *, log: bool = False) -> Axes:
    parts.expect(result, quantity, (SAMPLE, TRANSITION), _COORDS)
    places, means = depth.places_of(result), summary(result)
    with style.context():
        ax = style.new_axes(ax)
        log = log and bool((means["value"] > 0).any())
        if log:
            ax.set_yscale("log", nonpositive="mask")
        depth.dots(ax, means, places)
        depth.finish(ax, means)
        if log:
            depth.label_log(ax)
        else:
            ax.set_ylim(bottom=0)
        ax.set_ylabel(label, parse_math=False)
        parts.legend_above(ax, depth.entries(places), [depth.band_entry("middle half of samples")])
    return ax


CORRELATION_EXCESS = Panel(
    stem="control_correlation_excess",
    beside="C",
    title="Correlation beyond the skip path",
    needs=("unit_correlation", "skip_correlation"),
    draw=lambda inputs, ax: correlation_excess(
        inputs.results["unit_correlation"], inputs.results["skip_correlation"], ax=ax
    ),
)
MEAN_PATH = Panel(
    stem="control_mean_path",
    beside="I",
    title="The mean path beside a random walk",
    needs=("mean_path_reach", "mean_path_walk_reach"),
    draw=lambda inputs, ax: mean_path(
        inputs.results["mean_path_reach"], inputs.results["mean_path_walk_reach"], ax=ax
    ),
)
MEAN_OFFSET = Panel(
    stem="control_mean_offset",
    beside="I",
    title="States before the MLP, off the line",
    needs=("mean_path_offset", "mean_path_walk_offset"),
    # What is no transformer has no states before MLPs.
    when=lambda inputs: bool(np.isfinite(inputs.results["mean_path_offset"]).any()),
    draw=lambda inputs, ax: mean_offset(
        inputs.results["mean_path_offset"], inputs.results["mean_path_walk_offset"], ax=ax
    ),
)
ANGULAR_VELOCITY = Panel(
    stem="control_angular_velocity",
    beside="F",
    title="Velocity of the direction",
    needs=("angular_velocity",),
    draw=lambda inputs, ax: angular_velocity(inputs.results["angular_velocity"], ax=ax),
)
RELATIVE_VELOCITY = Panel(
    stem="control_relative_velocity",
    beside="F",
    title="Velocity relative to the state",
    needs=("relative_velocity",),
    draw=lambda inputs, ax: relative_velocity(inputs.results["relative_velocity"], ax=ax),
)
RADIAL_TANGENTIAL = Panel(
    stem="control_radial_tangential",
    beside="F",
    title="Steps along the state and across it",
    needs=("radial_step", "tangential_step"),
    draw=lambda inputs, ax: radial_tangential(
        inputs.results["radial_step"], inputs.results["tangential_step"], ax=ax
    ),
)
TURNING_ANGLE = Panel(
    stem="control_turning_angle",
    beside="F",
    title="Angle between steps",
    needs=("turning_angle",),
    draw=lambda inputs, ax: turning_angle(inputs.results["turning_angle"], ax=ax),
)
INFORMATION_EXCESS = Panel(
    stem="control_information_excess",
    beside="H",
    title="Information beyond linear correlation",
    needs=("mutual_information", "gaussian_floor"),
    defined_by=("mutual_information",),
    draw=lambda inputs, ax: information_excess(inputs.results["mutual_information"], ax=ax),
)
KURTOSIS = Panel(
    stem="control_kurtosis",
    beside="B",
    title="Privileged basis",
    needs=("kurtosis", "kurtosis_rotated"),
    draw=lambda inputs, ax: kurtosis(inputs.results["kurtosis"], inputs.results["kurtosis_rotated"], ax=ax),
)
