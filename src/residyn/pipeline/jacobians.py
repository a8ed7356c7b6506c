"""The Jacobians stage: some samples of a run → local linear maps, in its model and in controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from residyn import control_names, store
from residyn.errors import DataError, ModelError
from residyn.pipeline.models import check_has_model, read_layout, reopened
from residyn.pipeline.reporter import SILENT, Reporter, Timer, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import open_jacobian_results
from residyn.runs.results import remove_results, replace_results
from residyn.runs.stages import JACOBIANS, Stage
from residyn.schema import NO_DOCUMENT
from residyn.settings import CaptureSettings, JacobianSettings, ReloadSettings
from residyn.sitemap import SiteMap
from residyn.teleports.places import horizon_within

if TYPE_CHECKING:
    from residyn.model.layout import Layout
    from residyn.model.loading import LoadedModel
    from residyn.model.texts import Samples
    from residyn.store import SampleTable

NAME = JACOBIANS


@dataclass(frozen=True)
class JacobianExperiment:
    """What all models of one stage have in common; `labels` are those of the samples, `span` of exponents."""

    directory: Path
    samples: Samples
    labels: list[int]
    span: int
    settings: JacobianSettings
    sites: Layout | None
    attrs: dict[str, str]
    reporter: Reporter
    timer: Timer


def jacobians(
    directory: Path,
    settings: JacobianSettings | None = None,
    reporter: Reporter = SILENT,
    loaded: LoadedModel | None = None,
    reload: ReloadSettings | None = None,
) -> dict[str, xr.Dataset]:
    """The local maps of some of the run's samples, in its model and in controls; the results, by name.

    Of no samples nothing is made, and what is there is kept. Goes on where it was interrupted, sample by sample;
    what is there for the same settings is not done again. A model that is not `loaded` is the run's own, as
    `reload` says. An untrained model that cannot be made is left out, and told. Raises ModelError where the
    Jacobians cannot be trusted, and as `rd.jacobians` does.
    """
    settings = settings or JacobianSettings()
    check_has_model(directory)
    with store.undisturbed(directory):
        states = store.open_states(directory)
    stage = Stage(NAME, {"states": states.attrs["states_hash"]}, settings.deciding())
    if settings.jacobian_samples and stage.reasons(directory):
        with store.locked(directory, needed=False):
            _make(directory, stage, states, settings, reporter, model=(loaded, reload))
    return open_jacobian_results(directory)


def _make(
    directory: Path,
    stage: Stage,
    states: xr.DataArray,
    settings: JacobianSettings,
    reporter: Reporter,
    *,
    model: tuple[LoadedModel | None, ReloadSettings | None],
) -> None:
    if is_done(stage, directory, reporter):
        return
    with timed(directory, "jacobians_s") as timer:
        loaded, asked = reopened(directory, model[0], reporter, model[1])
        sites = read_layout(asked.sites)
        samples, labels = _samples(directory, loaded, asked, settings, sites)
        attrs = {"texts": str(states.attrs.get("texts", "")), "states_hash": states.attrs["states_hash"]}
        sublayers = len(SiteMap.from_json(states.attrs["sites"]).sites)
        span = horizon_within(sublayers, settings.span)
        experiment = JacobianExperiment(directory, samples, labels, span, settings, sites, attrs, reporter, timer)
        own = _of(experiment, loaded, control_names.MODEL, len(labels))
        others = _controls(experiment, loaded)
        # Where the model's are, all are, and of its settings: these go before the first of the others is replaced.
        stage.begin(directory)
        made = _keep(experiment, own, others)
        store.update_run(directory, jacobians=settings.record())
    stage.finish(directory, made)


def _samples(
    directory: Path, loaded: LoadedModel, asked: CaptureSettings, settings: JacobianSettings, sites: Layout | None
) -> tuple[Samples, list[int]]:
    """Samples of the run by a seeded draw, one a document where there are enough of these; and their labels."""
    from residyn.model.capture_plan import plan_of
    from residyn.model.texts import Samples
    from residyn.model.texts.samples import SampleRows

    plan = plan_of(directory, loaded, sites, asked.on_nonfinite)
    table = plan.records.take(np.argsort(plan.records.sample))
    chosen = _drawn(table, settings.jacobian_samples, settings.jacobian_seed)
    rows = SampleRows(table)
    samples = Samples(tuple(rows[row] for row in chosen), {}, {}, ())
    return samples, [int(table.sample[row]) for row in chosen]


def _drawn(table: SampleTable, n: int, seed: int) -> list[int]:
    """The rows of n samples in the order of their draw: first one of each document, then the others."""
    order = np.random.default_rng(seed).permutation(len(table))
    documents = np.array([source.document for source in table.sources])[table.text[order]]
    alone = np.flatnonzero(documents == NO_DOCUMENT)
    known = np.flatnonzero(documents != NO_DOCUMENT)
    firsts = known[np.unique(documents[known], return_index=True)[1]]
    front = np.sort([*alone, *firsts]).astype(int)
    rest = np.setdiff1d(np.arange(len(order)), front)
    return [int(order[place]) for place in [*front, *rest][:n]]


def _of(experiment: JacobianExperiment, model: LoadedModel, name: str, n: int) -> xr.Dataset:
    """One model's maps at the first n samples, which are kept one by one."""
    from residyn.model.jacobians import jacobians as of_texts

    settings = experiment.settings
    samples = replace(experiment.samples, samples=experiment.samples.samples[:n])
    with experiment.timer.progress(experiment.reporter, f"Jacobians, {name}", "sublayers") as progress:
        found = of_texts(
            model,
            samples,
            labels=experiment.labels[:n],
            exact_width=settings.exact_width,
            span=experiment.span,
            seed=settings.jacobian_seed,
            layout=experiment.sites,
            out=layout.jacobian_parts(experiment.directory, name),
            progress=progress,
        )
    return found.assign_attrs(experiment.attrs, network=name)


def _controls(experiment: JacobianExperiment, model: LoadedModel) -> dict[str, xr.Dataset]:
    """The same in untrained models and in one with permuted weights, at the first samples; by name."""
    from residyn.model.loading import permuted, untrained

    settings = experiment.settings
    n = min(settings.control_jacobians, len(experiment.labels))
    wanted = {control_names.untrained(seed): (untrained, seed) for seed in range(settings.untrained_jacobians)}
    if settings.permuted_jacobians:
        wanted[control_names.PERMUTED] = (permuted, settings.jacobian_seed)
    found = {}
    for name, (made, seed) in wanted.items() if n else ():
        try:
            other = made(model, seed)
            found[name] = _of(experiment, other, name, n)
        except (DataError, ModelError) as error:
            experiment.reporter.warn([f"Without the Jacobians of {name}: {error}"])
    return found


def _keep(experiment: JacobianExperiment, own: xr.Dataset, others: dict[str, xr.Dataset]) -> list[Path]:
    """Store what was found and its table; the paths, the model's last."""
    from residyn.quantities.tables import write_frame
    from residyn.quantities.tables.jacobians import jacobian_table

    directory = experiment.directory
    last = layout.jacobian_result(directory, control_names.MODEL)
    remove_results(last)
    for path in last.parent.glob("*.zarr"):
        remove_results(path)
    named = {control_names.MODEL: own, **others}
    table = write_frame(jacobian_table(named), directory / layout.TABLES, layout.JACOBIAN_TABLE)
    paths = [layout.jacobian_result(directory, name) for name in others]
    for path, result in zip(paths, others.values(), strict=True):
        replace_results(result, path)
    replace_results(own, last)
    return [table, *(layout.jacobian_parts(directory, name) for name in named), *paths, last]
