"""The verbs, as people type them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from residyn.cli.display import Display
from residyn.cli.presets import PRESETS, PresetName
from residyn.cli.request import (
    AnalysisRequest,
    FigureRequest,
    ModelRequest,
    Request,
    TeleportRequest,
    takes_request,
    typed_options,
)
from residyn.errors import DataError, StoreError

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


@takes_request
def run(
    model: Model = BUILT_IN,
    *,
    preset: ChosenPreset = "default",
    request: Request,
    analysis: AnalysisRequest,
    teleports: TeleportRequest,
    figures: FigureRequest,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run directory; by default runs/MODEL-TEXTS.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Capture, analyse, teleport and draw Figure 1: from a model and texts to a run directory.

    Interrupted, it goes on where it was when the same command is given again.
    """
    from residyn.cli import stages
    from residyn.cli import teleports as teleporting
    from residyn.store import run_name

    display = Display(quiet=quiet, as_json=as_json)
    directory = out or Path("runs") / run_name(model, request.texts)
    loaded = stages.capture(directory, model, request, display)
    stages.analyze(directory, analysis, display)
    try:
        teleporting.teleport(directory, teleports, display, loaded)
    except DataError as error:
        # Too few or too uniform texts leave nothing to teleport to; the rest of the run is worth having.
        display.warn([f"Without teleports (panel L): {error}"])
    pictures = stages.figure(directory, figures, display)
    stages.summarize(directory, pictures, display)


@takes_request
def capture(
    context: typer.Context,
    directory: Directory,
    model: Annotated[
        str | None,
        typer.Option("--model", help=f"As for `run`; by default the run's own, or the built-in {BUILT_IN}."),
    ] = None,
    *,
    preset: ChosenPreset = "default",
    request: Request,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Capture states into DIR, or go on with the capture that was interrupted there."""
    from residyn.cli import stages
    from residyn.store import has_manifest
    from residyn.store import info as store_info

    display = Display(quiet=quiet, as_json=as_json)
    typed = typed_options(context)
    named, request = stages.continued(directory, model, request, typed)
    if named is not None and has_manifest(directory) and not typed & DECIDING:
        stages.complete(directory, named, request, display)
    else:
        stages.capture(directory, named or BUILT_IN, request, display)
    stages.show_info(store_info(directory), display)


@takes_request
def analyze(
    context: typer.Context,
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    analysis: AnalysisRequest,
    allow_partial: AllowPartial = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compute every result of DIR's states: results.zarr and tables/.

    What is not typed is as it was when DIR was analysed last.
    """
    from residyn.cli import stages

    display = Display(quiet=quiet, as_json=as_json)
    analysis = stages.continued_record(directory, "analysis", analysis, typed_options(context))
    results = stages.analyze(directory, analysis, display, allow_partial=allow_partial)
    stages.show_results(directory, results, display)


@takes_request
def teleport(
    context: typer.Context,
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    teleports: TeleportRequest,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Move the states of DIR's model to chosen points, and record where they flow: teleports/ and tables/.

    What is not typed is as it was when DIR was teleported from last.
    """
    from residyn.cli import stages
    from residyn.cli import teleports as teleporting

    display = Display(quiet=quiet, as_json=as_json)
    teleports = stages.continued_record(directory, "teleports", teleports, typed_options(context))
    teleporting.teleport(directory, teleports, display)
    teleporting.show(directory, display)


@takes_request
def figure(
    directory: Directory,
    *,
    figures: FigureRequest,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw Figure 1 and its panels from DIR's results."""
    from residyn.cli import stages

    display = Display(quiet=quiet, as_json=as_json)
    pictures = stages.figure(directory, figures, display)
    if as_json:
        display.emit({"figures": [str(path) for path in pictures]})
        return
    for path in pictures:
        display.result(str(path))


@takes_request
def check(
    model: Model = BUILT_IN,
    *,
    request: ModelRequest,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show where MODEL's residual stream is read, and prove it on its own weights.

    Exit code 3 where a probe fails.
    """
    from residyn.cli import stages

    display = Display(quiet=quiet, as_json=as_json)
    raise typer.Exit(stages.check(model, request, display))


def presets(*, as_json: AsJson = False) -> None:
    """Show what each --preset chooses."""
    display = Display(as_json=as_json)
    if as_json:
        display.emit({name: {"purpose": p.purpose, "choices": dict(p.choices)} for name, p in PRESETS.items()})
        return
    for name, preset in PRESETS.items():
        rows = [(f"--{option.replace('_', '-')}", value) for option, value in preset.choices.items()]
        display.table(f"{name}: {preset.purpose}", ["option", "choice"], rows or [("", "every option's default")])


def info(directory: Directory, *, as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Say what DIR holds."""
    from residyn.cli import stages
    from residyn.store import info as store_info

    stages.show_info(store_info(directory), Display(quiet=quiet, as_json=as_json))


def verify(
    directory: Directory,
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Capture damaged and missing shards again.")] = False,
    model: Annotated[
        str | None, typer.Option("--model", help="Where the run's model is now, if it was moved.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Read every shard of DIR and compare it with the ledger; exit code 5 where one is damaged."""
    from residyn.cli import stages

    display = Display(quiet=quiet, as_json=as_json)
    damaged = stages.verify(directory, display)
    if damaged and repair:
        stages.repair(directory, damaged, model, display)
        damaged = stages.verify(directory, display)
    if damaged:
        raise StoreError(
            f"{len(damaged)} shards of {directory} are damaged or missing. "
            f"`residyn verify {directory} --repair` captures only those again."
        )
