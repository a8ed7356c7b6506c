"""Which rows go through the model together: decided once, before the first pass, from lengths alone.

Rows are stored longest text first, so that a batch holds texts of one length and needs no padding, and so that
a batch too large for the memory fails at the start of a run and not at its end. The batches of a shard are the
same however often a run was interrupted: that is what makes a resumed run bit-identical.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from residyn.errors import UsageError


class Batch(NamedTuple):
    """Rows start … stop−1 of the store, all of `n_tokens` tokens."""

    start: int
    stop: int
    n_tokens: int


@dataclass(frozen=True)
class BatchPlan:
    """`order[row]` is the sample stored in a row; `shards[i]` are the batches of shard i, in order."""

    order: tuple[int, ...]
    shards: tuple[tuple[Batch, ...], ...]
    rows_per_shard: int
    batch_tokens: int

    @property
    def n_shards(self) -> int:
        return len(self.shards)


def plan_batches(lengths: Sequence[int], rows_per_shard: int, batch_tokens: int) -> BatchPlan:
    """Batches of equal-length texts, none across a shard, each of at most `batch_tokens` tokens.

    `lengths` are the samples' token counts. A text longer than `batch_tokens` is a batch of its own. Raises
    UsageError where a number is below one.
    """
    if rows_per_shard < 1 or batch_tokens < 1:
        raise UsageError(
            f"A shard and a batch hold at least one row and one token; got {rows_per_shard} rows a shard "
            f"and {batch_tokens} tokens a batch."
        )
    order = tuple(sorted(range(len(lengths)), key=lambda sample: (-lengths[sample], sample)))
    shards = []
    for first in range(0, len(order), rows_per_shard):
        end = min(first + rows_per_shard, len(order))
        shards.append(tuple(_batches(order, lengths, first, end, batch_tokens)))
    return BatchPlan(order, tuple(shards), rows_per_shard, batch_tokens)


def _batches(order: Sequence[int], lengths: Sequence[int], first: int, end: int, batch_tokens: int) -> list[Batch]:
    batches = []
    start = first
    while start < end:
        length = lengths[order[start]]
        most = max(1, batch_tokens // length)
        stop = start + 1
        while stop < end and stop - start < most and lengths[order[stop]] == length:
            stop += 1
        batches.append(Batch(start, stop, length))
        start = stop
    return batches
