"""Units permuted at each sublayer."""

from residyn.nulls.null import Null, whatever_the_kinds
from residyn.numerics import surrogates

PERMUTE_UNITS = Null(
    name="permute_units",
    title="units permuted at each sublayer",
    preserves="norms, density, and the distances between the samples of a sublayer",
    destroys="which unit of one sublayer is which of the next",
    make=whatever_the_kinds(surrogates.permute_units),
)
