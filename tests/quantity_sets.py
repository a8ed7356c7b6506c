"""Quantities that tests take together."""

from __future__ import annotations

import xarray as xr

import residyn
from residyn.walk import Progress

PATHS = ("magnitude", "density", "norm", "cosine", "velocity", "relative_velocity")
UNITS = (
    "sign_kept",
    "unit_correlation",
    "skip_correlation",
    "strong_throughout",
    "correlation_throughout",
    "skip_correlation_throughout",
    "gaussian_information",
    "mean_path_straightness",
    "mean_path_offset",
    "mean_path_step",
    "mean_path_walk_straightness",
    "mean_path_walk_offset",
)
KINEMATICS = (
    "angular_velocity",
    "radial_step",
    "tangential_step",
    "acceleration",
    "turning_angle",
    "straightness",
)


def kinematics(states: xr.DataArray, progress: Progress | None = None) -> xr.Dataset:
    return xr.Dataset({name: getattr(residyn, name)(states, progress=progress) for name in KINEMATICS})


def basis(states: xr.DataArray, repeats: int = 3, seed: int = 0) -> xr.Dataset:
    rotated = residyn.kurtosis_rotated(states, repeats, seed)
    return xr.Dataset({"kurtosis": residyn.kurtosis(states), "kurtosis_rotated": rotated})
