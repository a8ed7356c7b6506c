"""Work by several threads, on a range of rows or task by task: for kernels that release the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import TypeVar

from residyn.errors import UsageError
from residyn.machine import cores

T = TypeVar("T")
_SHARES = 4
"""Parts for each thread: a thread that is given slow rows then leaves its last parts to the others."""


def over_rows(work: Callable[[int, int], None], n: int, threads: int | None = None) -> None:
    """Call `work(start, stop)` on parts that cover the rows 0 … n − 1 once each, on `threads` threads.

    `work` writes what it computes into its own rows of an array, so that the result does not depend on the
    parts. Default: as many threads as this process may use cores. The first error that a part raises is
    raised here, after the parts under way have ended; parts not yet begun are then left out. Raises
    UsageError for fewer than one thread.
    """
    threads = cores() if threads is None else threads
    if threads < 1:
        raise UsageError(f"Rows are shared out among at least 1 thread; threads={threads} was given.")
    parts = min(n, threads * _SHARES)
    bounds = list(pairwise(n * part // parts for part in range(parts + 1))) if parts else []
    results_of([partial(work, start, stop) for start, stop in bounds], threads)


def results_of(tasks: Sequence[Callable[[], T]], threads: int | None = None) -> list[T]:
    """What each task returns, in their order: each is taken by the next of `threads` threads that is free.

    Default and errors as of `over_rows`.
    """
    threads = cores() if threads is None else threads
    if threads < 1:
        raise UsageError(f"Tasks are shared out among at least 1 thread; threads={threads} was given.")
    if threads == 1 or len(tasks) <= 1:
        return [task() for task in tasks]
    pool = ThreadPoolExecutor(min(threads, len(tasks)), thread_name_prefix="residyn-rows")
    wait = True
    try:
        return [job.result() for job in [pool.submit(task) for task in tasks]]
    except KeyboardInterrupt:
        # Nobody waits for the parts under way.
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)
