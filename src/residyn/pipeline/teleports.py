"""The teleport stage: hosts → targets → the model → flow, for the model of a run and for untrained ones.

Targets come from analysis and go to the model as plain vectors, and what the model returns goes back as data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from residyn import control_names, store
from residyn.crew import ALONE, Crew
from residyn.errors import DataError, StoreError
from residyn.pipeline.models import check_has_model, read_layout, reopened
from residyn.pipeline.reporter import SILENT, Reporter, Timer, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import captured_controls, open_run_results, open_teleport_results, outdated
from residyn.runs.results import remove_results, replace_results
from residyn.runs.stages import TELEPORTS, Stage, read_stage, stage_differences
from residyn.schema import NO_DOCUMENT
from residyn.settings import CaptureSettings, ReloadSettings, TeleportSettings

if TYPE_CHECKING:
    from residyn.model.layout import Layout
    from residyn.model.loading import LoadedModel
    from residyn.model.texts import Samples
    from residyn.spaces import Space

NAME = TELEPORTS
TWIN_SAMPLES = 100
"""Texts that an untrained model reads for a space and clouds of its own."""


@dataclass(frozen=True)
class TeleportExperiment:
    """What all models of one stage have in common: labels of sublayers `places`, a number of them `horizon`."""

    hosts: Samples
    places: list[str]
    horizon: int
    settings: TeleportSettings
    sites: Layout | None
    reporter: Reporter
    timer: Timer
    crew: Crew


def teleports(
    directory: Path,
    settings: TeleportSettings | None = None,
    reporter: Reporter = SILENT,
    loaded: LoadedModel | None = None,
    reload: ReloadSettings | None = None,
    *,
    crew: Crew = ALONE,
) -> dict[str, xr.Dataset]:
    """Teleport from the run's hosts, and from the same hosts in untrained models; the results, by name.

    Goes on where it was interrupted, host by host; what is there for the same settings is not done again, except
    hosts that were damaged since. A model that is not `loaded` is the run's own, as `reload` says. Raises
    DataError where the states leave nothing to teleport to, StoreError where others are there.
    """
    settings = settings or TeleportSettings()
    check_has_model(directory)
    with store.undisturbed(directory):
        states = store.open_states(directory)
    stage = Stage(NAME, {"states": states.attrs["states_hash"]}, settings.deciding())
    if stage.reasons(directory):
        with store.locked(directory, needed=False):
            _teleport(directory, stage, states, settings, reporter, model=(loaded, reload), crew=crew)
    return open_teleport_results(directory)


def _teleport(
    directory: Path,
    stage: Stage,
    states: xr.DataArray,
    settings: TeleportSettings,
    reporter: Reporter,
    *,
    model: tuple[LoadedModel | None, ReloadSettings | None],
    crew: Crew,
) -> None:
    """Teleport; `model` is the one that is loaded, and how it is loaded where none is."""
    from residyn.quantities.suite import not_computed
    from residyn.spaces import Space
    from residyn.teleports.places import horizon_within

    if is_done(stage, directory, reporter):
        return
    results = open_run_results(directory)
    if notice := outdated(directory, results, states):
        raise StoreError(f"Teleports leave from principal components. {notice}")
    if "pc_axes" not in results:
        reason = not_computed(results).get("principal components", "they were analysed without")
        raise DataError(f"Teleports leave from principal components, and {directory} has none: {reason}")
    horizon = horizon_within(states.sizes["sublayer"], settings.horizon)
    places = _places(directory, states, results, settings, horizon)
    space = Space.from_dataset(results)
    with timed(directory, "teleport_s") as timer:
        loaded, asked = reopened(directory, model[0], reporter, model[1], crew.gpus)
        _remove_damaged(directory, reporter)
        sites = read_layout(asked.sites)
        hosts, others = _texts(directory, loaded, asked, settings, sites)
        experiment = TeleportExperiment(hosts, places, horizon, settings, sites, reporter, timer, crew)
        flow = _flow(experiment, loaded, states, space, out=directory, text="teleport")
        twins = [
            _untrained(experiment, loaded, others, seed, directory) for seed in range(settings.untrained_teleports)
        ]
        # Where the last one is, all are, and of its settings: it goes before the first of the others is replaced.
        stage.begin(directory)
        made = [*_keep(directory, flow, twins), *_stored(directory, settings)]
        store.update_run(directory, teleports=settings.record())
    stage.finish(directory, made)


def _stored(directory: Path, settings: TeleportSettings) -> list[Path]:
    """The folders of the stored hosts, of the model's and of the untrained models'."""
    from residyn.model.teleport.folder import GROUP

    twins = [directory / layout.UNTRAINED / str(seed) for seed in range(settings.untrained_teleports)]
    return [folder / GROUP for folder in (directory, *twins)]


def _remove_damaged(directory: Path, reporter: Reporter) -> None:
    """Remove the hosts that are not what the finished stage stored, so that these are made again and no others.

    Where the record of a folder of hosts was damaged, all of its hosts go: nothing says what they are of.
    """
    from residyn.model.teleport.folder import GROUP, MANIFEST

    record = read_stage(directory, NAME)
    names = [one.file for one in stage_differences(directory) if one.stage == NAME]
    damaged = {name for name in names if Path(name).parent.name == GROUP}
    lost = {Path(name).parent.as_posix() for name in damaged if Path(name).name == MANIFEST}
    if record is None or not damaged:
        return
    damaged |= {name for name in record.files if Path(name).parent.as_posix() in lost}
    for name in sorted(damaged):
        path = directory / name
        if path.is_file() or path.is_symlink():
            path.unlink()
    reporter.note(f"Damaged since they were stored, and made again: {', '.join(sorted(damaged))}")


def _places(
    directory: Path, states: xr.DataArray, results: xr.Dataset, settings: TeleportSettings, horizon: int
) -> list[str]:
    """The labels of the sublayers to inject at, in order of depth where nobody named them.

    These are 0, ¼, ½, ¾ and the last of the layers, and the last sublayer after which a whole horizon follows, so
    that the horizons that late places lack room for have a whole one beside them. Where too few states of a layer
    differ to swap with, as at layer 0 where all texts end in one token, the next sublayer takes its place.
    """
    from residyn.teleports.places import find

    if settings.inject:
        return find(states, list(settings.inject)).labels
    spread = _spread(directory, states, results, settings)
    layers = sorted({int(layer) for layer in states["layer"].values})
    depths = dict.fromkeys(layers[(len(layers) - 1) * quarter // 4] for quarter in range(5))
    labels = states["sublayer"].values
    firsts = [int(np.flatnonzero(states["layer"].values == layer)[0]) for layer in depths]
    moved = {next((i for i in range(first, len(labels)) if spread[i]), first) for first in firsts}
    whole = len(labels) - 1 - horizon
    # A later sublayer cannot take the place of this one: its horizon would be cut.
    if whole >= 0 and spread[whole]:
        moved.add(whole)
    return [str(labels[i]) for i in sorted(moved)]


def _spread(directory: Path, states: xr.DataArray, results: xr.Dataset, settings: TeleportSettings) -> np.ndarray:
    """Whether enough states of each sublayer differ to swap with; True where nobody can know."""
    from residyn.quantities.suite import not_computed

    if "two_nn" in results:
        return states.sizes["sample"] - results["two_nn"]["n_duplicates"].values > settings.directions
    if "dimension" not in not_computed(results):
        raise DataError(
            "Where --inject names no place, teleports leave from where enough states differ, and the results of "
            f'{directory} do not say where: the analysis was interrupted before the part "dimension". '
            f"Finish it: residyn analyze {directory}"
        )
    return np.ones(states.sizes["sublayer"], dtype=bool)


def _texts(
    directory: Path, loaded: LoadedModel, asked: CaptureSettings, settings: TeleportSettings, sites: Layout | None
) -> tuple[Samples, Samples]:
    """The hosts: the prompt, then texts of the run; and the texts that an untrained model reads for itself."""
    from residyn.model.capture_plan import plan_of
    from residyn.model.texts import read_texts, tokenize_texts
    from residyn.model.texts.samples import SampleRows

    plan = plan_of(directory, loaded, sites, asked.on_nonfinite)
    prompt = tokenize_texts(
        read_texts([settings.prompt], n=None, white_space="keep"),
        loaded.tokenizer,
        bos=asked.bos,
        special_tokens=asked.special_tokens,
        chat=asked.chat,
    )
    table = plan.records.take(np.argsort(plan.records.sample))
    rows = SampleRows(replace(table, sources=tuple(one._replace(document=NO_DOCUMENT) for one in table.sources)))
    order = np.random.default_rng(settings.teleport_seed).permutation(len(rows))
    chosen = [rows[int(i)] for i in order[: settings.hosts]]
    # One text for each last token first: at layer 0 an untrained model, too, tells no more of its texts apart.
    firsts = np.unique(table.last_token[order], return_index=True)[1]
    mixed = [*firsts, *(place for place in range(len(order)) if place not in set(firsts))]
    others = [rows[int(order[place])] for place in mixed[:TWIN_SAMPLES]]
    return replace(prompt, samples=(*prompt.samples, *chosen)), replace(prompt, samples=tuple(others))


def _flow(
    experiment: TeleportExperiment, model: LoadedModel, states: xr.DataArray, space: Space, *, out: Path, text: str
) -> xr.Dataset:
    """One model's teleports, stored in `out`, and what they say."""
    from residyn.model.capture import capture
    from residyn.model.teleport import teleport as teleport_states
    from residyn.teleports import flow

    own = (
        capture(model, experiment.hosts, layout=experiment.sites, progress=False)
        .sortby("sample")
        .rename(sample="host")
    )
    targets = _targets(experiment, states, space, own)
    with experiment.timer.progress(experiment.reporter, text, "targets") as progress:
        try:
            jumps = teleport_states(
                model,
                experiment.hosts,
                targets,
                experiment.places,
                steps=experiment.horizon,
                layout=experiment.sites,
                out=out,
                progress=progress,
                executor=experiment.crew,
            )
        except store.OtherSettings as error:
            raise StoreError(f"{error.found}\n{_anew(out)}") from error
    with experiment.reporter.stage("Following the teleported states"):
        return flow(jumps, space, horizon=experiment.horizon, states=states).load()


def _anew(out: Path) -> str:
    """How to teleport with other settings than those that are stored in `out`."""
    from residyn.model.teleport.folder import GROUP

    said = f"Remove {out / GROUP} to teleport anew"
    # Untrained models were teleported by the same settings, and would be refused one by one.
    untrained = out / layout.UNTRAINED
    beside = f", and {untrained} with it" if untrained.exists() else ""
    return f"{said}{beside}, or use the same settings to go on with it."


def _targets(
    experiment: TeleportExperiment, states: xr.DataArray, space: Space, hosts: xr.DataArray
) -> xr.DataArray:
    """The grids, and at equal distances from each host: in the plane, anywhere, towards other samples."""
    from residyn import teleports

    settings, places = experiment.settings, experiment.places
    radii, n, seed = settings.radii, settings.directions, settings.teleport_seed
    grids = []
    for number, extent in enumerate(settings.extents):
        made = teleports.grid(space, settings.grid, extent)
        # Panel L shows the first grid; a second one is a kind of its own, so that no mean mixes the two.
        kind = "grid" if not number else f"grid {extent if isinstance(extent, str) else f'±{extent:g}'}"
        grids.append(made.assign_coords(target_kind=("target", np.full(made.sizes["target"], kind))))
    return teleports.combine(
        *grids,
        teleports.discs(states, space, hosts, places, radii=radii, directions=n, seed=seed),
        teleports.isotropic(states, hosts, places, radii=radii, directions=n, seed=seed),
        teleports.swaps(states, hosts, places, radii=radii, partners=n, seed=seed),
        teleports.no_op(states, hosts, places),
    )


def _untrained(
    experiment: TeleportExperiment, model: LoadedModel, texts: Samples, seed: int, directory: Path
) -> xr.Dataset:
    """The same hosts in a model of the same configuration and random weights, in its own space and clouds.

    These are of the states that the controls captured of the same model, where enough of them differ to swap with,
    as they may not at layer 0; else of texts of its own. Its arrows are not drawn, only averaged: a grid of half
    the points a side does.
    """
    from residyn.model.capture import capture
    from residyn.model.loading import untrained
    from residyn.spaces import fit_space

    twin, states = untrained(model, seed), _captured_twin(directory, seed)
    if states is None or not _differ(states, experiment.places, experiment.settings.directions):
        with experiment.timer.progress(experiment.reporter, f"untrained model {seed}", "tokens") as progress:
            states = capture(twin, texts, layout=experiment.sites, progress=progress)
    space = fit_space(states, n_components=2)
    out = directory / layout.UNTRAINED / str(seed)
    coarser = experiment.settings.changed(grid=max(1, experiment.settings.grid // 2))
    asked = replace(experiment, settings=coarser)
    return _flow(asked, twin, states, space, out=out, text=f"teleport, untrained model {seed}")


def _captured_twin(directory: Path, seed: int) -> xr.DataArray | None:
    """The states of an untrained model that the controls captured; None where they did not, or not all of them."""
    name = control_names.untrained(seed)
    return store.open_states(layout.control(directory, name)) if name in captured_controls(directory) else None


def _differ(states: xr.DataArray, places: Sequence[str], least: int) -> bool:
    """Whether more than `least` samples have a state of their own at each of the places."""
    at = np.isin(states["sublayer"].values, places)
    return all(len(np.unique(state, axis=0)) > least for state in states[:, at].transpose("sublayer", ...).values)


def _keep(directory: Path, flow: xr.Dataset, twins: Sequence[xr.Dataset]) -> list[Path]:
    """Store what teleports gave, and their table; the paths."""
    from residyn.quantities.tables import write_frame
    from residyn.teleports import affine, beside, return_fraction, summary, teleport_table

    own = summary(flow)
    summaries = beside(own, [summary(twin) for twin in twins]) if twins else own
    made: dict[str, Any] = {"flow": flow, "return_fraction": return_fraction(flow), "field": affine(flow)}
    *paths, last = (layout.teleport_result(directory, name) for name in layout.TELEPORT_RESULTS)
    remove_results(last)
    table = write_frame(teleport_table(summaries), directory / layout.TABLES, layout.TELEPORT_TABLE)
    for path, result in zip(paths, made.values(), strict=True):
        replace_results(result, path)
    replace_results(summaries, last)
    return [table, *paths, last]
