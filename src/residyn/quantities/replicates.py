"""Which samples are drawn together: groups of whole documents, and how often each counts in a replicate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics.groups import groups_of, interval, replicate_weights
from residyn.numerics.tails import tail_index
from residyn.schema import SAMPLE, SUBLAYER, UNIT, check_states, documents_of

GROUPS = 20
HALVES, LEAST_TO_HALVE = 10, 6
RESAMPLES = 200
"""Replicates behind the intervals of results."""
LIGHT = 3.0
"""Tail index from which on values have a finite skewness, and means over some hundred of them are about normal."""


@dataclass(frozen=True)
class Plan:
    """How samples are resampled: the group (N,) of each, and the groups' weights (1 + B, G) in each replicate.

    Row 0 of the weights is the data itself. Groups are whole documents where the states say which a sample is
    of. `seed` decided both.
    """

    group: np.ndarray
    weights: np.ndarray
    seed: int

    halves: int = 0
    """How many of the last rows of the weights count half of the groups once, and the others not at all."""

    wider: float = 1.0
    """By how much intervals are wider because some samples lie far out."""

    @property
    def n_groups(self) -> int:
        return self.weights.shape[1]

    @property
    def only_data(self) -> Plan:
        """The same without replicates."""
        return replace(self, weights=self.weights[:1], halves=0)

    def describe(self) -> dict[str, Any]:
        """What an interval rests on, as attributes."""
        return {"n_groups": self.n_groups, "resamples": len(self.weights) - 1, "resampling_seed": int(self.seed)}


def plan_of(states: xr.DataArray, resamples: int = RESAMPLES, seed: int = 0, n_groups: int = GROUPS) -> Plan:
    """The plan of some states. Samples of an unknown document are documents of their own.

    Raises DataError for states that break the data contract, and where there are none.
    """
    check_states(states)
    n = states.sizes[SAMPLE]
    if not n:
        raise DataError(f"Groups need at least one sample; these states have {dict(states.sizes)}. Capture some.")
    group = groups_of(documents_of(states), n_groups, seed)
    return Plan(group, replicate_weights(int(group.max()) + 1, resamples, seed), seed)


def with_halves(plan: Plan, pairs: int = HALVES) -> Plan:
    """The plan with `pairs` random splits of its groups, one row for either half of each.

    What a statistic is on half of the samples says where more of them would move it. The two halves of a split
    are as large as each other, or differ by one group; none are added to fewer than `LEAST_TO_HALVE` groups.
    """
    if plan.n_groups < LEAST_TO_HALVE:
        return plan
    rng = np.random.default_rng(plan.seed)
    first = rng.permuted(np.tile(np.arange(plan.n_groups) < plan.n_groups // 2, (pairs, 1)), axis=1)
    rows = np.concatenate([first, ~first]).astype(np.float64)
    return replace(plan, weights=np.concatenate([plan.weights, rows]), halves=len(rows))


def with_tails(plan: Plan, states: xr.DataArray) -> Plan:
    """The plan with intervals as much wider as `LIGHT` is above the tail index of some of its samples.

    The index is of the distances of the samples of `states` from their mean, the median over sublayers. Where it
    is small a mean depends on a few far samples, and replicates know nothing of those that were not drawn. An
    index of `LIGHT` or more, and fewer samples than a tail index needs, change nothing.
    """
    x = states.transpose(SUBLAYER, SAMPLE, UNIT).values
    index = [tail_index(np.linalg.norm(one - one.mean(axis=0, dtype=np.float64), axis=1)) for one in x]
    known = [one for one in index if np.isfinite(one)]
    return replace(plan, wider=max(1.0, LIGHT / float(np.median(known)))) if known else plan


def with_ends(rows: np.ndarray, plan: Plan, bounds: tuple[float, float]) -> np.ndarray:
    """A curve and the ends of its 95 % interval, (3, P), from the curve and its replicates (1 + B, P).

    Ends are kept within `bounds`, and are NaN for fewer than two groups: samples of one document say nothing of
    others.
    """
    ends = np.array([interval(column, plan.n_groups) for column in rows.T]).reshape(-1, 2)
    return np.concatenate([rows[:1], np.clip(ends, *bounds).T])
