"""A run as an object: made by `run`, or opened where one is."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residyn import store
from residyn.crew import ALONE, Crew
from residyn.errors import DataError, ModelError, StoreError, UsageError
from residyn.pipeline.analysis import analysis
from residyn.pipeline.capture import capture
from residyn.pipeline.claims import claims
from residyn.pipeline.controls import controls
from residyn.pipeline.course import numbered
from residyn.pipeline.explore import explore
from residyn.pipeline.explorer import explorer
from residyn.pipeline.figures import figures
from residyn.pipeline.jacobians import jacobians
from residyn.pipeline.outputs import outputs
from residyn.pipeline.presets import PRESETS, PresetName
from residyn.pipeline.report import report
from residyn.pipeline.reporter import SILENT, InPython, Reporter
from residyn.pipeline.teleports import teleports
from residyn.runs import layout
from residyn.runs.contents import (
    open_controls,
    open_jacobian_results,
    open_noise_floor,
    open_output_results,
    open_pictures,
    open_run_results,
    open_tables,
    open_teleport_results,
    open_verdicts,
    uncovered,
)
from residyn.settings import BUILT_IN_MODEL, STAGES, RunSettings, fields_of, run_settings, with_options
from residyn.shown import Shown, shortened

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from residyn.claims import Verdicts
    from residyn.explorer.notebook import Frame
    from residyn.explorer.widget import ExplorerWidget
    from residyn.model.loading import GivenModel, LoadedModel


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """What a run directory holds; each part is read when it is first asked for.

    What was damaged, or changed after a stage wrote it, is not given: StoreError says what it is, and what makes
    it again.

    >>> run.states.dims
    ('sample', 'sublayer', 'unit')
    >>> run.results["cosine"].dims
    ('sample', 'transition')
    >>> sorted(run.teleports)
    ['field', 'flow', 'return_fraction', 'summary']
    """

    directory: Path

    @cached_property
    def states(self) -> xr.DataArray:
        """The states (sample, sublayer, unit), lazily. Raises as `rd.open_states` does."""
        return store.open_states(self.directory)

    @cached_property
    def results(self) -> xr.Dataset:
        """Every quantity of the states. Raises as `rd.open_results` does."""
        return open_run_results(self.directory)

    @cached_property
    def controls(self) -> dict[str, xr.DataArray]:
        """The states of the captured controls, by name; lazily."""
        return open_controls(self.directory)

    @cached_property
    def noise_floor(self) -> xr.Dataset | None:
        """How far states differ between batches; None where it was not measured."""
        return open_noise_floor(self.directory)

    @cached_property
    def teleports(self) -> dict[str, xr.Dataset]:
        """What teleports gave: flow, return_fraction, field and summary; empty where there were none."""
        return open_teleport_results(self.directory)

    @cached_property
    def jacobians(self) -> dict[str, xr.Dataset]:
        """The local linear maps in the run's model ("model") and in controls, as `rd.jacobians` gives them; empty
        where they were not taken.
        """
        return open_jacobian_results(self.directory)

    @cached_property
    def outputs(self) -> dict[str, xr.Dataset]:
        """What would be predicted from each sublayer's state, and without each block, in the run's model ("model")
        and in controls, as `rd.outputs` gives it; empty where it was not taken.
        """
        return open_output_results(self.directory)

    @cached_property
    def claims(self) -> Verdicts | None:
        """The verdicts on the paper's claims; None where they were not judged."""
        return open_verdicts(self.directory)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables, by name, as they stand in tables/NAME.csv."""
        return open_tables(self.directory)

    @property
    def pictures(self) -> list[Path]:
        """The files of the figures stage, Figure 1 first; empty where it was not finished."""
        return open_pictures(self.directory)

    def figure1(self, *, reference: bool = False) -> Figure:
        """Figure 1 of these results, with panel L where there are teleports. Raises as `rd.figure1` does."""
        from residyn.figures.figure1 import figure1
        from residyn.figures.panel import Teleports

        found = self.teleports
        moved = Teleports(found["flow"], found["summary"], found["return_fraction"]) if found else None
        return figure1(self.results, teleports=moved, noise=self.noise_floor, reference=reference)

    def explorer(self) -> Path:
        """Write DIR/explorer.html, a page to walk through the run with; its path.

        Raises as `rd.write_explorer` does.
        """
        return explorer(self.directory)

    def explore(self, beside: Run | str | os.PathLike[str] | None = None) -> ExplorerWidget | Frame:
        """The explorer as the last line of a notebook's cell shows it; `beside` is another run, or its directory.

        Raises as `rd.explore` does.
        """
        return explore(self, beside)

    def report(self) -> Path:
        """Write DIR/report.html of everything that is there; its path. Raises as `rd.write_report` does."""
        return report(self.directory)

    def shown(self) -> tuple[str, list[tuple[str, str]]]:
        attrs = self.results.attrs if (self.directory / layout.RESULTS).exists() else {}
        rows = [("folder", str(self.directory))]
        rows += [(name, str(attrs[name])) for name in ("model", "texts", "n_samples") if name in attrs]
        if self.claims is not None:
            rows += [(shortened(claim), verdict) for claim, verdict in self.claims.shown()[1]]
        return "residyn run", rows


def open_run(directory: str | Path) -> Run:
    """The run in a directory. Raises StoreError where there is none.

    Warns of what no hashes cover, as in a run of an earlier version.

    >>> rd.open_run(run.directory).states.dims
    ('sample', 'sublayer', 'unit')
    """
    directory = Path(directory).expanduser()
    if not store.has_manifest(directory) and not (directory / layout.RESULTS).exists():
        what = "it holds none" if directory.exists() else "there is no such folder"
        raise StoreError(
            f"Expected a run at {directory}, but {what}. Name the folder that `residyn run` or rd.run wrote."
        )
    if notice := uncovered(directory):
        warnings.warn(notice, stacklevel=2)
    return Run(directory)


@with_options(field for kind in STAGES.values() for field in fields_of(kind))
def run(
    model: GivenModel = BUILT_IN_MODEL,
    texts: str | None = None,
    *,
    out: str | Path | None = None,
    preset: PresetName = "default",
    progress: bool | None = None,
    reporter: Reporter | None = None,
    executor: Executor | None = None,
    mixed: bool = False,
    **settings: Any,
) -> Run:
    """Make a run: states, results, controls, teleports, Jacobians, outputs, claims, figures, pages.

    `model` is a hub id, a folder, a .gguf file, the built-in model, or one that `load_model` gave; `texts` are a
    source as `--texts` takes it; `out` is the run directory, by default runs/MODEL-TEXTS. Keywords are those of
    the command line, which docs/cli.md lists ("--null-draws 40" is `null_draws=40`; lists are tuples). Notes and
    bars are shown in a terminal or a notebook, unless `progress` is False or TQDM_DISABLE is set; a `reporter` is
    told in their place. What an interrupted run has done is not done again. The workers of an `executor` (PEP
    3148, as dask.distributed's `client.get_executor(pure=False)`) compute states, results, controls, teleports and
    claims, with the same bits; `mixed` goes on though another kind of machine computed what is stored. Raises
    UsageError for a setting that there is not, or that is out of range, and whatever a stage raises.

    >>> run = rd.run("smollm2-135m", n=10, preset="quick", random_positions=False, null_draws=1, out="runs/first")
    >>> run.states.sizes["sublayer"]
    60
    """
    if texts is not None:
        settings["texts"] = texts
    crew = Crew((lambda: executor) if executor is not None else None, mixed=mixed)
    given = os.fspath(model) if isinstance(model, os.PathLike) else model
    to = InPython(progress) if reporter is None else reporter
    return make(given, chosen_settings(settings, preset), out=out, reporter=to, crew=crew)


def chosen_settings(values: Mapping[str, Any], preset: PresetName) -> RunSettings:
    """The settings of a run: the values, else a preset's choices, else defaults. Raises UsageError."""
    if preset not in PRESETS:
        raise UsageError(f"A preset is one of {', '.join(PRESETS)}; got {preset!r}.")
    return run_settings({**PRESETS[preset].choices, **values})


def make(
    model: str | LoadedModel,
    settings: RunSettings,
    *,
    out: str | Path | None = None,
    reporter: Reporter = SILENT,
    crew: Crew = ALONE,
) -> Run:
    """Go through all stages in order; the run. Raises whatever a stage raises."""
    named = model if isinstance(model, str) else model.name
    default = Path("runs") / store.run_name(named, settings.capture.texts)
    directory = Path(out).expanduser() if out is not None else default
    begin = numbered(reporter, directory, settings)
    with ExitStack() as held:
        begin("capture")
        loaded = capture(directory, model, settings.capture, reporter, held, crew=crew)
        begin("analysis")
        analysis(directory, settings.analysis, reporter, crew=crew)
        begin("controls")
        # A model whose untrained twin cannot be drawn is still worth a run.
        with _going_on(directory, "Without some of the controls", (DataError, ModelError), reporter):
            controls(directory, settings.controls, reporter, loaded, crew=crew)
        begin("teleports")
        # Too few or too uniform texts leave nothing to teleport to; the rest of the run is worth having.
        with _going_on(directory, "Without teleports (panel L)", (DataError,), reporter):
            teleports(directory, settings.teleports, reporter, loaded, crew=crew)
        begin("jacobians")
        # A model whose maps cannot be trusted, or that is spread over devices, is still worth a run.
        with _going_on(directory, "Without Jacobians", (ModelError,), reporter):
            jacobians(directory, settings.jacobians, reporter, loaded)
        begin("outputs")
        # A model without its head, or whose outputs depend on more than its last state, is still worth a run.
        with _going_on(directory, "Without outputs", (DataError, ModelError), reporter):
            outputs(directory, settings.outputs, reporter, loaded)
        begin("claims")
        claims(directory, settings.claims, reporter, crew=crew)
        begin("figures")
        figures(directory, settings.figures, reporter)
        begin("explorer")
        explorer(directory, reporter)
        begin("report")
        report(directory, reporter)
    return Run(directory)


@contextmanager
def _going_on(
    directory: Path, without: str, errors: tuple[type[Exception], ...], reporter: Reporter
) -> Iterator[None]:
    """Tell and record what a run goes without where one of the errors is raised, and take it back where not."""
    try:
        yield
    except errors as error:
        told = [f"{without}: {error}"]
        reporter.warn(told)
        store.record_warnings(directory, told)
    else:
        store.withdraw_warnings(directory, without)
