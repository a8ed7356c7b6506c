"""What no page has room for: activations of single units and of single texts, read out of a run's states."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from residyn import store
from residyn.errors import StoreError
from residyn.explorer.record import Explorer
from residyn.schema import SAMPLE, SUBLAYER, UNIT

_KEPT = 64
"""Units and samples that are kept in memory once they were read."""


class OnDemand:
    """The states of the samples on a page; StoreError where the run holds none, or not whole.

    `read("unit/N")` gives the activations of unit N, (sublayer, sample), and `read("sample/LABEL")` those of one
    sample, (sublayer, unit), as float32, little-endian. Anything else raises KeyError, damaged states StoreError.
    """

    def __init__(self, directory: Path, explorer: Explorer) -> None:
        if not store.has_manifest(directory):
            raise StoreError(
                f"What a view reads on demand are the states, and {directory} holds none. "
                f"Open {directory}/explorer.html instead, or capture them: residyn capture {directory}"
            )
        self._states = store.open_states(directory)
        self._labels = list(explorer.samples.label)
        self._readers: dict[str, Callable[[str], bytes]] = {
            "unit": lru_cache(_KEPT)(self._unit),
            "sample": lru_cache(_KEPT)(self._sample),
        }

    def read(self, path: str) -> bytes:
        what, _, name = path.partition("/")
        return self._readers[what](name)

    def _unit(self, name: str) -> bytes:
        chosen = self._states.sel({UNIT: _whole(name), SAMPLE: self._labels})
        return _bytes(chosen.transpose(SUBLAYER, SAMPLE))

    def _sample(self, name: str) -> bytes:
        return _bytes(self._states.sel({SAMPLE: _whole(name)}).transpose(SUBLAYER, UNIT))


def _whole(name: str) -> int:
    """A label that is a whole number. Raises KeyError for anything else."""
    if not name.isascii() or not name.isdigit() or len(name) > 18:
        raise KeyError(name)
    return int(name)


def _bytes(values: xr.DataArray) -> bytes:
    return np.ascontiguousarray(values.values, dtype="<f4").tobytes()
