"""An affine flow fitted to the arrows of a grid: its fixed point, divergence and rotation."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics.flow import AffineFlow, fit_affine, fixed_point
from residyn.spaces.record import COMPONENT
from residyn.teleports.groups import check_flow, groups_of
from residyn.teleports.labels import GRID, HOST, INJECTED, TARGET, along, label, provenance_of

LEAST_R2 = 0.5
"""Share of the arrows' variance that a fit must explain before anything is derived from it."""

_ROW = "row"
_DESCRIBED = {
    "flow_offset": ((INJECTED, COMPONENT), "score", "b of displacement = b + M z"),
    "flow_matrix": ((INJECTED, _ROW, COMPONENT), "1", "M of displacement = b + M z; row = component of the arrow"),
    "flow_r2": ((INJECTED,), "1", "1 − Σ‖residual‖² / Σ‖displacement − its mean‖²"),
    "fixed_point": ((INJECTED, COMPONENT), "score", "−M⁻¹ b"),
    "divergence": ((INJECTED,), "1", "tr M; below 0 the arrows converge"),
    "rotation": ((INJECTED,), "1", "(M₂₁ − M₁₂) / 2; anticlockwise above 0"),
}


def affine(flow: xr.Dataset) -> xr.Dataset:
    """The affine flow of each place, displacement = b + M z, by least squares over the grid targets of all hosts.

    z are the scores of the state written and the displacement is that over the horizon, both in the plane.
    flow_offset b (injected, component), flow_matrix M (injected, row, component), flow_r2 (injected), at most 1;
    fixed_point −M⁻¹b (injected, component), where the flow leaves a state where it is; divergence tr M and
    rotation (M₂₁ − M₁₂)/2 (injected), both over the whole horizon. A fixed point attracts where M's eigenvalues
    lie within 1 of −1. One M speaks of a plane on which all hosts flow alike: pooling hosts that do not lowers
    R².

    fixed_point, divergence and rotation are NaN where R² is below one half, and the fixed point also where M is
    singular; everything is where the targets do not span the plane or no sublayer follows. The coordinate
    `fit_reason` (injected) says which. Targets of the kind "grid" are used, or all where none has a kind.
    Source: panel L.

    Raises DataError for another Dataset, or one without grid targets.

    >>> rd.affine(run.teleports["flow"])["flow_matrix"].dims
    ('injected', 'row', 'component')
    """
    check_flow(flow)
    groups = groups_of(flow)
    kinds = list(dict.fromkeys(group.kind for group in groups))
    wanted = GRID if GRID in kinds else TARGET
    used = np.sort(np.concatenate([[], *(g.targets for g in groups if g.kind == wanted)]).astype(np.int64))
    if not len(used):
        raise DataError(
            f"An affine flow is fitted to the targets of a grid; these are {', '.join(kinds)}. Teleport to a grid."
        )
    points, moves = (
        flow[name].transpose(INJECTED, HOST, TARGET, COMPONENT).values[:, :, used].astype(np.float64)
        for name in ("start", "displacement")
    )
    fits = [fit_affine(z.reshape(-1, 2), move.reshape(-1, 2)) for z, move in zip(points, moves, strict=True)]
    fixed = np.array([fixed_point(fit) for fit in fits])
    reasons = [
        _reason(fit, point, int(h))
        for fit, point, h in zip(fits, fixed, flow["horizon_steps"].values, strict=True)
    ]
    holds = np.array([fit.r2 >= LEAST_R2 for fit in fits])
    matrix = np.array([fit.matrix for fit in fits])
    values = {
        "flow_offset": np.array([fit.offset for fit in fits]),
        "flow_matrix": matrix,
        "flow_r2": np.array([fit.r2 for fit in fits]),
        "fixed_point": np.where(holds[:, None], fixed, np.nan),
        "divergence": np.where(holds, matrix[:, 0, 0] + matrix[:, 1, 1], np.nan),
        "rotation": np.where(holds, (matrix[:, 1, 0] - matrix[:, 0, 1]) / 2, np.nan),
    }
    return _labelled(flow, values, np.array(reasons), len(used))


def _labelled(flow: xr.Dataset, values: dict[str, np.ndarray], reasons: np.ndarray, n_targets: int) -> xr.Dataset:
    components = flow[COMPONENT].values
    coords = {
        **along(flow, INJECTED),
        COMPONENT: components,
        _ROW: components,
        "fit_reason": (INJECTED, reasons),
    }
    made = {}
    for name, (dims, units, definition) in _DESCRIBED.items():
        made[name] = label(
            values[name],
            dims,
            {key: coord for key, coord in coords.items() if key in dims or key not in (COMPONENT, _ROW)},
            quantity=name,
            units=flow["start"].attrs.get("units", "") if units == "score" else units,
            definition=definition,
            source="Fernando & Guitchounts 2025, Fig. 1L",
            provenance=provenance_of(flow),
            parameters={"least_r2": LEAST_R2, "n_targets": n_targets},
        )
    return xr.Dataset(made)


def _reason(fit: AffineFlow, point: np.ndarray, horizon: int) -> str:
    if not horizon:
        return "no sublayer follows"
    if np.isnan(fit.matrix).any():
        return "the targets do not span the plane"
    if np.isnan(fit.r2):
        return "all displacements are the same"
    if fit.r2 < LEAST_R2:
        return f"R² below {LEAST_R2:g}"
    return "singular matrix" if np.isnan(point).any() else ""
