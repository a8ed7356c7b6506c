"""How much of each step the samples have in common."""

from __future__ import annotations

import numpy as np

from residyn.quantities.evidence.sums import Sums


def shared_direction(sums: Sums, weights: np.ndarray) -> np.ndarray:
    """Mean cosine between the steps of two samples of different groups, (R, T), in [−1, 1].

    Where a step is a common part and one of the sample's own, it is the common part's share of the squared
    length. Pairs of one group are left out: they may share a document, and a replicate that holds a group twice
    would compare samples with themselves. NaN where fewer than two groups move.
    """
    inner = np.einsum("gtd,htd->tgh", sums.direction, sums.direction, optimize=True)
    own = np.diagonal(inner, axis1=1, axis2=2)
    together = np.einsum("rg,tgh,rh->rt", weights, inner, weights, optimize=True)
    within = weights**2 @ own.T
    pairs = (weights @ sums.n_moving) ** 2 - weights**2 @ sums.n_moving**2
    return np.divide(together - within, pairs, out=np.full(together.shape, np.nan), where=pairs > 0)
