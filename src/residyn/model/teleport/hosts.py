"""The texts that teleports start from, each cut after the token whose stream is moved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from residyn.errors import DataError, UsageError
from residyn.model.loading import LoadedModel
from residyn.model.texts import Sample, Samples, Texts, read_texts, tokenize_texts
from residyn.model.texts.samples import hash_of


@dataclass(frozen=True)
class Hosts:
    """Tokenized host texts, each ending in the token that is moved; what they were made of; what to warn of."""

    samples: tuple[Sample, ...]
    name: str
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def sha256(self) -> str:
        """One hash over all token ids, in their order."""
        return hash_of(sample.input_ids for sample in self.samples)


def read_hosts(
    model: LoadedModel, texts: str | Iterable[str] | Texts | Samples, position: Literal["last"] | int
) -> Hosts:
    """Token ids of every host up to the token at `position`, the last of the text or one counted from 0.

    What follows the token is cut off: in a causal model it moves nothing before it. Samples end where they were
    made to end and take no other position. Raises UsageError for a position that is none; DataError for an empty
    host, one that has no token at the position, or one that is longer than the model's context.
    """
    if position != "last" and (isinstance(position, bool) or not isinstance(position, int)):
        raise UsageError(f"position is 'last' or the number of a token; got {position!r}.")
    if isinstance(texts, Samples):
        if position != "last":
            raise UsageError(
                f"Samples end at the token they were made for; position {position} cannot be taken of them. "
                "Make them by tokenize_texts(..., position=...), or give texts."
            )
        hosts = Hosts(tuple(texts.samples), "samples")
    else:
        hosts = _tokenized(model, _texts(texts), position)
    if not len(hosts):
        raise DataError("There is no host text to move the stream of. Give one text or more.")
    for index, sample in enumerate(hosts.samples):
        if not sample.n_tokens:
            raise DataError(f"Host {index} has no token. Leave it out.")
        if model.context is not None and sample.n_tokens > model.context:
            raise DataError(
                f"Host {index} has {sample.n_tokens:,} tokens up to the position that is moved, and {model.name} "
                f"reads at most {model.context:,}. Take a shorter text or an earlier position."
            )
    return hosts


def _texts(texts: str | Iterable[str] | Texts) -> Texts:
    if isinstance(texts, Texts):
        return texts
    written: Sequence[str] = [texts] if isinstance(texts, str) else list(texts)
    for index, text in enumerate(written):
        if not isinstance(text, str):
            raise UsageError(f"Hosts are texts; host {index} is a {type(text).__name__}. Give strings.")
        if not text.strip():
            raise DataError(f"Host {index} is empty: it has no token to move. Leave it out.")
    if not written:
        raise DataError("There is no host text to move the stream of. Give one text or more.")
    return read_texts(written, n=None, white_space="keep")


def _tokenized(model: LoadedModel, texts: Texts, position: Literal["last"] | int) -> Hosts:
    where = "end" if position == "last" else position
    samples = tokenize_texts(texts, model.tokenizer, position=where)
    there = {sample.text_id for sample in samples}
    absent = [index for index, row in enumerate(texts.rows) if row.text_id not in there]
    if absent:
        wanted = "a token" if position == "last" else f"a token at position {position}"
        raise DataError(
            f"{len(absent)} of {len(texts)} hosts do not have {wanted}, the first of them host {absent[0]}. "
            "Leave them out, or take another position."
        )
    name = str(texts.source["name"])
    # A file goes by its own name: where it lies says nothing about the numbers.
    shown = Path(name).name if texts.source["kind"] == "file" else name
    return Hosts(tuple(samples.samples), shown, samples.warnings)
