"""What is written into the state: along it or against it, against the write before, and among all earlier ones."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.numerics import nan, writes
from residyn.numerics.kinematics import Kinematics
from residyn.quantities.gathers import KINEMATICS
from residyn.quantities.record import Quantity
from residyn.quantities.sums import Depth, Gather, Labels
from residyn.schema import UNIT

OVERLAPS = Gather(
    lambda block, _: writes.overlap_with_earlier(block),
    writes.concatenate,
    by_group=False,
)
"""What each write of a sample shares with those before it: `Overlap`."""


def _with_state(found: Kinematics, _: Depth) -> np.ndarray:
    return nan.ratio(found.radial, np.hypot(found.radial, found.tangential))


def _by_chance(states: xr.DataArray, _g: object, values: np.ndarray, _: Depth) -> Labels:
    """By how much the cosine of a random write varies, and NaN without the places where no sample has a value."""
    somewhere = ~np.isnan(values).all(axis=0)
    return Labels(
        attrs={
            "random_sd": float(1 / np.sqrt(states.sizes[UNIT])),
            "n_undefined": int(np.isnan(values[:, somewhere]).sum()),
        }
    )


def _but_first(_s: xr.DataArray, _g: object, values: np.ndarray, _: Depth) -> Labels:
    return Labels(attrs={"n_undefined": int(np.isnan(values[:, 1:]).sum())})


WRITE_COSINE = Quantity(
    name="write_cosine",
    title="Cosine of a write with the state",
    label="cosine of write and state",
    axis="transition",
    over="sample",
    units="1",
    definition="Δ·h / (‖Δ‖ ‖h‖) of the write Δ = h′ − h: above 0 it adds to what the state holds, below 0 it "
    "erases some of it; a write of random direction has 0 ± 1/√D (attribute `random_sd`)",
    source="definition",
    gather=KINEMATICS,
    per_sample=_with_state,
    note=_by_chance,
    undefined="the state or the write is zero",
    bounds=(-1.0, 1.0),
    drawing="bespoke",
)

SUCCESSIVE_WRITES_COSINE = Quantity(
    name="successive_writes_cosine",
    title="Cosine of successive writes",
    label="cosine of successive writes",
    axis="sublayer",
    over="sample",
    units="1",
    definition="cosine of the turning angle, between the writes to and from a state: at the state before an "
    "MLP, of what attention and what the MLP writes; random directions have 0 ± 1/√D (attribute `random_sd`)",
    source="definition",
    gather=KINEMATICS,
    per_sample=lambda found, _: np.cos(np.radians(found.turning)),
    note=_by_chance,
    undefined="a write is zero, and at both ends",
    bounds=(-1.0, 1.0),
    drawing="bespoke",
)

EARLIER_WRITES_OVERLAP = Quantity(
    name="earlier_writes_overlap",
    title="Share of a write among earlier ones",
    label="share within the span of earlier writes",
    axis="transition",
    over="sample",
    units="1",
    definition="‖PΔ‖² / ‖Δ‖² of a sample's write Δ, with P the projection onto the span of its earlier writes",
    source="definition",
    gather=OVERLAPS,
    per_sample=lambda found, _: found.share,
    note=_but_first,
    undefined="the write is zero, or no earlier one has a length",
    bounds=(0.0, 1.0),
    drawing="bespoke",
    null_curve="earlier_writes_overlap_random",
)

EARLIER_WRITES_OVERLAP_RANDOM = Quantity(
    name="earlier_writes_overlap_random",
    title="Share of a random write among earlier ones",
    axis="transition",
    over="sample",
    units="1",
    definition="dimension of the span of a sample's earlier writes over D: the mean share that a write of random "
    "direction has in it",
    source="closed form: the squared length of a projected random unit vector",
    gather=OVERLAPS,
    per_sample=lambda found, _: found.by_chance,
    undefined="the write is zero, or no earlier one has a length",
    bounds=(0.0, 1.0),
    keeps=False,
    drawing="bespoke",
)
