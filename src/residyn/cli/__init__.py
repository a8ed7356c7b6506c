"""The command line: `residyn run` and its stages. Parse, call, print, and turn errors into exit codes."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
_MESSAGE = "error: Interrupted. Run the same command again to go on."

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit: 0, or the exit code of what went wrong.

    Ctrl-C and SIGTERM are the same wish, also while modules are imported: exit code 130, with a message.
    """
    signal.signal(signal.SIGTERM, _terminated)
    _stand_in_for_closed_streams()
    try:
        from residyn.cli.running import run_command, show_warnings

        show_warnings()
        code = run_command(sys.argv[1:])
    except KeyboardInterrupt:
        with suppress(OSError):
            print(_MESSAGE, file=sys.stderr)
        code = INTERRUPTED
    _leave(code)


def _terminated(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stand_in_for_closed_streams() -> None:
    """Put the null device in the place of standard streams that were closed.

    Else the first file that is opened would get the number of one, and messages would be written into it.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _leave(code: int) -> NoReturn:
    """End the process with an exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    if code == INTERRUPTED:
        # What was written is whole. Threads may be in the middle of a computation that nobody waits for any more,
        # and the interpreter would wait for them.
        os._exit(code)
    # What could not be written to standard output was told; the interpreter would try again and tell it once more.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)
