"""What is computed to judge claims, task by task: the statistics, their nulls, and what they are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from residyn.claims import registry
from residyn.claims.claim import TIED_AT_START, Claim, Criterion
from residyn.claims.conditions import (
    CONDITIONS,
    SAME,
    Condition,
    OtherCurves,
    Surrogates,
    WithoutMassive,
    captured_by,
    n_draws,
    with_other_curves,
)
from residyn.claims.depth_nulls import DepthNull, beside_null, least_p, null_draws
from residyn.claims.ledger import LEAST_P, MODEL, NULLS_OF_CURVES, SECOND, Ledger, Of, Task, Values
from residyn.errors import DataError
from residyn.nulls import Null, surrogate
from residyn.quantities.curves import COMPONENTS, Curves
from residyn.quantities.curves import curves as measured
from residyn.quantities.massive import leave_out, massive_ratio, massive_units
from residyn.quantities.replicates import Plan, plan_of, with_halves, with_tails
from residyn.schema import SAMPLE, SUBLAYER, UNIT, check_states
from residyn.settings import ClaimsSettings


class Judging:
    """States, the claims that are judged on them, and the samples on which controls are compared, chosen once."""

    def __init__(
        self,
        states: xr.DataArray,
        results: xr.Dataset | None,
        controls: Mapping[str, xr.DataArray],
        settings: ClaimsSettings,
        chosen: Collection[Claim],
    ) -> None:
        self.states, self.results, self.controls, self.settings = states, results, controls, settings
        self.chosen = chosen
        every = [one for claim in chosen for one in claim.criteria]
        every += [TIED_AT_START] if any(claim.rests_on_first for claim in chosen) else []
        self.criteria = list({one.name: one for one in every}.values())
        self.tried = {one.name: _tried(one, chosen) for one in CONDITIONS}
        self.conditions = [one for one in CONDITIONS if self.tried[one.name] and self._can_be_made(one)]
        labels = _common_labels(states, controls, settings)
        self.some = states.isel({SAMPLE: np.flatnonzero(np.isin(states[SAMPLE].values, labels))}).load()
        self.plan, self.paired = self._plan(states), self._plan(self.some)

    def tasks(self) -> Iterator[tuple[str, Callable[[], Ledger]]]:
        """Each task by its key, under which its values stand in the ledger."""
        if not self.criteria:
            return
        yield MODEL, self._of_model
        yield Task(Of.CONDITION, SAME.name).key, partial(self._of_states, SAME, 0, lambda: self.some)
        for condition in self.conditions:
            for draw, states in enumerate(self._made(condition)):
                yield (
                    Task(Of.CONDITION, condition.name, draw).key,
                    partial(self._of_states, condition, draw, states),
                )
        for null in self._nulls():
            for draw in range(n_drawn(null, self.conditions), self.settings.null_draws):
                yield Task(Of.NULL_OF_STATES, null.name, draw).key, partial(self._of_null, null, draw)

    def computed(self, key: str) -> Ledger:
        """What the task with this key finds."""
        return dict(self.tasks())[key]()

    def __reduce__(self) -> tuple[Callable[..., Judging], tuple[Any, ...]]:
        """How it travels to a worker: by what it is made of, its claims by their numbers."""
        needed = None
        if self.results is not None:
            needed = self.results[[name for name in ("pc_axes", "massive_ratio") if name in self.results]]
        numbers = {claim.number for claim in self.chosen}
        return _made_again, (self.states, needed, self.controls, self.settings, numbers)

    def _plan(self, states: xr.DataArray) -> Plan:
        plan = with_halves(plan_of(states, self.settings.resamples, self.settings.claims_seed))
        return with_tails(plan, self.some)

    def _made(self, condition: Condition) -> Iterator[Callable[[], xr.DataArray]]:
        """What makes the states of each draw of a condition, of those that are made of states."""
        made = condition.made
        if isinstance(made, WithoutMassive):
            yield partial(self._without_massive, made.units)
        elif isinstance(made, Surrogates):
            for draw in range(n_draws(condition)):
                yield partial(self._surrogate, made.null, draw)
        for name in captured_by(condition, self.controls):
            yield partial(self._control, name)

    def _nulls(self) -> list[Null]:
        """The nulls of states that the claims are tested on."""
        named = {one.null.name: one.null for one in self.criteria if isinstance(one.null, Null)}
        return [null for null in named.values() if self._can_be_drawn(null)]

    def _can_be_made(self, condition: Condition) -> bool:
        return not isinstance(condition.made, Surrogates) or self._can_be_drawn(condition.made.null)

    def _can_be_drawn(self, null: Null) -> bool:
        """Whether the states have the units that a null needs; without it, what it would decide stays open."""
        return self.states.sizes[UNIT] >= null.least_units

    def _needed(self, criteria: Collection[Criterion]) -> set[str]:
        return {curve for one in criteria for curve in one.needs}

    def _of_model(self) -> Ledger:
        """The statistics with their replicates; of other curves in their places; and the nulls of curves."""
        others = {one.name: one.made.curves for one in self.conditions if isinstance(one.made, OtherCurves)}
        second = {
            curve: other for one in self.criteria if one.second for curve, other in one.second.curves.items()
        }
        needed = self._needed(self.criteria)
        further = {
            other for curves in (*others.values(), second) for curve, other in curves.items() if curve in needed
        }
        found = measured(self.states, self.plan, sorted(needed | further), axes=self._axes())
        made: Ledger = {
            Task(Of.CONDITION, name).key: values_of(with_other_curves(found, curves), self.criteria)
            for name, curves in others.items()
        }
        with_second = [one for one in self.criteria if one.second is not None]
        made[SECOND] = values_of(with_other_curves(found, second), with_second)
        nulls: Values = {}
        least: Values = {}
        for one in self.criteria:
            if isinstance(one.null, DepthNull) and set(one.needs) <= set(found.curves):
                value = float(one.compute({name: found.curves[name][:1] for name in one.needs}, found.depth)[0])
                drawn = null_draws(one, found, self.settings.claims_seed)
                nulls[one.name] = list(beside_null(value, drawn, above=one.above))
                least[one.name] = [least_p(one, found)]
        return {**made, NULLS_OF_CURVES: nulls, LEAST_P: least, MODEL: values_of(found, self.criteria)}

    def _axes(self) -> np.ndarray | None:
        """The global components that the results keep, where these are as many as are judged."""
        if self.results is None or len(self.results.get("pc_axes", ())) < COMPONENTS:
            return None
        return self.results["pc_axes"].values[:COMPONENTS]

    def _of_states(self, condition: Condition, draw: int, make: Callable[[], xr.DataArray]) -> Ledger:
        """The statistics of a condition's states, of the claims that are tried under it."""
        criteria = self.criteria if condition is SAME else self.tried[condition.name]
        found = measured(make(), self.paired, sorted(self._needed(criteria)))
        return {Task(Of.CONDITION, condition.name, draw).key: values_of(found, criteria)}

    def _of_null(self, null: Null, draw: int) -> Ledger:
        """A null's statistics, of the curves that they need and no more."""
        criteria = [one for one in self.criteria if one.null == null]
        drawn = self._surrogate(null, draw)
        found = measured(drawn, self.paired.only_data, sorted(self._needed(criteria)))
        return {Task(Of.NULL_OF_STATES, null.name, draw).key: values_of(found, criteria)}

    def _without_massive(self, units: int) -> xr.DataArray:
        known = self.results is not None and "massive_ratio" in self.results
        ratio = self.results["massive_ratio"] if known else massive_ratio(self.states)  # type: ignore[index]
        return leave_out(self.some, massive_units(ratio, units))

    def _surrogate(self, null: Null, draw: int) -> xr.DataArray:
        """Another for every draw, and none shared by two seeds below a million."""
        return surrogate(self.some, null, seed=self.settings.claims_seed + 1_000_000 * (draw + 1))

    def _control(self, name: str) -> xr.DataArray:
        """A control's states, in the order of the model's, in memory: they are read several times."""
        return self.controls[name].sel({SAMPLE: self.some[SAMPLE].values}).load()


def _made_again(
    states: xr.DataArray,
    results: xr.Dataset | None,
    controls: Mapping[str, xr.DataArray],
    settings: ClaimsSettings,
    numbers: Collection[int],
) -> Judging:
    chosen = [claim for claim in registry.claims() if claim.number in numbers and claim.of == "states"]
    return Judging(states, results, controls, settings, chosen)


def condition_of(null: Null, conditions: Collection[Condition]) -> Condition | None:
    """The condition whose draws are surrogates of this null of states."""
    return next((one for one in conditions if isinstance(one.made, Surrogates) and one.made.null == null), None)


def n_drawn(null: Null, conditions: Collection[Condition]) -> int:
    """How many draws of a null of states a condition has already."""
    condition = condition_of(null, conditions)
    return 0 if condition is None else n_draws(condition)


def _tried(condition: Condition, chosen: Collection[Claim]) -> list[Criterion]:
    """The criteria of the claims that are tried under a condition, and of those whose null it is made of."""
    criteria = {one.name: one for claim in chosen if condition in claim.conditions for one in claim.criteria}
    if criteria and isinstance(condition.made, Surrogates):
        criteria |= {
            one.name: one for claim in chosen for one in claim.criteria if one.null == condition.made.null
        }
    return list(criteria.values())


def values_of(found: Curves, criteria: Collection[Criterion]) -> Values:
    """Every statistic whose curves are there."""
    return {
        one.name: one.compute(found.curves, found.depth).tolist()
        for one in criteria
        if all(name in found.curves for name in one.needs)
    }


def _common_labels(
    states: xr.DataArray, controls: Mapping[str, xr.DataArray], settings: ClaimsSettings
) -> np.ndarray:
    """Labels of the samples that the model and its controls are compared on: those that all controls have."""
    known = states[SAMPLE].values
    if not controls:
        order = np.random.default_rng(settings.claims_seed).permutation(len(known))
        return known[order[: settings.null_samples]]
    common = known
    for name, control in controls.items():
        check_states(control)
        if control.shape[1:] != states.shape[1:]:
            raise DataError(
                f"Controls are captured at the sublayers of the model: the states have {states.shape[1]} of "
                f"{states.shape[2]} units, and {name} has {control.shape[1]} of {control.shape[2]}. "
                f"Capture {name} again, of the same model."
            )
        common = np.intersect1d(common, control[SAMPLE].values)
    if not len(common):
        raise DataError(
            f"Controls are captured on samples of the model's own; {', '.join(controls)} have no sample in common "
            f"with the states along {SAMPLE!r}, at {states.sizes[SUBLAYER]} sublayers. Capture them of this run."
        )
    return common
