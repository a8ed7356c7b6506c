"""The columns and the verdicts, of everything that was computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from residyn.claims import columns as of_columns
from residyn.claims import parts, verdicts
from residyn.claims.claim import ISOTROPIC, UNTRAINED, Claim
from residyn.claims.parts import Found
from residyn.claims.record import ClaimResult, Column, ColumnResult, PartResult

_TIED = 0.5
"""Share of samples with a last token of others from which a claim about the first sublayers carries a caution."""


def assemble(
    found: Found, chosen: Sequence[Claim], tie_fraction: float
) -> tuple[tuple[Column, ...], tuple[ClaimResult, ...]]:
    """The columns, and what was found of the chosen claims, in their order."""
    columns = {column.name: column for column in _columns(found)}
    caution = ""
    if tie_fraction > _TIED:
        caution = (
            f"{tie_fraction:.0%} of the samples share their last token with others: the first sublayers rest on "
            "few values."
        )
    results = []
    for claim in chosen:
        said = caution if claim.rests_on_first else ""
        measure = parts.of_states if claim.of == "states" else parts.of_teleports
        judged = _with_own([measure(part, found) for part in claim.parts])
        results.append(_claim(claim, judged, columns, said))
    return tuple(columns.values()), tuple(results)


def _columns(found: Found) -> list[Column]:
    n_some, n_all = len(found.paired.group), len(found.plan.group)
    made = [of_columns.column(of_columns.SAME, n_some, 1)] if of_columns.SAME in found.ledger else []
    for name in of_columns.MADE:
        draws = len(found.draws(name))
        if draws:
            made.append(of_columns.column(name, n_all if name in of_columns.QUANTITIES else n_some, draws))
    if ISOTROPIC in found.journeys:
        made.append(of_columns.column(ISOTROPIC, found.journeys[ISOTROPIC].evidence.n_samples, 1))
    moved = [journey for name, journey in found.journeys.items() if name.startswith(UNTRAINED)]
    if found.twins:
        made.append(of_columns.column(UNTRAINED, n_some, len(found.twins)))
    elif moved:
        made.append(of_columns.column(UNTRAINED, moved[0].evidence.n_samples, len(moved)))
    return made


def _with_own(found: list[PartResult]) -> list[PartResult]:
    """The parts of one claim, with the model's own value in a quantity's column that stands in for others only."""
    for name in of_columns.QUANTITIES:
        if any(name in part.columns for part in found):
            found = [
                part if name in part.columns else replace(part, columns={**part.columns, name: _own(part)})
                for part in found
            ]
    return found


def _own(part: PartResult) -> ColumnResult:
    return ColumnResult(part.value, parts.passes(part, part.value, part.value))


def _claim(claim: Claim, found: list[PartResult], columns: Mapping[str, Column], caution: str) -> ClaimResult:
    verdict = verdicts.claim_verdict(found)
    holds = verdict == "holds"
    result = ClaimResult(
        number=claim.number,
        variant=claim.variant,
        claim=claim.claim,
        panel=claim.panel,
        verdict=verdict,
        sentence="",
        origin=verdicts.origin(claim, found, columns) if holds else "",
        also_in=verdicts.also_in(claim, found),
        lost_in=verdicts.lost_in(claim, found, columns) if holds else (),
        parts=tuple(found),
    )
    return replace(result, sentence=verdicts.sentence(result, columns, caution))
