"""Targets that belong together, by kind and radius, and each host's mean over them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.teleports.flow import at_horizon
from residyn.teleports.labels import GROUP, HOST, INJECTED, KIND, RADIUS, TARGET

ROUNDING = 1e-9
"""What a quantity of order 1 may differ from an exact value by and count as it: less than float32 can tell."""
_EXACT = {"rho": 1.0, "amplification": 1.0, "pull": 0.0, "pull_excess": 0.0}
"""What quantities are where a displacement is merely carried along, or does not turn towards the control."""


class Group(NamedTuple):
    """Targets of one kind and radius (NaN where it has none), by their positions."""

    kind: str
    radius: float
    targets: np.ndarray


def groups_of(flow: xr.Dataset) -> list[Group]:
    """The groups of a flow's targets, kinds in the order in which they come and radii rising.

    Targets without the coordinate `target_kind` are all of the kind "target".
    """
    check_flow(flow)
    n = flow.sizes[TARGET]
    kinds = flow[KIND].values.astype(str) if KIND in flow.coords else np.full(n, TARGET)
    radii = flow[RADIUS].values.astype(np.float64) if RADIUS in flow.coords else np.full(n, np.nan)
    found = []
    for kind in dict.fromkeys(kinds.tolist()):
        of_kind = kinds == kind
        for radius in np.unique(radii[of_kind]):
            same = np.isnan(radii) if np.isnan(radius) else radii == radius
            found.append(Group(kind, float(radius), np.flatnonzero(of_kind & same)))
    return found


def group_coords(groups: list[Group]) -> dict[str, Any]:
    names = [group.kind if np.isnan(group.radius) else f"{group.kind} {group.radius:g}" for group in groups]
    return {
        GROUP: np.array(names),
        KIND: (GROUP, np.array([group.kind for group in groups])),
        RADIUS: (GROUP, np.array([group.radius for group in groups])),
    }


def host_means(values: np.ndarray, groups: list[Group]) -> np.ndarray:
    """Mean over each group's targets without NaN, (host, injected, group), of values (host, injected, target)."""
    means = np.full([*values.shape[:2], len(groups)], np.nan)
    for g, group in enumerate(groups):
        part = values[:, :, group.targets].astype(np.float64)
        known = ~np.isnan(part)
        total, n = np.where(known, part, 0.0).sum(axis=2), known.sum(axis=2)
        np.divide(total, n, out=means[:, :, g], where=n > 0)
    return means


def returned(flow: xr.Dataset) -> np.ndarray:
    """1 where the displacement is shorter at the horizon than at the write, 0 where not, NaN where undefined."""
    left = without_rounding("amplification", at_horizon(flow, "amplification"))
    return np.where(np.isnan(left), np.nan, left < 1)


def without_rounding(quantity: str, values: np.ndarray, *, difference: bool = False) -> np.ndarray:
    """The values of a quantity, those within rounding of its exact value set to it; of a difference, 0.

    Exact values are 1 of rho and amplification, and 0 of pull and pull_excess; other quantities stay as they are.
    """
    if quantity not in _EXACT:
        return values
    exact = 0.0 if difference else _EXACT[quantity]
    return np.where(np.abs(values - exact) < ROUNDING, exact, values)


def check_flow(flow: xr.Dataset) -> None:
    needed = ("amplification", "displacement", "pull", "pull_passive", "start", "horizon_steps")
    if not isinstance(flow, xr.Dataset) or any(name not in flow.variables for name in needed):
        raise DataError(
            f"Expected the Dataset that flow(jumps, space) returns, with {', '.join(needed)}; "
            f"got {type(flow).__name__}. Pass that one."
        )
    if not {HOST, INJECTED, TARGET} <= set(flow["amplification"].dims):
        raise DataError(
            "The flow lacks one of the dimensions host, injected and target. Keep a dimension of length one when "
            "selecting: flow.isel(host=[0])."
        )
