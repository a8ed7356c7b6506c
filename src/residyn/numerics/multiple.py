"""Many tests at once, and the p of one from draws of its null."""

from __future__ import annotations

from typing import Literal

import numpy as np

Alternative = Literal["two-sided", "greater", "less"]


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """The p of many tests, adjusted for the false discovery rate; NaN stays and is not counted as a test.

    Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57, 289.
    """
    flat = p.ravel().astype(np.float64)
    known = np.flatnonzero(np.isfinite(flat))
    order = known[np.argsort(flat[known], kind="stable")]
    scaled = flat[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted = np.full(flat.shape, np.nan)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted.reshape(p.shape)


def p_values(observed: np.ndarray, draws: np.ndarray, alternative: Alternative) -> np.ndarray:
    """The p of `observed` (…,) among draws (R, …) of its null: (1 + draws as extreme) / (1 + draws).

    "greater" and "less" count draws on that side; "two-sided" those as far from the mean of the observed value and
    all its draws, so that under the null the observed one is as likely as any to be the farthest. Draws that are
    NaN are left out; NaN where the observed value is, or no draw is left.
    """
    known = np.isfinite(draws)
    count = known.sum(axis=0)
    if alternative == "two-sided":
        total = np.where(known, draws, 0.0).sum(axis=0) + observed
        middle = total / (1 + count)
        beyond = np.abs(draws - middle) >= np.abs(observed - middle) * (1 - 1e-12)
    elif alternative == "greater":
        beyond = draws >= observed
    else:
        beyond = draws <= observed
    p = (1 + (beyond & known).sum(axis=0)) / (1 + count)
    return np.where(np.isfinite(observed) & (count > 0), p, np.nan)
