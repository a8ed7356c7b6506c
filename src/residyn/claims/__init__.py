"""The paper's claims as tests on the user's own model."""

from residyn.claims.judge import judge
from residyn.claims.reading import read_verdicts
from residyn.claims.record import VERDICTS, ClaimResult, Column, PartResult, Verdicts
from residyn.claims.registry import n_of_paper
from residyn.claims.settings import ClaimSettings

__all__ = [
    "VERDICTS",
    "ClaimResult",
    "ClaimSettings",
    "Column",
    "PartResult",
    "Verdicts",
    "judge",
    "n_of_paper",
    "read_verdicts",
]
