"""Stages that take something at some samples of a run, in its model and in networks beside it: what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import xarray as xr

from residyn import control_names, store
from residyn.pipeline.models import check_has_model, read_layout, reopened
from residyn.pipeline.reporter import Reporter, Timer, is_done, timed
from residyn.pipeline.some_samples import Chosen, chosen_samples, in_each, keep_results, other_networks
from residyn.runs import layout
from residyn.runs.contents import open_network_results
from residyn.runs.stages import Stage
from residyn.settings import JacobianSettings, OutputSettings, ReloadSettings

if TYPE_CHECKING:
    import pandas as pd

    from residyn.model.layout import Layout
    from residyn.model.loading import LoadedModel

S = TypeVar("S", JacobianSettings, OutputSettings)


@dataclass(frozen=True)
class AtSamples(Generic[S]):
    """What differs between such stages.

    `name` is that of the stage, of its folder and of its table; `called` what messages call what it finds, and
    `unit` what its progress counts. `check` raises ModelError for a model in which nothing can be found. `take`
    finds it: `take(model, samples, labels=…, seed=…, layout=…, out=…, progress=…, **options)`, with those that
    `options` gives for the settings, the samples and the run's states.
    """

    name: str
    called: str
    unit: str
    check: Callable[[LoadedModel], object]
    take: Callable[..., xr.Dataset]
    options: Callable[[S, Chosen, xr.DataArray], dict[str, Any]]
    table: Callable[[Mapping[str, xr.Dataset]], pd.DataFrame]


@dataclass(frozen=True)
class _Experiment(Generic[S]):
    """What all networks of one stage have in common."""

    kind: AtSamples[S]
    directory: Path
    settings: S
    states: xr.DataArray
    chosen: Chosen
    sites: Layout | None
    reporter: Reporter
    timer: Timer


def taken(
    kind: AtSamples[S],
    directory: Path,
    settings: S,
    reporter: Reporter,
    model: tuple[LoadedModel | None, ReloadSettings | None],
) -> dict[str, xr.Dataset]:
    """What a stage finds in a run's model and in controls, by name: what is there, or else it is made.

    `model` is the one that is loaded, and how it is loaded where none is. Of no samples nothing is made, and what
    is there is kept. Goes on where it was interrupted, sample by sample; what is there for the same settings is
    not done again. Raises ModelError where nothing can be found in the model, and as `kind.take` does; a control
    in which nothing can be found is left out, and told.
    """
    check_has_model(directory)
    with store.undisturbed(directory):
        states = store.open_states(directory)
    stage = Stage(kind.name, {"states": states.attrs["states_hash"]}, settings.deciding())
    if not settings.at.samples:
        reporter.note(f"No {kind.called} are asked for (--{kind.name.removesuffix('s')}-samples 0).")
    elif stage.reasons(directory):
        with store.locked(directory, needed=False):
            _make(kind, directory, stage, states, settings, reporter=reporter, model=model)
    return open_network_results(directory, kind.name)


def _make(
    kind: AtSamples[S],
    directory: Path,
    stage: Stage,
    states: xr.DataArray,
    settings: S,
    *,
    reporter: Reporter,
    model: tuple[LoadedModel | None, ReloadSettings | None],
) -> None:
    if is_done(stage, directory, reporter):
        return
    at = settings.at
    own = layout.network_parts(directory, kind.name, control_names.MODEL)

    def left() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in own.glob("*.npz")}

    with timed(directory, f"{kind.name}_s", left) as timer:
        loaded, asked = reopened(directory, model[0], reporter, model[1])
        kind.check(loaded)
        sites = read_layout(asked.sites)
        chosen = chosen_samples(directory, loaded, asked, sites, n=at.samples, seed=at.seed)
        experiment = _Experiment(kind, directory, settings, states, chosen, sites, reporter, timer)
        named = {control_names.MODEL: _of(experiment, len(chosen.labels), loaded, control_names.MODEL)}
        if n := min(at.in_controls, len(chosen.labels)):
            networks = other_networks(loaded, at.untrained, at.seed, permuted_too=at.permuted)
            named |= in_each(networks, partial(_of, experiment, n), kind.called, reporter)
        # Where the model's are, all are, and of its settings: these go before the first of the others is replaced.
        stage.begin(directory)
        made = keep_results(directory, kind.name, named, kind.table(named))
        store.update_run(directory, **{settings.SECTION: settings.record()})
    stage.finish(directory, made)


def _of(experiment: _Experiment[S], n: int, model: LoadedModel, name: str) -> xr.Dataset:
    """What is found in one network at the first n samples, which are kept one by one."""
    kind, states, chosen = experiment.kind, experiment.states, experiment.chosen.first(n)
    text = f"{kind.called.capitalize()}, {name}"
    with experiment.timer.progress(experiment.reporter, text, kind.unit) as progress:
        found = kind.take(
            model,
            chosen.samples,
            labels=chosen.labels,
            seed=experiment.settings.at.seed,
            layout=experiment.sites,
            out=layout.network_parts(experiment.directory, kind.name, name),
            progress=progress,
            **kind.options(experiment.settings, chosen, states),
        )
    texts = str(states.attrs.get("texts", ""))
    return found.assign_attrs(texts=texts, states_hash=states.attrs["states_hash"], network=name)
