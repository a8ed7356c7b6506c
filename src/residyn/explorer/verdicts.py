"""Verdicts in words, each with the panel of the page that it rests on."""

from __future__ import annotations

import math
from collections.abc import Collection

from residyn import words
from residyn.claims import Verdicts
from residyn.claims.record import CriterionResult
from residyn.claims.registry import claims
from residyn.explorer.record import PageCriterion, Verdict


def verdicts(
    found: Verdicts | None, curves: Collection[str], *, with_field: bool, with_maps: bool
) -> tuple[Verdict, ...]:
    """The verdicts of a run; `curves` are the names of those on the page. None where nothing was judged."""
    if found is None:
        return ()
    made = []
    for claim in found.claims:
        criteria = tuple(_criterion(one, curves) for one in claim.criteria)
        in_curves = any(one.curve for one in criteria)
        of_teleports = claim.panel == "L" and with_field
        of_maps = claim.panel.startswith("map_") and with_maps
        made.append(
            Verdict(
                label=claim.label,
                claim=claim.claim,
                verdict=claim.verdict,
                said=words.with_origin(claim.verdict, claim.origin),
                mark=words.mark(claim.verdict, claim.origin),
                sentence=claim.sentence,
                # Others than those of Figure 1 rest on panels that have no letter.
                letter=claim.panel if len(claim.panel) == 1 else "",
                shown_in="teleports" if of_teleports else "maps" if of_maps else "curves" if in_curves else "",
                criteria=criteria,
            )
        )
    return tuple(made)


def _criterion(found: CriterionResult, curves: Collection[str]) -> PageCriterion:
    null = found.null
    said = "" if null is None else f"{null.name}: mean {words.number(null.mean)}, {words.p_value(null.p)}"
    return PageCriterion(
        statistic=found.statistic,
        value=words.interval(found.value, found.low, found.high),
        threshold="" if math.isnan(found.threshold) else _threshold(found),
        null=said,
        curve=_curve_of(found.name, curves),
    )


def _threshold(found: CriterionResult) -> str:
    return f"{'above' if found.above else 'below'} {words.number(found.threshold)}"


def _curve_of(criterion: str, curves: Collection[str]) -> str:
    """The first curve on the page that a criterion needs; of several estimators or spaces the first one's."""
    needs = [name for claim in claims() for one in claim.criteria if one.name == criterion for name in one.needs]
    shown = (curve for name in needs for curve in curves if curve == name or curve.startswith(f"{name}."))
    return next(shown, "")
