"""Steps in random order within their kind."""

from residyn.nulls.null import Null
from residyn.numerics import surrogates

PERMUTE_INCREMENTS = Null(
    name="permute_increments",
    title="steps in random order within their kind",
    preserves="the first and the last state, and the steps of each kind",
    destroys="the order of the steps",
    make=surrogates.permute_increments,
)
