"""The controls stage: a run's texts through untrained models; its model on other tokens and in other batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residyn import store
from residyn.cli import stages
from residyn.cli.display import Display
from residyn.cli.request import ControlsRequest, Request
from residyn.errors import StoreError, UsageError

if TYPE_CHECKING:
    import xarray as xr

    from residyn.model.capture import Job
    from residyn.model.loading import LoadedModel

FOLDER = "controls"
NOISE, NOISE_FLOOR = "noise", "noise_floor.zarr"
UNTRAINED, TOKENS, POSITIONS = "untrained", "shuffled-tokens", "random-position"

Make = Callable[[], "Job"]


def controls(
    directory: Path, request: ControlsRequest, display: Display, loaded: LoadedModel | None = None
) -> None:
    """Capture the controls that are asked for, each into a run directory of its own below DIR/controls.

    Goes on where it was interrupted; what is there for the same states and settings is not done again. Untrained
    models are made and let go of one by one.
    """
    states = store.open_states(directory)
    settings = {**request.record(), "states_hash": states.attrs["states_hash"]}
    if _is_done(directory, request, settings):
        return
    from residyn.model.capture import job_of

    name, asked = stages.continued(directory, None, Request(), set())
    if name is None:
        raise UsageError(
            f"{directory} does not say which model it is of. Capture it again with `residyn capture`."
        )
    with stages.timed() as seconds:
        loaded = loaded or stages.load(name, asked, display)
        layout = stages.read_layout(asked.sites)
        with display.stage("Choosing the controls' texts"):
            job = job_of(directory, loaded, layout, asked.on_nonfinite)
        for control, make in _jobs(directory, job, loaded, request, asked):
            _capture(directory / FOLDER / control, control, make, display)
            if control == NOISE:
                _keep_noise_floor(directory, states)
    store.update_run(directory, controls=settings, timings={"controls_s": seconds()})


def open_controls(directory: Path) -> dict[str, xr.DataArray]:
    """The states of the complete controls by name; the capture in other batches is no other condition."""
    return {name: store.open_states(directory / FOLDER / name) for name in _complete(directory) if name != NOISE}


def open_noise_floor(directory: Path) -> xr.Dataset | None:
    """The noise floor of a run, where it was measured."""
    from residyn.analysis.saving import open_results

    path = directory / FOLDER / NOISE_FLOOR
    return open_results(path) if path.exists() else None


def show(directory: Path, display: Display) -> None:
    """What was captured, of which model and how many texts."""
    found = [(name, store.open_states(directory / FOLDER / name)) for name in _complete(directory)]
    records = [
        {"control": name, "model": states.attrs.get("model", ""), "samples": states.sizes["sample"]}
        for name, states in found
    ]
    if display.as_json:
        display.emit({"run": str(directory), "controls": records})
        return
    rows = [[record["control"], record["model"], str(record["samples"])] for record in records]
    display.table(str(directory / FOLDER), ["control", "model", "samples"], rows)


def wanted(request: ControlsRequest) -> list[str]:
    """The names of the controls that are asked for."""
    names = [f"{UNTRAINED}-{seed}" for seed in range(request.untrained)]
    chosen = ((TOKENS, request.shuffled_tokens), (POSITIONS, request.random_positions), (NOISE, request.noise))
    return [*names, *(name for name, asked in chosen if asked)]


def _is_done(directory: Path, request: ControlsRequest, settings: dict[str, Any]) -> bool:
    recorded = store.read_run(directory).get("controls")
    return recorded == json.loads(json.dumps(settings)) and set(wanted(request)) <= set(_complete(directory))


def _complete(directory: Path) -> list[str]:
    folders = sorted(path for path in (directory / FOLDER).glob("*") if store.has_manifest(path))
    return [path.name for path in folders if store.info(path)["complete"]]


def _jobs(
    directory: Path, job: Job, loaded: LoadedModel, request: ControlsRequest, asked: Request
) -> Iterator[tuple[str, Make]]:
    """Each control by its name, and what makes its job."""
    from residyn.model import controls as of_model

    layout = stages.read_layout(asked.sites)
    records = of_model.chosen_records(job, request.control_share, request.control_seed)
    n_before, seed = _n_before(directory), request.control_seed
    made: dict[str, Make] = {
        TOKENS: lambda: of_model.shuffled_tokens(job, records, n_before, seed),
        POSITIONS: lambda: of_model.random_positions(job, records, n_before, seed),
        NOISE: lambda: of_model.other_batches(job, records),
    }
    yield from ((name, make) for name, make in made.items() if name in wanted(request))
    # Not every model has a twin that can be drawn: the others are there by then.
    for twin in range(request.untrained):
        yield f"{UNTRAINED}-{twin}", lambda twin=twin: of_model.of_twin(job, records, loaded, twin, layout)


def _n_before(directory: Path) -> int:
    """How many special tokens stand in front of every text of a run."""
    try:
        return len(store.read_run(directory)["texts"]["tokens"]["settings"]["bos_rule"]["put"])
    except (KeyError, TypeError):
        raise StoreError(
            f"{directory / 'run.json'} does not say which special tokens stand in front of the texts, which a "
            "control leaves in place. Restore the file from a copy, or capture the run again."
        ) from None


def _capture(folder: Path, control: str, make: Make, display: Display) -> None:
    from residyn.model.capture import capture_to

    with display.stage(f"Preparing the control {control}"):
        job = make()
        try:
            job.create(folder)
        except StoreError as error:
            raise StoreError(
                f"The control {control} was captured with other settings: {error} "
                f"Remove {folder} to capture it anew."
            ) from error
    store.update_run(folder, model=job.model.describe(), control=job.settings["control"])
    if store.info(folder)["complete"]:
        return
    with display.progress(f"control {control}", "tokens") as progress:
        display.warn(capture_to(job, folder, progress))


def _keep_noise_floor(directory: Path, states: xr.DataArray) -> None:
    from residyn.analysis.noise import noise_floor
    from residyn.analysis.saving import save_results

    again = store.open_states(directory / FOLDER / NOISE)
    save_results(noise_floor(states, again), directory / FOLDER / NOISE_FLOOR)
