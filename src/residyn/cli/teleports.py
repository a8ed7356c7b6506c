"""The teleport stage: hosts → targets → the model → flow, for the model of a run and for untrained ones.

Targets come from analysis and go to the model as plain vectors, and what the model returns goes back as data: this
is the place where the two rooms meet.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from residyn import store
from residyn.cli import stages
from residyn.cli.display import Display
from residyn.cli.origin import of_other_states
from residyn.cli.owned import open_made, open_own, save_own
from residyn.cli.request import Request, TeleportRequest
from residyn.errors import DataError, StoreError, UsageError

if TYPE_CHECKING:
    from residyn.model.loading import LoadedModel
    from residyn.model.sites import Layout
    from residyn.model.texts import Samples
    from residyn.spaces import Space

FOLDER, TABLE, UNTRAINED = "teleports", "teleports", "untrained"
KEPT = ("flow", "return_fraction", "field", "summary")
"""The results in that folder, in the order in which they are written: where the last one is, all are."""

TWIN_SAMPLES = 100
"""Texts that an untrained model reads for a space and clouds of its own."""


@dataclass(frozen=True)
class Experiment:
    """What all models of one stage have in common; `places` are labels of sublayers."""

    hosts: Samples
    places: list[str]
    request: TeleportRequest
    layout: Layout | None
    display: Display


def teleport(
    directory: Path, request: TeleportRequest, display: Display, loaded: LoadedModel | None = None
) -> None:
    """Teleport from the run's hosts, and from the same hosts in untrained models; results, tables.

    Goes on where it was interrupted, host by host; what is there for the same settings is not done again.
    """
    from residyn.quantities.suite import not_computed
    from residyn.run.results import open_results
    from residyn.spaces import Space

    states = store.open_states(directory)
    settings = _settings(states, request)
    if (summaries := _done(directory, settings)) is not None:
        _restore_table(directory, summaries)
        return
    results = open_results(directory / stages.RESULTS)
    if notice := of_other_states(directory, results, states):
        raise StoreError(f"Teleports leave from principal components. {notice}")
    if "pc_axes" not in results:
        reason = not_computed(results).get("principal components", "they were analysed without")
        raise DataError(f"Teleports leave from principal components, and {directory} has none: {reason}")
    places = _places(directory, states, results, request)
    space = Space.from_dataset(results)
    name, asked = stages.continued(directory, None, Request(), set())
    if name is None:
        raise UsageError(
            f"{directory} does not say which model it is of. Capture it again with `residyn capture`."
        )
    with stages.timed() as seconds:
        loaded = loaded or stages.load(name, asked, display)
        layout = stages.read_layout(asked.sites)
        hosts, others = _texts(directory, loaded, asked, request, layout)
        experiment = Experiment(hosts, places, request, layout, display)
        flow = _flow(experiment, loaded, states, space, out=directory, text="teleport")
        twins = [
            _untrained(experiment, loaded, others, seed, directory) for seed in range(request.untrained_teleports)
        ]
        _keep(directory, flow, twins, settings)
    store.update_run(directory, teleports=request.record(), timings={"teleport_s": seconds()})


def open_flow(directory: Path) -> dict[str, xr.Dataset]:
    """The results of the stage by name; empty where there are none. Raises StoreError where they were damaged."""
    folder = directory / FOLDER
    if not (folder / f"{KEPT[-1]}.zarr").exists():
        return {}
    return {name: open_made(folder / f"{name}.zarr", f"residyn teleport {directory}") for name in KEPT}


def _settings(states: xr.DataArray, request: TeleportRequest) -> str:
    from residyn import __version__

    decisive = {"request": request.record(), "states_hash": states.attrs["states_hash"], "version": __version__}
    return json.dumps(decisive, sort_keys=True)


def _done(directory: Path, settings: str) -> xr.Dataset | None:
    """The summaries, where every result of the stage is there, undamaged and of these settings."""
    found = [open_own(directory / FOLDER / f"{name}.zarr") for name in KEPT]
    last = found[-1]
    if last is None or any(result is None for result in found):
        return None
    return last if last.attrs.get("settings") == settings else None


def _restore_table(directory: Path, summaries: xr.Dataset) -> None:
    from residyn.quantities.tables import write_frame
    from residyn.teleports import teleport_table

    if not (directory / stages.TABLES / f"{TABLE}.csv").exists():
        write_frame(teleport_table(summaries), directory / stages.TABLES, TABLE)


def _places(directory: Path, states: xr.DataArray, results: xr.Dataset, request: TeleportRequest) -> list[str]:
    """The labels of the sublayers to inject at: those named, or 0, ¼, ½, ¾ and the last of the layers.

    Where nobody named a place and too few of its states differ to swap with, as at layer 0 where all texts end in
    one token, the next sublayer takes its place.
    """
    from residyn.teleports.places import find

    named = [part.strip() for part in request.inject.split(",") if part.strip()]
    if named:
        return find(states, [int(part) if part.isdecimal() else part for part in named]).labels
    spread = _spread(directory, states, results, request)
    layers = sorted({int(layer) for layer in states["layer"].values})
    depths = dict.fromkeys(layers[(len(layers) - 1) * quarter // 4] for quarter in range(5))
    labels = states["sublayer"].values
    firsts = [int(np.flatnonzero(states["layer"].values == layer)[0]) for layer in depths]
    moved = [next((i for i in range(first, len(labels)) if spread[i]), first) for first in firsts]
    return [str(labels[i]) for i in dict.fromkeys(moved)]


def _spread(directory: Path, states: xr.DataArray, results: xr.Dataset, request: TeleportRequest) -> np.ndarray:
    """Whether enough states of each sublayer differ to swap with; True where nobody can know."""
    from residyn.quantities.suite import not_computed

    if "two_nn" in results:
        return states.sizes["sample"] - results["two_nn"]["n_duplicates"].values > request.directions
    if "dimension" not in not_computed(results):
        raise DataError(
            "Where --inject names no place, teleports leave from where enough states differ, and the results of "
            f'{directory} do not say where: the analysis was interrupted before the part "dimension". '
            f"Finish it: residyn analyze {directory}"
        )
    return np.ones(states.sizes["sublayer"], dtype=bool)


def _texts(
    directory: Path, loaded: LoadedModel, asked: Request, request: TeleportRequest, layout: Layout | None
) -> tuple[Samples, Samples]:
    """The hosts: the prompt, then texts of the run; and the texts that an untrained model reads for itself."""
    from residyn.model.capture import job_of
    from residyn.model.texts import Sample, read_texts, tokenize_texts

    job = job_of(directory, loaded, layout, asked.on_nonfinite)
    prompt = tokenize_texts(
        read_texts([request.prompt], n=None, min_chars=0, max_chars=None), loaded.tokenizer, bos=asked.bos
    )
    records = sorted(job.records, key=lambda record: record["sample"])
    rows = [Sample(tuple(record["input_ids"]), record["text_id"], record["sha256"]) for record in records]
    order = np.random.default_rng(request.teleport_seed).permutation(len(rows))
    chosen = [rows[i] for i in order[: request.hosts]]
    # One text for each last token first: at layer 0 an untrained model, too, tells no more of its texts apart.
    firsts = np.unique([rows[i].last_token for i in order], return_index=True)[1]
    mixed = [*firsts, *(place for place in range(len(order)) if place not in set(firsts))]
    others = [rows[order[place]] for place in mixed[:TWIN_SAMPLES]]
    return replace(prompt, samples=(*prompt.samples, *chosen)), replace(prompt, samples=tuple(others))


def _flow(
    experiment: Experiment, model: LoadedModel, states: xr.DataArray, space: Space, *, out: Path, text: str
) -> xr.Dataset:
    """One model's teleports, stored in `out`, and what they say."""
    from residyn.model.capture import capture
    from residyn.model.teleport import teleport as travel
    from residyn.teleports import flow

    request = experiment.request
    own = capture(model, experiment.hosts, layout=experiment.layout).sortby("sample").rename(sample="host")
    targets = _targets(experiment, states, space, own)
    with experiment.display.progress(text, "targets") as progress:
        try:
            jumps = travel(
                model,
                experiment.hosts,
                targets,
                experiment.places,
                steps=request.horizon,
                layout=experiment.layout,
                out=out,
                progress=progress,
            )
        except store.OtherSettings as error:
            raise StoreError(f"{error.found}\n{_anew(out)}") from error
    with experiment.display.stage("Following the teleported states"):
        return flow(jumps, space, horizon=request.horizon, states=states).load()


def _anew(out: Path) -> str:
    """How to teleport with other settings than those that are stored in `out`."""
    from residyn.model.teleport.folder import GROUP

    said = f"Remove {out / GROUP} to teleport anew"
    # Untrained models were teleported by the same settings, and would be refused one by one.
    beside = f", and {out / UNTRAINED} with it" if (out / UNTRAINED).exists() else ""
    return f"{said}{beside}, or use the same settings to go on with it."


def _targets(experiment: Experiment, states: xr.DataArray, space: Space, hosts: xr.DataArray) -> xr.DataArray:
    """The grids, and at equal distances from each host: in the plane, anywhere, towards other samples."""
    from residyn import teleports

    request, places = experiment.request, experiment.places
    radii, n, seed = request.parsed_radii(), request.directions, request.teleport_seed
    grids = []
    for number, extent in enumerate(request.parsed_extents()):
        made = teleports.grid(space, request.grid, extent)
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
    experiment: Experiment, model: LoadedModel, texts: Samples, seed: int, directory: Path
) -> xr.Dataset:
    """The same hosts in a model of the same configuration and random weights, in its own space and clouds.

    These are of the states that the controls captured of the same model, where enough of them differ to swap with,
    as they may not at layer 0; else of texts of its own. Its arrows are not drawn, only averaged: a grid of half
    the points a side does.
    """
    from residyn.cli.controls import open_twin
    from residyn.model.capture import capture
    from residyn.model.loading import untrained
    from residyn.spaces import fit_space

    twin, states = untrained(model, seed), open_twin(directory, seed)
    if states is None or not _differ(states, experiment.places, experiment.request.directions):
        with experiment.display.progress(f"untrained model {seed}", "tokens") as progress:
            states = capture(twin, texts, layout=experiment.layout, progress=progress)
    space = fit_space(states, n_components=2)
    out = directory / UNTRAINED / str(seed)
    coarser = replace(experiment.request, grid=max(1, experiment.request.grid // 2))
    asked = replace(experiment, request=coarser)
    return _flow(asked, twin, states, space, out=out, text=f"teleport, untrained model {seed}")


def _differ(states: xr.DataArray, places: Sequence[str], least: int) -> bool:
    """Whether more than `least` samples have a state of their own at each of the places."""
    at = np.isin(states["sublayer"].values, places)
    return all(len(np.unique(state, axis=0)) > least for state in states[:, at].transpose("sublayer", ...).values)


SHOWN = {
    "pull_excess": "pull beyond passive",
    "rho": "ρ",
    "amplification": "A",
    "returned": "share returned",
    "kl": "KL (nats)",
}


def show(directory: Path, display: Display) -> None:
    """A line for each model, place and kind of target: what tells a pull from a mere carrying along.

    Of kinds with radii, the middle one is shown; tables/teleports.csv has all, with intervals.
    """
    summaries = open_flow(directory)["summary"]
    if "model" not in summaries.dims:
        summaries = summaries.expand_dims(model=["trained"])
    kinds = [kind for kind in dict.fromkeys(summaries["target_kind"].values.tolist()) if kind != "no-op"]
    means = summaries["teleports_mean"].sel(quantity_of_flow=list(SHOWN))
    records = [
        {
            "model": str(model),
            "injected": str(place),
            "targets": kind,
            **{name: float(means.sel(model=model, injected=place)[i, group]) for i, name in enumerate(SHOWN)},
        }
        for model in summaries["model"].values
        for place in summaries["injected"].values
        for kind in kinds
        for group in [_middle(summaries, kind)]
    ]
    if display.as_json:
        display.emit({"run": str(directory), "teleports": records})
        return
    rows = [
        [record["model"], record["injected"], record["targets"], *(f"{record[name]:.3g}" for name in SHOWN)]
        for record in records
    ]
    display.table(str(directory / FOLDER), ["model", "at", "targets", *SHOWN.values()], rows)


def _middle(summaries: xr.Dataset, kind: str) -> int:
    """The group of a kind of target, of its middle radius where it has radii."""
    groups = np.flatnonzero(summaries["target_kind"].values == kind)
    return int(groups[len(groups) // 2])


def _withdraw(path: Path) -> None:
    """Take away results in one step, so that half of them are never found."""
    if path.exists():
        aside = path.with_name(f"{path.name}.replaced")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def _keep(directory: Path, flow: xr.Dataset, twins: Sequence[xr.Dataset], settings: str) -> None:
    from residyn.quantities.tables import write_frame
    from residyn.teleports import affine, beside, return_fraction, summary, teleport_table

    own = summary(flow)
    summaries = beside(own, [summary(twin) for twin in twins]) if twins else own
    made: dict[str, Any] = {"flow": flow, "return_fraction": return_fraction(flow), "field": affine(flow)}
    last = directory / FOLDER / f"{KEPT[-1]}.zarr"
    # Where the last one is, all are, and of its settings: it goes before the first of the others is replaced.
    _withdraw(last)
    write_frame(teleport_table(summaries), directory / stages.TABLES, TABLE)
    for name, result in made.items():
        save_own(result, directory / FOLDER / f"{name}.zarr")
    save_own(summaries.assign_attrs(settings=settings), last)
