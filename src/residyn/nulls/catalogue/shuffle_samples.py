"""Samples shuffled at each sublayer."""

from residyn.nulls.null import Null, whatever_the_kinds
from residyn.numerics import surrogates

SHUFFLE_SAMPLES = Null(
    name="shuffle_samples",
    title="samples shuffled at each sublayer",
    preserves="each sublayer's cloud: its means, variances, spectrum and distances",
    destroys="which state of one sublayer belongs to which of the next",
    make=whatever_the_kinds(surrogates.shuffle_samples),
)
