"""Which panels a set of results allows, and what draws each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from residyn.figures import plot
from residyn.figures.layout import Shape
from residyn.figures.reference import paper_reference
from residyn.quantities.measure import CURVE
from residyn.quantities.registry import quantities
from residyn.schema import UNIT, SiteMap

Draw = Callable[[Axes], Axes]


@dataclass(frozen=True)
class Teleports:
    """Results of teleports to draw, as panel L and beside it.

    `flow` of `flow(jumps, space)`, with targets on a grid; `summary` of `summary(flow)` or `beside(trained,
    untrained)`, and `returns` of `return_fraction(flow)`, where there are any; `host` is the number of the
    host whose arrows are drawn.
    """

    flow: xr.Dataset
    summary: xr.Dataset | None = None
    returns: xr.Dataset | None = None
    host: int = 0


class Panel(NamedTuple):
    """A panel of the figure: its letter, the name of its file, its shape on the page, what draws it into axes."""

    letter: str
    stem: str
    shape: Shape
    draw: Draw


def drawers(
    results: xr.Dataset,
    sites: SiteMap | None,
    *,
    reference: bool,
    teleports: Teleports | None = None,
    noise: xr.Dataset | None = None,
) -> dict[str, Panel]:
    """The panels whose results are there, in the figure's order: A only where the sites are known.

    Names are the letters; the paths in space, which stand beside those in the plane, are "I3". `reference` lays
    the paper's curves over E, F and H; `noise` of `noise_floor` is a band in E and F. Panel L has the states of
    samples where `results` have scores.
    """
    found = [
        *_schematic(results, sites),
        *_units_and_kinematics(results, reference, noise if noise is not None else xr.Dataset()),
        *_information(results, reference),
        *_space(results),
        *([] if teleports is None else [_row(teleports, _cloud(results))]),
    ]
    return {"I3" if panel.stem == "panel_i_3d" else panel.letter: panel for panel in found}


def summaries(teleports: Teleports) -> list[Panel]:
    """What stands beside panel L in files of its own: pull, retention, return fractions."""
    found, numbers, returns = [], teleports.summary, teleports.returns
    if numbers is not None:
        found.append(_panel("L", "curve", lambda ax: plot.teleport_pull(numbers, ax=ax), "panel_l_pull"))
        found.append(_panel("L", "curve", lambda ax: plot.teleport_retention(numbers, ax=ax), "panel_l_retention"))
    if returns is not None:
        found.append(_panel("L", "curve", lambda ax: plot.return_fraction(returns, ax=ax), "panel_l_return"))
    return found


def _panel(letter: str, shape: Shape, draw: Draw, stem: str = "") -> Panel:
    return Panel(letter, stem or f"panel_{letter.lower()}", shape, draw)


def _schematic(results: xr.Dataset, sites: SiteMap | None) -> list[Panel]:
    if sites is None:
        return []
    n_units = results["mean_activation"].sizes[UNIT]
    return [_panel("A", "schematic", lambda ax: plot.schematic(sites, n_units=n_units, ax=ax))]


def controls(results: xr.Dataset) -> list[Panel]:
    """What stands beside Figure 1 in files of its own: the curves without norms, without the skip path, without
    what r implies, the privileged basis, the units' orbits, and every registered quantity without a panel of its
    own; those whose results are there.
    """
    found = [
        (
            "correlation_excess",
            ("unit_correlation", "skip_correlation"),
            lambda ax: plot.correlation_excess(results["unit_correlation"], results["skip_correlation"], ax=ax),
        ),
        (
            "angular_velocity",
            ("angular_velocity",),
            lambda ax: plot.angular_velocity(results["angular_velocity"], ax=ax),
        ),
        (
            "relative_velocity",
            ("relative_velocity",),
            lambda ax: plot.relative_velocity(results["relative_velocity"], ax=ax),
        ),
        (
            "radial_tangential",
            ("radial_step", "tangential_step"),
            lambda ax: plot.radial_tangential(results["radial_step"], results["tangential_step"], ax=ax),
        ),
        (
            "turning_angle",
            ("turning_angle",),
            lambda ax: plot.turning_angle(results["turning_angle"], ax=ax),
        ),
        (
            "information_excess",
            ("mutual_information", "gaussian_floor"),
            lambda ax: plot.information_excess(results["mutual_information"], ax=ax),
        ),
        (
            "kurtosis",
            ("kurtosis", "kurtosis_rotated"),
            lambda ax: plot.kurtosis(results["kurtosis"], results["kurtosis_rotated"], ax=ax),
        ),
        (
            "orbits",
            ("rotations", "rotations_null_mean", "rotations_null_sd"),
            lambda ax: plot.orbits(results, ax=ax),
        ),
        (
            "phase_portraits",
            ("rotations", "mean_activation"),
            lambda ax: plot.phase_portraits(results["mean_activation"], ax=ax),
        ),
    ]
    own = [
        _panel("", "curve", draw, f"control_{name}")
        for name, needed, draw in found
        if all(result in results for result in needed)
    ]
    return [*own, *_generic(results)]


def _generic(results: xr.Dataset) -> list[Panel]:
    """A panel for each quantity along depth that has none of its own."""
    return [
        _panel("", "curve", partial(_draw_curve, results[f"{name}{CURVE}"], quantity.label), f"control_{name}")
        for name, quantity in quantities().items()
        if quantity.drawing == "curve" and quantity.axis != "path" and f"{name}{CURVE}" in results
    ]


def _draw_curve(curve: xr.DataArray, label: str, ax: Axes) -> Axes:
    return plot.curve(curve, label=label, ax=ax)


def _units_and_kinematics(results: xr.Dataset, reference: bool, noise: xr.Dataset) -> list[Panel]:
    means, order = results["mean_activation"], _order(results)
    r, density = results["unit_correlation"], results["correlation_density"]
    over = {name: paper_reference(name) if reference else None for name in ("cosine", "velocity")}
    return [
        _panel("B", "map", lambda ax: plot.mean_activation(means, ax=ax)),
        _panel("C", "map", lambda ax: plot.unit_correlation(r, order=order, ax=ax)),
        _panel("D", "map", lambda ax: plot.correlation_density(density, order=order, ax=ax)),
        _panel(
            "E",
            "curve",
            lambda ax: plot.cosine(
                results["cosine"], reference=over["cosine"], noise=noise.get("cosine_noise"), ax=ax
            ),
        ),
        _panel(
            "F",
            "scaled" if reference else "curve",
            lambda ax: plot.velocity(
                results["velocity"], reference=over["velocity"], noise=noise.get("velocity_noise"), ax=ax
            ),
        ),
    ]


def _information(results: xr.Dataset, reference: bool) -> list[Panel]:
    if "mutual_information" not in results:
        return []
    nats, order, shuffle = (
        results["mutual_information"],
        _order(results),
        results.get("mutual_information_shuffle"),
    )
    over = paper_reference("mutual_information") if reference else None
    return [
        _panel("G", "map", lambda ax: plot.mutual_information(nats, order=order, ax=ax)),
        _panel(
            "H", "curve", lambda ax: plot.mutual_information_curve(nats, shuffle=shuffle, reference=over, ax=ax)
        ),
    ]


def _space(results: xr.Dataset) -> list[Panel]:
    found = []
    if "pc_scores" in results:
        scores = results["pc_scores"]
        if scores.sizes["pc"] > 1:
            found.append(_panel("I", "map", lambda ax: plot.trajectories(scores, ax=ax)))
        if scores.sizes["pc"] > 2:
            found.append(_panel("I", "space", lambda ax: plot.trajectories_3d(scores, ax=ax), "panel_i_3d"))
    if "explained_variance" in results:
        curves = results["explained_variance"]
        found.append(_panel("J", "map", lambda ax: plot.explained_variance(curves, ax=ax)))
    if "explained_variance_by_sublayer" in results:
        shares = results["explained_variance_by_sublayer"]
        found.append(_panel("K", "curve", lambda ax: plot.explained_variance_by_sublayer(shares, ax=ax)))
    return found


def _row(teleports: Teleports, cloud: xr.DataArray | None) -> Panel:
    def draw(ax: Axes) -> Axes:
        return plot.teleport_row(teleports.flow, host=teleports.host, cloud=cloud, ax=ax)

    return _panel("L", "row", draw)


def _cloud(results: xr.Dataset) -> xr.DataArray | None:
    scores = results.get("pc_scores")
    return scores if scores is not None and scores.sizes["pc"] > 1 else None


def _order(results: xr.Dataset) -> np.ndarray | None:
    means = results["mean_activation"]
    return means["rank"].values if "rank" in means.coords else None
