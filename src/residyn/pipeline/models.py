"""The model of a run and the settings it was asked for: as they are asked for now, or as the run says, without
trusting what a file says.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from residyn import store
from residyn.errors import ModelError, StoreError, UsageError
from residyn.pipeline.reporter import SILENT, Reporter
from residyn.settings import (
    STAGES,
    CaptureSettings,
    ModelSettings,
    ReloadSettings,
    Settings,
    fields_of,
    flag,
    recorded,
)
from residyn.store.layout import RUN

if TYPE_CHECKING:
    from residyn.model.layout import Layout
    from residyn.model.loading import LoadedModel

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


def all_settings(directory: Path) -> dict[str, Any]:
    """The model of a run and the settings that its stages were asked for last, by name; none of other stages.

    Raises StoreError where the run cannot be read.
    """
    store.read_manifest(directory)
    record, found = store.read_run(directory), {}
    for kind in STAGES.values():
        if kind.SECTION in record:
            section = record[kind.SECTION]
            asked = recorded(kind, section, directory / RUN).record()
            # What a section does not name was not asked for: the texts of `rd.capture` have no name.
            found |= {name: value for name, value in asked.items() if name in section}
    model = recorded_model(directory)
    return found if model is None else {"model": model, **found}


def check_has_model(directory: Path) -> None:
    """Raise StoreError where a run holds states that were given, and not captured: no model made them."""
    if store.has_manifest(directory) and store.read_manifest(directory).given is not None:
        raise StoreError(
            f"{directory} holds states that were given by rd.save_states, and no model made them: nothing can be "
            "captured or teleported there. Verbs that need no model work: analyze, claims, figure, explorer, "
            "view, report, compare, info, verify. What is damaged is made again by saving the same states again."
        )


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
    directory: Path,
    loaded: LoadedModel | None,
    reporter: Reporter,
    now: ReloadSettings | None = None,
    gpus: int = 1,
) -> tuple[LoadedModel, CaptureSettings]:
    """The model of a run, loaded unless it is, and its settings, with what is said `now` of how to load it.

    Raises UsageError where no model is named, and as `load_again` does.
    """
    now = now or ReloadSettings()
    asked = reloading(directory, now)
    return (load_again(directory, now.model, asked, reporter, gpus) if loaded is None else loaded), asked


def reloading(directory: Path, now: ReloadSettings) -> CaptureSettings:
    """The settings of a run, with what is said now of how its model is loaded."""
    said = {"allow_pickle": now.allow_pickle, "trust_remote_code": now.trust_remote_code}
    said |= {"offline": True} if now.offline else {}
    chosen = {} if now.revision is None else {"revision": now.revision}
    asked = continued(directory, CaptureSettings(), ()).changed(**said, **chosen)
    return revised(directory, now.model, asked, chosen)


def revised(
    directory: Path, named: str | None, settings: CaptureSettings, chosen: Collection[str]
) -> CaptureSettings:
    """The settings without the recorded revision where that is of another model, or code would run from it."""
    if "revision" in chosen or named is None:
        return settings
    # A recorded commit can be anybody's: the hub serves those of proposed changes beside those of the owner.
    other = settings.trust_remote_code or named != recorded_model(directory)
    return settings.changed(revision=None) if other else settings


def load_again(
    directory: Path, named: str | None, settings: CaptureSettings, reporter: Reporter = SILENT, gpus: int = 1
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
        return load(model, settings, reporter, gpus)
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


def load(model: str, settings: ModelSettings, reporter: Reporter = SILENT, gpus: int = 1) -> LoadedModel:
    """The model, as the settings ask for it, spread over so many GPUs."""
    from residyn.model.loading import load_model
    from residyn.model.waiting import waiting_note

    with reporter.stage(f"Opening {model}") as say:
        loaded = load_model(
            model,
            revision=settings.revision,
            dtype=settings.dtype,
            device=settings.device,
            gpus=gpus,
            offline=settings.offline,
            allow_pickle=settings.allow_pickle,
            trust_remote_code=settings.trust_remote_code,
            progress=say,
        )
    reporter.note(
        f"{loaded.name}: {loaded.n_layers} layers of {loaded.n_units} units; {loaded.dtype} "
        f"({loaded.dtype_reason}), on {loaded.device} ({loaded.device_reason})"
    )
    if loaded.device.type == "cpu" and (waiting := waiting_note()):
        reporter.note(f"On the CPU, {waiting}")
    return loaded


def read_layout(path: str | None) -> Layout | None:
    """A user's map of sites, a JSON object with the fields of `residyn.model.layout.Layout`. Raises UsageError."""
    if path is None:
        return None
    from residyn.model.layout import Layout

    names = [field.name for field in fields(Layout)]
    wanted = f"a JSON object with the keys {', '.join(names)}"
    try:
        record = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--sites names {wanted}; {path} cannot be read as one: {error}.") from error
    if not isinstance(record, dict) or not {"blocks", "attn"} <= record.keys() <= set(names):
        raise UsageError(
            f"--sites names {wanted}, of which blocks and attn are needed; {path} holds "
            f"{', '.join(map(str, record)) if isinstance(record, dict) else type(record).__name__}."
        )
    for norms in ("post_norm", "pre_norm"):
        if record.get(norms) is not None:
            record[norms] = tuple(record[norms])
    return Layout(**record)
