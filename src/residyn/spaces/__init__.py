"""The space of principal components: fitted to states, projected into, lifted out of."""

from residyn.spaces.explained import explained_variance, explained_variance_by_sublayer
from residyn.spaces.fitting import FittedSpace, fit_space, fit_spaces
from residyn.spaces.record import Space
from residyn.spaces.scores import pc_axes, pc_scores

__all__ = [
    "FittedSpace",
    "Space",
    "explained_variance",
    "explained_variance_by_sublayer",
    "fit_space",
    "fit_spaces",
    "pc_axes",
    "pc_scores",
]
