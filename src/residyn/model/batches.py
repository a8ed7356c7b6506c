"""Which rows go through the model together: decided once, before the first pass, from lengths alone.

Rows are stored longest text first, those of one text beside each other, so that texts of about one length are
neighbours, and so that a batch too large for the memory fails at the start of a run and not at its end. The
batches are the same however often a run was interrupted: that is what makes a resumed run bit-identical.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from residyn.errors import UsageError


class Batch(NamedTuple):
    """Rows start … stop−1 of the store: texts of `tokens` tokens in all, the longest of which has `longest`."""

    start: int
    stop: int
    longest: int
    tokens: int


@dataclass(frozen=True)
class BatchRules:
    """What decides the batches, apart from the texts' lengths.

    A batch has at most `batch_tokens` tokens, padding included, and at most `batch_rows` rows; a single text may
    have more. At most the share `padding` of its tokens is padding; with 0, its texts are of one length. Without
    `padding`, they are of one length and of one shard of `rows_per_shard` rows, as in runs of earlier versions.
    """

    batch_tokens: int
    rows_per_shard: int
    padding: float | None = None
    batch_rows: int | None = None

    def describe(self) -> dict[str, Any]:
        """The rules as plain JSON; what earlier versions did not have is left out where it is not there."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def described(cls, record: Mapping[str, Any], rows_per_shard: int) -> BatchRules:
        """The rules of a run as its manifest describes them."""
        return cls(record["batch_tokens"], rows_per_shard, record.get("padding"), record.get("batch_rows"))


@dataclass(frozen=True)
class BatchPlan:
    """`order[row]` is the sample stored in a row; `batches` cover the rows, in order."""

    order: tuple[int, ...]
    batches: tuple[Batch, ...]
    rules: BatchRules

    @property
    def n_shards(self) -> int:
        return -(-len(self.order) // self.rules.rows_per_shard)

    def rows(self, shard: int) -> range:
        """The rows of a shard."""
        first = shard * self.rules.rows_per_shard
        return range(first, min(first + self.rules.rows_per_shard, len(self.order)))

    def covering(self, shard: int) -> range:
        """The places of the batches that fill a shard's rows."""
        rows = self.rows(shard)
        return range(bisect_right(self._starts, rows.start) - 1, bisect_right(self._starts, rows.stop - 1))

    @cached_property
    def _starts(self) -> list[int]:
        return [batch.start for batch in self.batches]


def plan_batches(
    lengths: Sequence[int] | np.ndarray, rules: BatchRules, texts: Sequence[int] | np.ndarray | None = None
) -> BatchPlan:
    """The order of the rows, and batches of whole texts, as many of neighbours together as the rules allow.

    `lengths` are the samples' token counts, up to and including the token that is read; `texts` says which text
    each is of, where several are of one: a text goes through the model once, as long as its longest sample.
    Raises UsageError where a number is below one.
    """
    if rules.rows_per_shard < 1 or rules.batch_tokens < 1:
        raise UsageError(
            f"A shard and a batch hold at least one row and one token; got {rules.rows_per_shard} rows a shard "
            f"and {rules.batch_tokens} tokens a batch."
        )
    length = np.asarray(lengths, dtype=np.int64)
    text = np.arange(len(length)) if texts is None else np.unique(np.asarray(texts), return_inverse=True)[1]
    whole = np.zeros(len(length), dtype=np.int64)
    np.maximum.at(whole, text, length)
    order = np.lexsort((np.arange(len(length)), -length, text, -whole[text]))
    begins = np.flatnonzero(np.diff(text[order], prepend=-1))
    starts = [*begins.tolist(), len(length)]
    return BatchPlan(tuple(order.tolist()), tuple(_batches(starts, length[order[begins]].tolist(), rules)), rules)


def _batches(starts: Sequence[int], lengths: Sequence[int], rules: BatchRules) -> Iterator[Batch]:
    """`starts` are the first rows of each text, and the number of rows; `lengths` are the texts' own."""
    batch: Batch | None = None
    n_texts = 0
    for (start, stop), length in zip(pairwise(starts), lengths, strict=True):
        if batch is not None and _fits(batch, n_texts, stop, length, rules):
            batch = batch._replace(stop=stop, tokens=batch.tokens + length)
            n_texts += 1
            continue
        if batch is not None:
            yield batch
        batch, n_texts = Batch(start, stop, length, length), 1
    if batch is not None:
        yield batch


def _fits(batch: Batch, n_texts: int, stop: int, length: int, rules: BatchRules) -> bool:
    """Whether a batch of so many texts takes one more, whose last row is stop−1."""
    size = (n_texts + 1) * batch.longest
    if size > rules.batch_tokens or (rules.batch_rows is not None and stop - batch.start > rules.batch_rows):
        return False
    if rules.padding is None and batch.start // rules.rows_per_shard != (stop - 1) // rules.rows_per_shard:
        return False
    return size - batch.tokens - length <= (rules.padding or 0.0) * size
