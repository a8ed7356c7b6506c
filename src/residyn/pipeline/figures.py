"""The figures stage: stored results → Figure 1 and its panels."""

from __future__ import annotations

from pathlib import Path

from residyn import store
from residyn.pipeline.reporter import SILENT, Reporter, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import open_noise_floor, open_run_results, open_teleport_results, outdated, uncovered
from residyn.runs.results import hash_of_results
from residyn.runs.stages import ANALYSIS, FIGURES, TELEPORTS, Stage
from residyn.settings import FigureSettings

NAME = FIGURES


def figures(directory: Path, settings: FigureSettings | None = None, reporter: Reporter = SILENT) -> list[Path]:
    """Draw Figure 1 and its panels, with panel L where there are teleports; the files, Figure 1 first.

    What is drawn of the same results in the same way is not drawn again. Raises StoreError where there are no
    results or a file was damaged, DataError where they lack panels B to F.
    """
    from residyn.figures.figure1 import draw_all
    from residyn.figures.panel import Teleports

    settings = settings or FigureSettings()
    results, found = open_run_results(directory), open_teleport_results(directory)
    noise = open_noise_floor(directory)
    notices = [outdated(directory, results), uncovered(directory, ANALYSIS, TELEPORTS)]
    reporter.warn([notice for notice in notices if notice])
    stage = Stage(NAME, drawn_inputs(directory), settings.deciding())
    if is_done(stage, directory, reporter):
        return stage.outputs(directory)
    teleports = Teleports(found["flow"], found["summary"], found["return_fraction"]) if found else None
    stage.begin(directory)
    with timed() as seconds, reporter.stage("Drawing Figure 1"):
        pictures = draw_all(
            results,
            None,
            directory / layout.FIGURES,
            reference=settings.reference,
            formats=list(settings.formats),
            teleports=teleports,
            noise=noise,
        )
    stage.finish(directory, pictures)
    store.update_run(directory, figure=settings.record(), timings={"figure_s": seconds()})
    return pictures


def drawn_inputs(directory: Path) -> dict[str, str | None]:
    """The hashes of what figures are drawn of."""
    paths = {
        "results": directory / layout.RESULTS,
        "noise_floor": layout.noise_floor(directory),
        **{f"teleports.{name}": layout.teleport_result(directory, name) for name in layout.TELEPORT_RESULTS},
    }
    return {name: hash_of_results(path) for name, path in paths.items()}
