"""The p of a test from draws of its null, and of many tests at once."""

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


def largest_of_all(observed: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The p of many tests (D,), two-sided, so that under the nulls of all, 5 % of data have any p of 0.05 or less.

    `draws` (R, D) are of all tests together, and what the tests share they share. Values are taken from the mean
    of the observed one and its draws, in their standard deviations, so that tests of unlike spread count alike;
    the p of the farthest is the share of draws whose own farthest is as far, of the second that among the tests
    without the first, and so on (step-down maxT; Westfall & Young 1993, algorithm 2.8). The least p is 1/(1 + R)
    for any number of tests. A test that no draw moves by more than `ROUNDING` has p = 1; NaN where the observed
    value or a draw is not finite, which is no test.
    """
    every = np.concatenate([observed[None], draws]).astype(np.float64)
    adjusted = np.full(observed.shape, np.nan)
    known = np.flatnonzero(np.isfinite(every).all(axis=0))
    if not len(known):
        return adjusted
    far = np.abs(every[:, known] - every[:, known].mean(axis=0))
    spread = every[:, known].std(axis=0)
    moved = spread > ROUNDING * np.abs(observed[known])
    far = np.divide(far, spread, out=np.zeros_like(far), where=moved)
    order = np.argsort(-far[0], kind="stable")
    far = far[:, order]
    # Column k: the farthest of the tests from the k-th on.
    farthest = np.maximum.accumulate(far[1:, ::-1], axis=1)[:, ::-1]
    p = (1 + (farthest >= far[0] * (1 - ROUNDING)).sum(axis=0)) / (1 + len(draws))
    adjusted[known[order]] = np.maximum.accumulate(p)
    return adjusted


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
