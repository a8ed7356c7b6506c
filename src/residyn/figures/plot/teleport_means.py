"""How much teleported states are pulled back, and how much of the displacement is left, over depth."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from residyn.errors import DataError, UsageError
from residyn.figures import style
from residyn.figures.panel import Inputs, Panel
from residyn.figures.plot import parts
from residyn.teleports.summaries import TRAINED, UNTRAINED

INJECTED, GROUP, MODEL, QUANTITY = "injected", "group", "model", "quantity_of_flow"
_MEAN, _LOW, _HIGH = "teleports_mean", "teleports_low", "teleports_high"
_NO_OP = "no-op"
_NEEDED = ("injected_layer", "injected_site", "horizon_steps", "target_kind", "radius", QUANTITY)
_SPREAD = 0.011
"""Between the places of two kinds at one depth, of the depth's range."""
_ROW_LETTERS = 50
"""What the names in a row of the legend may have together, in a panel alone, four for each handle."""


class MeanCurve(NamedTuple):
    """A kind of targets over the places: the mean over hosts, its interval, and the mean of untrained models."""

    kind: str
    name: str
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    untrained: np.ndarray | None


def teleport_pull(summary: xr.Dataset, *, radius: float = 1.0, ax: Axes | None = None) -> Axes:
    """The pull back to the control beyond passive transport, over the depth of injection, by kind of target.

    `summary` is what `summary(flow)` returned, or `beside(trained, untrained)`. A marker is the mean over hosts of
    pull − pull_passive, two cosines in full space, a bar its 95 % bootstrap interval over hosts, paired by host.
    0, the dotted line: a displacement that is merely carried along. Above: the state turns towards the control;
    below: away. Of kinds of targets with radii, those at the radius nearest to `radius` (σ of the sublayer) are
    drawn: equally far from the host, in other directions. Where the summary holds untrained models, a hollow
    marker is the mean over them. Markers of one place stand side by side. Where fewer sublayers follow than at
    other places, the depth axis says how many. Places at which nothing is defined have no marker.

    Raises DataError for another Dataset, UsageError for a radius that is not positive.

    >>> ax = rd.plot.teleport_pull(run.teleports["summary"])
    """
    drawn = _curves(summary, radius, "pull_excess")
    with style.context():
        ax = _draw(summary, drawn, passive=0.0, ax=ax)
        ax.set_ylabel("pull beyond passive (cosine)")
    return ax


def teleport_retention(summary: xr.Dataset, *, radius: float = 1.0, ax: Axes | None = None) -> Axes:
    """The share of a displacement that is left at the horizon, ρ, over the depth of injection, by kind of target.

    ρ = ⟨d_h, d_0⟩ / ‖d_0‖², d the distance vector from the control: 1, the dotted line, where it is merely
    carried along, 0 where nothing of it is left, above 1 where it has grown. Else as `teleport_pull`.

    >>> ax = rd.plot.teleport_retention(run.teleports["summary"], radius=2)
    """
    drawn = _curves(summary, radius, "rho")
    with style.context():
        ax = _draw(summary, drawn, passive=1.0, ax=ax)
        ax.set_ylabel("displacement kept, ρ")
    return ax


def _curves(summary: Any, radius: float, name: str) -> list[MeanCurve]:
    if not radius > 0:
        raise UsageError(f"radius is a distance above 0, in σ of the sublayer; got {radius!r}.")
    _check(summary, name)
    chosen = summary.isel({QUANTITY: [str(known) for known in summary[QUANTITY].values].index(name)})
    models = [str(model) for model in summary[MODEL].values] if MODEL in summary.dims else []
    own = chosen.isel({MODEL: models.index(TRAINED)}) if models else chosen
    others = [chosen.isel({MODEL: i}) for i, model in enumerate(models) if model.startswith(UNTRAINED)]
    return [_curve(own, others, group) for group in _groups(summary, radius)]


def _check(summary: Any, quantity: str) -> None:
    there = summary.variables if isinstance(summary, xr.Dataset) else ()
    missing = [name for name in (_MEAN, _LOW, _HIGH, *_NEEDED) if name not in there]
    if missing:
        raise DataError(
            f"This panel draws the Dataset that summary(flow) returns, got {type(summary).__name__} without "
            f"{', '.join(missing)}. Pass that one."
        )
    known = [str(name) for name in summary[QUANTITY].values]
    dims = {QUANTITY, INJECTED, GROUP, *([MODEL] if MODEL in summary.dims else [])}
    if quantity not in known or set(summary[_MEAN].dims) != dims or 0 in summary[_MEAN].shape:
        raise DataError(
            f"This panel draws {quantity} by place and group of targets; the summary has "
            f"{', '.join(known)}, {dict(summary[_MEAN].sizes)}. Pass it whole, as it was computed."
        )
    if MODEL in summary.dims and TRAINED not in summary[MODEL].values:
        raise DataError(
            f"Of several models, one is called {TRAINED!r}; these are "
            f"{', '.join(map(str, summary[MODEL].values))}. "
            "Put them beside each other with beside(trained, untrained)."
        )


def _groups(summary: xr.Dataset, radius: float) -> list[int]:
    """The group drawn of each kind: that without a radius, or of the nearest one; none of what moves nothing."""
    kinds, radii = summary["target_kind"].values.astype(str), summary["radius"].values.astype(np.float64)
    chosen = []
    for kind in dict.fromkeys(kinds.tolist()):
        of_kind = np.flatnonzero(kinds == kind)
        apart = np.abs(np.log(radii[of_kind] / radius))
        if kind != _NO_OP:
            chosen.append(int(of_kind[0] if np.isnan(apart).all() else of_kind[np.nanargmin(apart)]))
    return chosen


def _curve(own: xr.Dataset, others: list[xr.Dataset], group: int) -> MeanCurve:
    mean, low, high = (own[name].isel({GROUP: group}).values for name in (_MEAN, _LOW, _HIGH))
    by_model = [one[_MEAN].isel({GROUP: group}).values for one in others]
    kind, radius = str(own["target_kind"].values[group]), float(own["radius"].values[group])
    name = style.plain(style.TARGET_NAMES.get(kind, kind), 24) + ("" if np.isnan(radius) else f", {radius:g} σ")
    return MeanCurve(kind, name, mean, low, high, _mean(np.stack(by_model)) if by_model else None)


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the rows, without NaN; NaN where nothing is defined."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full_like(total, np.nan), where=known.any(axis=0))


def _draw(summary: xr.Dataset, drawn: list[MeanCurve], *, passive: float, ax: Axes | None) -> Axes:
    ax = style.new_axes(ax)
    depth = summary["injected_layer"].values + 0.5 * (summary["injected_site"].values.astype(str) == "mlp")
    depth_range = float(np.ptp(depth)) or 1.0
    ax.axhline(passive, linestyle=(0, (1, 1.2)), linewidth=0.8, color=style.INK, zorder=1, label="_passive")
    entries = []
    for place, curve in enumerate(drawn):
        x = depth + _SPREAD * depth_range * (place - (len(drawn) - 1) / 2)
        entries.append(_one(ax, x, curve))
    _depth_axis(ax, summary, depth)
    ax.set_xlim(depth.min() - 0.06 * depth_range, depth.max() + 0.06 * depth_range)
    ax.margins(y=0.07)
    style.dress(ax)
    if not any(np.isfinite(curve.mean).any() for curve in drawn):
        parts.say(ax, "undefined at every place")
    if any(curve.untrained is not None for curve in drawn):
        entries.append((_line("o", style.MUTED, hollow=True), "hollow: untrained"))
    parts.legend_above(ax, *_rows(entries))
    return ax


def _one(ax: Axes, x: np.ndarray, curve: MeanCurve) -> tuple[Artist, str]:
    colour = style.TARGET_COLOURS.get(curve.kind, style.MUTED)
    marker = style.TARGET_MARKERS.get(curve.kind, "o")
    look = {"marker": marker, "markersize": 3.2, "color": colour}
    if curve.untrained is not None:
        ax.plot(
            x, curve.untrained, **look, linestyle=(0, (2, 2)), linewidth=0.5, markerfacecolor="white",
            markeredgewidth=0.6, zorder=2, label=f"untrained {curve.kind}",
        )  # fmt: skip
    ax.vlines(x, curve.low, curve.high, color=colour, linewidth=0.8, zorder=2.5, label=f"interval {curve.kind}")
    ax.plot(x, curve.mean, **look, linewidth=0.8, markeredgewidth=0, zorder=3, label=curve.kind)
    return _line(marker, colour, hollow=False), curve.name


def _line(marker: str, colour: str, *, hollow: bool) -> Line2D:
    return Line2D(
        [], [], color=colour, linewidth=0.5 if hollow else 0.8, marker=marker, markersize=3.2,
        linestyle=(0, (2, 2)) if hollow else "-", markerfacecolor="white" if hollow else colour,
        markeredgewidth=0.6 if hollow else 0.0,
    )  # fmt: skip


def _depth_axis(ax: Axes, summary: xr.Dataset, depth: np.ndarray) -> None:
    """Ticks at some layers of injection; below one, over how few sublayers its targets were followed."""
    steps = summary["horizon_steps"].values
    names = summary[INJECTED].values.astype(str)
    if len(names) <= parts.MOST_TICKS:
        sites = summary["injected_site"].values.astype(str)
        said = [
            name if site == "mlp" else str(layer)
            for name, site, layer in zip(names, sites, summary["injected_layer"].values, strict=True)
        ]
        ends = ["" if own == steps.max() else f"\n({own})" for own in steps]
        apart = parts.width_mm(ax) * np.diff(depth) / (1.12 * (float(np.ptp(depth)) or 1.0))
        ax.set_xticks(depth, parts.lowered([name + end for name, end in zip(said, ends, strict=True)], apart))
        few = " (sublayers followed, if fewer)" if (steps < steps.max()).any() else ""
        ax.set_xlabel(f"layer moved at{few}")
        return
    shown = [int(layer) for layer in parts.layer_ticks(np.unique(summary["injected_layer"].values))[1]]
    labels = []
    for layer in shown:
        here = steps[summary["injected_layer"].values == layer].max()
        labels.append(str(layer) if here == steps.max() else f"{layer}\n({here})")
    ax.set_xticks(shown, labels)
    few = " (sublayers followed, if fewer)" if (steps < steps.max()).any() else ""
    ax.set_xlabel(f"layer injected at{few}")


def _rows(entries: list[tuple[Artist, str]]) -> list[list[tuple[Artist, str]]]:
    """The legend's rows, as full as a narrow panel allows."""
    rows: list[list[tuple[Artist, str]]] = []
    for entry in entries:
        if rows and sum(len(name) + 4 for _, name in rows[-1]) + len(entry[1]) <= _ROW_LETTERS:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return rows


def _has_summary(inputs: Inputs) -> bool:
    return inputs.teleports is not None and inputs.teleports.summary is not None


def _summary(inputs: Inputs) -> xr.Dataset:
    assert inputs.teleports is not None
    assert inputs.teleports.summary is not None
    return inputs.teleports.summary


PULL = Panel(
    stem="panel_l_pull",
    beside="L",
    title="Pull towards the control",
    definition="Cosine of the displacement with the way from the moved state to the control's later state, "
    "minus that of a displacement that is merely carried along.",
    when=_has_summary,
    draw=lambda inputs, ax: teleport_pull(_summary(inputs), ax=ax),
)
RETENTION = Panel(
    stem="panel_l_retention",
    beside="L",
    title="What is left of a displacement",
    definition="ρ = ⟨d_m, d_0⟩ / ‖d_0‖² of the distance d from the control: 1 where it is carried along.",
    when=_has_summary,
    draw=lambda inputs, ax: teleport_retention(_summary(inputs), ax=ax),
)
