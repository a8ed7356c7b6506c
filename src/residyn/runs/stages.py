"""Which stages of a run are done: one fingerprint of what decides a stage, one rule of when it is made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from residyn import store
from residyn.errors import StoreError
from residyn.runs import layout
from residyn.runs.results import open_if_whole
from residyn.runs.verdicts import read_verdicts
from residyn.store.records import sha256_of_record
from residyn.strict import Fault, convert


@dataclass(frozen=True)
class StageRecord:
    """What stands in stages/NAME.json: of what a stage was finished, and the files that it left, from DIR on."""

    format: str
    format_version: int
    fingerprint: str
    inputs: Mapping[str, Any]
    settings: Mapping[str, Any]
    residyn_version: str
    outputs: tuple[str, ...]


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
        """Why the stage has to be done: what differs from when it was, or is gone or damaged; empty where it is
        done.
        """
        record = read_stage(directory, self.name)
        if record is None:
            return ["it was not finished here"]
        if record.fingerprint != self.fingerprint:
            return list(self._differing(record))
        return [f"{name} is gone or damaged" for name in record.outputs if not _is_whole(directory / name)]

    def finish(self, directory: Path, outputs: Iterable[Path]) -> None:
        """Record that the stage is done and left these files. Raises as `store.write_json` does."""
        names = [str(path.relative_to(directory)) for path in outputs]
        header = {"format": layout.STAGE_FORMAT, "format_version": layout.STAGE_VERSION}
        path = layout.stage(directory, self.name)
        path.parent.mkdir(exist_ok=True)
        store.write_json(path, {**header, "fingerprint": self.fingerprint, **self._decisive(), "outputs": names})

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
    path = layout.stage(directory, name)
    if not path.exists():
        return None
    try:
        record = convert(store.read_json(path), StageRecord)
    except StoreError:
        return None
    known = not isinstance(record, Fault) and (record.format, record.format_version) == (
        layout.STAGE_FORMAT,
        layout.STAGE_VERSION,
    )
    return record if known and isinstance(record, StageRecord) else None


def _is_whole(path: Path) -> bool:
    """Whether an output is there: results by their hashes, verdicts by their fields, anything else by its name."""
    if path.suffix == ".zarr":
        return open_if_whole(path) is not None
    if path.name == layout.CLAIMS:
        try:
            return read_verdicts(path) is not None
        except StoreError:
            return False
    return path.exists()
