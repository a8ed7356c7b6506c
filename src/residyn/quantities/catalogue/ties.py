"""How many samples share their state with others."""

from __future__ import annotations

import hashlib

import numpy as np

from residyn.quantities.record import Quantity
from residyn.quantities.sums import Depth, Gather


def _digests(block: np.ndarray, _: Depth) -> np.ndarray:
    """A number for each state (n, S), the same for equal ones, of 64 bits: others hardly ever share one."""
    # Adding 0 makes −0 and 0 the same bits.
    rows = np.ascontiguousarray(block + np.float32(0))
    flat = rows.reshape(-1, rows.shape[2])
    found = [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "little") for row in flat]
    return np.array(found, dtype=np.uint64).reshape(rows.shape[:2])


def _tied(digests: np.ndarray, _: Depth) -> np.ndarray:
    tied = np.empty(digests.shape)
    for s in range(digests.shape[1]):
        found = np.unique(digests[:, s], return_inverse=True, return_counts=True)
        tied[:, s] = found[2][found[1]] > 1
    return tied


TIED_SAMPLES = Quantity(
    name="tied_samples",
    title="Samples that share their state with others",
    label="share of samples",
    axis="sublayer",
    units="1",
    definition="whether another sample has the same state, bit for bit",
    source="a caution of this project: ranks, neighbours and correlations over tied samples rest on few values",
    gather=Gather(_digests, np.concatenate, by_group=False),
    per_sample=_tied,
    over="sample",
    statistic="share of samples",
    keeps=False,
    bounds=(0.0, 1.0),
)
"""Before the first layer, texts that end in one token are in one state."""
