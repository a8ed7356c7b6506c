"""Whether the units are a privileged basis: kurtosis over them."""

from __future__ import annotations

import numpy as np

from residyn.numerics.basis import kurtosis
from residyn.quantities.record import Quantity
from residyn.quantities.sums import Gather

KURTOSIS = Quantity(
    name="kurtosis",
    title="Kurtosis over units",
    axis="sublayer",
    over="sample",
    units="1",
    definition="D Σ(h − h̄)⁴ / (Σ(h − h̄)²)² over the D units of a state; in the basis of the units",
    source="Elhage et al. 2023, Privileged bases in the transformer residual stream",
    gather=Gather(lambda block, _: kurtosis(block), np.concatenate, by_group=False),
    per_sample=lambda found, _: found,
    undefined="all units are equal",
    bounds=(1.0, np.inf),
    drawing="bespoke",
    null_curve="kurtosis_rotated",
)
