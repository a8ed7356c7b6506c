"""Checking everything that a run directory holds beside its states against what its stages wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residyn import store
from residyn.errors import StoreError
from residyn.runs import layout, stages
from residyn.runs.stages import StageRecord, read_stage, stage_differences
from residyn.runs.written import Difference, is_temporary
from residyn.settings import STAGES
from residyn.store.layout import COMMITS, CREATION, GROUP, MANIFEST, RUN, STAGED

SECTIONS = {kind.SECTION: stage for stage, kind in STAGES.items() if stage != "capture"}
"""The stage of each section of run.json whose settings its numbers depend on."""


@dataclass(frozen=True)
class Outputs:
    """What checking the outputs of a run's stages found.

    `n_files`: files that are what was written; `differences`: files that are not, and settings in run.json that no
    stage was done with; `unknown`: files that no finished stage wrote.
    """

    n_files: int
    differences: tuple[Difference, ...]
    unknown: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing differs; a file that nobody knows is no damage."""
        return not self.differences


def verify_outputs(directory: Path) -> Outputs:
    """Compare every file that the stages of a run, and of its controls, wrote with the stages' records.

    Of the states, see `store.verify`.
    """
    found = [*_differing(directory, ""), *_other_settings(directory)]
    known = _known(directory, "")
    for control in _controls(directory):
        within = control.relative_to(directory).as_posix() + "/"
        found += _differing(control, within)
        known |= _known(control, within)
    differing = {one.file for one in found}
    there = sorted(_files(directory))
    return Outputs(
        n_files=sum(name in known and name not in differing for name in there),
        differences=tuple(found),
        unknown=tuple(name for name in there if name not in known and name not in differing),
    )


def _controls(directory: Path) -> list[Path]:
    return sorted(path for path in (directory / layout.CONTROLS).glob("*") if store.has_manifest(path))


def _differing(directory: Path, within: str) -> Iterator[Difference]:
    for one in stage_differences(directory):
        yield Difference(one.stage, within + one.file, one.reason, one.detail)


def _other_settings(directory: Path) -> Iterator[Difference]:
    """Settings in run.json that decide numbers, where a finished stage was done with others."""
    try:
        run = store.read_run(directory)
    except StoreError as error:
        yield Difference("", RUN, "damaged", str(error))
        return
    for section, stage in SECTIONS.items():
        record, said = read_stage(directory, stage), run.get(section)
        if record is not None:
            yield from _differing_settings(section, said if isinstance(said, dict) else {}, record)


def _differing_settings(section: str, said: Mapping[str, Any], record: StageRecord) -> Iterator[Difference]:
    for name, value in record.settings.items():
        if name not in said:
            yield Difference("", RUN, "differs", f"{section}.{name} is gone; it was {value!r:.80}")
        elif said[name] != value:
            yield Difference("", RUN, "differs", f"{section}.{name} says {said[name]!r:.80}; it was {value!r:.80}")


def _known(directory: Path, within: str) -> set[str]:
    """The files of a run that something covers: a record of a stage, or the states' own ledger."""
    names = {MANIFEST, *(name for name in CREATION if name != GROUP)}
    for stage in stages.COMMANDS:
        record = read_stage(directory, stage)
        if record is not None:
            names |= {layout.stage(directory, stage).relative_to(directory).as_posix(), *record.files}
    return {within + name for name in names}


def _files(directory: Path) -> Iterator[str]:
    """Every file of a run, by its path from it on, but states, their ledgers, and what is in the making."""

    def is_run(folder: Path) -> bool:
        return folder == directory or folder.parent == directory / layout.CONTROLS

    for root, folders, files in os.walk(directory):
        at = Path(root)
        own = (GROUP, COMMITS) if is_run(at) else ()
        folders[:] = sorted(name for name in folders if name not in own and not is_temporary(name))
        staging = at.name == STAGED and is_run(at.parent)
        for name in files:
            in_the_making = is_temporary(name) or name == layout.PARTIAL_CLAIMS
            if not in_the_making and not (staging and store.is_staging(name)):
                yield (at / name).relative_to(directory).as_posix()
