"""The p of a test from draws of its null, and many tests at once."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from residyn.errors import UsageError

Alternative = Literal["two-sided", "greater", "less"]

ROUNDING = 2.0**-20
"""Share of a value below which a difference is the rounding of float32 states, and no difference."""


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """The p of many tests, adjusted for the false discovery rate, of the same shape; NaN stays and is no test.

    Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57:289.
    """
    flat = p.ravel().astype(np.float64)
    known = np.flatnonzero(~np.isnan(flat))
    order = known[np.argsort(flat[known], kind="stable")]
    scaled = flat[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted = np.full(flat.shape, np.nan)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted.reshape(p.shape)


def p_values(observed: np.ndarray, draws: np.ndarray, alternative: Alternative = "two-sided") -> np.ndarray:
    """The p of `observed` (…) among draws (R, …) of its null: (1 + draws at least as extreme) / (1 + draws).

    "greater" and "less" count the draws on that side; "two-sided" those as far from the mean of the observed
    value and all its draws, so that under the null the observed one is as likely as any to be the farthest.
    A draw that is less extreme by no more than `ROUNDING` of the observed value counts as equal: what a null
    preserves it preserves to rounding. Draws that are not finite are left out; NaN where the observed value is
    not finite or no draw is left. Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39, on the 1 that is
    added. Raises UsageError for an unknown alternative.
    """
    if alternative not in get_args(Alternative):
        raise UsageError(f'alternative is "two-sided", "greater" or "less"; got {alternative!r}.')
    known = np.isfinite(draws)
    count = known.sum(axis=0)
    defined = np.isfinite(observed) & (count > 0)
    own, other = np.where(defined, observed, 0.0), np.where(known, draws, 0.0)
    if alternative == "two-sided":
        middle = (other.sum(axis=0) + own) / (1 + count)
        own_extreme, extreme = np.abs(own - middle), np.abs(other - middle)
    else:
        sign = 1 if alternative == "greater" else -1
        own_extreme, extreme = sign * own, sign * other
    beyond = known & (extreme >= own_extreme - ROUNDING * np.abs(own))
    return np.where(defined, (1 + beyond.sum(axis=0)) / (1 + count), np.nan)
