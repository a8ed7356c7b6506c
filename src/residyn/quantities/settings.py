"""What an analysis is asked for beyond panels B to F, which have no choices."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from residyn.errors import UsageError
from residyn.quantities.information import ESTIMATORS, Estimator


@dataclass(frozen=True)
class Settings:
    """Choices of panels G to K and of their controls.

    estimators    of mutual information, the first of them drawn in panel G and as the dots of panel H
    neighbours    of the ksg estimator
    shuffles      sample shuffles whose mean is the baseline of each estimator; 0 for none
    components    of the principal component spaces
    leave_out     how many of the most massive units are left out, one set of numbers for each
    seed          of the shuffles, of the jitter of ksg, of the held-out samples
    device        where mutual information is computed with torch, such as "cuda"; None: on the CPU's cores
    """

    estimators: tuple[Estimator, ...] = ("gcmi", "kde")
    neighbours: int = 3
    shuffles: int = 1
    components: int = 100
    leave_out: tuple[int, ...] = (1, 3, 10)
    seed: int = 0
    device: str | None = None

    def check(self) -> None:
        """Raise UsageError for a choice that is out of its range."""
        unknown = [name for name in self.estimators if name not in ESTIMATORS]
        if unknown or not self.estimators or len(set(self.estimators)) < len(self.estimators):
            raise UsageError(
                f"Estimators are one or more of {', '.join(ESTIMATORS)}, each once; "
                f"got {', '.join(self.estimators) or 'none'}."
            )
        for name, least in (("neighbours", 1), ("shuffles", 0), ("components", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} is a whole number of at least {least}; got {getattr(self, name)}.")
        if any(top < 1 for top in self.leave_out) or list(self.leave_out) != sorted(set(self.leave_out)):
            raise UsageError(
                f"leave_out holds growing numbers of massive units, such as (1, 3, 10); got {self.leave_out}."
            )

    def to_json(self) -> str:
        """What decides the numbers, as JSON text: the device does not."""
        return json.dumps(
            {name: value for name, value in asdict(self).items() if name != "device"}, sort_keys=True
        )
