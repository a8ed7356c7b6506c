"""A verb of the command line in a process of its own that waits in the midst of its work."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from pipeline.killing import watch
from residyn.cli.running import run_command


def paused(arguments, run, event, *, reached, go_on, ended):
    """Run a command line that stops before its `event`-th operation on files of `run`, until told to go on.

    `reached` and `go_on` are semaphores: whoever sets an event waits for those that wait for it to wake up, and
    one that a signal ended while it waited never does.
    """
    count = 0

    def happens():
        nonlocal count
        count += 1
        if count == event:
            reached.release()
            go_on.acquire(timeout=300)

    watch(run, happens)
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        ended.put(run_command([str(argument) for argument in arguments]))
