"""From the values that all tasks left behind to each statistic's interval, null and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from residyn.analysis.claims import columns as of_columns
from residyn.analysis.claims import curves, teleports, verdicts
from residyn.analysis.claims.catalogue import ISOTROPIC, KINDS, ORDER, UNTRAINED, Part
from residyn.analysis.claims.record import ColumnResult, NullResult, PartResult
from residyn.analysis.claims.settings import Ledger
from residyn.analysis.claims.work import CURVE_NULLS
from residyn.analysis.evidence import Evidence, Plan
from residyn.analysis.nulls import NULLS
from residyn.numerics.groups import interval

UNDEFINED = np.full(1, np.nan)


@dataclass(frozen=True)
class Found:
    """What was computed: values by task, teleports, and the plans of all samples and of the controls'."""

    ledger: Ledger
    journeys: Mapping[str, teleports.Journeys]
    plan: Plan
    paired: Plan
    seed: int

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


def of_states(part: Part, found: Found) -> PartResult:
    """A statistic of states."""
    draws = np.array(found.ledger["model"].get(part.name, UNDEFINED))
    same = np.array(found.ledger[of_columns.SAME].get(part.name, UNDEFINED))
    own = float(same[0])
    columns = {of_columns.SAME: _column(part, [same], own)}
    for name in of_columns.MADE:
        values = [np.array(one[part.name]) for one in found.draws(name) if part.name in one]
        if values:
            columns[name] = _column(part, values, own)
    twins = [np.array(found.ledger[twin][part.name]) for twin in found.twins if part.name in found.ledger[twin]]
    if twins:
        columns[UNTRAINED] = _untrained(part, same, np.stack(twins), found.paired.n_groups, found.seed)
    return _result(part, draws, found.plan.n_groups, _null(part, found, own), columns)


def of_teleports(part: Part, found: Found) -> PartResult:
    """A statistic of teleports, whose samples are hosts."""
    model = found.journeys.get("model")
    if model is None:
        return _result(part, UNDEFINED, 0, None, {})
    values = {name: _of_evidence(part, journey.evidence) for name, journey in found.journeys.items()}
    draws, n_hosts = values["model"], model.evidence.n_groups
    own = float(draws[0])
    columns = {}
    if ISOTROPIC in values:
        columns[ISOTROPIC] = _column(part, [values[ISOTROPIC]], own)
    twins = [draws for name, draws in values.items() if name.startswith(UNTRAINED)]
    if twins:
        columns[UNTRAINED] = _untrained(part, draws, np.stack(twins), n_hosts, found.seed)
    drawn = teleports.host_null(part, model, found.seed)
    name, preserves, destroys = teleports.SAID
    p = curves.p_value(own, drawn, above=part.above)
    null = NullResult(name, _mean(drawn), p, len(drawn), preserves, destroys)
    return _result(part, draws, n_hosts, null, columns)


def _of_evidence(part: Part, evidence: Evidence) -> np.ndarray:
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
        mean, p = found.ledger[CURVE_NULLS].get(part.name, [np.nan, np.nan])
        return NullResult(name, mean, p, curves.DRAWS, preserves, destroys)
    drawn = np.array([one[part.name][0] for one in found.draws(f"null {part.null}") if part.name in one])
    null = NULLS[part.null]
    p = curves.p_value(own, drawn, above=part.above)
    return NullResult(null.title, _mean(drawn), p, len(drawn), null.preserves, null.destroys)


def _mean(draws: np.ndarray) -> float:
    known = draws[np.isfinite(draws)]
    return float(known.mean()) if len(known) else float("nan")


def _column(part: Part, draws: Sequence[np.ndarray], own: float) -> ColumnResult:
    value = float(np.mean([draw[0] for draw in draws]))
    return ColumnResult(value, _passes(part, value, own))


def _passes(part: Part, value: float, own: float) -> bool | None:
    """Whether a column's value passes beside the model's own; see `ColumnResult`."""
    if not np.isfinite(value):
        return None
    threshold = part.threshold
    if threshold == 0 and np.isfinite(own):
        threshold = max(0.0, own / 2) if part.above else min(0.0, own / 2)
    return bool(value > threshold if part.above else value < threshold)


def _untrained(part: Part, same: np.ndarray, twins: np.ndarray, n_groups: int, seed: int) -> ColumnResult:
    """Of untrained models (K, R): each replicate draws samples, and models with replacement among these."""
    chosen = np.random.default_rng(seed).integers(len(twins), size=twins.shape)
    chosen[:, 0] = np.arange(len(twins))
    mean = np.take_along_axis(twins, chosen, axis=0).mean(axis=0)
    low, high = _bounded(part, interval(mean, n_groups))
    apart = same - mean if len(same) == len(mean) else UNDEFINED
    passes = _passes(part, float(mean[0]), float(same[0]))
    return ColumnResult(float(mean[0]), passes, low, high, float(apart[0]), *interval(apart, n_groups))


def _bounded(part: Part, ends: tuple[float, float]) -> tuple[float, float]:
    """An interval within what the statistic can be; NaN stays."""
    low, high = np.clip(ends, *part.bounds)
    return float(low), float(high)
