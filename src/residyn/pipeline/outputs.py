"""The outputs stage: some samples of a run → the lens and skipped blocks, in its model and in controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from residyn import control_names, store
from residyn.pipeline.models import check_has_model, read_layout, reopened
from residyn.pipeline.reporter import SILENT, Reporter, Timer, is_done, timed
from residyn.pipeline.some_samples import Chosen, chosen_samples, in_each, keep_results, other_networks
from residyn.runs import layout
from residyn.runs.contents import open_output_results
from residyn.runs.stages import OUTPUTS, Stage
from residyn.settings import OutputSettings, ReloadSettings

if TYPE_CHECKING:
    from residyn.model.layout import Layout
    from residyn.model.loading import LoadedModel

NAME = OUTPUTS


@dataclass(frozen=True)
class _Experiment:
    """What all models of one stage have in common."""

    directory: Path
    chosen: Chosen
    settings: OutputSettings
    sites: Layout | None
    attrs: dict[str, str]
    reporter: Reporter
    timer: Timer


def outputs(
    directory: Path,
    settings: OutputSettings | None = None,
    reporter: Reporter = SILENT,
    loaded: LoadedModel | None = None,
    reload: ReloadSettings | None = None,
) -> dict[str, xr.Dataset]:
    """The lens and skipped blocks at some of the run's samples, in its model and in controls, by name.

    Of no samples nothing is made, and what is there is kept. Goes on where it was interrupted, sample by sample;
    what is there for the same settings is not done again. A model that is not `loaded` is the run's own, as
    `reload` says. An untrained model that cannot be made is left out, and told. Raises ModelError where the model
    has no head, and as `rd.outputs` does.
    """
    settings = settings or OutputSettings()
    check_has_model(directory)
    with store.undisturbed(directory):
        states = store.open_states(directory)
    stage = Stage(NAME, {"states": states.attrs["states_hash"]}, settings.deciding())
    if not settings.output_samples:
        reporter.note("No outputs are asked for (--output-samples 0).")
    if settings.output_samples and stage.reasons(directory):
        with store.locked(directory, needed=False):
            _make(directory, stage, states, settings, reporter, model=(loaded, reload))
    return open_output_results(directory)


def _make(
    directory: Path,
    stage: Stage,
    states: xr.DataArray,
    settings: OutputSettings,
    reporter: Reporter,
    *,
    model: tuple[LoadedModel | None, ReloadSettings | None],
) -> None:
    if is_done(stage, directory, reporter):
        return
    from residyn.model.outputs import whole_model

    loaded, asked = reopened(directory, model[0], reporter, model[1])
    # Found out each time such a run is gone on with: what comes to nothing takes no time in its record.
    whole_model(loaded)
    with timed(directory, "outputs_s") as timer:
        sites = read_layout(asked.sites)
        chosen = chosen_samples(
            directory, loaded, asked, sites, n=settings.output_samples, seed=settings.output_seed
        )
        attrs = {"texts": str(states.attrs.get("texts", "")), "states_hash": states.attrs["states_hash"]}
        experiment = _Experiment(directory, chosen, settings, sites, attrs, reporter, timer)
        own = _of(experiment, loaded, control_names.MODEL, len(chosen.labels), settings.skip_samples)
        named = {control_names.MODEL: own, **_controls(experiment, loaded)}
        # Where the model's are, all are, and of its settings: these go before the first of the others is replaced.
        stage.begin(directory)
        made = _keep(directory, named)
        store.update_run(directory, outputs=settings.record())
    stage.finish(directory, made)


def _of(experiment: _Experiment, model: LoadedModel, name: str, n: int, skips: int) -> xr.Dataset:
    """One model's outputs at the first n samples, which are kept one by one."""
    from residyn.model.outputs import outputs as of_texts

    chosen = experiment.chosen
    with experiment.timer.progress(experiment.reporter, f"Outputs, {name}", "texts") as progress:
        found = of_texts(
            model,
            replace(chosen.samples, samples=chosen.samples.samples[:n]),
            labels=chosen.labels[:n],
            next_tokens=chosen.next_tokens[:n],
            skips=skips,
            seed=experiment.settings.output_seed,
            layout=experiment.sites,
            out=layout.output_parts(experiment.directory, name),
            progress=progress,
        )
    return found.assign_attrs(experiment.attrs, network=name)


def _controls(experiment: _Experiment, model: LoadedModel) -> dict[str, xr.Dataset]:
    """The same in untrained models and in one with permuted weights, at the first samples; by name."""
    settings = experiment.settings
    n = min(settings.control_outputs, len(experiment.chosen.labels))
    if not n:
        return {}
    networks = other_networks(
        model, settings.untrained_outputs, settings.output_seed, permuted_too=settings.permuted_outputs
    )
    skips = min(n, settings.skip_samples)
    return in_each(
        networks, lambda one, name: _of(experiment, one, name, n, skips), "outputs", experiment.reporter
    )


def _keep(directory: Path, named: dict[str, xr.Dataset]) -> list[Path]:
    """Store what was found and its table; the paths, the model's last."""
    from residyn.quantities.tables.outputs import output_table

    table = (layout.OUTPUT_TABLE, output_table(named))
    first, *paths = keep_results(directory, named, layout.output_result, table)
    return [first, *(layout.output_parts(directory, name) for name in named), *paths]
