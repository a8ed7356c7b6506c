"""Choices of the verdicts, and the values that their tasks leave behind."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from residyn.errors import UsageError

Values = dict[str, list[float]]
"""A statistic's values by its name: the data's first, then its replicates."""
Ledger = dict[str, Values]
"""The values by the task that computed them; plain, so that they can be stored and gone on from."""


@dataclass(frozen=True)
class ClaimSettings:
    """Choices of the verdicts.

    resamples    replicates behind each interval
    draws        of each null of states
    n_samples    most samples that nulls of states and untrained models are compared on; controls that were
                 captured say themselves which
    seed         of all of these
    """

    resamples: int = 200
    draws: int = 20
    n_samples: int = 200
    seed: int = 0

    def check(self) -> None:
        """Raise UsageError for a choice out of its range."""
        for name, least in (("resamples", 20), ("draws", 1), ("n_samples", 4), ("seed", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} is a whole number of at least {least}; got {getattr(self, name)}.")

    def to_json(self) -> str:
        """What decides the numbers, as JSON text."""
        return json.dumps(asdict(self), sort_keys=True)
