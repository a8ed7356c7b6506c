"""Numbers, lists and verdicts as residyn writes them, in the report, in figures and on the terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufdd0-\ufdef]"
    "|[\ufffe\uffff]"
)
_TIED = "\u00a0"
"""A space at which no line breaks."""
MARKS = {"holds": "●", "does not hold": "○", "undecided": "◐"}
"""Marks of the verdicts, which differ in shape and not in colour alone."""
ARTEFACT, CROSSED = "artefact", "⊗"
"""The origin that takes the weight from a claim that holds, and its mark where the word would be overlooked."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def clean(text: object) -> str:
    """Text that a page can hold: controls, lone surrogates and marks that turn the writing become "�"."""
    return _UNFIT.sub("\ufffd", str(text))


def spelled(text: str) -> str:
    """JSON text with the same characters spelled as escapes, so that it says the same and steers no terminal."""
    return _UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def number(value: float, digits: int = 3) -> str:
    """Significant digits, thousands apart, with a minus sign as typeset; "not defined" for NaN."""
    if math.isnan(value):
        return "not defined"
    if value == 0:
        return "0"  # that of −0 too
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if abs(value) >= 10**digits - 0.5 else f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}"
    return text.replace("-", "−")


def percent(share: float, digits: int = 3) -> str:
    """A share as a percentage, of so many significant digits at the most."""
    return "not defined" if math.isnan(share) else f"{number(100 * share, digits)}{_TIED}%"


def interval(value: float, low: float, high: float) -> str:
    """A value with its interval, where there is one."""
    if math.isnan(low) or math.isnan(high):
        return number(value)
    return f"{number(value)} ({number(low)} to {number(high)})"


def p_value(p: float) -> str:
    """The p-value of a null to two digits, or "p < 0.002"."""
    if math.isnan(p):
        return "p not defined"
    said = "p < 0.002" if p < 0.002 else f"p = {p:.2g}"
    return said.replace(" ", _TIED)


def listed(items: Sequence[str]) -> str:
    """As in "a", "a and b", "a, b and c"."""
    return "".join(items) if len(items) < 2 else f"{', '.join(items[:-1])} and {items[-1]}"


def with_origin(verdict: str, origin: str) -> str:
    """A verdict with where the claim comes from, where that is known: "holds (learned)"."""
    return f"{verdict} ({origin})" if origin else verdict


def mark(verdict: str, origin: str) -> str:
    """The mark of a verdict where no word stands beside it: a claim that holds as an artefact has its own."""
    return CROSSED if (verdict, origin) == ("holds", ARTEFACT) else MARKS.get(verdict, verdict)


def without_origin(said: str) -> tuple[str, str]:
    """The verdict and the origin that `with_origin` put together; no origin where there is none."""
    verdict, found, origin = said.partition(" (")
    return (verdict, origin.removesuffix(")")) if found and verdict in MARKS else (said, "")


def counted(n: int, one: str, many: str = "") -> str:
    """As in "1 text", "1,000 texts"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
