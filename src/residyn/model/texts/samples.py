"""Tokenized texts: samples in their order, each ending in the token whose residual stream is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np

from residyn.model.texts.documents import NO_DOCUMENT
from residyn.shown import Shown
from residyn.store import SampleTable, StoredText, TableBuilder


class Sample(NamedTuple):
    """Token ids of one text, special tokens in front included; the state is read at the last of them.

    `text_id` is the text's row in its source, `sha256` that of the text's UTF-8 bytes, `document` the row with
    which its document begins, or −1 where that is not known.
    """

    input_ids: tuple[int, ...]
    text_id: int
    sha256: str
    document: int = NO_DOCUMENT

    @property
    def n_tokens(self) -> int:
        return len(self.input_ids)

    @property
    def last_token(self) -> int:
        return self.input_ids[-1]


def hash_of(samples: Iterable[Sequence[int] | np.ndarray]) -> str:
    """One sha256 over the token ids of all samples, in their order."""
    digest = hashlib.sha256()
    for ids in samples:
        digest.update(np.array([len(ids)], dtype="<i8").tobytes() + np.asarray(ids, dtype="<i8").tobytes())
    return digest.hexdigest()


class SampleRows(Sequence[Sample]):
    """The samples of a table, each made when it is asked for."""

    def __init__(self, table: SampleTable) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> SampleRows: ...

    def __getitem__(self, index: int | slice) -> Sample | SampleRows:
        if isinstance(index, slice):
            return SampleRows(self.table[index])
        source = self.table.sources[self.table.text[index]]
        ids = tuple(self.table.ids_of(index).tolist())
        return Sample(ids, source.text_id, source.sha256, source.document)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SampleRows | tuple) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


def _table_of(samples: Sequence[Sample]) -> SampleTable:
    if isinstance(samples, SampleRows):
        return samples.table
    build = TableBuilder()
    for label, sample in enumerate(samples):
        text = build.add_text(sample.input_ids, StoredText(sample.text_id, sample.sha256, "", sample.document))
        build.add_sample(label, text, sample.n_tokens)
    return build.table()


@dataclass(frozen=True, repr=False)
class Samples(Shown):
    """Tokenized texts in the order of the texts, with how they were made.

    `settings`: position, seed, limit, bos, tokenizer; `bos_rule`: the ids put before each text, and the ids
    that the tokenizer puts before and after one of itself; `split_special_tokens`: whether the tokenizer
    spells out its special tokens where a text holds them. `counts`: texts = those with samples + zero_tokens +
    too_short; `cut` texts were longer than the limit; `holds_special` and `begins_with_bos` texts hold the
    string of a special token, or begin with that of BOS.
    """

    samples: Sequence[Sample]
    settings: Mapping[str, Any]
    counts: Mapping[str, int]
    warnings: tuple[str, ...]

    def shown(self) -> tuple[str, list[tuple[str, str]]]:
        table = self.table
        n_texts, n_tokens = len(np.unique(table.text)), int(table.n_tokens.sum())
        kept = {name: str(self.settings[name]) for name in ("position", "bos") if name in self.settings}
        what = "" if n_texts == len(self) else f"{len(self):,} samples of "
        return f"{what}{n_texts:,} tokenized texts", [("tokens", f"{n_tokens:,}"), *kept.items()]

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @property
    def sha256(self) -> str:
        """One hash over all token ids in their order: the same exactly where the model reads the same."""
        table = self.table
        return hash_of(table.ids_of(row) for row in range(len(table)))

    @property
    def table(self) -> SampleTable:
        """The samples as flat arrays, labelled by their place."""
        return _table_of(self.samples)

    def statistics(self) -> dict[str, Any]:
        """What the samples can tell apart.

        duplicates: samples less distinct sequences of ids. distinct_last_tokens: different last ids.
        tie_fraction in [0, 1]: share of samples whose last id also ends another sample; before the first
        layer those share one state, where no position is added. n_tokens: length in ids, BOS included.
        """
        table = self.table
        lengths = table.n_tokens
        distinct, counts = np.unique(table.last_token, return_counts=True)
        return {
            "n_samples": len(table),
            "duplicates": len(table) - n_distinct(table),
            "distinct_last_tokens": len(distinct),
            "tie_fraction": int(counts[counts > 1].sum()) / len(table),
            "n_tokens": {
                "min": int(lengths.min()),
                "median": float(np.median(lengths)),
                "max": int(lengths.max()),
                "sum": int(lengths.sum()),
            },
        }

    def describe(self) -> dict[str, Any]:
        """Settings, counts, statistics, warnings and the hash, as plain JSON values."""
        return {
            "settings": dict(self.settings),
            "counts": dict(self.counts),
            "statistics": self.statistics(),
            "warnings": list(self.warnings),
            "sha256": self.sha256,
        }


def n_distinct(table: SampleTable) -> int:
    """How many different sequences of ids samples have; those of a text are neighbours, the shortest first."""
    seen: set[bytes] = set()
    digest, before = hashlib.sha256(), -1
    for row, (text, n_tokens) in enumerate(zip(table.text.tolist(), table.n_tokens.tolist(), strict=True)):
        first = 0 if text != before else int(table.n_tokens[row - 1])
        digest, before = digest if first else hashlib.sha256(), text
        digest.update(table.ids_of(row)[first:n_tokens].astype("<i8").tobytes())
        seen.add(digest.digest()[:16])
    return len(seen)
