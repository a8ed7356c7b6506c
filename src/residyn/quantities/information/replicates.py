"""The mean mutual information over units, with replicates from leaving groups out."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.numerics import nan
from residyn.numerics.information import copula
from residyn.quantities.replicates import Plan
from residyn.schema import UNIT
from residyn.walk import Reading

UNITS_LEFT_OUT_OF = 96
"""Most units whose information is estimated again without each group: their mean stands for that of all."""


def mean_information(states: xr.DataArray, plan: Plan) -> Reading:
    """A walk along units that makes the mean over units of the Gaussian-copula information, nats, (1 + B, T).

    Ranks do not survive samples that are drawn twice, so replicates are linear in the groups' weights w:
    I + Σ (w_g − 1)·(1 − 1/G)(I − I without group g), the jackknife's linear approximation of the
    bootstrap (Efron & Tibshirani 1993, 20.6).
    """
    weights, n_groups = plan.weights, plan.n_groups
    n_units = states.sizes[UNIT]
    chosen = np.zeros(n_units, dtype=bool)
    chosen[np.linspace(0, n_units - 1, min(n_units, UNITS_LEFT_OUT_OF)).astype(int)] = True
    # Without its only group, nothing would be left to estimate from.
    left_out = range(n_groups) if n_groups > 1 and len(weights) > 1 else ()
    without = [np.flatnonzero(plan.group != g) for g in left_out]

    def of_band(block: np.ndarray, first: int) -> np.ndarray:
        """Sums over the band's units of each estimate that is finite, and how many are: (2, 2 + G, T)."""
        paths = np.ascontiguousarray(block.transpose(2, 1, 0), dtype=np.float64)
        some = paths[chosen[first : first + len(paths)]]
        sets = [paths, some, *(np.ascontiguousarray(some[:, :, rows]) for rows in without)]
        return np.stack([_finite_sum(copula(each)[0]) for each in sets], axis=1)

    def finish(bands: list[np.ndarray]) -> np.ndarray:
        means = nan.ratio(*np.sum(bands, axis=0))
        if not without:
            return np.tile(means[0], (len(weights), 1))
        influence = (1 - 1 / n_groups) * (means[1] - means[2:])
        return np.concatenate([means[:1], means[0] + (weights[1:] - 1) @ influence])

    return Reading(of_band, finish)


def _finite_sum(values: np.ndarray) -> np.ndarray:
    """Sum over units of what is finite, and its count, of values (U, T): (2, T)."""
    known = np.isfinite(values)
    return np.stack([np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)])
