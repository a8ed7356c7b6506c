"""A command line in a process of its own that waits in the midst of its work."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from pipeline.killing import watch
from residyn.cli import main


def paused(arguments, run, event, *, reached, go_on):
    """Run a command line that stops before its `event`-th operation on files of `run`, until told to go on.

    The process ends with its exit code. `reached` and `go_on` are semaphores: whoever sets an event waits for
    those that wait for it to wake up, and one that a signal ended while it waited never does.
    """
    count = 0

    def happens():
        nonlocal count
        count += 1
        if count == event:
            reached.release()
            go_on.acquire(timeout=300)

    watch(run, happens)
    sys.argv = ["residyn", *map(str, arguments)]
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        main()
