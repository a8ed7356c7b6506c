"""Mutual information of each unit's activations at successive sublayers (panels G and H)."""

from residyn.quantities.information.estimates import ESTIMATORS, Estimator, Options
from residyn.quantities.information.results import ESTIMATOR, informations, mutual_information, mutual_informations

__all__ = [
    "ESTIMATOR",
    "ESTIMATORS",
    "Estimator",
    "Options",
    "informations",
    "mutual_information",
    "mutual_informations",
]
