"""Progress as Python's users see it: a bar in a terminal or a notebook, and nothing in a file or a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""Takes what is done and how much there is in all; 0 where that is not known."""

_DELAY_S = 1.0
"""What is done by then shows no bar."""
_INTERVAL_S = 0.1
"""At least so long from one drawing of a bar to the next."""


def seen(progress: bool | None = None) -> bool:
    """Whether progress is shown: as it was asked for, and else where somebody may see it.

    That is in a terminal or a notebook, unless the environment sets TQDM_DISABLE.
    """
    if progress is not None:
        return progress
    if os.environ.get("TQDM_DISABLE", "") not in ("", "0"):
        return False
    return "ipykernel" in sys.modules or bool(sys.stderr and sys.stderr.isatty())


@contextmanager
def told(text: str, unit: str, progress: Progress | bool | None = None) -> Iterator[Progress]:
    """The function that work of some `unit` tells of its progress: the one that is given, or that of a bar.

    True shows a bar, False none, and None where `seen` says so.
    """
    if callable(progress):
        yield progress
        return
    if not seen(progress):
        yield lambda done, total: None
        return
    from tqdm.auto import tqdm

    bar: tqdm | None = None

    def update(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            # What an earlier, interrupted run did counts towards the total, not towards the speed.
            look = {"delay": _DELAY_S, "mininterval": _INTERVAL_S, "leave": False, "disable": False}
            bar = tqdm(desc=text, unit=f" {unit}", unit_scale=True, total=total or None, initial=done, **look)
        bar.update(done - bar.n)

    try:
        yield update
    finally:
        if bar is not None:
            bar.close()
