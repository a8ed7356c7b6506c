"""The fourteen claims of the paper as tests on the user's own model."""

from residyn.claims.judge import judge
from residyn.claims.reading import read_verdicts
from residyn.claims.record import VERDICTS, ClaimResult, Column, PartResult, Verdicts
from residyn.claims.settings import ClaimSettings

__all__ = [
    "VERDICTS",
    "ClaimResult",
    "ClaimSettings",
    "Column",
    "PartResult",
    "Verdicts",
    "judge",
    "read_verdicts",
]
