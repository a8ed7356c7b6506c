"""The samples of a run as flat arrays: every text once, and each sample as the first tokens of one."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, overload

import numpy as np

from residyn.schema import DOCUMENT, NO_DOCUMENT

PREFIX = "prefix_of"
"""Field of a row whose tokens are the first ones of an earlier row's, which it names."""
_OWN = ("sample", "text_id", "sha256", "n_tokens", "last_token", "input_ids", "text", DOCUMENT)


class StoredText(NamedTuple):
    """A text: its row in the source, the sha256 of its bytes, itself, and its document, or −1."""

    text_id: int
    sha256: str
    text: str = ""
    document: int = NO_DOCUMENT


@dataclass(frozen=True, eq=False)
class SampleTable(Sequence[Mapping[str, Any]]):
    """Samples, row by row: row i is the first `n_tokens[i]` tokens of text `text[i]`, labelled `sample[i]`.

    The ids of text t are `ids[offsets[t]:offsets[t + 1]]`, and `sources[t]` says which text it is. `extra` holds,
    by its row, what else was given of a sample. As a sequence, it gives each row as a mapping with the fields that
    are stored: sample, text_id, sha256, n_tokens, last_token, input_ids, text and, where it is known, document.
    """

    sample: np.ndarray
    text: np.ndarray
    n_tokens: np.ndarray
    ids: np.ndarray
    offsets: np.ndarray
    sources: tuple[StoredText, ...]
    extra: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sample)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> SampleTable: ...

    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | SampleTable:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        row = range(len(self))[index]
        ids, source = self.ids_of(row).tolist(), self.sources[self.text[row]]
        record: dict[str, Any] = {
            "sample": int(self.sample[row]),
            "text_id": source.text_id,
            "sha256": source.sha256,
            "n_tokens": len(ids),
            "last_token": ids[-1],
            "input_ids": ids,
            "text": source.text,
        }
        known = {} if source.document == NO_DOCUMENT else {DOCUMENT: source.document}
        return {**record, **known, **self.extra.get(row, {})}

    @property
    def last_token(self) -> np.ndarray:
        """The id of each sample's last token, (N,) int64."""
        return self.ids[self.offsets[self.text] + self.n_tokens - 1].astype(np.int64)

    @property
    def text_rows(self) -> np.ndarray:
        """The first row of each text, where rows of one text are neighbours."""
        return np.flatnonzero(np.diff(self.text, prepend=-1))

    def ids_of(self, row: int) -> np.ndarray:
        """The ids of a row's tokens, as a view."""
        start = self.offsets[self.text[row]]
        return self.ids[start : start + self.n_tokens[row]]

    def of_texts(self, name: str) -> np.ndarray:
        """Of each row, a number of its text: "text_id" or "document"; (N,) int64."""
        return np.array([getattr(source, name) for source in self.sources], dtype=np.int64)[self.text]

    def take(self, rows: Sequence[int] | np.ndarray) -> SampleTable:
        """Some of the rows, in the order in which they are named. Texts are shared, and not copied."""
        rows = np.asarray(rows, dtype=np.int64)
        extra = {new: self.extra[old] for new, old in enumerate(rows.tolist()) if old in self.extra}
        few = {name: getattr(self, name)[rows] for name in ("sample", "text", "n_tokens")}
        return replace(self, **few, extra=extra)

    def lines(self) -> Iterator[dict[str, Any]]:
        """The fields of each row as they are stored: of a text's rows, only the first holds its ids.

        The first row of each text has to be its longest, as it is in the order of a plan of batches.
        """
        first: dict[int, int] = {}
        for row, text in enumerate(self.text.tolist()):
            before = first.setdefault(text, row)
            if before == row:
                yield dict(self[row])
                continue
            last = int(self.ids_of(row)[-1])
            own = {"sample": int(self.sample[row]), "n_tokens": int(self.n_tokens[row]), "last_token": last}
            yield {**own, PREFIX: before, **self.extra.get(row, {})}

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> SampleTable:
        """The table of rows as mappings, in the form in which they are stored (`lines`) or given (`table[i]`).

        Raises ValueError, in words, where a row says of its tokens what they are not.
        """
        build = TableBuilder()
        for record in records:
            build.add(record)
        return build.table()


class TableBuilder:
    """Makes a table row by row, holding no more of each than the table does."""

    def __init__(self) -> None:
        self._rows = {name: array("q") for name in ("sample", "text", "n_tokens")}
        self._ids, self._ends = array("q"), array("q", [0])
        self._sources: list[StoredText] = []
        self._extra: dict[int, Mapping[str, Any]] = {}
        self._whole: set[int] = set()

    def add_text(self, ids: Iterable[int], source: StoredText) -> int:
        """Keep the ids of a text; returns its number."""
        self._ids.extend(ids)
        self._ends.append(len(self._ids))
        self._sources.append(source)
        return len(self._sources) - 1

    def add_sample(self, sample: int, text: int, n_tokens: int) -> None:
        """Keep a sample that is the first tokens of a text."""
        for name, value in (("sample", sample), ("text", text), ("n_tokens", n_tokens)):
            self._rows[name].append(value)

    def add(self, record: Mapping[str, Any]) -> None:
        """Keep a row as a mapping. Raises ValueError where it says of its tokens what they are not."""
        row, n_tokens = len(self._rows["sample"]), record["n_tokens"]
        if PREFIX in record:
            before = record[PREFIX]
            if before not in self._whole or not 1 <= n_tokens <= self._rows["n_tokens"][before]:
                raise ValueError(
                    f'"{PREFIX}" must name an earlier row with at least {n_tokens} tokens, got {before}'
                )
            text = self._rows["text"][before]
        else:
            source = [record["text_id"], record["sha256"], record["text"], record.get(DOCUMENT, NO_DOCUMENT)]
            text = self.add_text(record["input_ids"], StoredText(*source))
            self._whole.add(row)
            if n_tokens != len(record["input_ids"]):
                raise ValueError(f'"n_tokens" must count "input_ids", got {n_tokens}')
        last = self._ids[self._ends[text] + n_tokens - 1]
        if record["last_token"] != last:
            raise ValueError(f'"last_token" must be the last of its tokens, {last}, got {record["last_token"]}')
        self.add_sample(record["sample"], text, n_tokens)
        extra = {name: value for name, value in record.items() if name not in (*_OWN, PREFIX)}
        if extra:
            self._extra[row] = extra

    def table(self) -> SampleTable:
        """What was kept; ids take four bytes each where they fit."""
        # Copies: an array that is looked into cannot grow any more.
        rows = {name: np.array(values, dtype=np.int64) for name, values in self._rows.items()}
        ids = np.array(self._ids, dtype=np.int64)
        if not len(ids) or ids.max() < 2**31 > -ids.min():
            ids = ids.astype(np.int32)
        ends = np.array(self._ends, dtype=np.int64)
        return SampleTable(**rows, ids=ids, offsets=ends, sources=tuple(self._sources), extra=self._extra)
