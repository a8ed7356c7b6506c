"""The mean mutual information over units, with replicates: from leaving groups out, or of what samples say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from residyn.numerics import moments, nan
from residyn.numerics.groups import sum_by_group
from residyn.numerics.information import copula, jittered, local_kde, local_ksg
from residyn.quantities.information.estimates import Options, orders_of
from residyn.quantities.replicates import Plan
from residyn.schema import SAMPLE, UNIT
from residyn.walk import Reading

UNITS_LEFT_OUT_OF = 96
"""Most units whose information is estimated again without each group: their mean stands for that of all."""
UNITS_READ = 256
"""Most units whose information is estimated sample by sample: their mean stands for that of all."""
UNITS_SHUFFLED = 192
"""Most of these units that are estimated once more with their samples shuffled."""

_LOCAL_VALUES = 1 << 22
"""Values of samples in memory, of some units: 32 MiB."""

_LOCAL: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "ksg": local_ksg,
    "kde": partial(local_kde, single=True),
}
"""What samples say, of the estimators that are means over samples."""
_SHARED_NOISE = {"ksg": 1.58, "kde": 1.0}
"""N times the variance of an estimate of N independent pairs, over the variance of what their samples say.

Neighbours of ksg (k = 3) share their noise: measured, to 0.1, at N from 200 to 2,000 and for normal, uniform and
heavy-tailed values alike. For kde it is 0.8 to 1.5, of a variance that is a tenth as large, and is left at 1.
"""


def mean_information(states: xr.DataArray, plan: Plan) -> Reading:
    """A walk along units that makes the mean over units of the Gaussian-copula information, nats, (1 + B, T).

    Its replicates differ from it as `information_deviations` says.
    """
    deviations = information_deviations(states, plan)

    def reduce_band(block: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
        paths = np.ascontiguousarray(block.transpose(2, 1, 0), dtype=np.float64)
        return _finite_sum(copula(paths)[0]), deviations.reduce(block, first)

    def finish(bands: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        sums, parts = zip(*bands, strict=True)
        return nan.ratio(*np.sum(sums, axis=0)) + deviations.finish(list(parts))

    return Reading(reduce_band, finish)


def information_deviations(states: xr.DataArray, plan: Plan) -> Reading:
    """A walk along units: how far replicates of the mean Gaussian-copula information lie from it, (1 + B, T).

    In nats, 0 in row 0. Ranks do not survive samples that are drawn twice, so replicates are linear in the groups'
    weights w: Σ (w_g − 1)·(1 − 1/G)(I − I without group g), the jackknife's linear approximation of the bootstrap
    (Efron & Tibshirani 1993, 20.6), from at most `UNITS_LEFT_OUT_OF` units.
    """
    weights, n_groups = plan.weights, plan.n_groups
    n_units = states.sizes[UNIT]
    chosen = np.zeros(n_units, dtype=bool)
    chosen[np.linspace(0, n_units - 1, min(n_units, UNITS_LEFT_OUT_OF)).astype(int)] = True
    # Without its only group, nothing would be left to estimate from.
    left_out = range(n_groups) if n_groups > 1 and len(weights) > 1 else ()
    without = [np.flatnonzero(plan.group != g) for g in left_out]

    def reduce_band(block: np.ndarray, first: int) -> np.ndarray:
        """Sums over the chosen units of each estimate that is finite, and how many are: (2, 1 + G, T)."""
        some = block[:, :, chosen[first : first + block.shape[2]]]
        paths = np.ascontiguousarray(some.transpose(2, 1, 0), dtype=np.float64)
        sets = [paths, *(np.ascontiguousarray(paths[:, :, rows]) for rows in without)]
        return np.stack([_finite_sum(copula(each)[0]) for each in sets], axis=1)

    def finish(bands: list[np.ndarray]) -> np.ndarray:
        means = nan.ratio(*np.sum(bands, axis=0))
        deviations = np.zeros((len(weights), means.shape[1]))
        if without:
            deviations[1:] = (weights[1:] - 1) @ ((1 - 1 / n_groups) * (means[0] - means[1:]))
        return deviations

    return Reading(reduce_band, finish)


def _finite_sum(values: np.ndarray) -> np.ndarray:
    """Sum over units of what is finite, and its count, of values (U, T): (2, T)."""
    known = np.isfinite(values)
    return np.stack([np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)])


class _Said(NamedTuple):
    """Of some units, in row 0 as the samples are and in row 1 shuffled: what they say, summed over units.

    `by_group` (2, G, T) is the sum over each group's samples and the units that are defined; `defined` (2, T) is
    the number of these.
    """

    by_group: np.ndarray
    defined: np.ndarray


def information_beyond_shuffle(states: xr.DataArray, plan: Plan, estimator: Literal["ksg", "kde"]) -> Reading:
    """A walk along units that makes the mean over units of an estimate minus that of shuffled samples: (1 + B, T).

    In nats. An estimate is the mean over samples n of what each says, i_n, and i_n − I is how far a sample moves
    the mutual information I of the law it was drawn from (its influence function: Kandasamy et al. 2015). So a
    replicate is the mean of i_n over its samples, whose neighbours and densities are those in the data. Shuffled,
    with one seeded permutation of the later state's samples, is what the estimator makes of no dependence. What
    replicates vary by there is noise alone, of which the estimate itself has as much: it is stretched to the size
    that `_SHARED_NOISE` says of both. What a shuffled pair says counts with a sample drawn at random: with one of
    its own, far out in both means, it would be taken from the estimate, which it is not in new samples.

    Units are at most `UNITS_READ`, and of these `UNITS_SHUFFLED` are shuffled, drawn by the plan's seed. Those
    that are constant at either sublayer, or have no estimate, are left out of both means; NaN where none is left.
    Memory beside the block: a few times 32 MiB, or a few units in float64 where these are larger.
    """
    n_units = states.sizes[UNIT]
    options = Options(repeats=2, seed=plan.seed)
    own, shuffle, drawn_at_random = orders_of(states.sizes[SAMPLE], options)
    units_drawn = np.random.default_rng(plan.seed).permutation(n_units)
    read, shuffled = (np.isin(np.arange(n_units), units_drawn[:n]) for n in (UNITS_READ, UNITS_SHUFFLED))
    ways = ((own, plan.group, read), (shuffle, plan.group[drawn_at_random], shuffled))
    stretch = np.sqrt(2 * _SHARED_NOISE[estimator] - 1)

    def of_units(block: np.ndarray, units: np.ndarray) -> _Said:
        paths = np.ascontiguousarray(block.transpose(2, 1, 0), dtype=np.float64)
        if estimator == "ksg":
            paths = jittered(paths, options.seed, units.tolist())
        constant = moments.constant(moments.from_block(block)).T
        undefined = constant[:, :-1] | constant[:, 1:]
        by_group, defined = [], []
        for order, group, chosen in ways:
            here = chosen[units]
            said = _LOCAL[estimator](paths[here], order[None])[0]
            known = ~(undefined[here] | np.isnan(said).any(axis=2))
            said[~known] = 0.0
            by_group.append(sum_by_group(said.sum(axis=0).T, group, plan.n_groups))
            defined.append(known.sum(axis=0))
        return _Said(np.stack(by_group), np.stack(defined))

    def reduce_band(block: np.ndarray, first: int) -> list[_Said]:
        places = np.flatnonzero(read[first : first + block.shape[2]])
        size = max(1, _LOCAL_VALUES // block[:, :, 0].size)
        parts = (places[start : start + size] for start in range(0, len(places), size))
        return [of_units(block[:, :, some], first + some) for some in parts]

    def finish(bands: list[list[_Said]]) -> np.ndarray:
        found = [said for band in bands for said in band]
        by_group, defined = (np.sum(arrays, axis=0) for arrays in zip(*found, strict=True))
        n_samples = plan.weights @ np.bincount(plan.group, minlength=plan.n_groups)
        estimate, floor = nan.ratio(plan.weights @ by_group, n_samples[:, None] * defined[:, None])
        return estimate - floor[0] - stretch * (floor - floor[0])

    return Reading(reduce_band, finish)
