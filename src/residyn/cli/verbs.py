"""The verbs, as people type them: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residyn.cli.common import AllowPartial, Beside, ChosenPreset, Directories, Directory, Model
from residyn.cli.display import Display
from residyn.cli.looking import info, presets, verify
from residyn.cli.options import Chosen, verb
from residyn.errors import ModelError
from residyn.settings import (
    BUILT_IN_MODEL,
    AnalysisSettings,
    CaptureSettings,
    ClaimsSettings,
    ControlsSettings,
    CrewSettings,
    FigureSettings,
    JacobianSettings,
    ModelSettings,
    OutputSettings,
    ReloadSettings,
    RunSettings,
    TeleportSettings,
)


@verb
def run(
    model: Model = BUILT_IN_MODEL,
    *,
    preset: ChosenPreset = "default",
    settings: RunSettings,
    crew: CrewSettings,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run directory; by default runs/MODEL-TEXTS.")
    ] = None,
    display: Display,
) -> None:
    """From a model and texts to a run directory: states, results, controls, teleports, claims, pages.

    There are Jacobians, outputs and figures, too; the pages are the explorer and the report. Interrupted, it goes
    on where it was when the same command is given again.
    """
    display.note(f"{model} reads {settings.capture.texts}")
    from residyn.cli.show import show_run
    from residyn.pipeline.cluster import crew_of
    from residyn.pipeline.run import make

    with crew_of(crew, display) as workers:
        made = make(model, settings, out=out, reporter=display, crew=workers)
    show_run(made, display)


@verb
def check(model: Model = BUILT_IN_MODEL, *, settings: ModelSettings, display: Display) -> None:
    """Show where MODEL's residual stream is read, and prove it on its own weights.

    Exit code 3 where a probe fails.
    """
    display.note(f"Checking {model}")
    from residyn.cli.show_checks import show_check
    from residyn.pipeline.capture import check

    found = check(model, settings, display)
    show_check(found, display)
    raise typer.Exit(0 if found.passed else ModelError.exit_code)


@verb
def capture(
    directory: Directory,
    model: Annotated[
        str | None,
        typer.Option("--model", help=f"As for `run`; by default the run's own, or the built-in {BUILT_IN_MODEL}."),
    ] = None,
    *,
    preset: ChosenPreset = "default",
    settings: CaptureSettings,
    crew: CrewSettings,
    part: Annotated[
        str | None,
        typer.Option(
            "--part",
            metavar="I/N",
            help="Stage part I (from 0) of N, as one of a job array; `capture DIR` commits.",
        ),
    ] = None,
    chosen: Chosen,
    display: Display,
) -> None:
    """Capture states into DIR, or go on with the capture that was interrupted there."""
    display.note(f"Capturing into {directory}")
    from residyn.cli.show import show_info
    from residyn.pipeline.capture import capture_or_continue
    from residyn.pipeline.cluster import crew_of
    from residyn.pipeline.part import capture_part, read_part
    from residyn.runs.held import held

    with crew_of(crew, display) as workers:
        if part is not None:
            capture_part(directory, model, settings, chosen, read_part(part, crew), crew=workers, reporter=display)
        else:
            capture_or_continue(directory, model, settings, chosen, display, crew=workers)
    show_info(held(directory), display)


@verb
def analyze(
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    settings: AnalysisSettings,
    crew: CrewSettings,
    allow_partial: AllowPartial = False,
    chosen: Chosen,
    display: Display,
) -> None:
    """Compute every result of DIR's states: results.zarr and tables/.

    What is not typed is as it was when DIR was analysed last.
    """
    from residyn.cli.show import show_results
    from residyn.pipeline.analysis import analysis
    from residyn.pipeline.cluster import crew_of
    from residyn.pipeline.models import continued

    settings = continued(directory, settings, chosen)
    with crew_of(crew, display) as workers:
        made = analysis(directory, settings, display, allow_partial=allow_partial, crew=workers)
    show_results(directory, made, display)


@verb
def controls(
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    settings: ControlsSettings,
    reload: ReloadSettings,
    crew: CrewSettings,
    chosen: Chosen,
    display: Display,
) -> None:
    """Capture what DIR is compared with: untrained and permuted weights, shuffled and cut texts, other batches.

    What is not typed is as it was when DIR's controls were captured last. Controls that are there are verified,
    and their damaged shards captured again.
    """
    from residyn.cli.show import show_controls
    from residyn.pipeline.cluster import crew_of
    from residyn.pipeline.controls import controls
    from residyn.pipeline.models import continued

    settings = continued(directory, settings, chosen)
    with crew_of(crew, display) as workers:
        controls(directory, settings, display, again=True, reload=reload, crew=workers)
    show_controls(directory, display)


@verb
def teleport(
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    settings: TeleportSettings,
    reload: ReloadSettings,
    crew: CrewSettings,
    chosen: Chosen,
    display: Display,
) -> None:
    """Move the states of DIR's model to chosen points, and record where they flow: teleports/ and tables/.

    What is not typed is as it was when DIR was teleported from last.
    """
    from residyn.cli.show import show_teleports
    from residyn.pipeline.cluster import crew_of
    from residyn.pipeline.models import continued
    from residyn.pipeline.teleports import teleports

    settings = continued(directory, settings, chosen)
    with crew_of(crew, display) as workers:
        made = teleports(directory, settings, display, reload=reload, crew=workers)
    show_teleports(directory, made, display)


@verb
def jacobians(
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    settings: JacobianSettings,
    reload: ReloadSettings,
    chosen: Chosen,
    display: Display,
) -> None:
    """Take the local linear maps of DIR's model at some samples, beside controls: jacobians/ and tables/.

    What is not typed is as it was when DIR's were taken last.
    """
    from residyn.cli.show_networks import show_networks
    from residyn.pipeline import jacobians
    from residyn.pipeline.models import continued

    made = jacobians.jacobians(directory, continued(directory, settings, chosen), display, reload=reload)
    show_networks(jacobians.NAME, directory, made, display)


@verb
def outputs(
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    settings: OutputSettings,
    reload: ReloadSettings,
    chosen: Chosen,
    display: Display,
) -> None:
    """Take what DIR's model would predict from each sublayer's state, and without each block: outputs/, tables/.

    At some samples, beside controls. What is not typed is as it was when DIR's were taken last.
    """
    from residyn.cli.show_networks import show_networks
    from residyn.pipeline import outputs
    from residyn.pipeline.models import continued

    made = outputs.outputs(directory, continued(directory, settings, chosen), display, reload=reload)
    show_networks(outputs.NAME, directory, made, display)


@verb
def claims(
    directory: Directory,
    *,
    preset: ChosenPreset = "default",
    settings: ClaimsSettings,
    crew: CrewSettings,
    chosen: Chosen,
    display: Display,
) -> None:
    """Judge the paper's claims on DIR, beside nulls and the controls that are there: claims.json.

    What is not typed is as it was when DIR was judged last.
    """
    from residyn.cli.show import show_claims
    from residyn.pipeline.claims import claims
    from residyn.pipeline.cluster import crew_of
    from residyn.pipeline.models import continued

    settings = continued(directory, settings, chosen)
    with crew_of(crew, display) as workers:
        found = claims(directory, settings, display, crew=workers)
    show_claims(found, directory, display)


@verb
def figure(directory: Directory, *, settings: FigureSettings, display: Display) -> None:
    """Draw Figure 1 and its panels from DIR's results."""
    from residyn.cli.show import show_pictures
    from residyn.pipeline.figures import figures

    show_pictures(figures(directory, settings, display), display)


@verb
def explorer(directory: Directory, *, display: Display) -> None:
    """Write DIR/explorer.html, one page to walk through its paths, curves, units, teleports and claims."""
    from residyn.cli.show import show_page
    from residyn.pipeline.explorer import explorer

    show_page("explorer", explorer(directory, display), display)


@verb
def view(
    directory: Directory,
    beside: Beside = None,
    *,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="By default one that is free.")] = 0,
    display: Display,
) -> None:
    """Serve the explorer to this machine alone, and read single units and texts out of DIR's states.

    With DIR2 two runs stand beside each other: curves in one chart, and depth, panel, colour and texts linked. The
    address holds a token, without which nothing is given. Ctrl-C ends it.
    """
    from residyn.cli.show import show_address
    from residyn.explorer.serve import Viewer

    with Viewer(directory, beside, port=port) as viewer:
        show_address(viewer.url, display)
        viewer.serve_forever()


@verb
def report(directory: Directory, *, display: Display) -> None:
    """Write DIR/report.html, one page with everything that was found, from what is there."""
    from residyn.cli.show import show_page
    from residyn.pipeline.report import report

    show_page("report", report(directory, display), display)


@verb
def compare(
    directories: Directories,
    *,
    out: Annotated[Path, typer.Option("--out", help="Where the comparison is written.")] = Path("runs/compare"),
    with_controls: Annotated[
        bool,
        typer.Option("--with-controls", help="Put each run's untrained models and other controls beside it."),
    ] = False,
    steps: Annotated[
        str | None,
        typer.Option(
            "--steps",
            metavar="S1,S2,…",
            help="The runs are checkpoints of one model, at these steps of its training, in their order; or "
            "`names`, where revisions or folders say them (step1000, checkpoint-500).",
        ),
    ] = None,
    crew: CrewSettings,
    display: Display,
) -> None:
    """Put runs beside each other over relative depth: curves, claims, and how their trajectories differ."""
    from residyn.cli.show import show_comparison
    from residyn.pipeline.cluster import crew_of
    from residyn.pipeline.compare import compare

    with crew_of(crew, display) as workers:
        found = compare(directories, out, display, with_controls=with_controls, steps=steps, crew=workers)
    show_comparison(found, display)


VERBS = (
    run,
    check,
    capture,
    analyze,
    controls,
    teleport,
    jacobians,
    outputs,
    claims,
    figure,
    explorer,
    view,
    report,
    compare,
    presets,
    info,
    verify,
)
"""In the order of the help page."""
