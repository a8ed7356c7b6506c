"""The figures stage: stored results → Figure 1 and its panels."""

from __future__ import annotations

from pathlib import Path

from residyn import store
from residyn.pipeline.reporter import SILENT, Reporter, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import (
    figures_stage,
    open_jacobian_results,
    open_noise_floor,
    open_output_results,
    open_run_results,
    open_teleport_results,
    outdated,
    uncovered,
)
from residyn.runs.stages import ANALYSIS, FIGURES, JACOBIANS, OUTPUTS, TELEPORTS
from residyn.settings import FigureSettings

NAME = FIGURES


def figures(directory: Path, settings: FigureSettings | None = None, reporter: Reporter = SILENT) -> list[Path]:
    """Draw Figure 1 and its panels, with panel L where there are teleports; the files, Figure 1 first.

    What is drawn of the same results in the same way is not drawn again. Raises StoreError where there are no
    results or a file was damaged, DataError where they lack panels B to F.
    """
    settings = settings or FigureSettings()
    with store.undisturbed(directory):
        results = open_run_results(directory)
        notices = [outdated(directory, results), uncovered(directory, ANALYSIS, TELEPORTS, JACOBIANS, OUTPUTS)]
        # What the figures are of is whole, also where they need not be drawn again.
        open_teleport_results(directory)
        open_noise_floor(directory)
        open_jacobian_results(directory)
        open_output_results(directory)
        to_do = figures_stage(directory, settings).reasons(directory)
    reporter.warn([notice for notice in notices if notice])
    if to_do:
        with store.locked(directory, needed=False):
            _draw(directory, settings, reporter)
    return figures_stage(directory, settings).outputs(directory)


def _draw(directory: Path, settings: FigureSettings, reporter: Reporter) -> None:
    from residyn.figures.figure1 import draw_all
    from residyn.figures.panel import Teleports

    # Read under the lock: what is drawn is what the stage says that it is of.
    results, found = open_run_results(directory), open_teleport_results(directory)
    noise = open_noise_floor(directory)
    stage = figures_stage(directory, settings)
    if is_done(stage, directory, reporter):
        return
    teleports = Teleports(found["flow"], found["summary"], found["return_fraction"]) if found else None
    stage.begin(directory)
    with timed(directory, "figure_s"), reporter.stage("Drawing Figure 1"):
        pictures = draw_all(
            results,
            None,
            directory / layout.FIGURES,
            reference=settings.reference,
            formats=list(settings.formats),
            teleports=teleports,
            noise=noise,
            jacobians=open_jacobian_results(directory),
            outputs=open_output_results(directory),
        )
        store.update_run(directory, figure=settings.record())
    stage.finish(directory, pictures)
