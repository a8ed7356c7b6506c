"""The fourteen claims of the paper as tests on the user's own model."""

from residyn.analysis.claims.judge import judge
from residyn.analysis.claims.record import ClaimResult, Column, PartResult, Verdicts
from residyn.analysis.claims.settings import ClaimSettings

__all__ = ["ClaimResult", "ClaimSettings", "Column", "PartResult", "Verdicts", "judge"]
