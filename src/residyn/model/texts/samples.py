"""Texts → token ids, each ending in the token whose residual stream is read."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from residyn.errors import DataError, UsageError
from residyn.model.assets import Progress
from residyn.model.texts.documents import NO_DOCUMENT
from residyn.model.texts.encoding import Encoder, encode, make_encoder
from residyn.model.texts.reading import Texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Bos = Literal["auto", "always", "never"]
Position = Literal["end", "random"] | int

_SLICE = 512


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


def hash_of(samples: Iterable[Sample]) -> str:
    """One sha256 over all token ids, in their order."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(np.array([sample.n_tokens, *sample.input_ids], dtype="<i8").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Samples:
    """Tokenized texts in the order of the texts, with how they were made.

    `settings`: position, seed, limit, bos, tokenizer; `bos_rule`: the ids put before each text, and the ids
    that the tokenizer puts before and after one of itself; `split_special_tokens`: whether the tokenizer
    spells out its special tokens where a text holds them. `counts`: texts = samples + zero_tokens +
    too_short; `cut` texts were longer than the limit; `holds_special` and `begins_with_bos` texts hold the
    string of a special token, or begin with that of BOS.
    """

    samples: tuple[Sample, ...]
    settings: Mapping[str, Any]
    counts: Mapping[str, int]
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @property
    def sha256(self) -> str:
        """One hash over all token ids in their order: the same exactly where the model reads the same."""
        return hash_of(self.samples)

    def statistics(self) -> dict[str, Any]:
        """What the samples can tell apart.

        duplicates: samples less distinct sequences of ids. distinct_last_tokens: different last ids.
        tie_fraction in [0, 1]: share of samples whose last id also ends another sample; before the first
        layer those share one state, where no position is added. n_tokens: length in ids, BOS included.
        """
        lengths = [sample.n_tokens for sample in self.samples]
        ends = Counter(sample.last_token for sample in self.samples)
        return {
            "n_samples": len(self.samples),
            "duplicates": len(self.samples) - len({sample.input_ids for sample in self.samples}),
            "distinct_last_tokens": len(ends),
            "tie_fraction": sum(count for count in ends.values() if count > 1) / len(self.samples),
            "n_tokens": {
                "min": min(lengths),
                "median": float(statistics.median(lengths)),
                "max": max(lengths),
                "sum": sum(lengths),
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


def tokenize_texts(
    texts: Texts,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_tokens: int | None = None,
    context: int | None = None,
    position: Position = "end",
    seed: int = 0,
    bos: Bos = "auto",
    progress: Progress | None = None,
) -> Samples:
    """Tokenize texts so that each sample ends in the token whose residual stream is to be read.

    max_tokens, context: at most so many ids a sample (the smaller of the two), BOS included; longer texts
        are cut, and counted. Of a long text only the part that is needed is tokenized.
    position: "end", the text's last token (the paper); "random", each text cut after one of its tokens,
        drawn uniformly, the draw depending on `seed` and the text alone; or an int k, the text's token k,
        counted from 0 without BOS, or from the end of the (cut) text where negative. Texts too short for k
        are left out and counted.
    bos: "auto", what the tokenizer itself puts in front; "always", BOS in front even where the tokenizer puts
        none; "never", no special token in front. Never two: a BOS that the text itself brings is taken off.
        What the tokenizer puts after a text (EOS) is always dropped, since the last token must be the text's.
    progress: called with (texts done, texts in all).

    A special token's string inside a text, such as "</s>", is spelt out as ordinary characters where the
    tokenizer can do so, and always counted. Chat templates are never rendered.

    Raises UsageError for an option out of its range, or bos="always" with a tokenizer that has no BOS;
    ModelError for a tokenizer whose special tokens change the text's own; DataError where no sample is left.
    """
    limit = _check_options(texts, max_tokens, context, position, bos)
    encoder = make_encoder(tokenizer, [row.text for row in texts.rows])
    before = _ids_before(encoder, bos)
    room = None if limit is None else limit - len(before)
    _check_room(room, limit, position)
    counts: Counter[str] = Counter(
        dict.fromkeys(("zero_tokens", "too_short", "cut", "holds_special", "begins_with_bos"), 0)
    )
    samples: list[Sample] = []
    for start in range(0, len(texts), _SLICE):
        rows = texts.rows[start : start + _SLICE]
        for row, encoded in zip(rows, encode(encoder, [row.text for row in rows], room), strict=True):
            counts["cut"] += encoded.cut
            counts["holds_special"] += encoded.holds_special
            counts["begins_with_bos"] += encoded.begins_with_bos
            length = _length(len(encoded.ids), position, seed, row.sha256)
            if not encoded.ids:
                counts["zero_tokens"] += 1
            elif length < 1:
                counts["too_short"] += 1
            else:
                samples.append(Sample((*before, *encoded.ids[:length]), row.text_id, row.sha256, row.document))
        if progress:
            progress(start + len(rows), len(texts))
    if not samples:
        raise DataError(
            f"None of the {len(texts)} texts gives a sample: {counts['zero_tokens']} have no token, "
            f"{counts['too_short']} have no token at position {position!r}. Use another position, or longer texts."
        )
    settings = {
        "position": position,
        "seed": seed,
        "limit": limit,
        "bos": bos,
        "bos_rule": {"put": list(before), "before": list(encoder.before), "after": list(encoder.after)},
        "split_special_tokens": encoder.splits_special,
        "tokenizer": {
            "name": str(getattr(tokenizer, "name_or_path", "")),
            "class": type(tokenizer).__name__,
            "bos_token_id": encoder.bos_token_id,
        },
    }
    counts.update(texts=len(texts), samples=len(samples))
    return Samples(tuple(samples), settings, dict(counts), _warnings(counts, encoder, position))


def _check_options(
    texts: Texts, max_tokens: int | None, context: int | None, position: Position, bos: str
) -> int | None:
    """The limit on ids a sample, None where there is none."""
    if not isinstance(texts, Texts):
        raise UsageError(f"Texts as read_texts gives them were wanted; got {type(texts).__name__}.")
    if position not in ("end", "random") and (isinstance(position, bool) or not isinstance(position, int)):
        raise UsageError(f"position is 'end', 'random' or an integer; got {position!r}.")
    if bos not in ("auto", "always", "never"):
        raise UsageError(f"bos is 'auto', 'always' or 'never'; got {bos!r}.")
    for name, value in (("max_tokens", max_tokens), ("context", context)):
        if value is not None and value < 1:
            raise UsageError(f"{name} is a number of tokens, at least 1; got {value}.")
    return min((value for value in (max_tokens, context) if value is not None), default=None)


def _ids_before(encoder: Encoder, bos: Bos) -> tuple[int, ...]:
    if bos == "never":
        return ()
    if bos == "auto" or encoder.bos_token_id in encoder.before:
        return encoder.before
    if encoder.bos_token_id is None:
        raise UsageError("bos='always' was asked for, but the tokenizer has no BOS token. Use bos='auto'.")
    return (encoder.bos_token_id, *encoder.before)


def _check_room(room: int | None, limit: int | None, position: Position) -> None:
    if room is None:
        return
    if room < 1 or (isinstance(position, int) and not -room <= position < room):
        raise UsageError(
            f"With at most {limit} tokens a sample, {max(room, 0)} tokens of the text fit, and position "
            f"{position!r} is never reached. Raise max_tokens, or read another position."
        )


def _length(n_tokens: int, position: Position, seed: int, sha256: str) -> int:
    """How many of a text's tokens to keep, so that the one at `position` is the last; 0 if it is not there."""
    if position == "end":
        return n_tokens
    if position == "random":
        return drawn_length(n_tokens, seed, sha256)
    length = position + 1 if position >= 0 else n_tokens + position + 1
    return length if 0 < length <= n_tokens else 0


def drawn_length(n_tokens: int, seed: int, sha256: str) -> int:
    """How many of a text's own tokens are kept where it is cut at a random one: from 1 to all, equally likely."""
    return 1 + (draw_of(seed, sha256) * n_tokens >> 64)


def draw_of(seed: int, sha256: str) -> int:
    """A number below 2⁶⁴ that a seed and a text decide together, whatever the other texts are."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{sha256}".encode()).digest()[:8], "big")


def _warnings(counts: Mapping[str, int], encoder: Encoder, position: Position) -> tuple[str, ...]:
    spelt = "spelt out as ordinary characters" if encoder.splits_special else "read as special tokens"
    said = {
        "holds_special": f"hold the string of a special token, {spelt}",
        "begins_with_bos": f"begin with the BOS string {encoder.bos_token!r}: was it put there by hand?",
        "cut": "are longer than the limit and were cut: their last token is not the one they end in",
        "zero_tokens": "have no token and are left out",
        "too_short": f"have no token at position {position!r} and are left out",
    }
    return tuple(f"{counts[key]} of {counts['texts']} texts {text}." for key, text in said.items() if counts[key])
