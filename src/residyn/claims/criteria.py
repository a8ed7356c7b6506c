"""From the values that all tasks left behind to each criterion's interval, null and conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import stdtrit

from residyn.claims import paper, teleports, verdicts
from residyn.claims.at_texts import AtTexts, TextNumbers, text_null
from residyn.claims.claim import Criterion, HostSigns, TextSigns
from residyn.claims.conditions import (
    CONDITIONS,
    GINIBRE,
    ISOTROPIC,
    PERMUTED,
    SAME,
    UNTRAINED,
    Condition,
    OtherCurves,
    Teleported,
)
from residyn.claims.depth_nulls import DepthNull, beside_null
from residyn.claims.ledger import LEAST_P, MODEL, NULLS_OF_CURVES, SECOND, Ledger, Of, draws_of
from residyn.claims.record import LEVEL, ConditionResult, CriterionResult, NullResult, SecondResult
from residyn.claims.work import condition_of
from residyn.nulls import Null
from residyn.numerics.groups import interval
from residyn.quantities.replicates import Plan

LEAST_GROUPS = 5
"""Fewest groups of documents, or hosts, from whose spread an interval is made."""
EXTREME = 1 / (math.sqrt(2) - 1)
"""What an extreme of all samples is biased by, over how far that of half of them is from it."""
UNDEFINED = np.full(1, np.nan)


@dataclass(frozen=True)
class Evidence:
    """What was computed: values by task, teleports, and the plans of all samples and of the controls'.

    `null_repeats` are the draws of each null of states; `at_texts` the numbers of single texts, by what claims
    about them are of.
    """

    ledger: Ledger
    trajectories: Mapping[str, teleports.Trajectories]
    plan: Plan
    paired: Plan
    seed: int
    null_repeats: int
    at_texts: Mapping[str, AtTexts] = field(default_factory=dict)

    def draws(self, condition: Condition, name: str) -> list[np.ndarray]:
        """The values of a criterion in each draw of a condition."""
        return [np.array(one[name]) for one in draws_of(self.ledger, Of.CONDITION, condition.name) if name in one]

    def null_draws(self, null: Null, name: str) -> np.ndarray:
        """The value of a criterion in each draw of a null of states, the first of them from its condition.

        Where the condition was drawn, the null's own draws are numbered on from its.
        """
        condition = condition_of(null, CONDITIONS)
        drawn = [] if condition is None else draws_of(self.ledger, Of.CONDITION, condition.name)
        drawn += draws_of(self.ledger, Of.NULL_OF_STATES, null.name, len(drawn))
        return np.array([one[name][0] for one in drawn if name in one][: self.null_repeats])


def of_states(criterion: Criterion, found: Evidence) -> CriterionResult:
    """What was found of a criterion of states."""
    name = criterion.name
    draws = np.array(found.ledger[MODEL].get(name, UNDEFINED))
    same = next(iter(found.draws(SAME, name)), UNDEFINED)
    tried = {SAME.name: _plain(criterion, same)}
    for condition in CONDITIONS:
        values = found.draws(condition, name) if condition is not SAME else []
        if not values:
            continue
        if condition is UNTRAINED:
            tried[condition.name] = networks(criterion, same, np.stack(values), found.paired)
            continue
        # Quantities are of all samples, and are judged beside the model's value on these.
        whole = isinstance(condition.made, OtherCurves)
        plan, own = (found.plan, draws) if whole else (found.paired, same)
        tried[condition.name] = beside(criterion, np.mean(values, axis=0), own, plan)
    null = _null_of_states(criterion, found, float(same[0]))
    second = _second(criterion, found)
    return _result(criterion, draws, found.plan, null=null, tried=tried, second=second)


def of_teleports(criterion: Criterion, found: Evidence) -> CriterionResult:
    """What was found of a criterion of teleports, whose samples are hosts."""
    model = found.trajectories.get(teleports.MODEL)
    if model is None:
        return _result(criterion, UNDEFINED, found.plan)
    values = {name: criterion.compute(one.curves, teleports.NO_DEPTH) for name, one in found.trajectories.items()}
    draws, plan, tried = values[teleports.MODEL], model.plan, {}
    moved = ISOTROPIC.made
    if isinstance(moved, Teleported) and moved.kind in values and moved.beside in values:
        tried[ISOTROPIC.name] = beside(criterion, values[moved.kind], values[moved.beside], plan)
    untrained = [draws for name, draws in values.items() if name.startswith(teleports.UNTRAINED)]
    if untrained:
        tried[UNTRAINED.name] = networks(criterion, draws, np.stack(untrained), plan)
    null = None
    if isinstance(criterion.null, HostSigns):
        drawn = teleports.host_null(criterion, model, found.seed)
        at = beside_null(float(draws[0]), drawn, above=criterion.above)
        null = NullResult(criterion.null.title, *at, criterion.null.preserves, criterion.null.destroys)
    return _result(criterion, draws, plan, null=null, tried=tried)


def of_texts(criterion: Criterion, found: AtTexts | None, evidence: Evidence) -> CriterionResult:
    """What was found of a criterion whose samples are texts."""
    if found is None:
        return _result(criterion, UNDEFINED, evidence.plan)

    def draws_in(network: TextNumbers) -> np.ndarray:
        return criterion.compute(network.curves, teleports.NO_DEPTH)

    draws, plan, tried = draws_in(found.model), found.model.plan, {}
    if found.random is not None:
        tried[GINIBRE.name] = beside(criterion, draws_in(found.random), draws, plan)
    if found.same is not None:
        own, paired = draws_in(found.same), found.same.plan
        if found.permuted is not None:
            tried[PERMUTED.name] = beside(criterion, draws_in(found.permuted), own, paired)
        if found.untrained:
            twins = np.stack([draws_in(one) for one in found.untrained])
            tried[UNTRAINED.name] = networks(criterion, own, twins, paired)
    null = None
    if isinstance(criterion.null, TextSigns):
        drawn = text_null(criterion, found.model, evidence.seed)
        at = beside_null(float(draws[0]), drawn, above=criterion.above)
        null = NullResult(criterion.null.title, *at, criterion.null.preserves, criterion.null.destroys)
    return _result(criterion, draws, plan, null=null, tried=tried)


def too_few_layers(criterion: Criterion, found: Evidence) -> CriterionResult | None:
    """A premise that fails, where no curve over so few layers is improbable beside the criterion's null."""
    (least,) = found.ledger.get(LEAST_P, {}).get(criterion.name, [math.nan])
    if not least > LEVEL:
        return None
    statistic = f"smallest p that so few layers allow for the {criterion.statistic}"
    premise = Criterion(
        name=f"least_p_of_{criterion.name}",
        statistic=statistic,
        needs=criterion.needs,
        compute=criterion.compute,
        threshold=LEVEL,
        above=False,
        bounds=(0.0, 1.0),
        premise=True,
    )
    return _judged(premise, least, (least, least))


def _result(
    criterion: Criterion,
    draws: np.ndarray,
    plan: Plan,
    *,
    null: NullResult | None = None,
    tried: Mapping[str, ConditionResult] | None = None,
    second: SecondResult | None = None,
) -> CriterionResult:
    ends = ends_of(criterion, draws, plan)
    return _judged(criterion, float(draws[0]), ends, null=null, tried=tried, second=second)


def _judged(
    criterion: Criterion,
    value: float,
    ends: tuple[float, float],
    *,
    null: NullResult | None = None,
    tried: Mapping[str, ConditionResult] | None = None,
    second: SecondResult | None = None,
) -> CriterionResult:
    low, high = ends
    result = CriterionResult(
        name=criterion.name,
        statistic=criterion.statistic,
        units=criterion.units,
        value=value,
        low=low,
        high=high,
        threshold=criterion.threshold,
        above=criterion.above,
        verdict="undecided",
        null=null,
        conditions=tried or {},
        second=second,
        paper=paper.value_of(criterion),
        premise=criterion.premise,
    )
    return replace(result, verdict=verdicts.criterion_verdict(result))


def _second(criterion: Criterion, found: Evidence) -> SecondResult | None:
    if criterion.second is None or criterion.name not in found.ledger[SECOND]:
        return None
    draws = np.array(found.ledger[SECOND][criterion.name])
    low, high = ends_of(criterion, draws, found.plan)
    value = float(draws[0])
    side = verdicts.side(value, low, high, criterion.threshold, above=criterion.above)
    return SecondResult(criterion.second.title, value, low, high, side)


def _null_of_states(criterion: Criterion, found: Evidence, own: float) -> NullResult | None:
    """The null of a criterion: of its curves, or of states, then beside the model's value on the same samples."""
    null = criterion.null
    if isinstance(null, DepthNull):
        mean, p, repeats = found.ledger[NULLS_OF_CURVES].get(criterion.name, [np.nan, np.nan, 0])
        return NullResult(null.title, mean, p, int(repeats), null.preserves, null.destroys)
    if isinstance(null, Null):
        drawn = found.null_draws(null, criterion.name)
        found_there = beside_null(own, drawn, above=criterion.above)
        return NullResult(null.title, *found_there, null.preserves, null.destroys)
    return None


def ends_of(criterion: Criterion, draws: np.ndarray, plan: Plan) -> tuple[float, float]:
    """The 95 % interval of a statistic from its value, its replicates, and its values on half of the groups.

    Where halves differ from the whole, the number of samples matters: the interval is wider by as much on either
    side, for a bias that falls like 1 over that number; by `EXTREME` times as much for an extreme, whose bias
    falls with the root. All of it is wider by the plan's `wider`. NaN for fewer than `LEAST_GROUPS` groups.
    """
    if plan.n_groups < LEAST_GROUPS or len(draws) < 2:
        return float("nan"), float("nan")
    replicates = draws[: len(draws) - plan.halves]
    low, high = interval(replicates, plan.n_groups)
    halves = draws[len(replicates) :]
    halves = halves[np.isfinite(halves)]
    shift = float(abs(draws[0] - halves.mean())) if len(halves) else 0.0
    shift *= EXTREME if criterion.extreme else 1.0
    ends = np.array([low - shift, high + shift])
    ends = np.clip(ends + (plan.wider - 1) * (ends - draws[0]), *criterion.bounds)
    return float(ends[0]), float(ends[1])


def _plain(criterion: Criterion, draws: np.ndarray) -> ConditionResult:
    value = float(draws[0])
    return ConditionResult(value, passes(criterion, value))


def beside(criterion: Criterion, draws: np.ndarray, own: np.ndarray, plan: Plan) -> ConditionResult:
    """A condition's values beside the model's `own`, with an interval and one of the difference."""
    value = float(draws[0])
    if len(draws) < 2 or len(draws) != len(own):
        return ConditionResult(value, passes(criterion, value))
    apart = own - draws
    unbounded = replace(criterion, bounds=(-math.inf, math.inf))
    low, high = ends_of(unbounded, apart, plan)
    ends = ends_of(criterion, draws, plan)
    return ConditionResult(
        value, passes(criterion, value), *ends, float(apart[0]), low, high, _reaches(criterion, low, high)
    )


def networks(criterion: Criterion, own: np.ndarray, twins: np.ndarray, plan: Plan) -> ConditionResult:
    """Of untrained networks (K, R): their mean, and the interval in which one more network is expected.

    That is t · s · √(1 + 1/K) about the mean, for the spread s of K networks; beside the model's value, with what
    the choice of samples moves of the difference. One network has no spread, and no interval.
    """
    mean = twins.mean(axis=0)
    value, k = float(mean[0]), len(twins)
    passing = passes(criterion, value)
    difference = float(own[0] - value)
    if k < 2:
        return ConditionResult(value, passing, difference=difference)
    reach = float(stdtrit(k - 1, 0.975) * twins[:, 0].std(ddof=1) * math.sqrt(1 + 1 / k))
    low, high = np.clip([value - reach, value + reach], *criterion.bounds)
    below, above = (math.nan, math.nan)
    if len(own) == len(mean):
        unbounded = replace(criterion, bounds=(-math.inf, math.inf))
        sampled = ends_of(unbounded, own - mean, plan)
        below = difference - math.hypot(reach, difference - sampled[0])
        above = difference + math.hypot(reach, sampled[1] - difference)
    reaches = _reaches(criterion, below, above)
    return ConditionResult(value, passing, float(low), float(high), difference, below, above, reaches)


def passes(criterion: Criterion | CriterionResult, value: float) -> bool | None:
    """Whether a value is beyond the threshold; None where it is not defined."""
    if not np.isfinite(value):
        return None
    return bool(value > criterion.threshold if criterion.above else value < criterion.threshold)


def _reaches(criterion: Criterion, low: float, high: float) -> bool | None:
    """Whether a difference, the model's value minus another, is not clear of 0 on the claim's side."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return low <= 0 if criterion.above else high >= 0
