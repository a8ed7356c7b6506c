"""Some samples in the place of many, where a cost or the memory grows faster than their number."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr

from residyn.numerics.subsamples import some_samples
from residyn.quantities.replicates import Plan
from residyn.schema import DRAWN_FROM, SAMPLE, check_states


def some_of(states: xr.DataArray, seed: int) -> xr.DataArray:
    """The states, or those of 4,000 samples drawn by the seed where there are more.

    Results of these have their number as `n_samples`, and as `drawn_from` the number of all. Raises DataError
    where the states break the data contract.
    """
    check_states(states)
    n = states.sizes[SAMPLE]
    rows = some_samples(n, seed)
    return states if len(rows) == n else states.isel({SAMPLE: rows}).assign_attrs({DRAWN_FROM: n})


def plan_of_some(plan: Plan, seed: int) -> Plan:
    """The plan of `some_of` the states that the plan is of, with the same groups and replicates."""
    return replace(plan, group=plan.group[some_samples(len(plan.group), seed)])
