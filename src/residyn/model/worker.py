"""What a worker of dask.distributed imports before it starts.

Given as `dask worker ADDRESS --preload residyn.model.worker`.
Importing torch takes seconds in which a worker answers nobody, and two threads that import at once can meet half a
module.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Any

import zarr.codecs

from residyn.model import capture, teleport

__all__ = ["capture", "dask_setup", "teleport", "zarr"]


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the coordinator, which ends the workers when it has taken what they have."""
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
