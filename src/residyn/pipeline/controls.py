"""The controls stage: a run's texts through other weights; its model on other tokens and in other batches."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from residyn import control_names, store
from residyn.crew import ALONE, Crew
from residyn.errors import DataError, ModelError, StoreError
from residyn.pipeline.models import check_has_model, read_layout, reopened
from residyn.pipeline.reporter import SILENT, Reporter, Timer, is_done, timed
from residyn.runs import layout
from residyn.runs.contents import asked_controls
from residyn.runs.results import replace_results
from residyn.runs.stages import CONTROLS, NOISE_FLOOR, Stage, read_stage, stage_differences
from residyn.runs.written import is_temporary
from residyn.settings import ControlsSettings, ReloadSettings
from residyn.store.layout import COMMITS, CREATION, MANIFEST, STAGED

if TYPE_CHECKING:
    from residyn.model.capture_plan import CapturePlan
    from residyn.model.controls import ControlReading
    from residyn.model.layout import Layout
    from residyn.model.loading import LoadedModel

NAME = CONTROLS


def controls(
    directory: Path,
    settings: ControlsSettings | None = None,
    reporter: Reporter = SILENT,
    loaded: LoadedModel | None = None,
    *,
    again: bool = False,
    reload: ReloadSettings | None = None,
    crew: Crew = ALONE,
) -> None:
    """Capture the controls that are asked for, each into a run directory of its own below DIR/controls.

    Goes on where it was interrupted; what is there for the same states and settings is not done again, except
    shards that are not what was committed, and controls that do not say any more what their shards are. Models
    with other weights are made and let go of one by one. Where the model's weights cannot be permuted, or its
    states are not finite then, the reporter is told, and the run goes without that control; asked for `again` it
    is tried again. A model that is not `loaded` is the run's own, as `reload` says. Raises StoreError, before the
    model is loaded, where a control's folder holds something else or what was captured with other settings.
    """
    settings = settings or ControlsSettings()
    check_has_model(directory)
    with store.undisturbed(directory):
        states = store.open_states(directory)
    names = asked_controls(settings)
    stage = Stage(NAME, {"states": states.attrs["states_hash"]}, settings.deciding())
    lost = _lost(directory, names)
    damaged = _damaged(directory, [name for name in names if name not in lost], reporter)
    done = is_done(stage, directory, reporter)
    # The finished stage knows which controls could be had.
    wanted = [path.name for path in stage.outputs(directory)] if done and not again else names
    if lost or damaged or not done or not set(wanted) <= set(_captured(directory, names)):
        with store.locked(directory, needed=False):
            # Another process may have captured them again while they were verified.
            for name in _lost(directory, lost):
                _start_anew(layout.control(directory, name), reporter)
            damaged = _damaged(directory, list(damaged), SILENT)
            with timed(directory, "controls_s") as timer:
                if names:
                    _capture_all(directory, settings, damaged, reporter, (loaded, reload), timer=timer, crew=crew)
                store.update_run(directory, controls=settings.record())
            stage.finish(directory, [layout.control(directory, name) for name in _captured(directory, names)])
    elif settings.noise:
        _measure_noise(directory)


def _capture_all(
    directory: Path,
    settings: ControlsSettings,
    damaged: Mapping[str, Sequence[int]],
    reporter: Reporter,
    model: tuple[LoadedModel | None, ReloadSettings | None],
    *,
    timer: Timer,
    crew: Crew,
) -> None:
    """Capture all controls; `model` is the one that is loaded, and how it is loaded where none is."""
    from residyn.model.capture_plan import plan_of

    with reporter.stage("Choosing the controls' texts"):
        readings = _readings(directory, settings)
        _check_folders(directory, readings)
    loaded, asked = reopened(directory, model[0], reporter, model[1], crew.gpus)
    sites = read_layout(asked.sites)
    with reporter.stage("Proving the sites on the model's weights"):
        plan = plan_of(directory, loaded, sites, asked.on_nonfinite)
    for control, reading in readings.items():
        make = _maker(control, reading, plan, loaded, seed=settings.control_seed, sites=sites)
        try:
            _capture(
                layout.control(directory, control), make, damaged.get(control, ()), reporter, timer, crew=crew
            )
        except (DataError, ModelError) as error:
            if control != control_names.PERMUTED:
                raise
            _leave_out(directory, control, settings.control_seed, error, reporter)
        if control == control_names.NOISE:
            _measure_noise(directory)


def _lost(directory: Path, names: Sequence[str]) -> list[str]:
    """The controls that do not say any more what their shards are: captured as a whole, as their tokens are the
    run's.
    """
    record = read_stage(directory, NAME)
    written = [] if record is None else [Path(name).name for name in record.outputs]
    changed = _changed(directory)
    return [
        name
        for name in sorted(set(names) & set(written))
        if any(file.parts[0] != COMMITS for file in changed.get(name, ()))
    ]


def _damaged(directory: Path, names: Sequence[str], reporter: Reporter) -> dict[str, list[int]]:
    """The shards of controls that are not what was committed, by the control."""
    changed = _changed(directory)
    found: dict[str, list[int]] = {}
    for name in sorted(set(names)):
        control = layout.control(directory, name)
        if not store.has_manifest(control):
            continue
        markers = {int(file.stem) for file in changed.get(name, ()) if file.parts[0] == COMMITS}
        if shards := sorted(markers | _damaged_shards(control, reporter)):
            found[name] = shards
            reporter.warn([f"{len(shards)} shards of {control} are damaged, and are captured again."])
    return found


def _changed(directory: Path) -> dict[str, list[Path]]:
    """The files that are not what the finished stage left, from each control's folder on, by the control."""
    found: dict[str, list[Path]] = {}
    for one in stage_differences(directory):
        if one.stage == NAME and one.reason != "damaged":
            _, name, *file = Path(one.file).parts
            found.setdefault(name, []).append(Path(*file))
    return found


def _damaged_shards(control: Path, reporter: Reporter) -> set[int]:
    try:
        with reporter.progress(f"verify {control.name}", "shards") as progress:
            report = store.verify(control, progress=progress)
    except StoreError:
        # What stands there may be another's, or of another version: it is told when it is to be captured into.
        return set()
    return {damage.shard for damage in report.damaged}


def _captured(directory: Path, names: Sequence[str]) -> list[str]:
    """The names of the controls that are complete, of those that are asked for."""
    folders = {name: layout.control(directory, name) for name in names}
    return [n for n, folder in folders.items() if store.has_manifest(folder) and store.info(folder)["complete"]]


_OWN = {MANIFEST, *CREATION, layout.RESULTS, layout.TABLES, layout.STAGES, STAGED}
"""What residyn writes into the folder of a control."""


def _start_anew(control: Path, reporter: Reporter) -> None:
    """Remove a control that the controls stage captured, where it says no more what its shards are.

    Raises StoreError where there is anything in its folder that residyn does not write.
    """
    if not control.exists() and not control.is_symlink():
        return
    strangers = sorted(
        path.name for path in control.iterdir() if path.name not in _OWN and not is_temporary(path.name)
    )
    if control.is_symlink() or strangers:
        raise StoreError(
            f"The control {control.name} was damaged since it was captured, and its folder {control} should hold "
            f"nothing but what residyn wrote; it {f'has {strangers[0]}' if strangers else 'is a link'}. Move away "
            f"what is there, and give the same command again."
        )
    reporter.warn([f"The control {control.name} was damaged beyond its shards, and is captured again as a whole."])
    # It may be analysed meanwhile, which takes a lock of its own.
    with store.locked(control, needed=False):
        shutil.rmtree(control)


def _readings(directory: Path, settings: ControlsSettings) -> dict[str, ControlReading]:
    """What each control that is asked for reads, by its name."""
    from residyn.model import controls as of_model

    names, seed = asked_controls(settings), settings.control_seed
    manifest = store.read_manifest(directory)
    every = store.read_samples(directory, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    records = of_model.chosen_records(every, settings.control_share, seed)
    made = {}
    if control_names.TOKENS in names or control_names.POSITIONS in names:
        before = _n_before(directory, every)
        made[control_names.TOKENS] = of_model.shuffled_tokens(records, before, seed)
        made[control_names.POSITIONS] = of_model.random_positions(records, before, seed)
    made[control_names.NOISE] = of_model.other_batches(records)
    made[control_names.PERMUTED] = of_model.permuted_weights(records, seed)
    # Not every model has a twin that can be drawn: the others are there by then.
    made |= {
        name: of_model.same_tokens(records) for name in names if name.startswith(control_names.UNTRAINED_PREFIX)
    }
    return {name: reading for name, reading in made.items() if name in names}


def _n_before(directory: Path, records: store.SampleTable) -> int:
    """How many special tokens stand in front of every text of a run."""
    advice = "Restore the file from a copy, or capture the run again."
    try:
        put = store.read_run(directory)["texts"]["tokens"]["settings"]["bos_rule"]["put"]
    except (KeyError, TypeError):
        raise StoreError(
            f"{directory / 'run.json'} does not say which special tokens stand in front of the texts, which a "
            f"control leaves in place. {advice}"
        ) from None
    if not isinstance(put, list) or any(
        records.ids_of(row)[: len(put)].tolist() != put for row in range(len(records))
    ):
        raise StoreError(
            f"{directory / 'run.json'} says, as texts.tokens.settings.bos_rule.put, that the special tokens "
            f"{ascii(put)[:80]} stand in front of every text; not every text begins with them. {advice}"
        )
    return len(put)


def _check_folders(directory: Path, readings: Mapping[str, ControlReading]) -> None:
    """Refuse controls that cannot be captured into their folders, all of them at once."""
    run = store.read_manifest(directory).description.get("samples", {})
    foreign: list[str] = []
    other: dict[Path, str] = {}
    for name, reading in readings.items():
        folder = layout.control(directory, name)
        advice = f"The control {name} has no other place: move away what is there."
        try:
            store.check_target(folder, advice)
        except StoreError as error:
            foreign.append(str(error))
            continue
        if not store.has_manifest(folder):
            continue
        try:
            stored = store.read_manifest(folder).description.get("samples", {})
        except StoreError as error:
            foreign.append(f"{error} {advice}")
            continue
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
    control: str,
    reading: ControlReading,
    plan: CapturePlan,
    loaded: LoadedModel,
    *,
    seed: int,
    sites: Layout | None,
) -> Callable[[], CapturePlan]:
    """What makes the plan of a control."""
    from residyn.model import controls as of_model

    if control.startswith(control_names.UNTRAINED_PREFIX):
        twin = int(control.removeprefix(control_names.UNTRAINED_PREFIX))
        return lambda: of_model.untrained_plan(plan, reading.records, loaded, twin, sites)
    if control == control_names.PERMUTED:
        return lambda: of_model.permuted_plan(plan, reading.records, loaded, seed)
    return lambda: of_model.plan_for(plan, reading)


def _capture(
    folder: Path,
    make: Callable[[], CapturePlan],
    damaged: Sequence[int],
    reporter: Reporter,
    timer: Timer,
    *,
    crew: Crew,
) -> None:
    from residyn.model.capture import capture_to

    control = folder.name
    with reporter.stage(f"Preparing the control {control}"):
        plan = make()
        try:
            plan.create(folder)
        except store.OtherSettings as error:
            # The texts were compared before: what differs is the model, its sites or the batches.
            _refuse({folder: f"The control {control} was captured with other settings: {error.found}"})
    store.forget(folder, list(damaged))
    store.update_run(folder, model=plan.model.describe(), control=plan.settings["control"])
    if store.info(folder)["complete"]:
        return
    with timer.progress(reporter, f"control {control}", "tokens") as progress:
        warnings = capture_to(plan, folder, progress, crew)
    reporter.warn(warnings)


def _leave_out(
    directory: Path, control: str, seed: int, error: DataError | ModelError, reporter: Reporter
) -> None:
    """Tell and record that a run goes without a control, and why."""
    reason = str(error)
    if isinstance(error, DataError):
        # The store's advice is for a run's own states: a control does not drop samples.
        reason = "the model's states are not finite then. Those of a wider number format may be (--dtype float32)."
    told = [f"Without the control {control} (seed {seed}): {reason}"]
    reporter.warn(told)
    store.record_warnings(directory, told)


def _measure_noise(directory: Path) -> None:
    """Keep how far the states of a run are from those of the same texts in batches of their own."""
    from residyn.quantities.noise import noise_floor

    states, again = store.open_states(directory), store.open_states(layout.control(directory, control_names.NOISE))
    stage = Stage(NOISE_FLOOR, {"states": states.attrs["states_hash"], "again": again.attrs["states_hash"]})
    if stage.reasons(directory):
        with store.locked(directory, needed=False):
            stage.begin(directory)
            replace_results(noise_floor(states, again), layout.noise_floor(directory))
            stage.finish(directory, [layout.noise_floor(directory)])
