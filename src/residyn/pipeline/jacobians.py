"""The Jacobians stage: some samples of a run → local linear maps, in its model and in controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from residyn import control_names, store
from residyn.pipeline.models import check_has_model, read_layout, reopened
from residyn.pipeline.reporter import SILENT, Reporter, Timer, is_done, timed
from residyn.pipeline.some_samples import chosen_samples, in_each, keep_results, other_networks
from residyn.runs import layout
from residyn.runs.contents import open_jacobian_results
from residyn.runs.stages import JACOBIANS, Stage
from residyn.settings import JacobianSettings, ReloadSettings
from residyn.sitemap import SiteMap
from residyn.teleports.places import horizon_within

if TYPE_CHECKING:
    from residyn.model.layout import Layout
    from residyn.model.loading import LoadedModel
    from residyn.model.texts import Samples

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
    if not settings.jacobian_samples:
        reporter.note("No Jacobians are asked for (--jacobian-samples 0).")
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
        chosen = chosen_samples(
            directory, loaded, asked, sites, n=settings.jacobian_samples, seed=settings.jacobian_seed
        )
        attrs = {"texts": str(states.attrs.get("texts", "")), "states_hash": states.attrs["states_hash"]}
        sublayers = len(SiteMap.from_json(states.attrs["sites"]).sites)
        span = horizon_within(sublayers, settings.span)
        experiment = JacobianExperiment(
            directory, chosen.samples, chosen.labels, span, settings, sites, attrs, reporter, timer
        )
        own = _of(experiment, loaded, control_names.MODEL, len(chosen.labels))
        others = _controls(experiment, loaded)
        # Where the model's are, all are, and of its settings: these go before the first of the others is replaced.
        stage.begin(directory)
        made = _keep(experiment, own, others)
        store.update_run(directory, jacobians=settings.record())
    stage.finish(directory, made)


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
    settings = experiment.settings
    n = min(settings.control_jacobians, len(experiment.labels))
    if not n:
        return {}
    networks = other_networks(
        model,
        settings.untrained_jacobians,
        settings.jacobian_seed,
        permuted_too=settings.permuted_jacobians,
    )
    return in_each(networks, lambda one, name: _of(experiment, one, name, n), "Jacobians", experiment.reporter)


def _keep(experiment: JacobianExperiment, own: xr.Dataset, others: dict[str, xr.Dataset]) -> list[Path]:
    """Store what was found and its table; the paths, the model's last."""
    from residyn.quantities.tables.jacobians import jacobian_table

    directory = experiment.directory
    named = {control_names.MODEL: own, **others}
    table = (layout.JACOBIAN_TABLE, jacobian_table(named))
    first, *paths = keep_results(directory, named, layout.jacobian_result, table)
    return [first, *(layout.jacobian_parts(directory, name) for name in named), *paths]
