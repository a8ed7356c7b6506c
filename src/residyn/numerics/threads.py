"""Work on a range of rows by several threads: for kernels that release the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from residyn.errors import UsageError

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
    if threads == 1 or parts <= 1:
        for start, stop in bounds:
            work(start, stop)
        return
    pool = ThreadPoolExecutor(min(threads, parts), thread_name_prefix="residyn-rows")
    wait = True
    try:
        for job in [pool.submit(work, start, stop) for start, stop in bounds]:
            job.result()
    except KeyboardInterrupt:
        # Nobody waits for the parts under way.
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


def cores() -> int:
    """How many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
