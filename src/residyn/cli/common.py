"""What several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residyn.errors import StoreError
from residyn.pipeline.presets import PresetName
from residyn.settings import BUILT_IN_MODEL

_LONGEST_SHOWN = 200

Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help=f"A hub id, a folder, a .gguf file, or the built-in {BUILT_IN_MODEL}."),
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


def reachable_if_named(directory: Path | None) -> Path | None:
    """The same of a folder that need not be named."""
    return None if directory is None else reachable(directory)


def all_reachable(directories: list[Path]) -> list[Path]:
    """The same of several."""
    return [reachable(directory) for directory in directories]


Directory = Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.", callback=reachable)]
Directories = Annotated[
    list[Path], typer.Argument(metavar="DIR…", help="Run directories.", callback=all_reachable)
]
Beside = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR2]", help="Another run, to be seen beside it.", callback=reachable_if_named),
]
AllowPartial = Annotated[
    bool, typer.Option("--allow-partial", help="Go on with the shards that are there, and say how many.")
]
ChosenPreset = Annotated[
    PresetName,
    typer.Option("--preset", help="Choices for what is not typed; `residyn presets` shows them."),
]
