"""Before a run is gone on with: some of its stored states computed again, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from residyn import store
from residyn.errors import StoreError
from residyn.model.forward import last_token_states
from residyn.model.hooks import Tap

_ROWS = 4
_LEAST = 1e-3


def check_stored(
    out: str | Path,
    module: nn.Module,
    taps: Sequence[Tap],
    records: store.SampleTable,
    dtype: torch.dtype,
) -> None:
    """Raise StoreError where the model does not give the states that are stored, to its number format's rounding.

    A few of the shortest samples are read; nothing is where no shard is committed, and what is damaged is
    left to be told by whoever reads it.
    """
    try:
        stored = store.open_states(out, allow_partial=True)
        last = stored.isel(sample=slice(-_ROWS, None))
        last = last.isel(sample=np.flatnonzero(last["n_tokens"].values == last["n_tokens"].values[-1]))
        there = last.values
    except StoreError:
        return
    samples = [int(sample) for sample in last["sample"].values]
    rows = {int(records.sample[row]): int(row) for row in np.flatnonzero(np.isin(records.sample, samples))}
    if any(sample not in rows for sample in samples):
        return
    now = last_token_states(module, taps, [records.ids_of(rows[sample]) for sample in samples])
    error = np.linalg.norm(now - there, axis=-1) / np.maximum(np.linalg.norm(there, axis=-1), 1e-30)
    limit = max(_LEAST, 16 * torch.finfo(dtype).eps)
    wrong = ~(error <= limit)
    if wrong.any():
        sublayer = int(np.flatnonzero(wrong.any(axis=0))[0])
        row = int(np.flatnonzero(wrong[:, sublayer])[0])
        raise StoreError(
            f"{out} holds the states of another model: computed again, sample {samples[row]} differs by "
            f"{error[row, sublayer]:.1e} at {last['sublayer'].values[sublayer]}, where at most {limit:.0e} was "
            "wanted of the same one. Something changed that decides the states: an adapter, a hook, a library. "
            "Give the model as it was, or name another directory."
        )
