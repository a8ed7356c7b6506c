"""Sublayers in random order."""

from residyn.nulls.null import Null, whatever_the_kinds
from residyn.numerics import surrogates

SHUFFLE_SUBLAYERS = Null(
    name="shuffle_sublayers",
    title="sublayers in random order",
    preserves="the states of every sublayer, and which samples they are of",
    destroys="the order of depth",
    make=whatever_the_kinds(surrogates.shuffle_sublayers),
)
