"""What several verbs take."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from residyn.cli.presets import PresetName
from residyn.cli.request import Request
from residyn.errors import StoreError

BUILT_IN = "smollm2-135m"
DECIDING = {field.name for field in fields(Request)} - {"device", "offline", "on_nonfinite"}
"""Options that a run is of; the others say only how it goes on."""
_LONGEST_SHOWN = 200

Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help=f"A hub id, a folder, a .gguf file, or the built-in {BUILT_IN}."),
]


def reachable(directory: Path) -> Path:
    """The folder, once it is known that one can be looked for there: a path may be too long, or lead in a circle.

    Raises StoreError.
    """
    try:
        (directory / "run.json").stat()
    except (FileNotFoundError, NotADirectoryError):
        return directory  # what is there instead is for the verb to say
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        shown = str(directory) if len(str(directory)) <= _LONGEST_SHOWN else f"{str(directory)[:_LONGEST_SHOWN]}…"
        raise StoreError(
            f"{shown} cannot be looked into: {reason}. Name the folder that `residyn run` wrote."
        ) from error
    return directory


def all_reachable(directories: list[Path]) -> list[Path]:
    """The same of several."""
    return [reachable(directory) for directory in directories]


Directory = Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.", callback=reachable)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress: only results and warnings.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")]
AllowPartial = Annotated[
    bool, typer.Option("--allow-partial", help="Go on with the shards that are there, and say how many.")
]
ChosenPreset = Annotated[
    PresetName,
    typer.Option("--preset", help="Choices for what is not typed; `residyn presets` shows them."),
]
