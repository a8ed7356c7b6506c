"""What an interrupted judgement of claims has computed: a line for each task, appended when it is done."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from residyn.store.files import append_bytes, disk_errors, read_file, write_bytes
from residyn.store.records import MAX_RECORD_BYTES, MAX_RECORD_VALUES, canonical, plain, sha256_of_record

Values = dict[str, list[float]]
Stored = dict[str, dict[str, list[float | None]]]


class Line(msgspec.Struct, frozen=True):
    """What one task made, of what it was, and the sha256 of both: each entry's values, null if not defined."""

    fingerprint: str
    made: Stored
    sha256: str


class HalfJudged:
    """The ledger of a judgement that is under way, in a file that lets another go on with it.

    `ledger` has what is left of an earlier judgement of the same, by its `fingerprint`. Lines of others are
    dropped, as is what was damaged or written in part when the judgement was killed.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self.ledger: dict[str, Values] = {}
        lines, whole = _lines(path)
        kept = [(line, spelled) for line, spelled in lines if line.fingerprint == fingerprint]
        for line, _ in kept:
            self.ledger |= {task: _defined(made) for task, made in line.made.items()}
        if not whole or len(kept) < len(lines):
            with self._on_disk():
                write_bytes(path, b"".join(spelled + b"\n" for _, spelled in kept))
        self._kept = set(self.ledger)

    def keep(self, ledger: Mapping[str, Mapping[str, list[float]]]) -> None:
        """Append what the ledger has more than was kept. Raises ResourceError where the disk is full."""
        made = {task: values for task, values in ledger.items() if task not in self._kept}
        if made:
            with self._on_disk():
                append_bytes(self.path, _spelled(self.fingerprint, plain(made)))
            self._kept |= set(made)

    def _on_disk(self) -> AbstractContextManager[None]:
        run = self.path.parent
        go_on = f"go on with: residyn claims {shlex.quote(str(run))}"
        return disk_errors(run, f"Writing {self.path.name}", go_on=go_on)


def _spelled(fingerprint: str, made: Stored) -> bytes:
    line = {"fingerprint": fingerprint, "made": made, "sha256": sha256_of_record([fingerprint, made])}
    return canonical(line) + b"\n"


def _lines(path: Path) -> tuple[list[tuple[Line, bytes]], bool]:
    """The lines that are intact, each as it is spelled, and whether that is all there is."""
    try:
        content = read_file(path, MAX_RECORD_BYTES)
    except OSError:
        return [], not path.exists()
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_RECORD_VALUES:
        return [], False
    found: list[tuple[Line, bytes]] = []
    whole = content.endswith(b"\n") or not content
    for text in content.split(b"\n"):
        if not text:
            continue
        try:
            record = json.loads(text)
            line = msgspec.convert(record, Line)
        except (ValueError, RecursionError, msgspec.ValidationError):
            whole = False
            continue
        # Of what was written: a whole number is read as another one with a point.
        if line.sha256 == sha256_of_record([line.fingerprint, record["made"]]):
            found.append((line, text))
        else:
            whole = False
    return found, whole


def _defined(made: Mapping[str, list[float | None]]) -> Values:
    nan = float("nan")
    return {name: [nan if value is None else value for value in values] for name, values in made.items()}
