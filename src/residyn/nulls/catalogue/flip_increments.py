"""Steps of the same size and random sign."""

from residyn.nulls.null import Null, whatever_the_kinds
from residyn.numerics import surrogates

FLIP_INCREMENTS = Null(
    name="flip_increments",
    title="steps of the same size and random sign",
    preserves="the size of every step of every unit, and the first state",
    destroys="the direction of steps relative to one another and to the state",
    make=whatever_the_kinds(surrogates.flip_increments),
)
