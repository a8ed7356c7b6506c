"""The panels of Figure 1 and those beside it: each draws a labelled result into `ax` and returns the axes."""

from inspect import isfunction

from residyn.figures.plot.controls import angular_velocity as angular_velocity
from residyn.figures.plot.controls import correlation_excess as correlation_excess
from residyn.figures.plot.controls import information_excess as information_excess
from residyn.figures.plot.controls import kurtosis as kurtosis
from residyn.figures.plot.controls import radial_tangential as radial_tangential
from residyn.figures.plot.controls import relative_velocity as relative_velocity
from residyn.figures.plot.controls import turning_angle as turning_angle
from residyn.figures.plot.curves import cosine as cosine
from residyn.figures.plot.curves import velocity as velocity
from residyn.figures.plot.heatmaps import correlation_density as correlation_density
from residyn.figures.plot.heatmaps import mean_activation as mean_activation
from residyn.figures.plot.heatmaps import unit_correlation as unit_correlation
from residyn.figures.plot.information import mutual_information as mutual_information
from residyn.figures.plot.information import mutual_information_curve as mutual_information_curve
from residyn.figures.plot.jacobians import effective_rank as effective_rank
from residyn.figures.plot.jacobians import eigenvalues as eigenvalues
from residyn.figures.plot.jacobians import exponents as exponents
from residyn.figures.plot.jacobians import henrici as henrici
from residyn.figures.plot.jacobians import skew_share as skew_share
from residyn.figures.plot.orbits import orbits as orbits
from residyn.figures.plot.orbits import phase_portraits as phase_portraits
from residyn.figures.plot.outputs import lens_entropy as lens_entropy
from residyn.figures.plot.outputs import lens_kl as lens_kl
from residyn.figures.plot.outputs import lens_settled as lens_settled
from residyn.figures.plot.outputs import skip_kl as skip_kl
from residyn.figures.plot.outputs import swap_kl as swap_kl
from residyn.figures.plot.places import cosine_by_place as cosine_by_place
from residyn.figures.plot.places import velocity_by_place as velocity_by_place
from residyn.figures.plot.schematic import schematic as schematic
from residyn.figures.plot.teleport_means import teleport_pull as teleport_pull
from residyn.figures.plot.teleport_means import teleport_retention as teleport_retention
from residyn.figures.plot.teleport_returns import return_fraction as return_fraction
from residyn.figures.plot.teleports import teleport_row as teleport_row
from residyn.figures.plot.teleports import teleports as teleports
from residyn.figures.plot.teleports import teleports_nearby as teleports_nearby
from residyn.figures.plot.trajectories import trajectories as trajectories
from residyn.figures.plot.trajectories import trajectories_3d as trajectories_3d
from residyn.figures.plot.variance import explained_variance as explained_variance
from residyn.figures.plot.variance import explained_variance_by_sublayer as explained_variance_by_sublayer

__all__ = [name for name, value in list(globals().items()) if isfunction(value) and name != "isfunction"]


def __dir__() -> list[str]:
    """The plots, and not the modules that they stand in."""
    return sorted(__all__)
