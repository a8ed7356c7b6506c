"""From the values that all tasks left behind to each statistic's interval, null and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from residyn.claims import columns as of_columns
from residyn.claims import curves, teleports, verdicts
from residyn.claims.claim import ISOTROPIC, KINDS, ORDER, UNTRAINED, Part
from residyn.claims.ledger import Ledger
from residyn.claims.record import ColumnResult, NullResult, PartResult
from residyn.claims.work import CURVE_NULLS
from residyn.nulls import NULLS
from residyn.numerics.groups import few_draws, interval
from residyn.quantities.curves import Curves
from residyn.quantities.replicates import Plan

UNDEFINED = np.full(1, np.nan)


@dataclass(frozen=True)
class Found:
    """What was computed: values by task, teleports, and the plans of all samples and of the controls'.

    `null_repeats` are the draws of each null of states.
    """

    ledger: Ledger
    journeys: Mapping[str, teleports.Journeys]
    plan: Plan
    paired: Plan
    seed: int
    null_repeats: int

    @property
    def twins(self) -> list[str]:
        """The tasks of untrained models."""
        return of_columns.twins_of(self.ledger)

    def draws(self, column: str) -> list[Mapping[str, list[float]]]:
        """The values of each draw of a column, or of a null."""
        if column in self.ledger:
            return [self.ledger[column]]
        tasks = (task.rsplit(" ", 1) for task in self.ledger if " " in task)
        return [self.ledger[f"{name} {draw}"] for name, draw in tasks if name == column and draw.isdecimal()]

    def null_draws(self, null: str) -> list[Mapping[str, list[float]]]:
        """The values of each draw of a null of states, the first of them from the column of its surrogates."""
        found = [*self.draws(of_columns.column_of(null)), *self.draws(f"null {null}")]
        return found[: self.null_repeats]


def of_states(part: Part, found: Found) -> PartResult:
    """A statistic of states."""
    draws = np.array(found.ledger["model"].get(part.name, UNDEFINED))
    same = np.array(found.ledger[of_columns.SAME].get(part.name, UNDEFINED))
    columns = {of_columns.SAME: column(part, [same[:1]], same, 0)}
    for name in of_columns.MADE:
        values = [np.array(one[part.name]) for one in found.draws(name) if part.name in one]
        if values:
            # Quantities are of all samples, and are judged beside the model's value on these.
            whole = name in of_columns.QUANTITIES
            plan = found.plan if whole else found.paired
            columns[name] = column(part, values, draws if whole else same, plan.n_groups)
    twins = [np.array(found.ledger[twin][part.name]) for twin in found.twins if part.name in found.ledger[twin]]
    if twins:
        columns[UNTRAINED] = _untrained(part, same, np.stack(twins), found.paired.n_groups, found.seed)
    return _result(part, draws, found.plan.n_groups, _null(part, found, float(same[0])), columns)


def of_teleports(part: Part, found: Found) -> PartResult:
    """A statistic of teleports, whose samples are hosts."""
    model = found.journeys.get("model")
    if model is None:
        return _result(part, UNDEFINED, 0, None, {})
    values = {name: _of_evidence(part, journey.evidence) for name, journey in found.journeys.items()}
    draws, n_hosts = values["model"], model.evidence.n_groups
    own = float(draws[0])
    columns = {}
    if ISOTROPIC in values and teleports.DISCS in values:
        columns[ISOTROPIC] = column(part, [values[ISOTROPIC]], values[teleports.DISCS], n_hosts)
    twins = [draws for name, draws in values.items() if name.startswith(UNTRAINED)]
    if twins:
        columns[UNTRAINED] = _untrained(part, draws, np.stack(twins), n_hosts, found.seed)
    drawn = teleports.host_null(part, model, found.seed)
    name, preserves, destroys = teleports.SAID
    null = NullResult(name, *curves.beside_null(own, drawn, above=part.above), preserves, destroys)
    return _result(part, draws, n_hosts, null, columns)


def _of_evidence(part: Part, evidence: Curves) -> np.ndarray:
    return part.compute(evidence.curves, evidence.kind)


def _result(
    part: Part, draws: np.ndarray, n_groups: int, null: NullResult | None, columns: Mapping[str, ColumnResult]
) -> PartResult:
    low, high = _bounded(part, interval(draws, n_groups))
    result = PartResult(
        name=part.name,
        statistic=part.statistic,
        units=part.units,
        value=float(draws[0]),
        low=low,
        high=high,
        threshold=part.threshold,
        above=part.above,
        verdict="undecided",
        null=null,
        columns=columns,
    )
    return replace(result, verdict=verdicts.part_verdict(result))


def _null(part: Part, found: Found, own: float) -> NullResult | None:
    """The null of a statistic: of its curves, or of states, then beside the model's value on the same samples."""
    if part.null is None:
        return None
    if part.null in (ORDER, KINDS):
        name, preserves, destroys = curves.SAID[part.null]
        mean, p, repeats = found.ledger[CURVE_NULLS].get(part.name, [np.nan, np.nan, 0])
        return NullResult(name, mean, p, int(repeats), preserves, destroys)
    drawn = np.array([one[part.name][0] for one in found.null_draws(part.null) if part.name in one])
    null = NULLS[part.null]
    found_there = curves.beside_null(own, drawn, above=part.above)
    return NullResult(null.title, *found_there, null.preserves, null.destroys)


def column(part: Part, draws: Sequence[np.ndarray], own: np.ndarray, n_groups: int) -> ColumnResult:
    """The mean of a column's draws beside the model's `own` values.

    One draw with the replicates of the model's own has an interval, and one of the difference.
    """
    value = float(np.mean([draw[0] for draw in draws]))
    passing = passes(part, value, float(own[0]))
    if len(draws) > 1 or len(draws[0]) < 2 or len(draws[0]) != len(own):
        return ColumnResult(value, passing)
    apart = own - draws[0]
    ends = _bounded(part, interval(draws[0], n_groups))
    return ColumnResult(value, passing, *ends, float(apart[0]), *interval(apart, n_groups))


def passes(part: Part | PartResult, value: float, own: float) -> bool | None:
    """Whether a column's value passes beside the model's own; see `ColumnResult`."""
    if not np.isfinite(value):
        return None
    threshold = part.threshold
    if threshold == 0 and np.isfinite(own):
        threshold = max(0.0, own / 2) if part.above else min(0.0, own / 2)
    return bool(value > threshold if part.above else value < threshold)


def _untrained(part: Part, same: np.ndarray, twins: np.ndarray, n_groups: int, seed: int) -> ColumnResult:
    """Of untrained models (K, R): each replicate draws samples, and models with replacement among these.

    What the choice of models moves is widened as `few_draws` says. One model says nothing of others: no interval.
    """
    mean = twins.mean(axis=0)
    value, own = float(mean[0]), float(same[0])
    passing = passes(part, value, own)
    if len(twins) < 2:
        return ColumnResult(value, passing, difference=own - value)
    chosen = np.random.default_rng(seed).integers(len(twins), size=twins.shape)
    chosen[:, 0] = np.arange(len(twins))
    moved = np.take_along_axis(twins, chosen, axis=0).mean(axis=0) - mean
    replicates = mean + few_draws(len(twins)) * moved
    low, high = _bounded(part, interval(replicates, n_groups))
    apart = same - replicates if len(same) == len(mean) else UNDEFINED
    return ColumnResult(value, passing, low, high, float(apart[0]), *interval(apart, n_groups))


def _bounded(part: Part, ends: tuple[float, float]) -> tuple[float, float]:
    """An interval within what the statistic can be; NaN stays."""
    low, high = np.clip(ends, *part.bounds)
    return float(low), float(high)
