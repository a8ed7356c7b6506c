"""From numbers to verdicts, and to sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from residyn.claims.claim import UNTRAINED, Claim
from residyn.claims.columns import QUANTITIES, SAME
from residyn.claims.record import ClaimResult, Column, NullResult, Origin, PartResult, Verdict, passes

LEVEL = 0.05
"""Largest p with which a statistic is said to be beyond its null."""


def part_verdict(part: PartResult) -> Verdict:
    """Whether a statistic speaks for its claim.

    It holds where its whole interval is beyond the threshold and the null reaches it with p ≤ `LEVEL`; it does
    not where its whole interval is on the other side; else, and where a number is missing, it is undecided.
    """
    if not all(math.isfinite(number) for number in (part.value, part.low, part.high)):
        return "undecided"
    if _beyond(part, part.low if part.above else part.high):
        beats = part.null is None or (math.isfinite(part.null.p) and part.null.p <= LEVEL)
        return "holds" if beats else "undecided"
    other_side = part.high <= part.threshold if part.above else part.low >= part.threshold
    return "does not hold" if other_side else "undecided"


def claim_verdict(parts: Sequence[PartResult]) -> Verdict:
    """A claim holds where all its parts do, and does not where one does not."""
    verdicts = [part.verdict for part in parts]
    if "does not hold" in verdicts:
        return "does not hold"
    return "holds" if verdicts and all(verdict == "holds" for verdict in verdicts) else "undecided"


def _beyond(part: PartResult, value: float) -> bool:
    return value > part.threshold if part.above else value < part.threshold


def origin(claim: Claim, parts: Sequence[PartResult], columns: Mapping[str, Column]) -> Origin:
    """Where a claim that holds comes from; see `ClaimResult`."""
    explained = [name for name in also_in(claim, parts) if columns[name].kind in _KNOWING_NOTHING]
    if explained or lost_in(claim, parts, columns):
        return "artefact"
    untrained = passes(parts, UNTRAINED)
    if untrained is None:
        return ""
    if untrained:
        return "architecture"
    short = [part for part in parts if part.columns[UNTRAINED].passes is False]
    return "learned" if all(_differs(part, UNTRAINED) for part in short) else ""


_KNOWING_NOTHING = ("null", "quantity")


def _differs(part: PartResult, column: str) -> bool:
    apart = part.columns[column]
    return apart.difference_low > 0 if part.above else apart.difference_high < 0


def also_in(claim: Claim, parts: Sequence[PartResult]) -> tuple[str, ...]:
    """The controls that pass as well."""
    return tuple(name for name in claim.imitations if passes(parts, name))


def lost_in(claim: Claim, parts: Sequence[PartResult], columns: Mapping[str, Column]) -> tuple[str, ...]:
    """What was taken away and took the claim with it: it fails there, and by a difference that is clear.

    What the model itself fails on the controls' samples was not lost by what was taken from these.
    """
    there = [name for name in claim.removals if name in columns]
    own = passes(parts, SAME)
    return tuple(
        name for name in there if (own or name in QUANTITIES) and any(_is_lost(part, name) for part in parts)
    )


def _is_lost(part: PartResult, column: str) -> bool:
    return column in part.columns and part.columns[column].passes is False and _differs(part, column)


def sentence(result: ClaimResult, columns: Mapping[str, Column], caution: str = "") -> str:
    """What was seen, in words: the statistics that decide, their nulls, and what else shows the same."""
    if not result.parts:
        said = "Undecided: nothing was measured."
    else:
        deciding = [part for part in result.parts if part.verdict == result.verdict] or list(result.parts)
        said = f"{result.verdict.capitalize()}: {'; '.join(_said(part) for part in deciding)}."
    if result.verdict == "holds":
        said += _explained(result, columns)
    return f"{said} {caution}".strip()


def _said(part: PartResult) -> str:
    comma = "," if "," in part.statistic else ""
    text = f"the {part.statistic}{comma} is"
    if not math.isfinite(part.value):
        return f"{text} not defined on these states"
    text = f"{text} {number(part.value)}"
    if not math.isfinite(part.low):
        return f"{text}, without an interval: there are too few samples or documents"
    return f"{text} ({number(part.low)} to {number(part.high)}), {_beside_threshold(part)}"


def _beside_threshold(part: PartResult) -> str:
    """Where the interval lies, and what the null does."""
    threshold = f"{'above' if part.above else 'below'} {number(part.threshold)}"
    if part.verdict == "does not hold":
        return f"not {threshold}"
    if not _beyond(part, part.low if part.above else part.high):
        return f"which includes {number(part.threshold)}"
    return threshold if part.null is None else f"{threshold}, {_beside_null(part.null, part.verdict)}"


def _beside_null(null: NullResult, verdict: Verdict) -> str:
    if not math.isfinite(null.p):
        return "but its null could not be drawn"
    if verdict == "holds":
        return f"{p_text(null.p)} against {null.name}"
    if 1 / (1 + null.repeats) > LEVEL:
        return f"but its null, {null.name}, has too few draws to tell ({null.repeats})"
    return f"but not clearly beyond its null, {null.name} ({p_text(null.p)})"


def _explained(result: ClaimResult, columns: Mapping[str, Column]) -> str:
    said = ""
    explaining = [name for name in result.also_in if columns[name].kind in _KNOWING_NOTHING]
    without = [columns[name].title for name in explaining]
    if without:
        kept = "what these keep" if len(without) > 1 else columns[explaining[0]].preserves
        said += f" As much is seen in {_listed(without)}: it follows from {kept}."
    if any(columns[name].kind == "basis" for name in result.also_in):
        said += " So it is in a random basis: it says nothing of single units."
    inputs = [columns[name].title for name in result.also_in if columns[name].kind == "input"]
    if inputs:
        said += f" So it is with {_listed(inputs)}."
    if any(columns[name].kind == "direction" for name in result.also_in):
        said += " Moves in any direction are pulled as much: there is no basin of the plane."
    if result.lost_in:
        said += f" It is lost with {_listed([columns[name].title for name in result.lost_in])}."
    if UNTRAINED in result.also_in:
        said += " Untrained models of this architecture do the same."
    elif result.origin == "learned":
        said += " Untrained models of this architecture do not: it is learned."
    return said


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def number(value: float) -> str:
    """Three significant digits, with a minus sign as typeset."""
    return f"{value:.3g}".replace("-", "−")


def p_text(p: float) -> str:
    return "p < 0.002" if p < 0.002 else f"p = {p:.2g}"
