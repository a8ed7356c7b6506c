"""Work shared out among the workers of an executor (PEP 3148), whichever engine it is of.

The coordinator hands out tasks, a few at a time, and takes what comes back.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from residyn.errors import ResidynError, ResourceError

RETRIES = 3
AHEAD = 2
"""Tasks a worker has at most, the one it is at included."""
_UNKNOWN_WORKERS = 4
_LOOK_UP_S = 0.2

_at_work = threading.Lock()


@dataclass(frozen=True)
class Crew:
    """Who computes: this process, or the workers of an executor.

    `engine` gives the executor when work is first shared out; None where this process computes. `mixed` allows
    more than one kind of machine. `gpus` is over how many a worker spreads a model. `say` is told, at the end of
    some work, how fast each worker was.
    """

    engine: Callable[[], Executor] | None = None
    mixed: bool = False
    gpus: int = 1
    say: Callable[[str], None] = lambda text: None


ALONE = Crew()


class Work(NamedTuple):
    """A task of a worker: what messages call it, and what its function is called with."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Refused:
    """An error of residyn's that a worker met: no engine need try again, since it would be met again."""

    error: ResidynError


def shared_out(
    executor: Executor, function: Callable[..., Any], tasks: deque[Work], stop: Callable[[], bool]
) -> Iterator[tuple[Work, Any]]:
    """What `function` makes of each task, as it comes back; whoever takes it may add to the tasks.

    A task that fails otherwise than by an error of residyn's is handed out again, up to `RETRIES` times; one whose
    workers ended once more, alone. Once `stop()` is true, or a worker met an error of residyn's, no more are
    handed out, and what is out is taken. Raises that error in the end; ResourceError, naming the task and the
    worker, where a task ended its workers or failed every time: the other tasks are done all the same.
    """
    out: dict[Future[Any], Work] = {}
    queue = _Queue(tasks)
    refused: list[ResidynError] = []
    try:
        while out or (queue and not refused and not stop()):
            room = 0 if refused or stop() else AHEAD * workers_of(executor) - len(out)
            for work in queue.taken(room, idle=not out):
                out[_submitted(executor, function, work)] = work
            for future in wait(out, _LOOK_UP_S, FIRST_COMPLETED).done:
                work = out.pop(future)
                try:
                    result = future.result()
                except (Exception, CancelledError) as error:
                    queue.failed(work, error)
                    continue
                if isinstance(result, Refused):
                    refused.append(result.error)
                else:
                    yield work, result
    finally:
        for future in out:
            future.cancel()
    if errors := [*refused[-1:], *queue.told]:
        raise errors[0]


class _Queue:
    """The tasks that are still to be handed out, and what is to be told of those that failed for good.

    A task whose workers ended is suspected first, and handed out when nothing else is: an engine blames what
    waited beside the task that ended a worker, too.
    """

    def __init__(self, tasks: deque[Work]) -> None:
        self.tasks = tasks
        self.suspects: deque[Work] = deque()
        self.told: list[ResidynError] = []
        self._suspected: set[str] = set()
        self._tries: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.tasks) + len(self.suspects)

    def taken(self, room: int, *, idle: bool) -> list[Work]:
        """At most `room` tasks to hand out next; `idle` says that none is out."""
        if self.suspects and idle and not self.tasks and room > 0:
            return [self.suspects.popleft()]
        return [self.tasks.popleft() for _ in range(min(room, len(self.tasks)))]

    def failed(self, work: Work, error: BaseException) -> None:
        """Note that a task failed."""
        tries = self._tries[work.name] = self._tries.get(work.name, 0) + 1
        if hasattr(error, "last_worker") and work.name not in self._suspected:
            self._suspected.add(work.name)
            self.suspects.append(work)
        elif tries <= RETRIES and not is_final(error):
            self.tasks.append(work)
        else:
            self.told.append(told(work.name, error, tries))


def workers_of(executor: Executor) -> int:
    """How many tasks an executor runs at a time; a guess of a few where it does not say."""
    client = getattr(executor, "_client", None)
    if client is not None:  # dask's
        return max(1, sum(client.nthreads().values()))
    return getattr(executor, "_max_workers", None) or _UNKNOWN_WORKERS


def _submitted(executor: Executor, function: Callable[..., Any], work: Work) -> Future[Any]:
    try:
        return executor.submit(function, *work.arguments)
    except (RuntimeError, BrokenExecutor) as error:
        raise told(work.name, error) from error


def is_final(error: BaseException) -> bool:
    """Whether another try is of no use: the engine tried workers in turn, or there is none left."""
    return hasattr(error, "last_worker") or isinstance(error, BrokenExecutor | CancelledError)


def told(name: str, error: BaseException, tries: int = 1) -> ResourceError:
    """What ended a task, in words."""
    last = getattr(error, "last_worker", None)
    if last is not None:
        reason = (
            f"every worker that took it ended, the last of them {getattr(last, 'address', last)}. Look into its "
            "log: most often its memory ran out"
        )
    elif isinstance(error, BrokenExecutor | CancelledError | RuntimeError) and not str(error).strip():
        reason = f"the executor gave it up ({type(error).__name__})"
    else:
        said = " ".join(str(error).split())[:300]
        reason = (
            f"it failed {f'{tries} times, the last time ' if tries > 1 else ''}with {type(error).__name__}: {said}"
        )
    return ResourceError(
        f"{name} should have been computed by a worker, and {reason}. What was finished is stored; give the "
        "same command again to go on."
    )


class Rates:
    """How much each worker did, and in how many seconds."""

    def __init__(self) -> None:
        self._done: dict[str, tuple[int, float]] = {}

    @property
    def seen(self) -> bool:
        """Whether any worker did anything."""
        return bool(self._done)

    def add(self, worker: str, number: int, seconds: float) -> None:
        """Count what a worker did."""
        before = self._done.get(worker, (0, 0.0))
        self._done[worker] = before[0] + number, before[1] + seconds

    def told(self, unit: str) -> str:
        """The rate of each worker, in one line."""
        rates = [f"{worker}: {number / max(s, 1e-9):,.0f}" for worker, (number, s) in sorted(self._done.items())]
        return f"{len(rates)} workers; {unit} a second of each: {', '.join(rates)}"


@contextmanager
def at_work() -> Iterator[None]:
    """One task at a time in a process, however many threads its engine has: a model's hooks are of one pass."""
    with _at_work:
        yield


def this_worker() -> str:
    """What this process is called in messages; nothing that is stored names it."""
    return f"process {os.getpid()} on {socket.gethostname()}"
