"""Where states are teleported from and to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from residyn.cli.request.base import TELEPORTS, Asked, option
from residyn.errors import UsageError


@dataclass(frozen=True)
class TeleportRequest(Asked):
    """Where states are teleported from and to."""

    hosts: Annotated[
        int, option("--hosts", TELEPORTS, "Texts of the run whose last token is moved, beside the prompt.")
    ] = 8
    prompt: Annotated[str, option("--prompt", TELEPORTS, "The host that panel L shows.")] = (
        "I'm sorry, Dave. I'm afraid I can't do that."
    )
    inject: Annotated[
        str,
        option(
            "--inject",
            TELEPORTS,
            "Layers or sublayers to write at, such as 0,7.mlp; by default 0, ¼, ½, ¾ and the last of the layers.",
        ),
    ] = ""
    grid: Annotated[int, option("--grid", TELEPORTS, "Points of the grid along PC1 and along PC2.")] = 10
    extents: Annotated[
        str,
        option(
            "--extents",
            TELEPORTS,
            "robust: where the samples lie; a number r: from −r to r; with commas between, a grid for each.",
        ),
    ] = "robust"
    radii: Annotated[
        str, option("--radii", TELEPORTS, "Distances of the controls from their host, in σ of the sublayer.")
    ] = "0.5,1,2,4"
    directions: Annotated[
        int, option("--directions", TELEPORTS, "Directions at each radius, and samples swapped with.")
    ] = 8
    horizon: Annotated[int, option("--horizon", TELEPORTS, "Sublayers that an arrow spans, at most.")] = 12
    untrained_teleports: Annotated[
        int, option("--untrained-teleports", TELEPORTS, "Untrained models that are teleported too, to compare.")
    ] = 1
    teleport_seed: Annotated[
        int, option("--teleport-seed", TELEPORTS, "Decides which hosts, directions and samples.")
    ] = 0

    def check(self) -> None:
        for name, least in (
            ("hosts", 0),
            ("grid", 1),
            ("directions", 1),
            ("horizon", 1),
            ("untrained_teleports", 0),
            ("teleport_seed", 0),
        ):
            if getattr(self, name) < least:
                raise UsageError(
                    f"--{name.replace('_', '-')} is a whole number of at least {least}; got {getattr(self, name)}."
                )
        if not self.prompt.strip():
            raise UsageError("--prompt is the text that panel L starts from; it is empty. Give a text.")
        self.parsed_radii()
        self.parsed_extents()

    def parsed_radii(self) -> tuple[float, ...]:
        """The values of --radii. Raises UsageError."""
        radii = tuple(_number("radii", part) for part in self.radii.split(","))
        if list(radii) != sorted(set(radii)):
            raise UsageError(f"--radii grow and are each named once, such as 0.5,1,2; got {self.radii!r}.")
        return radii

    def parsed_extents(self) -> tuple[Literal["robust"] | float, ...]:
        """The values of --extents. Raises UsageError."""
        parts = [part.strip() for part in self.extents.split(",")]
        extents: list[Literal["robust"] | float] = [
            "robust" if part == "robust" else _number("extents", part) for part in parts
        ]
        if len(set(extents)) < len(extents):
            raise UsageError(f"--extents are each named once; got {self.extents!r}.")
        return tuple(extents)


def _number(option: str, part: str) -> float:
    """A positive finite number among those of an option. Raises UsageError."""
    try:
        number = float(part)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UsageError(f"--{option} takes positive numbers with commas between; got {part.strip()!r}.")
    return number
