"""Which stages of a run are done, and what they wrote: one fingerprint of what decides a stage, one rule of when
it is made again, one ledger of the files that it left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from residyn import store
from residyn.errors import StoreError
from residyn.runs import layout
from residyn.runs.written import Content, Difference, contents, differences
from residyn.store.files import disk_errors
from residyn.store.records import sha256_of_record

ANALYSIS, CONTROLS, NOISE_FLOOR, TELEPORTS = "analysis", "controls", "noise_floor", "teleports"
JACOBIANS, OUTPUTS = "jacobians", "outputs"
CLAIMS, FIGURES, EXPLORER, REPORT = "claims", "figures", "explorer", "report"
COMMANDS = {
    ANALYSIS: "analyze",
    CONTROLS: "controls",
    NOISE_FLOOR: "controls",
    TELEPORTS: "teleport",
    JACOBIANS: "jacobians",
    OUTPUTS: "outputs",
    CLAIMS: "claims",
    FIGURES: "figure",
    EXPLORER: "explorer",
    REPORT: "report",
}
"""The verb that does each stage, in the order in which a run does them."""
_SHOWN = 3
"""Files that a reason names one by one."""


@dataclass(frozen=True)
class StageRecord:
    """What stands in stages/NAME.json: of what a stage was finished, and what it left, from DIR on.

    `outputs` are files and folders, `files` the content of every file of them.
    """

    format: str
    format_version: int
    fingerprint: str
    inputs: dict[str, str | None]
    settings: dict[str, Any]
    residyn_version: str
    outputs: tuple[str, ...]
    files: dict[str, Content]


@dataclass(frozen=True)
class Stage:
    """A stage: its name, the hashes of what it reads (None for what is not there), the settings that decide."""

    name: str
    inputs: Mapping[str, str | None]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The sha256 of everything that decides the stage's outputs, residyn's version included."""
        return sha256_of_record(self._decisive())

    def reasons(self, directory: Path) -> list[str]:
        """Why the stage has to be done: what differs from when it was, or is not what it wrote; empty where it is
        done.
        """
        record = _read(directory, self.name)
        if not isinstance(record, StageRecord):
            return ["it was not finished here" if record is None else f"its record is damaged: {record}"]
        if record.fingerprint != self.fingerprint:
            return list(self._differing(record))
        found = list(differences(directory, self.name, record.files))
        said = [f"{one.file} is gone or damaged ({one.detail})" for one in found[:_SHOWN]]
        return [*said, f"{len(found) - _SHOWN} more of its files are, too"] if len(found) > _SHOWN else said

    def begin(self, directory: Path) -> None:
        """Take away the record of when the stage was done last, before its outputs are written over.

        Raises StoreError where that cannot be done.
        """
        path = layout.stage(directory, self.name)
        with disk_errors(directory, f"Removing {path.name}", go_on="give the same command again"):
            path.unlink(missing_ok=True)

    def finish(self, directory: Path, outputs: Iterable[Path]) -> None:
        """Record that the stage is done, and what it left. Raises as `store.write_json` does."""
        names = [path.relative_to(directory).as_posix() for path in outputs]
        files = {
            name: {"sha256": content.sha256, "bytes": content.bytes}
            for name, content in contents(directory, names).items()
        }
        record = {
            "format": layout.STAGE_FORMAT,
            "format_version": layout.STAGE_VERSION,
            "fingerprint": self.fingerprint,
            **self._decisive(),
            "outputs": names,
            "files": files,
        }
        path = layout.stage(directory, self.name)
        path.parent.mkdir(exist_ok=True)
        store.write_json(path, {**record, "checksum": sha256_of_record(store.plain(record))})

    def outputs(self, directory: Path) -> list[Path]:
        """The files that the finished stage left, in the order in which it wrote them."""
        record = read_stage(directory, self.name)
        return [directory / name for name in record.outputs] if record is not None else []

    def _decisive(self) -> dict[str, Any]:
        return {
            "inputs": store.plain(self.inputs),
            "settings": store.plain(self.settings),
            "residyn_version": version("residyn"),
        }

    def _differing(self, record: StageRecord) -> Iterator[str]:
        now = self._decisive()
        before = {"inputs": record.inputs, "settings": record.settings}
        for kind, values in before.items():
            for name in dict.fromkeys([*values, *now[kind]]):
                if values.get(name) != now[kind].get(name):
                    changed = f"{values.get(name)!r}, now {now[kind].get(name)!r}"
                    yield f"{name} was {changed}" if kind == "settings" else f"{name} changed"
        if record.residyn_version != now["residyn_version"]:
            yield f"residyn was {record.residyn_version}, now {now['residyn_version']}"


def read_stage(directory: Path, name: str) -> StageRecord | None:
    """The record of a finished stage; None where there is none, or one that this residyn did not write."""
    record = _read(directory, name)
    return record if isinstance(record, StageRecord) else None


def differs(directory: Path, name: str) -> bool:
    """Whether a file of a finished stage is not what the stage wrote, or its record is damaged."""
    return any(one.stage == name for one in stage_differences(directory))


def is_covered(directory: Path, name: str) -> bool:
    """Whether there is a record of what a stage wrote; one that is damaged is no missing one."""
    return _read(directory, name) is not None


def check_written(directory: Path, name: str, *outputs: Path) -> None:
    """Raise StoreError where outputs of a finished stage are not what it wrote; by default all of its outputs.

    Nothing is said of outputs of which there is no record: an earlier version wrote them, or the stage was
    interrupted.
    """
    again = f"residyn {COMMANDS[name]} {directory}"
    record = _read(directory, name)
    if isinstance(record, str):
        raise StoreError(
            f"{layout.stage(directory, name)} should say what the stage {name} wrote, and is damaged: {record}. "
            f"Make them again: {again}"
        )
    found = [] if record is None else list(differences(directory, name, _within(directory, record, outputs)))
    if found:
        first = found[0]
        beside = f" ({len(found) - 1} more of its files are, too)" if len(found) > 1 else ""
        raise StoreError(
            f"{directory / first.file} was damaged or changed after the stage {name} wrote it: "
            f"{first.detail}{beside}. Make them again: {again}"
        )


def stage_differences(directory: Path) -> Iterator[Difference]:
    """Every file of a run's finished stages that is not what the stage wrote, damaged records included."""
    for name in COMMANDS:
        record = _read(directory, name)
        if isinstance(record, str):
            path = layout.stage(directory, name).relative_to(directory).as_posix()
            yield Difference(name, path, "damaged", record)
        elif record is not None:
            yield from differences(directory, name, record.files)


def _within(directory: Path, record: StageRecord, outputs: Iterable[Path]) -> dict[str, Content]:
    """The files of a record that are, or lie in, one of the outputs; all of them where none is named."""
    names = [path.relative_to(directory).as_posix() for path in outputs]
    return {
        file: content
        for file, content in record.files.items()
        if not names or any(file == name or file.startswith(f"{name}/") for name in names)
    }


def _read(directory: Path, name: str) -> StageRecord | str | None:
    """The record of a finished stage, or what is wrong with it; None where there is none of this version."""
    path = layout.stage(directory, name)
    if not path.exists():
        return None
    try:
        record = msgspec.convert(store.read_json(path), dict[str, Any])
        checksum = record.pop("checksum", None)
        format_of_it, version_of_it = record.get("format"), record.get("format_version")
        # Records of earlier versions have no checksum, nor anything for one to cover.
        earlier = format_of_it == layout.STAGE_FORMAT and version_of_it in layout.EARLIER_STAGE_VERSIONS
        if checksum is None and earlier:
            return None
        if sha256_of_record(record) != checksum:
            return "its checksum does not fit its content"
        ours = (format_of_it, version_of_it) == (layout.STAGE_FORMAT, layout.STAGE_VERSION)
        return msgspec.convert(record, StageRecord) if ours else None
    except StoreError:
        return "it is not a JSON record"
    except (ValueError, RecursionError) as error:
        return str(error)
