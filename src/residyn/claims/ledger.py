"""What the tasks of a judgement leave behind: plain values, so that they can be stored and gone on from."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

Values = dict[str, list[float]]
"""A criterion's values by its name: the data's first, then its replicates, then those of half the groups."""
Ledger = dict[str, Values]
"""The values by the key of the task that computed them."""


class Of(StrEnum):
    """What a task's values are of."""

    MODEL = "model"
    SECOND = "second"
    NULLS_OF_CURVES = "nulls of curves"
    LEAST_P = "least p"
    CONDITION = "condition"
    NULL_OF_STATES = "null of states"


class Task(NamedTuple):
    """One entry of the ledger: what it is of, the name of the condition or null, and which draw of it."""

    of: Of
    name: str = ""
    draw: int = 0

    @property
    def key(self) -> str:
        return "/".join([self.of, *([self.name, str(self.draw)] if self.name else [])])


MODEL = Task(Of.MODEL).key
SECOND = Task(Of.SECOND).key
"""The second estimates of the model's own states."""
NULLS_OF_CURVES = Task(Of.NULLS_OF_CURVES).key
"""Of each criterion with such a null: the draws' mean, p, and their number."""
LEAST_P = Task(Of.LEAST_P).key
"""Of each criterion with such a null: the smallest p that a curve of as many places can have."""


def draws_of(ledger: Ledger, of: Of, name: str, first: int = 0) -> list[Values]:
    """The values of each draw of a condition, or of a null of states, in their order, from the draw `first` on."""
    found = []
    while (key := Task(of, name, first + len(found)).key) in ledger:
        found.append(ledger[key])
    return found
