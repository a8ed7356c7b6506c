"""Mean mutual information over units, along depth and by kind of transition, with its interval."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.numerics import nan
from residyn.quantities.information.results import ESTIMATOR
from residyn.quantities.measure import INTERVAL, transitions_by_kind
from residyn.quantities.replicates import Plan, with_ends
from residyn.schema import (
    BOUND,
    BOUNDS,
    BY_KIND,
    CURVE,
    TRANSITION,
    TRANSITION_KIND,
    UNIT,
    label_result,
    transition_coords,
)

_NOT_RESAMPLED = (
    "none: only gcmi's mean is resampled, by a jackknife; ranks and densities survive no sample drawn twice"
)
"""Why other estimators have no interval."""


def information_curves(
    states: xr.DataArray, nats: xr.DataArray, deviations: np.ndarray | None, plan: Plan
) -> dict[str, xr.DataArray]:
    """The mean over units by each estimator, with an interval for gcmi: along depth, and by kind of transition.

    `deviations` (1 + B, T) are `information_deviations`.
    """
    name = "mutual_information"
    masks = transitions_by_kind(nats["kind"].values)
    means = nan.finite_mean(nats.transpose(ESTIMATOR, TRANSITION, UNIT).values)
    by_kind = np.stack([nan.finite_mean(means[:, mask]) for mask in masks.values()], axis=1)
    along_depth, over_kinds = (np.stack([each, *np.full((2, *each.shape), np.nan)]) for each in (means, by_kind))
    if deviations is not None:
        place = nats[ESTIMATOR].values.tolist().index("gcmi")
        rows = means[place] + deviations
        of_kinds = np.stack([nan.finite_mean(rows[:, mask]) for mask in masks.values()], axis=1)
        along_depth[1:, place] = with_ends(rows, plan, (-np.inf, np.inf))[1:]
        over_kinds[1:, place] = with_ends(of_kinds, plan, (-np.inf, np.inf))[1:]
    kinds = {
        TRANSITION_KIND: list(masks),
        "n_transitions": (TRANSITION_KIND, [int(m.sum()) for m in masks.values()]),
    }
    made = {}
    for suffix, values, dim, coords, statistic in (
        (CURVE, along_depth, TRANSITION, transition_coords(states), "mean over units"),
        (BY_KIND, over_kinds, TRANSITION_KIND, kinds, "mean over transitions of the mean over units"),
    ):
        made[f"{name}{suffix}"] = label_result(
            values,
            (BOUND, ESTIMATOR, dim),
            {BOUND: list(BOUNDS), ESTIMATOR: nats[ESTIMATOR].values, **coords},
            quantity=name,
            units="nats",
            definition=f"{statistic} of: {nats.attrs['definition']}; low and high: {INTERVAL}",
            source=nats.attrs["source"],
            states=states,
            statistic=statistic,
            interval_of_others=_NOT_RESAMPLED,
            **plan.describe(),
        )
    return made
