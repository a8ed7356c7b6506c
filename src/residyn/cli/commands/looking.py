"""The verbs that look at a model or a run, or compare runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residyn.cli.commands.common import BUILT_IN, AsJson, Directory, Model, Quiet, Verbose, all_reachable
from residyn.cli.display import Display
from residyn.cli.presets import PRESETS
from residyn.cli.request import ModelRequest, takes_request
from residyn.errors import StoreError


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
    from residyn.cli import inspection

    display = Display(quiet=quiet, as_json=as_json)
    raise typer.Exit(inspection.check(model, request, display))


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
    from residyn.cli import inspection
    from residyn.store import info as store_info

    inspection.show_info(store_info(directory), Display(quiet=quiet, as_json=as_json))


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
    from residyn.cli import inspection

    display = Display(quiet=quiet, as_json=as_json)
    damaged = inspection.verify(directory, display)
    if damaged and repair and not inspection.is_control(directory):
        inspection.repair(directory, damaged, model, display)
        damaged = inspection.verify(directory, display)
    if damaged:
        raise StoreError(
            f"{len(damaged)} shards of {directory} are damaged or missing. {inspection.repair_advice(directory)}"
        )


def compare(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR…", help="Run directories.", callback=all_reachable)
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="Where the comparison is written.")] = Path("runs/compare"),
    with_controls: Annotated[
        bool,
        typer.Option("--with-controls", help="Put each run's untrained models and other controls beside it."),
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Put runs beside each other over relative depth: curves, claims, and how their trajectories differ."""
    from residyn.cli import compare as comparing

    display = Display(quiet=quiet, as_json=as_json)
    comparing.compare(directories, out, display, with_controls=with_controls)
