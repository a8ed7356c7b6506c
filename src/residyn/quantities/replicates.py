"""Which samples are drawn together: groups of whole documents, and how often each counts in a replicate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics.groups import groups_of, interval, replicate_weights
from residyn.schema import SAMPLE, check_states, documents_of

GROUPS = 20
RESAMPLES = 200
"""Replicates behind the intervals of results."""


@dataclass(frozen=True)
class Plan:
    """How samples are resampled: the group (N,) of each, and the groups' weights (1 + B, G) in each replicate.

    Row 0 of the weights is the data itself. Groups are whole documents where the states say which a sample is
    of. `seed` decided both.
    """

    group: np.ndarray
    weights: np.ndarray
    seed: int

    @property
    def n_groups(self) -> int:
        return self.weights.shape[1]

    @property
    def only_data(self) -> Plan:
        """The same without replicates."""
        return replace(self, weights=self.weights[:1])

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


def with_ends(rows: np.ndarray, plan: Plan, bounds: tuple[float, float]) -> np.ndarray:
    """A curve and the ends of its 95 % interval, (3, P), from the curve and its replicates (1 + B, P).

    Ends are kept within `bounds`, and are NaN for fewer than two groups: samples of one document say nothing of
    others.
    """
    ends = np.array([interval(column, plan.n_groups) for column in rows.T]).reshape(-1, 2)
    return np.concatenate([rows[:1], np.clip(ends, *bounds).T])
