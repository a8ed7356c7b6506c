"""The fourteen claims of the paper as tests on the user's own model."""

from residyn.claims.judge import judge
from residyn.claims.record import VERDICTS, ClaimResult, Column, PartResult, Verdicts

__all__ = [
    "VERDICTS",
    "ClaimResult",
    "Column",
    "PartResult",
    "Verdicts",
    "judge",
]
