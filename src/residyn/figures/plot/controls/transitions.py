"""Controls over transitions: angle and relative step, parts of a step, r beside the skip path's, MI beside r's."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes

from residyn.figures import style
from residyn.figures.plot import dots, parts
from residyn.figures.plot.controls import marks
from residyn.schema import SAMPLE, TRANSITION, UNIT

ESTIMATOR = "estimator"
_COORDS = ("kind", "from_layer")


def angular_velocity(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """How far successive states turn, over depth, by kind of transition: panel F without lengths.

    `result` is `angular_velocity` (sample, transition), in half turns. Dots are means over samples, bands their
    middle half, both without NaN. Raises DataError for another result.
    """
    return _over_samples(result, "angular_velocity", "angle between states (half turns)", ax)


def relative_velocity(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The length of a step over that of the state it leaves, over depth, on a logarithmic scale.

    `result` is `relative_velocity` (sample, transition); else as `angular_velocity`.
    """
    return _over_samples(result, "relative_velocity", "relative velocity ‖hₛ₊₁ − hₛ‖ / ‖hₛ‖", ax, log=True)


def radial_tangential(radial: xr.DataArray, tangential: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """A step's part along the state, which changes its norm, beside its part across it, which turns it.

    `radial` is `radial_step` (sample, transition), drawn filled with the middle half of the samples: below 0 the
    state is shortened. `tangential` is `tangential_step`, its means drawn hollow. Raises DataError for other
    results, or where they are of different states.
    """
    dims = (SAMPLE, TRANSITION)
    parts.expect(radial, "radial_step", dims, _COORDS)
    parts.expect(tangential, "tangential_step", dims, _COORDS)
    marks.same_depth(radial, tangential, TRANSITION)
    kinds = parts.kinds_of(radial)
    along, across = (dots.summary(marks.rows(part, SAMPLE, TRANSITION)) for part in (radial, tangential))
    with style.context():
        ax = style.new_axes(ax)
        ax.axhline(0, color=style.HAIRLINE, linewidth=0.5, zorder=0.8, label="_zero")
        dots.by_kind(ax, along, kinds)
        marks.hollow(ax, across.mean, kinds, "tangential")
        dots.finish(ax, radial, along.mean)
        ax.set_ylabel(f"step ({parts.units_of(radial, 'activation')})", parse_math=False)
        beside = [(marks.dot(filled=True), "along the state"), (marks.dot(filled=False), "across it")]
        parts.legend_above(ax, parts.kind_entries(kinds), [*beside, dots.band_entry("samples")])
    return ax


def correlation_excess(correlation: xr.DataArray, skip: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Panel C as a curve, beside the correlation that the skip path alone would give.

    `correlation` is `unit_correlation` (transition, unit), its median over units drawn filled, a band from the
    first to the third quartile (units are no replicates: a spread, not an interval). `skip` is `skip_correlation`,
    its median drawn hollow: where the filled mark stands on the hollow one, r is what a step that knows nothing of
    the state leaves; below it, steps take back what is there. Raises DataError for other results, or where they
    are of different states.
    """
    dims = (TRANSITION, UNIT)
    parts.expect(correlation, "unit_correlation", dims, _COORDS)
    parts.expect(skip, "skip_correlation", dims, _COORDS)
    marks.same_depth(correlation, skip, TRANSITION)
    with style.context():
        ax = _medians_beside(correlation, skip, "successive states", "skip path alone", ax)
        ax.set_ylabel("Pearson r (median over units)")
        ax.set_ylim(top=min(ax.get_ylim()[1], 1.02))
    return ax


def information_excess(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Panel H beside the information that the correlation alone implies.

    `result` is `mutual_information` (estimator, transition, unit) or one estimator's (transition, unit), with its
    coordinate `gaussian_floor`; the first estimator is drawn. Filled: its median over units, with their middle
    half; hollow: the median of −½ ln(1 − r²), what Gaussian variables of the same r share. Raises DataError for
    another result.
    """
    chosen = (
        result.isel({ESTIMATOR: 0}) if isinstance(result, xr.DataArray) and ESTIMATOR in result.dims else result
    )
    parts.expect(chosen, "mutual_information", (TRANSITION, UNIT), (*_COORDS, "gaussian_floor"))
    name = str(chosen[ESTIMATOR].values) if ESTIMATOR in chosen.coords else ""
    label = style.ESTIMATOR_NAMES.get(name) or style.plain(name or "estimate", 16)
    with style.context():
        ax = _medians_beside(chosen, chosen["gaussian_floor"], label, "−½ ln(1 − r²)", ax)
        ax.set_ylabel("mutual information (nats)")
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    return ax


def _over_samples(result: xr.DataArray, quantity: str, label: str, ax: Axes | None, *, log: bool = False) -> Axes:
    parts.expect(result, quantity, (SAMPLE, TRANSITION), _COORDS)
    kinds = parts.kinds_of(result)
    summary = dots.summary(marks.rows(result, SAMPLE, TRANSITION))
    with style.context():
        ax = style.new_axes(ax)
        if log and (summary.mean > 0).any():
            marks.label_log(ax)
        dots.by_kind(ax, summary, kinds)
        dots.finish(ax, result, summary.mean)
        if ax.get_yscale() == "linear":
            ax.set_ylim(bottom=0)
        ax.set_ylabel(label, parse_math=False)
        parts.legend_above(ax, parts.kind_entries(kinds), [dots.band_entry("samples")])
    return ax


def _medians_beside(
    result: xr.DataArray, control: xr.DataArray, name: str, control_name: str, ax: Axes | None
) -> Axes:
    """Medians over units, filled with their middle half; those of the control hollow."""
    kinds = parts.kinds_of(result)
    own, other = (marks.medians(marks.rows(part, UNIT, TRANSITION)) for part in (result, control))
    ax = style.new_axes(ax)
    dots.by_kind(ax, own, kinds)
    marks.hollow(ax, other.mean, kinds, "control")
    dots.finish(ax, result, own.mean)
    beside = [(marks.dot(filled=True), name), (marks.dot(filled=False), control_name)]
    parts.legend_above(ax, beside, [*parts.kind_entries(kinds), dots.band_entry("units")])
    return ax
