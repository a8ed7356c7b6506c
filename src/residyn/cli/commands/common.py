"""What several verbs take."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from residyn.cli.presets import PresetName
from residyn.cli.request import Request

BUILT_IN = "smollm2-135m"
DECIDING = {field.name for field in fields(Request)} - {"device", "offline", "on_nonfinite"}
"""Options that a run is of; the others say only how it goes on."""

Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help=f"A hub id, a folder, a .gguf file, or the built-in {BUILT_IN}."),
]
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.")]
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
