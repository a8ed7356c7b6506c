"""Captions of panel L and its curves: what comes of states that were moved."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.figures.panel import Teleports
from residyn.report.captions.phrases import sentences
from residyn.teleports.summaries import DIFFERENCE, TRAINED
from residyn.words import counted, interval, listed, percent


def row(moved: Teleports) -> tuple[str, ...]:
    flow, summary = moved.flow, moved.summary
    followed = _followed(flow)
    last = [str(place) for place in flow["injected"].values if place not in followed["injected"].values]
    ends = (
        f"No state is read after {listed(last)}: what comes of one that is moved there is not seen."
        if last
        else ""
    )
    steps = followed["horizon_steps"].values
    if not steps.size:
        return sentences(ends)
    places = [str(place) for place in followed["injected"].values]
    grid = int((flow["target_kind"].values == "grid").sum())
    span = counted(int(steps.max()), "sublayer")
    if steps.min() < steps.max():
        span += f", or as many as remain ({steps.min()} at the least)"
    return sentences(
        f"The last token's state is moved to {counted(grid, 'point')} of the plane of PC1 and PC2 at "
        f"{listed(places)}, in {counted(flow.sizes['host'], 'text')}; "
        f"arrows, of the first of them, span {span}.",
        ends,
        _excess(summary),
    )


def nearby(moved: Teleports) -> tuple[str, ...]:
    flow = moved.flow
    places = [str(place) for place in _followed(flow)["injected"].values]
    if not places:
        return ()
    discs = int((flow["target_kind"].values == "disc").sum())
    return (
        f"The last token's state is moved to {counted(discs, 'point')} of the plane about where it is, at "
        f"{listed(places)}; each place has a view of its own.",
    )


def pull(moved: Teleports) -> tuple[str, ...]:
    summary = moved.summary
    return sentences(_excess(summary), _against_untrained(summary))


def retention(moved: Teleports) -> tuple[str, ...]:
    summary = moved.summary
    if summary is None:
        return ()
    kinds = [kind for kind in ("disc", "isotropic") if kind in summary["target_kind"].values]
    said = {"disc": "in the plane", "isotropic": "in any direction"}
    return tuple(
        f"Of a displacement of 1 σ {said[kind]} there remains, along its own direction (ρ), {_values(found)}."
        for kind in kinds
        if (found := _of_group(summary, "rho", kind, 1.0)) is not None
    )


def returning(moved: Teleports) -> tuple[str, ...]:
    returns = moved.returns
    if returns is None:
        return ()
    said = {"disc": "in the plane", "isotropic": "in any direction", "swap": "towards another sample"}
    shares = _followed(returns)["return_fraction"]
    radius = float(shares["radius"].values[0])
    found = []
    for kind in (str(kind) for kind in shares["target_kind"].values):
        values = shares.sel(target_kind=kind, radius=radius)
        at = [
            f"{percent(float(v))} at {place}"
            for place, v in zip(values["injected"].values, values.values, strict=True)
        ]
        found.append(
            f"Moved by {radius:g} σ {said.get(kind, kind)}, states end closer than they began in {listed(at)}."
        )
    return tuple(found)


def _followed(found: xr.Dataset) -> xr.Dataset:
    """The places after which a state is read: none is after the last, of models that are read once a block."""
    return found.isel(injected=np.flatnonzero(found["horizon_steps"].values > 0))


def _trained(summary: xr.Dataset, model: str = TRAINED) -> xr.Dataset | None:
    if "model" not in summary.dims:
        return summary if model == TRAINED else None
    return summary.sel(model=model) if model in summary["model"].values else None


def _of_group(
    summary: xr.Dataset, quantity: str, kind: str, radius: float | None = None, model: str = TRAINED
) -> xr.Dataset | None:
    """A quantity's mean, low and high by place, of the first group of that kind and radius."""
    one = _trained(_followed(summary), model)
    if one is None or quantity not in one["quantity_of_flow"].values:
        return None
    matches = one["target_kind"].values == kind
    if radius is not None:
        matches &= one["radius"].values == radius
    if not matches.any():
        return None
    return one.sel(quantity_of_flow=quantity).isel(group=int(np.flatnonzero(matches)[0]))


def _values(found: xr.Dataset) -> str:
    return listed(
        [
            f"{interval(float(mean), float(low), float(high))} at {place}"
            for place, mean, low, high in zip(
                found["injected"].values,
                found["teleports_mean"].values,
                found["teleports_low"].values,
                found["teleports_high"].values,
                strict=True,
            )
        ]
    )


def _excess(summary: xr.Dataset | None) -> str:
    """At which places the grid's states are pulled back, beyond being carried along, and at which not."""
    found = None if summary is None else _of_group(summary, "pull_excess", "grid")
    if found is None:
        return ""
    low, high = found["teleports_low"].values, found["teleports_high"].values
    groups = {
        "they turn towards the control": low > 0,
        "they turn away from the control": high < 0,
        "one cannot tell": ~((low > 0) | (high < 0)),
    }
    said = [
        f"{words}: {_values(found.isel(injected=np.flatnonzero(chosen)))}"
        for words, chosen in groups.items()
        if chosen.any()
    ]
    return f"Beyond what being carried along does (pull excess, a difference of cosines), {'; '.join(said)}."


def _against_untrained(summary: xr.Dataset | None) -> str:
    found = None if summary is None else _of_group(summary, "pull_excess", "grid", model=DIFFERENCE)
    if found is None:
        return ""
    return f"Trained minus untrained, the pull excess is {_values(found)}."
