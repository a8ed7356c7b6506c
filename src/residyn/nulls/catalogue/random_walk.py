"""Random walks of the same lengths and angles."""

from residyn.nulls.null import Null, whatever_the_kinds
from residyn.numerics import surrogates

RANDOM_WALK = Null(
    name="random_walk",
    title="random walks of the same lengths and angles",
    preserves="each sample's first state, norms, velocities, cosines and turning angles",
    destroys="every direction that samples share, the basis, and all longer memory",
    make=whatever_the_kinds(surrogates.random_walk),
    least_units=surrogates.LEAST_UNITS,
)
