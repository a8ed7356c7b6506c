"""What teleports do: where a moved state goes, how much of it goes back, how much of the displacement is left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics import flow as numerics
from residyn.numerics import pca
from residyn.numerics.groups import groups_of
from residyn.schema import UNIT, documents_of
from residyn.spaces import Space
from residyn.spaces.record import COMPONENT
from residyn.teleports.definitions import DEFINITIONS, Definition
from residyn.teleports.labels import (
    HOST,
    INJECTED,
    OF_STATES,
    STEP,
    TARGET,
    along,
    check_jumps,
    label,
    provenance_of,
)
from residyn.teleports.measures import horizons, measure, reached
from residyn.teleports.places import find, states_at

_PARTS = 10
"""How many parts of the states are measured from the others in turn. Half of them would make a much poorer cloud
than the one that targets are measured from: of 1000 states of 576 units whose variances fall as 1/k, a fresh one
lies 31 from the whole cloud, 32 from nine tenths of it and 36 from a half."""


def flow(jumps: xr.Dataset, space: Space, horizon: int = 12, *, states: xr.DataArray | None = None) -> xr.Dataset:
    """What becomes of every target of a teleport, in the plane of the first two components and in full space.

    jumps: what `teleport` returned; its states are read one host and place at a time.
    space: a global `fit_space` of two components or more; its first two span the plane.
    horizon: over how many sublayers a displacement is taken: min(horizon, those that remain). The coordinate
        `horizon_steps` (injected) says how many it was. From the last layer's attn state only one follows, and
        from the last state none, where everything about the horizon is NaN.
    states: labelled states of a run, for `mahalanobis`.

    With x the host's own state, x′ the one written, c the control, d_m = x′_m − c_m, h the horizon, each
    (host, injected, target):
    displacement (…, component): scores of x′_h minus those of x′, the paper's arrow; start (…, component): the
    scores of x′. displacement_norm: ‖x′_h − x′‖ in full space.
    pull: cosine of x′_h − x′ with the way to the control, c_h − x′, in full space: 1 where the state goes
    straight to where the control is by then. pull_plane: the same within the plane. pull_passive,
    pull_plane_passive: what they were if the displacement were merely carried along, x′_h = x′ + c_h − c_0. The
    control moves too, so that the passive pull is not 0, and nears 1 where the control goes far: only a pull
    above it is a pull.
    distance: ‖x′ − x‖. off_plane_share: share of ‖x′ − x‖² outside the plane, in the units of the space.
    norm_ratio: ‖x′‖ / ‖x‖. mahalanobis, where `states` are given: distance of x′ from that sublayer's states, by
    their Ledoit–Wolf covariance; the coordinate `mahalanobis_of_states` (injected) is the median distance of a
    state that the covariance was not fitted to: of each tenth of these states, whole documents where they are
    known, from the other nine. kl (nats) and top1_changed, as the teleport recorded them.
    And (host, injected, target, step):
    rho = ⟨d_m, d_0⟩ / ‖d_0‖², amplification A = ‖d_m‖ / ‖d_0‖, relative_distance = A ‖c_0‖ / ‖c_m‖: 1, 1 and the
    inverse growth of the control's norm for passive transport; rho < 1 is correction, whatever norms do.
    And control_path (host, sublayer, component): the control's scores.

    NaN where a vector that is divided by is zero; rho, amplification, relative_distance and off_plane_share also
    where ‖x′ − x‖ is within rounding of ‖x‖ (1e-5, or two steps of a coarser number format): a no-op has no
    displacement to follow. `n_undefined` counts them, beyond `n_beyond`, the steps after the last sublayer.

    Source: the paper's panel L, whose arrow formula is not stated.

    Raises DataError for another Dataset and for a space or states of another model; UsageError for a horizon
    below 1 or beyond the steps recorded, and for a space whose axes or scales differ between sublayers: a
    displacement from one sublayer to another needs one plane.

    >>> jumps = rd.open_teleports(run.directory)
    >>> rd.flow(jumps, rd.Space.from_dataset(run.results), horizon=1)["rho"].dims
    ('host', 'injected', 'target', 'step')
    """
    check_jumps(jumps)
    _check(jumps, space, horizon)
    steps = horizons(jumps, horizon)
    parameters = {"horizon": int(horizon), "space": json.loads(space.axes.attrs.get("parameters", "{}"))}
    clouds, kept = None, {"horizon_steps": (INJECTED, steps)}
    with pca.one_thread():
        if states is not None:
            clouds, typical = _clouds(jumps, states)
            kept[OF_STATES] = (INJECTED, typical)
        found = measure(jumps, space.coordinates(components=slice(2)), steps, clouds)
    found |= {name: jumps[name].values for name in ("kl", "top1_changed") if name in jumps}
    labels = _Labels(
        jumps.assign_coords(kept),
        space.axes[COMPONENT].values[:2],
        "scaled activation" if bool((space.unit_scale != 1).any()) else "activation",
        parameters,
    )
    made = {name: labels.result(name, values) for name, values in found.items()}
    attrs = {"quantity": "flow", **provenance_of(jumps), "parameters": json.dumps(parameters, sort_keys=True)}
    return xr.Dataset(made, attrs=attrs)


def at_horizon(flow: xr.Dataset, name: str) -> np.ndarray:
    """A quantity of steps at each place's horizon, (host, injected, target); NaN where no sublayer follows."""
    steps = flow["horizon_steps"].values
    values = flow[name].transpose(HOST, INJECTED, TARGET, STEP).values
    return np.stack(
        [values[:, p, :, h] if h else np.full_like(values[:, p, :, 0], np.nan) for p, h in enumerate(steps)],
        axis=1,
    )


@dataclass(frozen=True)
class _Labels:
    """What the results of one call have in common; `jumps` carry the coordinates they keep."""

    jumps: xr.Dataset
    components: np.ndarray
    score_units: str
    parameters: Mapping[str, Any]

    def result(self, name: str, values: np.ndarray) -> xr.DataArray:
        said: Definition = DEFINITIONS[name]
        known = along(self.jumps, *said.dims)
        if COMPONENT in said.dims:
            known[COMPONENT] = self.components
        beyond = {}
        if STEP in said.dims:
            n_beyond = int((~reached(self.jumps)).sum()) * self.jumps.sizes[HOST] * self.jumps.sizes[TARGET]
            beyond = {"n_beyond": n_beyond, "n_undefined": int(np.isnan(values).sum()) - n_beyond}
        return label(
            values,
            said.dims,
            known,
            quantity=name,
            units=self.score_units if said.units == "score" else said.units,
            definition=said.definition,
            source=said.source,
            provenance=provenance_of(self.jumps),
            parameters=self.parameters,
            **beyond,
        )


def _clouds(jumps: xr.Dataset, states: xr.DataArray) -> tuple[list[numerics.Cloud], np.ndarray]:
    """The cloud of states at each place, and the median distance of a state that is not in it, (injected,)."""
    if states.sizes.get(UNIT) != jumps.sizes[UNIT]:
        raise DataError(
            f"The teleports have {jumps.sizes[UNIT]} units and the states {states.sizes.get(UNIT)}. "
            "Give states of the same model."
        )
    places = find(states, [str(name) for name in jumps["step_sublayer"].values[:, 0]])
    part = groups_of(documents_of(states), _PARTS, seed=0)
    clouds, typical = [], []
    for position in places.positions:
        points = states_at(states, position)
        clouds.append(numerics.cloud(points))
        typical.append(np.median(numerics.held_out_distances(points, part)))
    return clouds, np.array(typical)


def _check(jumps: xr.Dataset, space: Space, horizon: int) -> None:
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise UsageError(f"The horizon is a whole number of sublayers, at least 1; got {horizon!r}.")
    if space.by_sublayer or space.n_components < 2:
        raise UsageError(
            "A displacement from one sublayer to another needs one plane; this space has axes or scales of "
            "its own for each sublayer, or a single component. Fit it globally, without equalize: fit_space(...)."
        )
    if space.axes.sizes[UNIT] != jumps.sizes[UNIT]:
        raise DataError(
            f"The space has {space.axes.sizes[UNIT]} units, the teleports {jumps.sizes[UNIT]}. Fit it to "
            "states of the same model."
        )
