"""The capture stage: a model and texts → the states of a run, begun, gone on with or repaired."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from residyn import store
from residyn.errors import ModelError, StoreError, UsageError
from residyn.pipeline.reporter import SILENT, Reporter, clocked, timed
from residyn.settings import (
    BUILT_IN_MODEL,
    CaptureSettings,
    ModelSettings,
    ReloadSettings,
    Settings,
    fields_of,
    flag,
    recorded,
)
from residyn.store.layout import RUN, controls_command

if TYPE_CHECKING:
    from residyn.model.check import Check
    from residyn.model.loading import LoadedModel
    from residyn.model.sites import Layout

S = TypeVar("S", bound=Settings)


def continued(directory: Path, asked: S, chosen: Collection[str]) -> S:
    """The settings that a stage of `directory` was asked for last, and the `chosen` ones of `asked`.

    Settings that give trust are those of `asked` alone: what a file says never lets more be read or run. `asked`
    where the stage was not asked for yet. Raises StoreError where run.json does not hold settings, UsageError
    where the chosen ones do not go with them.
    """
    section = store.read_run(directory).get(asked.SECTION)
    if section is None:
        return asked
    earlier = recorded(type(asked), section, directory / RUN)
    now = {*chosen, *(field.name for field in fields_of(type(asked)) if field.trust)}
    made = earlier.changed(**{name: getattr(asked, name) for name in now if hasattr(asked, name)})
    made.check()
    return made


def recorded_model(directory: Path) -> str | None:
    """The name or place of a run's model; None where run.json has none. Raises StoreError where it is no text."""
    section = store.read_run(directory).get(CaptureSettings.SECTION)
    name = section.get("model") if isinstance(section, dict) else None
    if name is not None and not isinstance(name, str):
        raise StoreError(
            f"{directory / RUN} is damaged: request.model should be text; got {ascii(name)[:80]}. "
            "Restore the file from a copy."
        )
    return name


def reopened(
    directory: Path, loaded: LoadedModel | None, reporter: Reporter, now: ReloadSettings | None = None
) -> tuple[LoadedModel, CaptureSettings]:
    """The model of a run, loaded unless it is, and its settings, with what is said `now` of how to load it.

    Raises UsageError where no model is named, and as `load_again` does.
    """
    now = now or ReloadSettings()
    asked = _reloading(directory, now)
    return (load_again(directory, now.model, asked, reporter) if loaded is None else loaded), asked


def _reloading(directory: Path, now: ReloadSettings) -> CaptureSettings:
    """The settings of a run, with what is said now of how its model is loaded."""
    said = {"allow_pickle": now.allow_pickle, "trust_remote_code": now.trust_remote_code}
    said |= {"offline": True} if now.offline else {}
    chosen = {} if now.revision is None else {"revision": now.revision}
    asked = continued(directory, CaptureSettings(), ()).changed(**said, **chosen)
    return _revised(directory, now.model, asked, chosen)


def _revised(
    directory: Path, named: str | None, settings: CaptureSettings, chosen: Collection[str]
) -> CaptureSettings:
    """The settings without the recorded revision where that is of another model, or code would run from it."""
    if "revision" in chosen or named is None:
        return settings
    # A recorded commit can be anybody's: the hub serves those of proposed changes beside those of the owner.
    other = settings.trust_remote_code or named != recorded_model(directory)
    return settings.changed(revision=None) if other else settings


def load_again(
    directory: Path, named: str | None, settings: CaptureSettings, reporter: Reporter = SILENT
) -> LoadedModel:
    """The model of a run: the one that is `named` now, or else the recorded one, without trusting the record.

    Code of a model runs only where the model and the trust are named now, pickles are read only where they are
    allowed now, and a model inside the run directory is taken only where it is named now. Raises UsageError where
    no model is known, or code is to run of one that only the record names; StoreError for a recorded model inside
    the run; ModelError as `load_model` does, telling of trust that only the record has.
    """
    model = named if named is not None else _recorded_without_trust(directory, settings)
    section = store.read_run(directory).get(CaptureSettings.SECTION)
    fields = [field.name for field in fields_of(CaptureSettings) if field.trust]
    withheld = [
        flag(name)
        for name in fields
        if isinstance(section, dict) and section.get(name) is True and not getattr(settings, name)
    ]
    try:
        return load(model, settings, reporter)
    except ModelError as error:
        if not withheld:
            raise
        options = " ".join(withheld)
        raise ModelError(
            f"{error} The run was captured with {options}, and what {directory / RUN} says of that does not "
            f"count: it may be anybody's. Look at the model first; then give {options} again with --model {model}."
        ) from error


def _recorded_without_trust(directory: Path, settings: CaptureSettings) -> str:
    """The recorded model. Raises as `load_again` does."""
    name = recorded_model(directory)
    if name is None:
        raise UsageError(
            f"{directory} should say which model it is of, and its {RUN} names none. Name it with --model."
        )
    if settings.trust_remote_code:
        raise UsageError(
            f"{flag('trust_remote_code')} runs code of the model that is named beside it, and none is: only "
            f"{directory / RUN} names one, {ascii(name)[:200]}, and that may be anybody's. Look at its code "
            "first; then name it with --model, and one of the hub with --revision COMMIT, too."
        )
    place, run = Path(name).expanduser(), directory.resolve()
    if _resolved(place).is_relative_to(run):
        raise StoreError(
            f"The model of {directory} should be one of yours, and {directory / RUN} names one that lies inside "
            f"that directory and came with it: {ascii(name)[:200]}. Look at it first; then name it with --model."
        )
    return name


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path  # what leads nowhere is refused by whoever opens it


def load(model: str, settings: ModelSettings, reporter: Reporter = SILENT) -> LoadedModel:
    """The model, as the settings ask for it."""
    from residyn.model.loading import load_model

    with reporter.stage(f"Opening {model}") as say:
        loaded = load_model(
            model,
            revision=settings.revision,
            dtype=settings.dtype,
            device=settings.device,
            offline=settings.offline,
            allow_pickle=settings.allow_pickle,
            trust_remote_code=settings.trust_remote_code,
            progress=say,
        )
    reporter.note(
        f"{loaded.name}: {loaded.n_layers} layers of {loaded.n_units} units; {loaded.dtype} "
        f"({loaded.dtype_reason}), on {loaded.device} ({loaded.device_reason})"
    )
    return loaded


def read_layout(path: str | None) -> Layout | None:
    """A user's map of sites, a JSON object with the fields of `residyn.model.sites.Layout`. Raises UsageError."""
    if path is None:
        return None
    from residyn.model.sites import Layout

    names = [field.name for field in fields(Layout)]
    wanted = f"a JSON object with the keys {', '.join(names)}"
    try:
        record = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--sites names {wanted}; {path} cannot be read as one: {error}.") from error
    if not isinstance(record, dict) or not {"blocks", "attn", "mlp"} <= record.keys() <= set(names):
        raise UsageError(
            f"--sites names {wanted}, of which blocks, attn and mlp are needed; {path} holds "
            f"{', '.join(map(str, record)) if isinstance(record, dict) else type(record).__name__}."
        )
    if record.get("post_norm") is not None:
        record["post_norm"] = tuple(record["post_norm"])
    return Layout(**record)


def capture(
    directory: Path,
    model: str | LoadedModel,
    settings: CaptureSettings,
    reporter: Reporter = SILENT,
    held: ExitStack | None = None,
    *,
    named: str | None = None,
) -> LoadedModel:
    """Load, read, tokenize, prove the sites, and capture what is not captured yet; the model, for later stages.

    run.json calls the model as it is `named`; by default as it is given. The run's lock is taken as soon as there
    is a run, and is let go of with `held`, by default at the end. Raises UsageError, ModelError, DataError and
    StoreError as `load_model`, `read_texts` and `rd.capture` do.
    """
    with ExitStack() as own:
        held = own if held is None else held
        return _capture(directory, model, settings, reporter, held, named=named)


def _capture(
    directory: Path,
    model: str | LoadedModel,
    settings: CaptureSettings,
    reporter: Reporter,
    held: ExitStack,
    *,
    named: str | None,
) -> LoadedModel:
    store.check_target(directory)
    if store.has_manifest(directory):
        held.enter_context(store.locked(directory))
    from residyn.model.capture import capture_to, dropped, prepare
    from residyn.model.texts import read_texts

    layout = read_layout(settings.sites)
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
    with clocked() as loading:
        loaded = load(model, settings, reporter) if isinstance(model, str) else model
    with clocked() as preparing, reporter.stage("Tokenizing, and proving the sites on the model's weights"):
        job, samples = prepare(
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
        )
    warnings = [*loaded.warnings, *texts.warnings, *samples.warnings]
    reporter.warn(warnings)
    reporter.note(job.summary())
    job.create(directory)
    held.enter_context(store.locked(directory))
    store.update_run(
        directory,
        request={"model": named or (model if isinstance(model, str) else model.name), **settings.record()},
        model=loaded.describe(),
        texts={**texts.describe(), "tokens": samples.describe()},
    )
    store.record_warnings(directory, warnings)
    if store.info(directory)["complete"]:
        # Whoever captured the last of them may have been killed before it told.
        store.record_warnings(directory, dropped(directory))
        return loaded
    for name, seconds in {"texts_s": reading(), "model_s": loading(), "prepare_s": preparing()}.items():
        store.add_timing(directory, name, seconds)
    with timed(directory, "capture_s") as timer, timer.progress(reporter, "capture", "tokens") as progress:
        later = capture_to(job, directory, progress)
    reporter.warn(later)
    return loaded


def complete(
    directory: Path,
    named: str | None,
    settings: CaptureSettings,
    reporter: Reporter = SILENT,
    damaged: Sequence[int] = (),
) -> None:
    """Capture what an existing run lacks, from its own tokens: its texts need not be there any more.

    The model is the run's own unless one is `named` now (`load_again`). Shards that are `damaged` are removed
    first, once it is known that they can be captured again.
    """
    from residyn.model.capture import capture_to, job_of

    with store.locked(directory):
        with clocked() as loading:
            loaded = load_again(directory, named, settings, reporter)
        with clocked() as preparing, reporter.stage("Proving the sites on the model's weights"):
            job = job_of(directory, loaded, read_layout(settings.sites), settings.on_nonfinite)
        reporter.note(job.summary())
        store.record_warnings(directory, loaded.warnings)
        store.forget(directory, list(damaged))
        for name, seconds in {"model_s": loading(), "prepare_s": preparing()}.items():
            store.add_timing(directory, name, seconds)
        with timed(directory, "capture_s") as timer, timer.progress(reporter, "capture", "tokens") as progress:
            warnings = capture_to(job, directory, progress)
        reporter.warn(warnings)


def capture_or_continue(
    directory: Path,
    model: str | None,
    asked: CaptureSettings,
    chosen: Collection[str],
    reporter: Reporter = SILENT,
) -> None:
    """Capture states into `directory`, or go on with the capture that was interrupted there.

    It goes on as it was asked for, but for the `chosen` ones of the settings that are asked for now; where none of
    them decides what the states are, from the run's own tokens. The model is the run's unless one is named.
    """
    check_is_run(directory)
    settings = _revised(directory, model, continued(directory, asked, chosen), chosen)
    deciding = settings.deciding().keys() & set(chosen)
    known = model is not None or recorded_model(directory) is not None
    if known and store.has_manifest(directory) and not deciding:
        complete(directory, model, settings, reporter)
    elif known and model is None:
        loaded = load_again(directory, model, settings, reporter)
        capture(directory, loaded, settings, reporter, named=recorded_model(directory))
    else:
        capture(directory, model or BUILT_IN_MODEL, settings, reporter)


def repair_damage(
    directory: Path, damaged: Sequence[int], now: ReloadSettings | None = None, reporter: Reporter = SILENT
) -> None:
    """Capture damaged and missing shards of a run again, and no others."""
    now = now or ReloadSettings()
    complete(directory, now.model, _reloading(directory, now), reporter, damaged)


def check(model: str, settings: ModelSettings, reporter: Reporter = SILENT) -> Check:
    """What the probes find of a model's sites. Raises as `rd.check_model` does."""
    from residyn.model.check import check_model

    layout = read_layout(settings.sites)
    loaded = load(model, settings, reporter)
    with reporter.stage("Running the probes"):
        return check_model(loaded, layout)


def is_control(directory: Path) -> bool:
    """Whether a folder is the run directory of a control."""
    return store.has_manifest(directory) and "control" in store.read_run(directory)


def check_is_run(directory: Path) -> None:
    """Raise StoreError where a run directory is that of a control: its run alone says what it is of."""
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
