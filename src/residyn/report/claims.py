"""The verdicts as the page shows them: a row a claim, with its statistics, nulls and untrained networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from residyn.claims import ClaimResult, CriterionResult, Role, Verdicts
from residyn.claims.sentences import remarks
from residyn.words import interval


@dataclass(frozen=True)
class StatisticRow:
    """A statistic of a claim, and what untrained networks show of it; empty where none were captured."""

    result: CriterionResult
    untrained: str


@dataclass(frozen=True)
class ClaimRow:
    """A claim with its verdict, its statistics, what else shows it by name and what that means in words."""

    result: ClaimResult
    statistics: tuple[StatisticRow, ...]
    also: str
    remarks: str

    @property
    def anchor(self) -> str:
        """Where on the page the claim stands."""
        return anchor_of(self.result)


def anchor_of(claim: ClaimResult) -> str:
    """The name under which the page's links find a claim."""
    return f"claim-{claim.label.lower().replace(' ', '-')}"


def claim_rows(verdicts: Verdicts | None) -> tuple[ClaimRow, ...]:
    """A row for each claim, in the order of the verdicts; none where nothing was judged."""
    if verdicts is None:
        return ()
    conditions = {one.name: one for one in verdicts.conditions}
    return tuple(
        ClaimRow(
            result=claim,
            statistics=tuple(StatisticRow(one, _untrained(one, verdicts)) for one in claim.criteria),
            also="; ".join(_also(claim)),
            remarks=remarks(claim, conditions),
        )
        for claim in verdicts.claims
    )


def claims_of(verdicts: Verdicts | None, panel: str) -> tuple[ClaimResult, ...]:
    """The claims that rest on a panel: of Figure 1 by its letter, of other composites by its stem."""
    return () if verdicts is None else tuple(claim for claim in verdicts.claims if claim.panel == panel)


def _untrained(one: CriterionResult, verdicts: Verdicts) -> str:
    found = [one.conditions[name] for name in verdicts.of_role(Role.UNTRAINED) if name in one.conditions]
    return "; ".join(
        interval(trial.value, trial.low, trial.high) for trial in found if not math.isnan(trial.value)
    )


def _also(claim: ClaimResult) -> Iterator[str]:
    heads: Sequence[tuple[str, tuple[str, ...]]] = (
        ("", claim.reproduced_in),
        ("less in ", claim.passes_in),
        ("lost: ", claim.abolished_by),
    )
    yield from (f"{head}{', '.join(names)}" for head, names in heads if names)
