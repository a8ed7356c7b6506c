"""How a stage says what it is doing: to a terminal, or to nobody."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from residyn import store
from residyn.errors import DataError, ModelError, ResidynError
from residyn.progress import Progress, seen, told
from residyn.runs.stages import Stage, read_stage
from residyn.words import clean

KEPT_EVERY_S = 5.0


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


class InPython:
    """A Reporter for Python's users: notes and bars where they are seen, and warnings as Python's own."""

    def __init__(self, progress: bool | None = None) -> None:
        self._seen = seen(progress)

    def note(self, text: str) -> None:
        """A line on standard error."""
        if self._seen:
            print(clean(text), file=sys.stderr)

    def warn(self, texts: Sequence[str]) -> None:
        """Warn, whether progress is shown or not."""
        for text in texts:
            warnings.warn(text, stacklevel=2)

    @contextmanager
    def stage(self, text: str) -> Iterator[Callable[[str], None]]:
        """Note what is being done, and give the function that notes it by another name."""
        self.note(text)
        yield self.note

    def progress(self, text: str, unit: str) -> AbstractContextManager[Progress]:
        """A bar."""
        return told(text, unit, self._seen)


@contextmanager
def clocked() -> Iterator[Callable[[], float]]:
    """A function that gives the seconds since the context was opened, or until it was left."""
    started = time.perf_counter()
    ended: list[float] = []
    yield lambda: round((ended[0] if ended else time.perf_counter()) - started, 2)
    ended.append(time.perf_counter())


class Timer:
    """Counts seconds of work towards a name in a run's run.json, beside those of earlier processes."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._name = directory, name
        self._kept = time.perf_counter()
        self._before: float | None = None
        self._thread = threading.get_ident()

    def keep(self) -> None:
        """Write down the seconds since this was done last."""
        now = time.perf_counter()
        if self._before is None:
            self._before = store.timing(self._directory, self._name)
        store.add_timing(self._directory, self._name, now - self._kept)
        self._kept = now

    def take_back(self) -> None:
        """Have run.json count what it did before the first seconds were written down."""
        if self._before is not None:
            store.update_run(self._directory, timings={self._name: self._before})

    @contextmanager
    def progress(self, reporter: Reporter, text: str, unit: str) -> Iterator[Progress]:
        """The reporter's progress, which writes down the seconds now and then: a kill loses no more than these."""
        with reporter.progress(text, unit) as told:

            def both(done: int, total: int) -> None:
                told(done, total)
                late = time.perf_counter() - self._kept > KEPT_EVERY_S
                # The run's lock is its thread's.
                if late and threading.get_ident() == self._thread:
                    self.keep()

            yield both


@contextmanager
def timed(directory: Path, name: str, left: Callable[[], object] | None = None) -> Iterator[Timer]:
    """Count the seconds of some work on a run in its run.json, also where the work fails or is interrupted.

    `left` says what the work has left so far. Where the model or its data do not allow the work (ModelError,
    DataError), and it left nothing more than before, its seconds are not counted: it is found out each time that
    the run is gone on with, and run.json, of which the report is, stays as it was.
    """
    timer = Timer(directory, name)
    before = left() if left is not None else None
    try:
        yield timer
    except BaseException as error:
        refused = isinstance(error, ModelError | DataError)
        # What went wrong is to be told, and not that its time could not be written down.
        with suppress(ResidynError):
            if refused and left is not None and left() == before:
                timer.take_back()
            else:
                timer.keep()
        raise
    timer.keep()


def is_done(stage: Stage, directory: Path, reporter: Reporter) -> bool:
    """Whether a stage need not be done; where it was done once and has to be again, the reporter is told why."""
    reasons = stage.reasons(directory)
    if reasons and read_stage(directory, stage.name) is not None:
        reporter.note(f"The stage {stage.name} is done again: {'; '.join(reasons)}")
    return not reasons
