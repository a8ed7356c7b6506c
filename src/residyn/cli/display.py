"""What the terminal shows: progress on standard error, results on standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import markup
from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from residyn.words import clean, spelled

Report = Callable[[int, int], None]
_LOG_EVERY_S = 10.0
_UNBOUNDED = 10_000
_SENTENCE = 24
"""A cell with spaces and more characters than this is a sentence: it may be wrapped, to no less than this."""


def escape(text: object) -> str:
    """Text as it is, not as markup, and without characters that a terminal would obey.

    Everything that a display shows comes through here: names and texts of files may hold anything.
    """
    return markup.escape(clean(text))


def _is_sentence(cell: str) -> bool:
    return len(cell) > _SENTENCE and " " in cell.strip()


def _speed(speed: float) -> str:
    """Units done a second, in words; where that is below one, the seconds that each takes."""
    return f"{1 / speed:,.0f} s each" if 0 < speed < 1 else f"{speed:,.0f} a second"


class _Rate(ProgressColumn):
    """How fast units are done."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else _speed(speed), style="progress.data.speed")


class _Log:
    """Progress for a file or a pipe: a line now and then, and one at the end."""

    def __init__(self, note: Callable[[str], None], text: str, unit: str) -> None:
        self.note, self.text, self.unit = note, text, unit
        self.started = self.said = time.monotonic()
        self.first: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        # What an earlier, interrupted run did counts towards the total, not towards the speed.
        self.first = done if self.first is None else self.first
        if now - self.said < _LOG_EVERY_S and done < total:
            return
        self.said = now
        speed = (done - self.first) / max(now - self.started, 1e-9)
        # Of what was done when it was first told, the speed is not known.
        rate = f", {_speed(speed)}" if speed else ""
        left = f", {(total - done) / speed:,.0f} s left" if speed and done < total else ""
        self.note(f"{self.text}: {done:,} of {total:,} {self.unit}{rate}{left}")


class _Console(Console):
    """A console that leaves it to the command line what a reader means who left."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Display:
    """Progress, notes and results of one command; silent where it was asked to be."""

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.as_json = as_json
        self.errors = _Console(stderr=True, highlight=False)
        # A file or a pipe is as wide as it needs to be: nothing that is read by a program is wrapped.
        self.results = _Console(highlight=False, width=None if sys.stdout and sys.stdout.isatty() else _UNBOUNDED)
        self.quiet = quiet

    def note(self, text: str) -> None:
        """One line about what is being done."""
        if not self.quiet:
            self.errors.print(escape(text), soft_wrap=True)

    def warn(self, texts: Sequence[str]) -> None:
        """What the user should know about the numbers, quiet or not."""
        for text in texts:
            self.errors.print(f"[yellow]warning:[/yellow] {escape(text)}", soft_wrap=True)

    def fail(self, text: str) -> None:
        self.errors.print(f"[red]error:[/red] {escape(text)}", soft_wrap=True)

    def trace(self, text: str) -> None:
        """The traceback of an error."""
        self.errors.print(escape(text), soft_wrap=True)

    @contextmanager
    def stage(self, text: str) -> Iterator[Callable[[str], None]]:
        """A spinner for work whose length is not known; yields a function that renames the work."""
        if self.quiet or not self.errors.is_terminal:
            self.note(text)
            yield self.note
            return
        with self.errors.status(escape(text)) as status:
            yield lambda renamed: status.update(escape(renamed))

    @contextmanager
    def progress(self, text: str, unit: str) -> Iterator[Report]:
        """A bar for work that is counted: yields a function (done, total)."""
        if self.quiet:
            yield lambda done, total: None
            return
        if not self.errors.is_terminal:
            yield _Log(self.note, text, unit)
            return
        amount: list[ProgressColumn] = (
            [DownloadColumn()]
            if unit == "bytes"
            else [TextColumn("{task.completed:,.0f}/{task.total:,.0f}"), _Rate()]
        )
        columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), *amount, TimeRemainingColumn()]
        with Progress(*columns, console=self.errors, transient=True) as bar:
            task = bar.add_task(escape(text), total=1, visible=False)
            first: int | None = None

            def report(done: int, total: int) -> None:
                nonlocal first
                if first is None:
                    # What an earlier, interrupted run did counts towards the total, not towards the speed.
                    first = done
                    bar.update(task, total=total, completed=done, visible=True)
                    bar.reset(task, total=total, completed=done, visible=True)
                else:
                    bar.update(task, completed=done, total=total)

            yield report

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table on standard output: names and numbers stay whole, and only sentences are wrapped.

        Where the terminal is too narrow for that, each row is shown as lines of `column: value`.
        """
        shown = [[escape(cell) for cell in row] for row in rows]
        table = Table(title=escape(title), title_justify="left", header_style="bold", show_header=any(columns))
        for place, name in enumerate(columns):
            sentences = any(_is_sentence(line) for row in rows for line in str(row[place]).splitlines())
            table.add_column(escape(name), no_wrap=not sentences, min_width=_SENTENCE if sentences else None)
        for row in shown:
            table.add_row(*row)
        unbounded = self.results.options.update(max_width=_UNBOUNDED)
        if Measurement.get(self.results, unbounded, table).minimum <= self.results.width:
            self.results.print(table)
            return
        self.results.print(f"[italic]{escape(title)}[/italic]", soft_wrap=True)
        for row in shown:
            lines = [f"{escape(name)}: {cell}" if name else cell for name, cell in zip(columns, row, strict=True)]
            self.results.print("\n  ".join(line.replace("\n", "\n    ") for line in lines if line), soft_wrap=True)

    def result(self, text: str) -> None:
        self.results.print(escape(text), soft_wrap=True)

    def emit(self, value: Any) -> None:
        """One JSON object on standard output."""
        from residyn.store.records import plain

        text = json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False)
        sys.stdout.write(f"{spelled(text)}\n")
