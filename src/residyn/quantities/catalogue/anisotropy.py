"""How alike the states of different texts are (Ethayarajh 2019)."""

from __future__ import annotations

from residyn.quantities.gathers import mean_cosine_between_groups, unit_vectors
from residyn.quantities.record import Quantity
from residyn.quantities.sums import summed

ANISOTROPY = Quantity(
    name="anisotropy",
    title="Mean cosine between the states of two texts",
    label="mean cosine between texts",
    axis="sublayer",
    units="1",
    definition="mean cosine between the states of two samples of different groups of documents at one sublayer",
    source="Ethayarajh 2019, arXiv:1909.00512",
    gather=summed(lambda block, _: unit_vectors(block)),
    value=lambda weights, sums, _: mean_cosine_between_groups(weights, sums),
    undefined="fewer than two groups have a state that is not zero",
    bounds=(-1.0, 1.0),
    compared=True,
)
