"""What a run is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from residyn.cli.request.base import CONTROLS, Asked, option
from residyn.errors import UsageError


@dataclass(frozen=True)
class ControlsRequest(Asked):
    """What a run is compared with."""

    untrained: Annotated[
        int, option("--untrained", CONTROLS, "Untrained models of the same configuration that read the texts too.")
    ] = 3
    shuffled_tokens: Annotated[
        bool, option("--shuffled-tokens/--no-shuffled-tokens", CONTROLS, "The texts' tokens in random order.")
    ] = True
    random_positions: Annotated[
        bool, option("--random-positions/--no-random-positions", CONTROLS, "The texts cut at random tokens.")
    ] = False
    noise: Annotated[
        bool,
        option("--noise/--no-noise", CONTROLS, "Some texts again, each in a batch of its own: the noise floor."),
    ] = True
    control_share: Annotated[
        float, option("--control-share", CONTROLS, "Share of the texts that controls read, of at least 50.")
    ] = 0.2
    control_seed: Annotated[
        int, option("--control-seed", CONTROLS, "Decides which texts, and what is shuffled.")
    ] = 0

    def check(self) -> None:
        for name in ("untrained", "control_seed"):
            if getattr(self, name) < 0:
                raise UsageError(
                    f"--{name.replace('_', '-')} is a whole number of at least 0; got {getattr(self, name)}."
                )
        if not 0 < self.control_share <= 1:
            raise UsageError(
                f"--control-share is a share of the texts, above 0 and at most 1; got {self.control_share}."
            )
