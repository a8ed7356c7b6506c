"""Panels of controls: what is left of a curve without norms, without the skip path, without what r implies."""

from residyn.figures.plot.controls.sublayers import kurtosis, turning_angle
from residyn.figures.plot.controls.transitions import (
    angular_velocity,
    correlation_excess,
    information_excess,
    radial_tangential,
    relative_velocity,
)

__all__ = [
    "angular_velocity",
    "correlation_excess",
    "information_excess",
    "kurtosis",
    "radial_tangential",
    "relative_velocity",
    "turning_angle",
]
