"""Mutual information of binned values, with the Miller–Madow correction."""

from __future__ import annotations

from math import isqrt

import numpy as np

from residyn.errors import UsageError
from residyn.numerics.compiled import compiled
from residyn.numerics.information.pairs import estimate
from residyn.numerics.information.ranks import doubled_ranks, sorting


def binned(
    paths: np.ndarray, orders: np.ndarray | None = None, bins: int | None = None, *, threads: int | None = None
) -> np.ndarray:
    """Mutual information of equal-frequency bins, nats, (R, U, S − 1).

    Each sublayer's values are cut into `bins` bins of N/bins samples by rank. Tied samples share the bin of
    their mean rank, so that bins differ in size, and some may be empty, where there are ties. The estimate is
    the plug-in value Σ p ln(p/(p_x p_y)) over bins plus (m_x + m_y − m_xy − 1)/2N, with m the number of
    occupied bins and cells (Miller 1955). Unclipped: negative values are noise around 0.

    Binning discards dependence within bins, and no more than ln(bins) can be seen. Default `bins`:
    `default_bins`. NaN where a sublayer falls into a single bin, as for a constant unit or fewer than 2
    samples. Raises DataError or UsageError for malformed paths or orders, UsageError for fewer than 2 bins.
    """
    n = paths.shape[-1]
    bins = default_bins(n) if bins is None else bins
    if bins < 2:
        raise UsageError(f"Values are cut into at least 2 bins; bins={bins} was given.")
    bins = min(bins, n)  # more bins than samples would stay empty
    terms = _plug_in_terms(n)

    def unit_estimate(path: np.ndarray, orders: np.ndarray, estimates: np.ndarray) -> None:
        labels = (doubled_ranks(path, sorting(path)) - 1) * bins // (2 * n)
        _unit(labels, orders, bins, terms, estimates)

    return estimate(unit_estimate, paths, orders, threads)


def default_bins(n: int) -> int:
    """⌊√(n/5)⌋ and at least 2: five samples in a cell on average, if the two sublayers are independent."""
    return max(2, isqrt(n // 5))


def _plug_in_terms(n: int) -> np.ndarray:
    """The numbers c ln c for c = 0 … n, with 0 ln 0 = 0."""
    counts = np.arange(n + 1, dtype=np.float64)
    return counts * np.log(np.maximum(counts, 1.0))


@compiled(error_model="numpy")
def _unit(labels: np.ndarray, orders: np.ndarray, bins: int, terms: np.ndarray, estimates: np.ndarray) -> None:
    n_sublayers, n = labels.shape
    cells = np.empty(bins * bins, dtype=np.int64)
    occupied, term = np.empty(n_sublayers, dtype=np.int64), np.empty(n_sublayers)
    for s in range(n_sublayers):
        cells[:] = 0
        for i in range(n):
            cells[labels[s, i]] += 1
        occupied[s], term[s] = _occupied(cells, terms)
    for row in range(len(orders)):
        for s in range(n_sublayers - 1):
            if occupied[s] < 2 or occupied[s + 1] < 2:
                estimates[row, s] = np.nan
                continue
            cells[:] = 0
            for i in range(n):
                cells[labels[s, i] * bins + labels[s + 1, orders[row, i]]] += 1
            occupied_cells, joint_term = _occupied(cells, terms)
            # The entropy of counts c is ln n − Σ c ln c / n.
            plug_in = (joint_term - term[s] - term[s + 1]) / n + np.log(n)
            estimates[row, s] = plug_in + (occupied[s] + occupied[s + 1] - occupied_cells - 1) / (2 * n)


@compiled()
def _occupied(cells: np.ndarray, terms: np.ndarray) -> tuple[int, float]:
    """How many cells hold samples, and Σ c ln c of their counts."""
    occupied, total = 0, 0.0
    for cell in range(len(cells)):
        if cells[cell]:
            occupied += 1
            total += float(terms[cells[cell]])
    return occupied, total
