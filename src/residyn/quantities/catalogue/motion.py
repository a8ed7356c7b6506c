"""How states move from one sublayer to the next (panels E, F), and the same whatever their lengths."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.numerics import geometry
from residyn.quantities.gathers import KINEMATICS, PATHS
from residyn.quantities.record import Quantity
from residyn.quantities.sums import Depth, Labels

COSINE = Quantity(
    name="cosine",
    title="Cosine similarity of successive states",
    label="cosine similarity",
    axis="transition",
    over="sample",
    units="1",
    definition="h·h′ / (‖h‖ ‖h′‖) of successive states; NaN where either is zero",
    source="Fernando & Guitchounts 2025, Fig. 1E",
    gather=PATHS,
    per_sample=lambda sums, _: geometry.cosine(sums),
    undefined="either state is zero",
    bounds=(-1.0, 1.0),
    panel="E",
    drawing="bespoke",
    compared=True,
    without_massive=True,
)

VELOCITY = Quantity(
    name="velocity",
    title="Velocity",
    axis="transition",
    over="sample",
    units="activation",
    definition="‖h′ − h‖₂ of successive states",
    source="Fernando & Guitchounts 2025, Fig. 1F",
    gather=PATHS,
    per_sample=lambda sums, _: geometry.velocity(sums),
    bounds=(0.0, np.inf),
    panel="F",
    drawing="bespoke",
    compared=True,
    without_massive=True,
)

RELATIVE_VELOCITY = Quantity(
    name="relative_velocity",
    title="Velocity relative to the state",
    axis="transition",
    over="sample",
    units="1",
    definition="‖h′ − h‖₂ / ‖h‖₂ of successive states h, h′; NaN where h is zero",
    source="Fernando & Guitchounts 2025, Fig. 1F, over the norm",
    gather=PATHS,
    per_sample=lambda sums, _: geometry.relative_velocity(sums),
    undefined="the state is zero",
    bounds=(0.0, np.inf),
    panel="F",
    drawing="bespoke",
    compared=True,
    without_massive=True,
)


def _but_first_of_kind(_s: xr.DataArray, _g: object, values: np.ndarray, depth: Depth) -> Labels:
    """NaN for the sample's sake, without the places where no sample has a value: the first step of each kind."""
    kinds = depth.kind.tolist()
    later = [kind in kinds[:place] for place, kind in enumerate(kinds)]
    return Labels(attrs={"n_undefined": int(np.isnan(values[:, later]).sum())})


def _but_ends(_s: xr.DataArray, _g: object, values: np.ndarray, _: Depth) -> Labels:
    return Labels(attrs={"n_undefined": int(np.isnan(values[:, 1:-1]).sum())})


ANGULAR_VELOCITY = Quantity(
    name="angular_velocity",
    title="Velocity of the direction",
    axis="transition",
    over="sample",
    units="half turns",
    definition="2 atan2(‖â − b̂‖, ‖â + b̂‖)/π of successive states a, b over their lengths; "
    "NaN where either is zero",
    source="Kahan 2006, How futile are mindless assessments of roundoff",
    gather=KINEMATICS,
    per_sample=lambda found, _: found.angle,
    undefined="either state is zero",
    bounds=(0.0, 1.0),
    drawing="bespoke",
)

RADIAL_STEP = Quantity(
    name="radial_step",
    title="Step along the state",
    axis="transition",
    over="sample",
    units="activation",
    definition="Δ·ĥ of the step Δ = h′ − h; NaN where h is zero",
    source="definition",
    gather=KINEMATICS,
    per_sample=lambda found, _: found.radial,
    undefined="the state is zero",
    drawing="bespoke",
)

TANGENTIAL_STEP = Quantity(
    name="tangential_step",
    title="Step across the state",
    axis="transition",
    over="sample",
    units="activation",
    definition="‖Δ − (Δ·ĥ)ĥ‖ of Δ = h′ − h; NaN where h is zero",
    source="definition",
    gather=KINEMATICS,
    per_sample=lambda found, _: found.tangential,
    undefined="the state is zero",
    bounds=(0.0, np.inf),
    drawing="bespoke",
)

ACCELERATION = Quantity(
    name="acceleration",
    title="Change of the step",
    axis="transition",
    over="sample",
    units="activation",
    definition="‖Δ − Δ′‖ of a step Δ and the last earlier step Δ′ of its kind; NaN where there is none",
    source="definition",
    gather=KINEMATICS,
    per_sample=lambda found, _: found.acceleration,
    note=_but_first_of_kind,
    undefined="no earlier step is of the kind",
    bounds=(0.0, np.inf),
)

TURNING_ANGLE = Quantity(
    name="turning_angle",
    title="Angle between steps",
    axis="sublayer",
    over="sample",
    units="degrees",
    definition="angle between the steps to and from a state; NaN at both ends and beside a zero step",
    source="Hénaff et al. 2019, Nat. Neurosci. 22:984",
    gather=KINEMATICS,
    per_sample=lambda found, _: found.turning,
    note=_but_ends,
    undefined="a step is zero, and at both ends",
    bounds=(0.0, 180.0),
    drawing="bespoke",
)

STRAIGHTNESS = Quantity(
    name="straightness",
    title="Straightness",
    axis="path",
    over="sample",
    units="1",
    definition="‖h_last − h_first‖ / Σ‖Δ‖; NaN where no step has a length",
    source="definition",
    gather=KINEMATICS,
    per_sample=lambda found, _: found.straightness,
    undefined="no step has a length",
    bounds=(0.0, 1.0),
)
