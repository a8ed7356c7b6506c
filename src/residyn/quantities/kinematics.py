"""Kinematics that norms do not decide: how far states turn, and which way steps point.

Raw velocity and cosine follow the norm, which grows with depth: a step of twice the length along a state of twice
the length is the same motion. Angles and the split of a step into radial and tangential parts tell growth from
turning.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.numerics.kinematics import Kinematics, concatenate, path_kinematics
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION, along, label_result, transition_coords
from residyn.walk import Progress, each_block


class _Said(NamedTuple):
    """What a result is: along what beside samples, in which units, how defined, and from where."""

    of: str
    depth: str | None
    units: str
    definition: str
    source: str


_SAID = {
    "angular_velocity": _Said(
        "angle",
        TRANSITION,
        "half turns",
        "2 atan2(‖â − b̂‖, ‖â + b̂‖)/π of successive states a, b over their lengths; NaN where either is zero",
        "Kahan 2006, How futile are mindless assessments of roundoff",
    ),
    "radial_step": _Said(
        "radial", TRANSITION, "activation", "Δ·ĥ of the step Δ = h′ − h; NaN where h is zero", "definition"
    ),
    "tangential_step": _Said(
        "tangential", TRANSITION, "activation", "‖Δ − (Δ·ĥ)ĥ‖ of Δ = h′ − h; NaN where h is zero", "definition"
    ),
    "acceleration": _Said(
        "acceleration",
        TRANSITION,
        "activation",
        "‖Δ − Δ′‖ of a step Δ and the last earlier step Δ′ of its kind; NaN where there is none",
        "definition",
    ),
    "turning_angle": _Said(
        "turning",
        SUBLAYER,
        "degrees",
        "angle between the steps to and from a state; NaN at both ends and beside a zero step",
        "Hénaff et al. 2019, Nat. Neurosci. 22:984",
    ),
    "straightness": _Said(
        "straightness", None, "1", "‖h_last − h_first‖ / Σ‖Δ‖; NaN where no step has a length", "definition"
    ),
}


def kinematics(states: xr.DataArray, progress: Progress | None = None) -> xr.Dataset:
    """Turning, and the parts of steps, of each sample's path, in one reading of the states.

    angular_velocity (sample, transition): angle between successive states, in half turns: 0 where only the length
    changes, ½ at right angles, 1 at reversal. Accurate near 0.
    radial_step, tangential_step (sample, transition): the step's component along the state it leaves, which alone
    changes the norm to first order, and the length of the rest; in units of activation, their squares add up to
    that of the velocity.
    acceleration (sample, transition): distance between a step and the last earlier one of the same kind, so that
    attention is compared with attention and MLP with MLP; in units of activation. The first of a kind has none.
    turning_angle (sample, sublayer): angle between the step to a state and the step from it, in degrees: 0 on a
    straight line, 90 on a random walk, 120 where states are independent of one another, 180 where a step is taken
    back. The first and the last sublayer have none.
    straightness (sample,): distance from the first to the last state over the length of the path, in [0, 1].

    NaN where a state or step is zero: attribute `n_undefined` counts those, without the places where no sample
    has a value. All are unchanged by a common rotation; angles and straightness also by a common scale, with which
    the others grow. Raises DataError where the states break the data contract, are empty, have but one sublayer
    or hold a non-finite value.
    """
    kinds = [str(kind) for kind in transition_coords(states)["kind"][1]]
    blocks = each_block(states, lambda block: path_kinematics(block, kinds), progress)
    found = concatenate(list(blocks))
    return xr.Dataset({name: _label(name, said, found, states) for name, said in _SAID.items()})


def _label(name: str, said: _Said, found: Kinematics, states: xr.DataArray) -> xr.DataArray:
    values = getattr(found, said.of)
    coords: dict[str, Any] = along(states, SAMPLE)
    if said.depth == TRANSITION:
        coords |= transition_coords(states)
    elif said.depth == SUBLAYER:
        coords |= along(states, SUBLAYER)
    return label_result(
        values,
        (SAMPLE,) if said.depth is None else (SAMPLE, said.depth),
        coords,
        quantity=name,
        units=said.units,
        definition=said.definition,
        source=said.source,
        states=states,
        n_undefined=_undefined(name, values, coords),
    )


def _undefined(name: str, values: np.ndarray, coords: dict[str, Any]) -> int:
    """How many values are NaN for the sample's sake, and not because of where they stand."""
    if name == "turning_angle":
        values = values[:, 1:-1]
    elif name == "acceleration":
        kinds = list(coords["kind"][1])
        values = values[:, [kind in kinds[:place] for place, kind in enumerate(kinds)]]
    return int(np.isnan(values).sum())
