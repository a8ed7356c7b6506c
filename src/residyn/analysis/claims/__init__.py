"""The fourteen claims of the paper as tests on the user's own model."""

from residyn.analysis.claims.judge import judge
from residyn.analysis.claims.reading import read_verdicts
from residyn.analysis.claims.record import VERDICTS, ClaimResult, Column, PartResult, Verdicts
from residyn.analysis.claims.settings import ClaimSettings

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
