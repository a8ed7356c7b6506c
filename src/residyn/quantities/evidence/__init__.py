"""What claims are judged by: every curve over depth, with its replicates over groups of samples."""

from residyn.quantities.evidence.gather import CURVES, PARTS, evidence
from residyn.quantities.evidence.record import Evidence, Plan, plan_of

__all__ = ["CURVES", "PARTS", "Evidence", "Plan", "evidence", "plan_of"]
