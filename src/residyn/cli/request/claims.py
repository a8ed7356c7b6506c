"""How claims are judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from residyn.cli.request.base import CONTROLS, Asked, option

if TYPE_CHECKING:
    from residyn.claims import ClaimSettings


@dataclass(frozen=True)
class ClaimsRequest(Asked):
    """How claims are judged."""

    resamples: Annotated[
        int, option("--resamples", CONTROLS, "Bootstrap replicates behind the interval of each claim.")
    ] = 200
    null_draws: Annotated[
        int, option("--null-draws", CONTROLS, "Draws of each null of states; 19 or more can reach p = 0.05.")
    ] = 20
    claims_seed: Annotated[int, option("--claims-seed", CONTROLS, "Decides replicates and nulls.")] = 0

    def check(self) -> None:
        self.settings()

    def settings(self) -> ClaimSettings:
        """The settings of `residyn.judge`. Raises UsageError."""
        from residyn.claims import ClaimSettings

        settings = ClaimSettings(resamples=self.resamples, draws=self.null_draws, seed=self.claims_seed)
        settings.check()
        return settings
