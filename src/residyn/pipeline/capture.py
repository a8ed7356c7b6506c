"""The capture stage: a model and texts → the states of a run, begun, gone on with or repaired."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residyn import store
from residyn.crew import ALONE, Crew
from residyn.errors import StoreError
from residyn.model.names import find_place
from residyn.pipeline.models import (
    check_has_model,
    continued,
    load,
    load_again,
    read_layout,
    recorded_model,
    reloading,
    revised,
)
from residyn.pipeline.reporter import SILENT, Reporter, clocked, timed
from residyn.settings import BUILT_IN_MODEL, CaptureSettings, ModelSettings, ReloadSettings
from residyn.store.layout import controls_command

if TYPE_CHECKING:
    from residyn.model.capture_plan import CapturePlan
    from residyn.model.check import Check
    from residyn.model.loading import LoadedModel

_MANY_TIED = 0.5
"""Share of the texts with another's last token from which on it is said what to do."""


def capture(
    directory: Path,
    model: str | LoadedModel,
    settings: CaptureSettings,
    reporter: Reporter = SILENT,
    held: ExitStack | None = None,
    *,
    named: str | None = None,
    crew: Crew = ALONE,
) -> LoadedModel:
    """Load, read, tokenize, prove the sites, and capture what is not captured yet; the model, for later stages.

    run.json calls the model as it is `named`; by default as it is given. The run's lock is taken as soon as there
    is a run, and is let go of with `held`, by default at the end. Raises UsageError, ModelError, DataError and
    StoreError as `load_model`, `read_texts` and `rd.capture` do.
    """
    with ExitStack() as own:
        held = own if held is None else held
        return _capture(directory, model, settings, reporter, held, named=named, crew=crew)


def _capture(
    directory: Path,
    model: str | LoadedModel,
    settings: CaptureSettings,
    reporter: Reporter,
    held: ExitStack,
    *,
    named: str | None,
    crew: Crew,
) -> LoadedModel:
    store.check_target(directory)
    check_has_model(directory)
    if store.has_manifest(directory):
        held.enter_context(store.locked(directory))
    made = planned(directory, model, settings, reporter, crew.gpus)
    from residyn.model.capture import capture_to, dropped

    made.plan.create(directory)
    held.enter_context(store.locked(directory))
    made.record(directory, settings, named or (model if isinstance(model, str) else model.name))
    if store.info(directory)["complete"]:
        # Whoever captured the last of them may have been killed before it told.
        store.record_warnings(directory, dropped(directory))
        return made.plan.model
    for name, seconds in made.seconds.items():
        store.add_timing(directory, name, seconds)
    with timed(directory, "capture_s") as timer, timer.progress(reporter, "capture", "tokens") as progress:
        later = capture_to(made.plan, directory, progress, crew)
    reporter.warn(later)
    return made.plan.model


@dataclass(frozen=True)
class Planned:
    """The plan of a capture, what it was made of, what to warn of, and how many seconds each of it took."""

    plan: CapturePlan
    texts: Mapping[str, Any]
    warnings: Sequence[str]
    seconds: Mapping[str, float]

    def record(self, directory: Path, settings: CaptureSettings, named: str) -> None:
        """Write down in run.json what was asked for, and what of."""
        store.update_run(
            directory,
            request={"model": named, **settings.record()},
            model=self.plan.model.describe(),
            texts=self.texts,
        )
        store.record_warnings(directory, self.warnings)


def planned(
    directory: Path, model: str | LoadedModel, settings: CaptureSettings, reporter: Reporter, gpus: int = 1
) -> Planned:
    """Load, read, tokenize and prove the sites: all that a capture is of. Raises as `capture` does."""
    from residyn.model.texts import read_texts

    layout = read_layout(settings.sites)
    if isinstance(model, str):
        find_place(model, settings.revision, trust_remote_code=settings.trust_remote_code)
    with clocked() as reading, reporter.progress("texts", "bytes") as progress:
        texts = read_texts(
            # run.json writes the user's home folder as "~", and a run may be continued from there.
            os.path.expanduser(settings.texts),  # noqa: PTH111 - not every source is a path
            n=settings.n,
            min_chars=settings.min_chars,
            max_chars=settings.max_chars,
            field=settings.field,
            order=settings.order,
            headings=settings.headings,
            white_space=settings.white_space,
            seed=settings.seed,
            offline=settings.offline,
            progress=progress,
        )
    reporter.note(texts.summary())
    # What can be wrong with names and texts is told by now: importing torch takes seconds.
    with reporter.stage("Loading torch and transformers"):
        from residyn.model.capture_plan import prepare

    with clocked() as loading:
        loaded = load(model, settings, reporter, gpus) if isinstance(model, str) else model
    with clocked() as preparing, reporter.stage("Tokenizing, and proving the sites on the model's weights"):
        plan, samples = prepare(
            loaded,
            texts,
            position=settings.position,
            max_tokens=settings.max_tokens,
            bos=settings.bos,
            special_tokens=settings.special_tokens,
            chat=settings.chat,
            seed=settings.seed,
            batch_tokens=settings.batch_tokens,
            layout=layout,
            on_nonfinite=settings.on_nonfinite,
            run=directory,
        )
    warnings = [*loaded.warnings, *texts.warnings, *samples.warnings]
    reporter.warn(warnings)
    reporter.note(plan.summary())
    if settings.position == "end" and plan.tied > _MANY_TIED:
        reporter.note(
            "Texts that end in one token begin as one state; --position random reads each text at another place."
        )
    seconds = {"texts_s": reading(), "model_s": loading(), "prepare_s": preparing()}
    return Planned(plan, {**texts.describe(), "tokens": samples.describe()}, warnings, seconds)


def complete(
    directory: Path,
    named: str | None,
    settings: CaptureSettings,
    reporter: Reporter = SILENT,
    damaged: Sequence[int] = (),
    *,
    crew: Crew = ALONE,
) -> None:
    """Capture what an existing run lacks, from its own tokens: its texts need not be there any more.

    The model is the run's own unless one is `named` now (`load_again`). Shards that are `damaged` are removed
    first, once it is known that they can be captured again.
    """
    from residyn.model.capture import capture_to, dropped
    from residyn.model.capture_plan import plan_of

    if named is None and not damaged and _is_captured(directory):
        # Whoever captured the last of them may have been killed before it told.
        store.record_warnings(directory, dropped(directory))
        return
    with store.locked(directory):
        if named is None and not damaged and _adopted(directory, crew, reporter):
            return
        with clocked() as loading:
            loaded = load_again(directory, named, settings, reporter, crew.gpus)
        with clocked() as preparing, reporter.stage("Proving the sites on the model's weights"):
            plan = plan_of(directory, loaded, read_layout(settings.sites), settings.on_nonfinite)
        reporter.note(plan.summary())
        store.record_warnings(directory, loaded.warnings)
        store.forget(directory, list(damaged))
        for name, seconds in {"model_s": loading(), "prepare_s": preparing()}.items():
            store.add_timing(directory, name, seconds)
        with timed(directory, "capture_s") as timer, timer.progress(reporter, "capture", "tokens") as progress:
            warnings = capture_to(plan, directory, progress, crew)
        reporter.warn(warnings)


def _is_captured(directory: Path) -> bool:
    """Whether there is nothing to write: all shards are stored, and none is staged."""
    return store.info(directory)["complete"] and not store.receipts(directory, store.read_manifest(directory))


def _adopted(directory: Path, crew: Crew, reporter: Reporter) -> bool:
    """Put in place what was staged for a run; whether it is complete by that, so that no model is needed."""
    from residyn.model.capture import dropped

    if not store.receipts(directory, store.read_manifest(directory)):
        return False
    with store.open_writer(directory, mixed=crew.mixed) as writer:
        left, every, told = len(writer.pending), writer.manifest.n_shards, writer.told
    reporter.note(f"What was staged is in place: {every - left} of {every} shards are stored.")
    if left:
        return False
    notes = [*told, *dropped(directory)]
    store.record_warnings(directory, notes)
    reporter.warn(notes)
    return True


def capture_or_continue(
    directory: Path,
    model: str | None,
    asked: CaptureSettings,
    chosen: Collection[str],
    reporter: Reporter = SILENT,
    *,
    crew: Crew = ALONE,
) -> None:
    """Capture states into `directory`, or go on with the capture that was interrupted there.

    It goes on as it was asked for, but for the `chosen` ones of the settings that are asked for now; where none of
    them decides what the states are, from the run's own tokens. The model is the run's unless one is named.
    """
    check_is_run(directory)
    settings = revised(directory, model, continued(directory, asked, chosen), chosen)
    deciding = settings.deciding().keys() & set(chosen)
    known = model is not None or recorded_model(directory) is not None
    if known and store.has_manifest(directory) and not deciding:
        complete(directory, model, settings, reporter, crew=crew)
    elif known and model is None:
        loaded = load_again(directory, model, settings, reporter, crew.gpus)
        capture(directory, loaded, settings, reporter, named=recorded_model(directory), crew=crew)
    else:
        capture(directory, model or BUILT_IN_MODEL, settings, reporter, crew=crew)


def repair_damage(
    directory: Path,
    damaged: Sequence[int],
    now: ReloadSettings | None = None,
    reporter: Reporter = SILENT,
    *,
    crew: Crew = ALONE,
) -> None:
    """Capture damaged and missing shards of a run again, and no others."""
    check_has_model(directory)
    now = now or ReloadSettings()
    complete(directory, now.model, reloading(directory, now), reporter, damaged, crew=crew)


def check(model: str, settings: ModelSettings, reporter: Reporter = SILENT) -> Check:
    """What the probes find of a model's sites. Raises as `rd.check_model` does."""
    layout = read_layout(settings.sites)
    find_place(model, settings.revision, trust_remote_code=settings.trust_remote_code)
    from residyn.model.check import check_model

    loaded = load(model, settings, reporter)
    with reporter.stage("Running the probes"):
        return check_model(loaded, layout)


def is_control(directory: Path) -> bool:
    """Whether a folder is the run directory of a control."""
    return store.has_manifest(directory) and "control" in store.read_run(directory)


def check_is_run(directory: Path) -> None:
    """Raise StoreError where a run directory is of a control, or of states that no model made."""
    check_has_model(directory)
    if is_control(directory):
        raise StoreError(f"{directory} is a control, which is captured with: {_command_of(directory)}")


def repair_advice(directory: Path) -> str:
    """How what is damaged is made again."""
    if is_control(directory):
        return f"It is a control, which is captured again with: {_command_of(directory)}"
    return f"`residyn verify {directory} --repair` makes it again, and nothing else."


def _command_of(control: Path) -> str:
    """What captures a control."""
    return controls_command(control) or "residyn controls RUN, of the run that it was captured for"
