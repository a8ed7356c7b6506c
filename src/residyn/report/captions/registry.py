"""The panels of the page: one entry each, under the name of the panel's file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import xarray as xr

from residyn.quantities.measure import CURVE
from residyn.quantities.registry import quantities
from residyn.report.captions import beyond, motion, space, teleports, units
from residyn.report.captions.generic import course

Sentences = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """How the page speaks of a panel.

    `caption` takes the results; `of_teleports` takes the flow, its summary and its return fractions instead.
    `defined_by` are the results whose definitions stand under the panel, unless it has its own `definition`.
    """

    title: str
    caption: Callable[[xr.Dataset], Sentences] | None = None
    of_teleports: Callable[[xr.Dataset, xr.Dataset | None, xr.Dataset | None], Sentences] | None = None
    defined_by: tuple[str, ...] = ()
    definition: str = ""


REGISTRY: dict[str, Entry] = {
    "panel_a": Entry("Where the states are read", units.schematic),
    "panel_b": Entry("Mean activation of each unit", units.activation, defined_by=("mean_activation",)),
    "panel_c": Entry("Correlation of successive states", units.correlation, defined_by=("unit_correlation",)),
    "panel_d": Entry(
        "How often a unit's correlation is strong", units.density, defined_by=("correlation_density",)
    ),
    "panel_e": Entry("Cosine of successive states", motion.cosine, defined_by=("cosine",)),
    "panel_f": Entry("Velocity", motion.velocity, defined_by=("velocity",)),
    "panel_g": Entry(
        "Mutual information of each unit", motion.information_map, defined_by=("mutual_information",)
    ),
    "panel_h": Entry("Mutual information over the depth", motion.information, defined_by=("mutual_information",)),
    "panel_i": Entry("Trajectories in the plane", space.plane, defined_by=("pc_scores",)),
    "panel_i_3d": Entry("Trajectories in space", space.in_space, defined_by=("pc_scores",)),
    "panel_j": Entry("Variance by number of components", space.cumulative, defined_by=("explained_variance",)),
    "panel_k": Entry(
        "Variance in one space, by sublayer", space.by_sublayer, defined_by=("explained_variance_by_sublayer",)
    ),
    "panel_l": Entry(
        "Teleports",
        of_teleports=teleports.row,
        definition="An arrow leads from the moved state's scores to those where it is later; grey is the control.",
    ),
    "panel_l_pull": Entry(
        "Pull towards the control",
        of_teleports=teleports.pull,
        definition="Cosine of the displacement with the way from the moved state to the control's later state, "
        "minus that of a displacement that is merely carried along.",
    ),
    "panel_l_retention": Entry(
        "What is left of a displacement",
        of_teleports=teleports.retention,
        definition="ρ = ⟨d_m, d_0⟩ / ‖d_0‖² of the distance d from the control: 1 where it is carried along.",
    ),
    "panel_l_return": Entry(
        "Who returns, by distance",
        of_teleports=teleports.returning,
        definition="Share of targets whose distance from the control is smaller at the horizon than at the start.",
    ),
    "control_correlation_excess": Entry(
        "Correlation beyond the skip path", beyond.beyond_skip, defined_by=("unit_correlation", "skip_correlation")
    ),
    "control_angular_velocity": Entry(
        "Velocity of the direction",
        beyond.of_samples("angular_velocity", "The turn of the direction, in half turns,"),
        defined_by=("angular_velocity",),
    ),
    "control_relative_velocity": Entry(
        "Velocity relative to the state",
        beyond.of_samples("relative_velocity", "A step over the state's length"),
        defined_by=("relative_velocity",),
    ),
    "control_radial_tangential": Entry(
        "Steps along the state and across it", beyond.directions, defined_by=("radial_step", "tangential_step")
    ),
    "control_turning_angle": Entry("Angle between steps", beyond.turning, defined_by=("turning_angle",)),
    "control_information_excess": Entry(
        "Information beyond linear correlation", motion.beyond_linear, defined_by=("mutual_information",)
    ),
    "control_kurtosis": Entry("Privileged basis", beyond.kurtosis, defined_by=("kurtosis", "kurtosis_rotated")),
    "control_orbits": Entry("Rotations of units", beyond.orbits, defined_by=("rotations", "rotations_null_mean")),
    "control_phase_portraits": Entry(
        "Phase portraits of units",
        beyond.portraits,
        definition="A unit's mean activation over samples against its gradient along depth, each divided by its "
        "largest size; a path begins at the ring and ends at the dot.",
    ),
}


def entry_of(stem: str) -> Entry:
    """The entry of a panel: that of the registry, or that of a quantity without a panel of its own."""
    if stem in REGISTRY:
        return REGISTRY[stem]
    name = stem.removeprefix("panel_").removeprefix("control_")
    quantity = quantities().get(name)
    if quantity is None:
        return Entry(name.replace("_", " ").capitalize())
    return Entry(quantity.title, partial(course, name=f"{name}{CURVE}", title=quantity.title), defined_by=(name,))
