"""What all records of options are, and how one option is declared."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import typer

TEXTS, MODEL, ANALYSIS, CONTROLS, TELEPORTS, FIGURE = (
    "Texts",
    "Model",
    "Analysis",
    "Controls",
    "Teleports",
    "Figure",
)
"""Panels of the help page."""


def option(flag: str, panel: str, text: str) -> Any:
    return typer.Option(flag, rich_help_panel=panel, help=text)


class Asked:
    """A record of options."""

    def check(self) -> None:
        """Refuse what can be refused before anything is loaded. Raises UsageError."""

    def record(self) -> dict[str, Any]:
        """The options as plain values, for the run's provenance."""
        return json.loads(json.dumps(asdict(self), default=str))  # type: ignore[call-overload]
