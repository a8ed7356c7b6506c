"""How a stage says what it is doing: to a terminal, or to nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from residyn.runs.stages import Stage, read_stage

Progress = Callable[[int, int], None]
"""Takes what is done and how much there is."""


class Reporter(Protocol):
    """What a stage tells while it works."""

    def note(self, text: str) -> None:
        """One line about what is being done."""

    def warn(self, texts: Sequence[str]) -> None:
        """What the user should know about the numbers."""

    def stage(self, text: str) -> AbstractContextManager[Callable[[str], None]]:
        """Work whose length is not known; gives a function that renames it."""
        ...

    def progress(self, text: str, unit: str) -> AbstractContextManager[Progress]:
        """Work that is counted in `unit`; gives its progress function."""
        ...


class Silent:
    """A Reporter that tells nobody."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def warn(self, texts: Sequence[str]) -> None:
        """Say nothing: what concerns the numbers is recorded in run.json too."""

    @contextmanager
    def stage(self, text: str) -> Iterator[Callable[[str], None]]:
        """Give a function that does nothing."""
        yield lambda renamed: None

    @contextmanager
    def progress(self, text: str, unit: str) -> Iterator[Progress]:
        """Give a progress function that does nothing."""
        yield lambda done, total: None


SILENT = Silent()


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """A function that gives the seconds since the context was opened, or until it was left."""
    started = time.perf_counter()
    ended: list[float] = []
    yield lambda: round((ended[0] if ended else time.perf_counter()) - started, 2)
    ended.append(time.perf_counter())


def is_done(stage: Stage, directory: Path, reporter: Reporter) -> bool:
    """Whether a stage need not be done; where it was done once and has to be again, the reporter is told why."""
    reasons = stage.reasons(directory)
    if reasons and read_stage(directory, stage.name) is not None:
        reporter.note(f"The stage {stage.name} is done again: {'; '.join(reasons)}")
    return not reasons
