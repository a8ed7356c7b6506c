"""The verbs that make a run, whole or stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residyn.cli.commands.common import (
    BUILT_IN,
    DECIDING,
    AllowPartial,
    AsJson,
    ChosenPreset,
    Directory,
    Model,
    Quiet,
    Verbose,
)
from residyn.cli.display import Display
from residyn.cli.request import (
    AnalysisRequest,
    ClaimsRequest,
    ControlsRequest,
    FigureRequest,
    Request,
    TeleportRequest,
    takes_request,
    typed_options,
)
from residyn.errors import DataError, ModelError


@takes_request
def run(
    model: Model = BUILT_IN,
    *,
    preset: ChosenPreset = "default",
    request: Request,
    analysis: AnalysisRequest,
    controls: ControlsRequest,
    teleports: TeleportRequest,
    claims: ClaimsRequest,
    figures: FigureRequest,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run directory; by default runs/MODEL-TEXTS.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """From a model and texts to a run directory: states, results, controls, teleports, claims, figures, report.

    Interrupted, it goes on where it was when the same command is given again.
    """
    from residyn.cli import claims as judging
    from residyn.cli import controls as controlling
    from residyn.cli import reporting, stages
    from residyn.cli import teleports as teleporting
    from residyn.store import run_name

    display = Display(quiet=quiet, as_json=as_json)
    directory = out or Path("runs") / run_name(model, request.texts)
    loaded = stages.capture(directory, model, request, display)
    stages.analyze(directory, analysis, display)
    try:
        controlling.controls(directory, controls, display, loaded)
    except (DataError, ModelError) as error:
        # A model whose untrained twin cannot be drawn is still worth a run.
        display.warn([f"Without some of the controls: {error}"])
    try:
        teleporting.teleport(directory, teleports, display, loaded)
    except DataError as error:
        # Too few or too uniform texts leave nothing to teleport to; the rest of the run is worth having.
        display.warn([f"Without teleports (panel L): {error}"])
    judged = judging.claims(directory, claims, display)
    pictures = stages.figure(directory, figures, display)
    page = reporting.report(directory, display)
    reporting.summarize(directory, pictures[0], page, judged, display)


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
    from residyn.cli import inspection, stages
    from residyn.store import has_manifest
    from residyn.store import info as store_info

    display = Display(quiet=quiet, as_json=as_json)
    typed = typed_options(context)
    inspection.check_is_run(directory)
    named, request = stages.continued(directory, model, request, typed)
    if named is not None and has_manifest(directory) and not typed & DECIDING:
        stages.complete(directory, named, request, display)
    else:
        stages.capture(directory, named or BUILT_IN, request, display)
    inspection.show_info(store_info(directory), display)


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
def controls(
    context: typer.Context,
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    controls: ControlsRequest,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Capture what DIR is compared with: untrained models, shuffled tokens, random positions, other batches.

    What is not typed is as it was when DIR's controls were captured last. Controls that are there are verified,
    and their damaged shards captured again.
    """
    from residyn.cli import controls as controlling
    from residyn.cli import stages

    display = Display(quiet=quiet, as_json=as_json)
    controls = stages.continued_record(directory, "controls", controls, typed_options(context))
    controlling.controls(directory, controls, display, verify=True)
    controlling.show(directory, display)


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
def claims(
    context: typer.Context,
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    claims: ClaimsRequest,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Judge the paper's claims on DIR, beside nulls and the controls that are there: claims.json.

    What is not typed is as it was when DIR was judged last.
    """
    from residyn.cli import claims as judging
    from residyn.cli import stages

    display = Display(quiet=quiet, as_json=as_json)
    claims = stages.continued_record(directory, "claims", claims, typed_options(context))
    judging.show(judging.claims(directory, claims, display), directory, display)


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


def report(
    directory: Directory, *, as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Write DIR/report.html, one page with everything that was found, from what is there."""
    from residyn.cli import reporting

    display = Display(quiet=quiet, as_json=as_json)
    page = reporting.report(directory, display)
    if as_json:
        display.emit({"report": str(page)})
    else:
        display.result(str(page))
