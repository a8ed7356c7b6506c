"""The panels of Figure 1: each takes a labelled result, draws it into `ax`, and returns the axes.

A panel computes nothing but what drawing needs: an order of columns, a mean or quartiles over samples.
"""

from residyn.figures.plot.controls import (
    angular_velocity,
    correlation_excess,
    information_excess,
    kurtosis,
    radial_tangential,
    relative_velocity,
    turning_angle,
)
from residyn.figures.plot.curves import cosine, velocity
from residyn.figures.plot.generic import curve
from residyn.figures.plot.heatmaps import correlation_density, mean_activation, unit_correlation
from residyn.figures.plot.information import mutual_information, mutual_information_curve
from residyn.figures.plot.orbits import orbits, phase_portraits
from residyn.figures.plot.returns import return_fraction
from residyn.figures.plot.schematic import schematic
from residyn.figures.plot.strokes import SIZE_MM as SCHEMATIC_MM
from residyn.figures.plot.summaries import teleport_pull, teleport_retention
from residyn.figures.plot.teleports import ROW_BOX, ROW_MM, teleport_row, teleports
from residyn.figures.plot.trajectories import SPACE_BOX, trajectories, trajectories_3d
from residyn.figures.plot.variance import explained_variance, explained_variance_by_sublayer

__all__ = [
    "ROW_BOX",
    "ROW_MM",
    "SCHEMATIC_MM",
    "SPACE_BOX",
    "angular_velocity",
    "correlation_density",
    "correlation_excess",
    "cosine",
    "curve",
    "explained_variance",
    "explained_variance_by_sublayer",
    "information_excess",
    "kurtosis",
    "mean_activation",
    "mutual_information",
    "mutual_information_curve",
    "orbits",
    "phase_portraits",
    "radial_tangential",
    "relative_velocity",
    "return_fraction",
    "schematic",
    "teleport_pull",
    "teleport_retention",
    "teleport_row",
    "teleports",
    "trajectories",
    "trajectories_3d",
    "turning_angle",
    "unit_correlation",
    "velocity",
]
