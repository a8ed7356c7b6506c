"""The controls stage: a run's texts through untrained models; its model on other tokens and in other batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residyn import store
from residyn.cli import stages
from residyn.cli.display import Display
from residyn.cli.owned import open_made, open_own, save_own
from residyn.cli.request import ControlsRequest, Request
from residyn.errors import StoreError, UsageError

if TYPE_CHECKING:
    import xarray as xr

    from residyn.model.capture import Job
    from residyn.model.controls import Reading
    from residyn.model.loading import LoadedModel
    from residyn.model.sites import Layout

FOLDER = "controls"
NOISE, NOISE_FLOOR = "noise", "noise_floor.zarr"
UNTRAINED, TOKENS, POSITIONS = "untrained", "shuffled-tokens", "random-position"


def controls(
    directory: Path,
    request: ControlsRequest,
    display: Display,
    loaded: LoadedModel | None = None,
    *,
    verify: bool = False,
) -> None:
    """Capture the controls that are asked for, each into a run directory of its own below DIR/controls.

    Goes on where it was interrupted; what is there for the same states and settings is not done again, except,
    with `verify`, shards that are not what was committed. Untrained models are made and let go of one by one.
    Raises StoreError, before the model is loaded, where a control's folder holds something else or what was
    captured with other settings.
    """
    states = store.open_states(directory)
    settings = {**request.record(), "states_hash": states.attrs["states_hash"]}
    names = wanted(request)
    if not names:
        store.update_run(directory, controls=settings)
        return
    damaged = _damaged(directory, names, display) if verify else {}
    if not damaged and _is_captured(directory, names, settings):
        if request.noise and open_own(directory / FOLDER / NOISE_FLOOR) is None:
            _keep_noise_floor(directory, states)
        return
    from residyn.model.capture import job_of

    name, asked = stages.continued(directory, None, Request(), set())
    if name is None:
        raise UsageError(
            f"{directory} does not say which model it is of. Capture it again with `residyn capture`."
        )
    with stages.timed() as seconds:
        with display.stage("Choosing the controls' texts"):
            readings = _readings(directory, request)
            _check_folders(directory, readings)
        loaded = loaded or stages.load(name, asked, display)
        layout = stages.read_layout(asked.sites)
        with display.stage("Proving the sites on the model's weights"):
            job = job_of(directory, loaded, layout, asked.on_nonfinite)
        for control, reading in readings.items():
            make = _maker(control, reading, job, loaded, layout)
            _capture(directory / FOLDER / control, make, damaged.get(control, []), display)
            if control == NOISE:
                _keep_noise_floor(directory, states)
    store.update_run(directory, controls=settings, timings={"controls_s": seconds()})


def open_controls(directory: Path) -> dict[str, xr.DataArray]:
    """The states of the complete controls by name; the capture in other batches is no other condition.

    Of a run that says which controls it was asked for last, those alone.
    """
    complete = _complete(directory)
    if store.read_run(directory).get("controls") is not None:
        asked = wanted(stages.continued_record(directory, "controls", ControlsRequest(), set()))
        complete = [name for name in complete if name in asked]
    return {name: store.open_states(directory / FOLDER / name) for name in complete if name != NOISE}


def open_twin(directory: Path, seed: int) -> xr.DataArray | None:
    """The states of an untrained model that the controls captured; None where they did not, or not all of them."""
    name = f"{UNTRAINED}-{seed}"
    return store.open_states(directory / FOLDER / name) if name in _complete(directory) else None


def open_noise_floor(directory: Path) -> xr.Dataset | None:
    """The noise floor of a run, where it was measured. Raises StoreError where it was damaged."""
    path = directory / FOLDER / NOISE_FLOOR
    return open_made(path, f"residyn controls {directory}") if path.exists() else None


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


def _is_captured(directory: Path, names: Sequence[str], settings: dict[str, Any]) -> bool:
    recorded = store.read_run(directory).get("controls")
    return recorded == json.loads(json.dumps(settings)) and set(names) <= set(_complete(directory))


def _damaged(directory: Path, names: Sequence[str], display: Display) -> dict[str, list[int]]:
    """The shards of complete controls that are not what was committed, by the control."""
    found = {}
    for name in sorted(set(names) & set(_complete(directory))):
        with display.progress(f"verify {name}", "shards") as progress:
            report = store.verify(directory / FOLDER / name, progress=progress)
        if not report.ok:
            found[name] = [damage.shard for damage in report.damaged]
            display.warn([f"{len(found[name])} shards of {report.path} are damaged, and are captured again."])
    return found


def _complete(directory: Path) -> list[str]:
    folders = sorted(path for path in (directory / FOLDER).glob("*") if store.has_manifest(path))
    return [path.name for path in folders if store.info(path)["complete"]]


def _readings(directory: Path, request: ControlsRequest) -> dict[str, Reading]:
    """What each control that is asked for reads, by its name."""
    from residyn.model import controls as of_model

    names, seed = wanted(request), request.control_seed
    manifest = store.read_manifest(directory)
    every = list(store.read_samples(directory, sha256=manifest.samples_sha256, n_samples=manifest.n_samples))
    records = of_model.chosen_records(every, request.control_share, seed)
    made = {}
    if TOKENS in names or POSITIONS in names:
        before = _n_before(directory, every)
        made[TOKENS] = of_model.shuffled_tokens(records, before, seed)
        made[POSITIONS] = of_model.random_positions(records, before, seed)
    made[NOISE] = of_model.other_batches(records)
    # Not every model has a twin that can be drawn: the others are there by then.
    made |= {name: of_model.same_tokens(records) for name in names if name.startswith(UNTRAINED)}
    return {name: reading for name, reading in made.items() if name in names}


def _n_before(directory: Path, records: Sequence[Mapping[str, Any]]) -> int:
    """How many special tokens stand in front of every text of a run."""
    advice = "Restore the file from a copy, or capture the run again."
    try:
        put = store.read_run(directory)["texts"]["tokens"]["settings"]["bos_rule"]["put"]
    except (KeyError, TypeError):
        raise StoreError(
            f"{directory / 'run.json'} does not say which special tokens stand in front of the texts, which a "
            f"control leaves in place. {advice}"
        ) from None
    if not isinstance(put, list) or any(record["input_ids"][: len(put)] != put for record in records):
        raise StoreError(
            f"{directory / 'run.json'} says, as texts.tokens.settings.bos_rule.put, that the special tokens "
            f"{ascii(put)[:80]} stand in front of every text; not every text begins with them. {advice}"
        )
    return len(put)


def _check_folders(directory: Path, readings: Mapping[str, Reading]) -> None:
    """Refuse controls that cannot be captured into their folders, all of them at once."""
    run = store.read_manifest(directory).description.get("samples", {})
    foreign: list[str] = []
    other: dict[Path, str] = {}
    for name, reading in readings.items():
        folder = directory / FOLDER / name
        advice = f"The control {name} has no other place: move away what is there."
        try:
            store.check_target(folder, advice)
        except StoreError as error:
            foreign.append(str(error))
            continue
        if not store.has_manifest(folder):
            continue
        stored = store.read_manifest(folder).description.get("samples", {})
        if not isinstance(stored, dict) or "control" not in stored:
            foreign.append(f"{folder} holds a run that is no control. {advice}")
            continue
        lines = store.differing({"samples": stored}, {"samples": reading.settings(run)})
        if lines:
            other[folder] = "\n  ".join([f"The control {name} was captured with other settings:", *lines])
    if foreign:
        raise StoreError("\n".join(foreign))
    _refuse(other)


def _refuse(other: Mapping[Path, str]) -> None:
    """Raise StoreError where controls were captured with other settings; what differs, by their folders."""
    if other:
        listed = "\n".join(other.values())
        them = " and ".join(map(str, other))
        raise StoreError(f"{listed}\nRemove {them} to capture anew, or use the same settings to go on.")


def _maker(
    control: str, reading: Reading, job: Job, loaded: LoadedModel, layout: Layout | None
) -> Callable[[], Job]:
    """What makes the job of a control."""
    from residyn.model import controls as of_model

    if control.startswith(UNTRAINED):
        seed = int(control.removeprefix(f"{UNTRAINED}-"))
        return lambda: of_model.of_twin(job, reading.records, loaded, seed, layout)
    return lambda: of_model.job_for(job, reading)


def _capture(folder: Path, make: Callable[[], Job], damaged: Sequence[int], display: Display) -> None:
    from residyn.model.capture import capture_to

    control = folder.name
    with display.stage(f"Preparing the control {control}"):
        job = make()
        try:
            job.create(folder)
        except store.OtherSettings as error:
            # The texts were compared before: what differs is the model, its sites or the batches.
            _refuse({folder: f"The control {control} was captured with other settings: {error.found}"})
    store.forget(folder, list(damaged))
    store.update_run(folder, model=job.model.describe(), control=job.settings["control"])
    if store.info(folder)["complete"]:
        return
    with display.progress(f"control {control}", "tokens") as progress:
        warnings = capture_to(job, folder, progress)
    display.warn(warnings)
    stages.record_warnings(folder, warnings)


def _keep_noise_floor(directory: Path, states: xr.DataArray) -> None:
    from residyn.quantities.noise import noise_floor

    again = store.open_states(directory / FOLDER / NOISE)
    save_own(noise_floor(states, again), directory / FOLDER / NOISE_FLOOR)
