"""A random basis."""

from residyn.nulls.null import Null, whatever_the_kinds
from residyn.numerics import surrogates

ROTATE_BASIS = Null(
    name="rotate_basis",
    title="a random basis",
    preserves="everything that has no basis: norms, cosines, velocities, spectra",
    destroys="the units: sparseness, massive activations, signs, and correlations of single units",
    make=whatever_the_kinds(surrogates.rotate_basis),
)
