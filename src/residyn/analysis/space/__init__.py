"""The space of principal components: fitted to states, projected into, lifted out of."""

from residyn.analysis.space.explained import explained_variance, explained_variance_by_sublayer
from residyn.analysis.space.fitting import fit_space
from residyn.analysis.space.record import Space
from residyn.analysis.space.scores import pc_axes, pc_scores

__all__ = ["Space", "explained_variance", "explained_variance_by_sublayer", "fit_space", "pc_axes", "pc_scores"]
