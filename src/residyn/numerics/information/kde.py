"""Mutual information from Gaussian kernel density estimates, the paper's estimator."""

from __future__ import annotations

from functools import partial

import numpy as np

from residyn.numerics.information.kernels import estimate_unit
from residyn.numerics.information.pairs import estimate, room_for
from residyn.numerics.information.ranks import sorting


def kde(
    paths: np.ndarray, orders: np.ndarray | None = None, *, single: bool = False, threads: int | None = None
) -> np.ndarray:
    """Mutual information of kernel density estimates, nats, (R, U, S − 1).

    The mean over the N samples of ln((p_xy + 1e-10) / (p_x p_y + 1e-10)), each density evaluated at the
    sample. Densities are those of scipy's gaussian_kde: Gaussian kernels, the sample itself included, whose
    covariance is that of the data (N − 1) times Scott's factor squared, N^(−1/5) along an axis and N^(−1/6)
    in the plane.

    The paper writes Σ p ln(p/(p_x p_y)) with 1e-10 inside, and states neither bandwidth nor evaluation points;
    the mean over samples is that sum with the samples standing for p. The estimate is biased: the bandwidth
    follows the covariance, so that *independent* Gaussian data with one sample far out in both coordinates
    score 1 to 4.6 nats. 1e-10 is an absolute density, so that the estimate depends on the units of the data
    once densities come near it. Unclipped.

    With `single` the kernels of pairs, and their sums over samples, are in float32: more than twice as fast, and
    within 1e-6 nats of the value in float64, typically 1e-7.

    NaN where the unit is constant at either sublayer, and where one sublayer is a linear function of the other
    (less than 1e-12 of the variance unexplained): the joint density does not exist. Raises DataError or
    UsageError for malformed paths or orders. Fernando & Guitchounts 2025, Fig. 1G.
    """
    return estimate(partial(_of_unit, single=single), paths, orders, threads)


def local_kde(
    paths: np.ndarray, orders: np.ndarray | None = None, *, single: bool = False, threads: int | None = None
) -> np.ndarray:
    """What each sample says in `kde`, ln((p_xy + 1e-10) / (p_x p_y + 1e-10)), nats, (R, U, S − 1, N).

    `kde` is the mean over samples, and NaN where all of them are. In row r, sample i is that of the pair of
    sample i at the earlier sublayer and orders[r, i] at the later. `single` and what is
    raised are as in `kde`; of one sample the difference is below 1e-5 nats.
    """
    return estimate(partial(_of_unit, single=single), paths, orders, threads, local=True)


def _of_unit(path: np.ndarray, orders: np.ndarray, found: np.ndarray, *, single: bool) -> None:
    estimate_unit(path, sorting(path), orders, single, room_for(found))
