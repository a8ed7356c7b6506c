"""Texts → token ids, each ending in the token whose residual stream is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from residyn.errors import DataError, UsageError
from residyn.model.assets import Progress
from residyn.model.texts.chat import as_chats, check_opening
from residyn.model.texts.documents import NO_DOCUMENT
from residyn.model.texts.encoding import Encoder, encode, make_encoder
from residyn.model.texts.ids import read_ids
from residyn.model.texts.positions import Position, check_position, lengths_at, reads_several
from residyn.model.texts.reading import Texts
from residyn.model.texts.samples import SampleRows, Samples, n_distinct
from residyn.store import SampleTable, StoredText, TableBuilder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Bos = Literal["auto", "always", "never"]
SpecialTokens = Literal["spell", "read"]

_SLICE = 512
_AS_THEY_ARE = {"max_tokens": None, "position": "end", "bos": "auto", "chat": False, "special_tokens": "spell"}


def tokenize_texts(
    texts: Texts | Iterable[Any],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_tokens: int | None = None,
    context: int | None = None,
    position: Position = "end",
    seed: int = 0,
    bos: Bos = "auto",
    special_tokens: SpecialTokens = "spell",
    chat: bool = False,
    progress: Progress | None = None,
) -> Samples:
    """Samples of texts, each ending in the token whose residual stream is to be read.

    texts: from `read_texts`; or ready ids, one list or array of whole numbers for each sample, or what a tokenizer
        returned of several texts. Ids are taken as they are: no option but `context` goes with them.

    max_tokens, context: at most so many ids a sample (the smaller of the two), BOS included; longer texts
        are cut, and counted. Of a long text only the part that is needed is tokenized.
    position: one token of each text, after which it is cut: "end", the last (the paper); "random", drawn
    uniformly;
        or an int k, the text's token k, counted from 0 without BOS, or from the end of the (cut) text where
        negative. Or several, each a sample of its own: "all"; "last:K"; "random:K", K of them; "every:K", the
        K-th, the 2K-th and so on. Then a text whose document is not known is a document of its own. Draws
        depend on `seed` and the text alone. Texts without such a token are left out and counted.
    bos: "auto", what the tokenizer itself puts in front; "always", BOS in front even where the tokenizer puts
        none; "never", no special token in front. Never two: a BOS that the text itself brings is taken off.
        What the tokenizer puts after a text (EOS) is always dropped, since the last token must be the text's.
    special_tokens: what the string of a special token inside a text, such as "</s>", becomes: "spell", ordinary
        characters, where the tokenizer can do so; "read", that token, as in prompts written by a template.
        Counted. A text that begins with BOS keeps it then, unless one is put in front.
    chat: each text becomes a user's message in the tokenizer's own chat template, rendered in transformers'
        sandbox, up to where the model answers. The template alone says what stands in front.
    progress: called with (texts done, texts in all).

    Raises UsageError for an option out of its range, or bos="always" with a tokenizer that has no BOS;
    ModelError for a tokenizer whose special tokens change the text's own; DataError where no sample is left.

    >>> texts = rd.read_texts(["The Eiffel Tower is in the city of"])
    >>> samples = rd.tokenize_texts(texts, model.tokenizer, position="last:2")
    >>> len(samples)
    2
    """
    if not isinstance(texts, Texts):
        asked = {"max_tokens": max_tokens, "position": position, "bos": bos, "chat": chat}
        return _of_ids(texts, context, {**asked, "special_tokens": special_tokens})
    limit = _check_options(max_tokens, context, position, bos, special_tokens)
    if chat and bos != "auto":
        raise UsageError(f"A chat template says itself what stands in front; got bos={bos!r}. Leave bos='auto'.")
    encoder = make_encoder(tokenizer, [row.text for row in texts.rows])
    read = chat or special_tokens == "read"
    before = () if chat else _ids_before(encoder, bos)
    room = None if limit is None else limit - len(before)
    _check_room(room, limit, position)
    counts: Counter[str] = Counter(
        dict.fromkeys(("zero_tokens", "too_short", "cut", "holds_special", "begins_with_bos", "unknown"), 0)
    )
    build, n_samples, several = TableBuilder(), 0, reads_several(position)
    for start in range(0, len(texts), _SLICE):
        rows = texts.rows[start : start + _SLICE]
        written = [row.text for row in rows]
        found = encode(encoder, as_chats(tokenizer, written) if chat else written, room, read=read)
        for row, encoded in zip(rows, found, strict=True):
            if read and encoder.bos_token_id in before:
                _drop_front(encoded.ids, encoder.bos_token_id)
            if encoder.unknown is not None:
                counts["unknown"] += 2 * encoded.ids.count(encoder.unknown) > len(encoded.ids)
            counts["cut"] += encoded.cut
            counts["holds_special"] += encoded.holds_special
            counts["begins_with_bos"] += encoded.begins_with_bos
            lengths = lengths_at(len(encoded.ids), position, seed, row.sha256)
            if not lengths:
                counts["too_short" if encoded.ids else "zero_tokens"] += 1
                continue
            alone = several and row.document == NO_DOCUMENT
            source = StoredText(row.text_id, row.sha256, row.text, row.text_id if alone else row.document)
            text = build.add_text((*before, *encoded.ids[: lengths[-1]]), source)
            for length in lengths:
                build.add_sample(n_samples, text, len(before) + length)
                n_samples += 1
        if progress:
            progress(start + len(rows), len(texts))
    if not n_samples:
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
        "split_special_tokens": encoder.splits_special and not read,
        "special_tokens": "read" if read else "spell",
        "chat": chat,
        "tokenizer": {
            "name": str(getattr(tokenizer, "name_or_path", "")),
            "class": type(tokenizer).__name__,
            "bos_token_id": encoder.bos_token_id,
        },
    }
    counts.update(texts=len(texts), samples=n_samples)
    said = (*_warnings(counts, encoder, position, read=read), *(check_opening(tokenizer) if chat else ()))
    table = build.table()
    return Samples(SampleRows(table), settings, dict(counts), (*said, *_alike(table)))


def _of_ids(ids: Any, context: int | None, asked: Mapping[str, Any]) -> Samples:
    """Samples of ready ids, as they are. Raises UsageError for options that would change them."""
    changed = {name: value for name, value in asked.items() if value != _AS_THEY_ARE[name]}
    if changed:
        named = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        raise UsageError(f"Ready ids are taken as they are; got {named} for them. Make the ids so, or give texts.")
    build = TableBuilder()
    for number, row in enumerate(read_ids(ids)):
        if context is not None and len(row) > context:
            raise DataError(
                f"Sample {number} has {len(row):,} ids, and the model reads at most {context:,}. Cut it, or "
                "leave it out."
            )
        digest = hashlib.sha256(np.array(row, dtype="<i8").tobytes()).hexdigest()
        build.add_sample(number, build.add_text(row, StoredText(number, digest)), len(row))
    settings = {
        "position": "end",
        "seed": 0,
        "limit": None,
        "bos": "never",
        "bos_rule": {"put": [], "before": [], "after": []},
        "ids": "ready",
    }
    table = build.table()
    counts = {"texts": len(table), "samples": len(table)}
    return Samples(SampleRows(table), settings, counts, _alike(table))


def _drop_front(ids: list[int], token: int | None) -> None:
    while ids and ids[0] == token:
        del ids[0]


def _alike(table: SampleTable) -> tuple[str, ...]:
    """A warning where samples have the same ids as others, whose states are then the same."""
    n, distinct = len(table), n_distinct(table)
    if distinct == n:
        return ()
    what = "texts" if len(table.sources) == n else "samples"
    if distinct == 1:
        return (
            f"All {n} {what} have the same tokens, so that their states are the same and nothing can be "
            "said of how they differ. Give texts that differ up to the token that is read, or another tokenizer.",
        )
    again = n - distinct
    return (
        f"{again} of {n} {what} ({again / n:.0%}) have the same tokens as another one: their states are copies.",
    )


def _check_options(
    max_tokens: int | None, context: int | None, position: Position, bos: str, special_tokens: str
) -> int | None:
    """The limit on ids a sample, None where there is none."""
    if special_tokens not in ("spell", "read"):
        raise UsageError(f"special_tokens is 'spell' or 'read'; got {special_tokens!r}.")
    check_position(position)
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


def _warnings(counts: Mapping[str, int], encoder: Encoder, position: Position, *, read: bool) -> tuple[str, ...]:
    spelt = "read as special tokens"
    if encoder.splits_special and not read:
        spelt = "spelt out as ordinary characters; read them by special_tokens='read' (--special-tokens read)"
    # Who asks for special tokens to be read has put them there.
    silent = ("holds_special", "begins_with_bos") if read else ()
    said = {
        "holds_special": f"hold the string of a special token, {spelt}",
        "begins_with_bos": f"begin with the BOS string {encoder.bos_token!r}: was it put there by hand?",
        "cut": "are longer than the limit and were cut: their last token is not the one they end in",
        "zero_tokens": "have no token and are left out",
        "too_short": f"have no token at position {position!r} and are left out",
        "unknown": "are more than half tokens that the tokenizer does not know, which all are the same one to the "
        "model: give texts in its script and language",
    }
    shares = {
        key: f"{counts[key]} of {counts['texts']} texts" for key in said if counts[key] and key not in silent
    }
    shares |= {
        key: f"{text} ({counts[key] / counts['texts']:.0%})" for key, text in shares.items() if key == "unknown"
    }
    return tuple(f"{shares[key]} {text}." for key, text in said.items() if key in shares)
