"""The paper's claims as tests on the user's own model."""

from residyn.claims.conditions import Role
from residyn.claims.judge import judge
from residyn.claims.record import VERDICTS, ClaimResult, ConditionRecord, CriterionResult, Verdicts
from residyn.claims.registry import n_of_paper

__all__ = [
    "VERDICTS",
    "ClaimResult",
    "ConditionRecord",
    "CriterionResult",
    "Role",
    "Verdicts",
    "judge",
    "n_of_paper",
]
