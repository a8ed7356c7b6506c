"""A tokenizer's own rules: what it puts around a text, and what it makes of special tokens inside one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from residyn.errors import ModelError

CHARS_PER_TOKEN = 32
"""Characters of a text that are tokenized at first for each id it may have; more follow where too few."""

_MARGIN = 64
"""Ids before the end of a text cut by characters that may differ from those of the whole text."""

_PROBES, _PROBE_CHARS = 64, 400


@dataclass(frozen=True)
class Encoder:
    """A tokenizer with what was found out about it.

    `before`, `after`: ids it puts in front of and behind every text. `specials` matches the strings of its
    special tokens. `splits_special`: whether it can spell these out where a text holds them.
    """

    tokenizer: Any
    before: tuple[int, ...]
    after: tuple[int, ...]
    bos_token: str | None
    bos_token_id: int | None
    specials: re.Pattern[str] | None
    splits_special: bool


class Encoded(NamedTuple):
    """A text's own ids, without special tokens around them, and what was seen on the way."""

    ids: list[int]
    cut: bool
    holds_special: bool
    begins_with_bos: bool


def make_encoder(tokenizer: Any, texts: Sequence[str]) -> Encoder:
    """Find out a tokenizer's rules by probing it with `texts`.

    Raises ModelError where the ids it makes with special tokens do not hold those it makes without.
    """
    strings = {str(token) for token in getattr(tokenizer, "all_special_tokens", ())}
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    strings = sorted((strings | {str(token) for token in added if token.special}) - {""}, key=len, reverse=True)
    specials = re.compile("|".join(map(re.escape, strings))) if strings else None
    probes = [text[:_PROBE_CHARS] for text in texts[:_PROBES]]
    before, after = _around(_call(tokenizer, probes, special=True), _call(tokenizer, probes, special=False))
    return Encoder(
        tokenizer=tokenizer,
        before=before,
        after=after,
        bos_token=getattr(tokenizer, "bos_token", None),
        bos_token_id=getattr(tokenizer, "bos_token_id", None),
        specials=specials,
        splits_special=_splits_special(tokenizer, strings),
    )


def encode(encoder: Encoder, texts: Sequence[str], room: int | None) -> list[Encoded]:
    """The ids of each text, without special tokens around them, at most `room` of them (None: all).

    Only as much of a long text is tokenized as `room` needs; its ids are those of the whole text.
    """
    window = None if room is None else CHARS_PER_TOKEN * room
    parts = [text[:window] for text in texts]
    encoded = []
    for text, part, ids in zip(texts, parts, _own_ids(encoder, parts), strict=True):
        while room is not None and len(part) < len(text) and len(ids) < room + _MARGIN:
            part = text[: 2 * len(part)]  # noqa: PLW2901
            ids = _own_ids(encoder, [part])[0]  # noqa: PLW2901
        encoded.append(
            Encoded(
                ids=ids[:room],
                cut=room is not None and len(ids) > room,
                holds_special=_holds_special(encoder, part),
                begins_with_bos=_begins_with_bos(encoder, part),
            )
        )
    return encoded


def _own_ids(encoder: Encoder, texts: Sequence[str]) -> list[list[int]]:
    all_ids = _call(encoder.tokenizer, texts, special=False)
    holding = [i for i, text in enumerate(texts) if _holds_special(encoder, text)]
    if holding and encoder.splits_special:
        # Only these texts take the other way, so that every other one is tokenized as by default.
        held = [texts[i] for i in holding]
        spelt = _call(encoder.tokenizer, held, special=False, split_special_tokens=True)
        for i, ids in zip(holding, spelt, strict=True):
            all_ids[i] = ids
    else:
        for i in holding:
            while all_ids[i] and all_ids[i][0] == encoder.bos_token_id:
                del all_ids[i][0]
    return all_ids


def _holds_special(encoder: Encoder, text: str) -> bool:
    return bool(encoder.specials and encoder.specials.search(text))


def _begins_with_bos(encoder: Encoder, text: str) -> bool:
    return bool(encoder.bos_token and text.startswith(encoder.bos_token))


def _call(tokenizer: Any, texts: Sequence[str], *, special: bool, **options: bool) -> list[list[int]]:
    try:
        batch = tokenizer(
            list(texts),
            add_special_tokens=special,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
            **options,
        )
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # what panics in Rust is no Exception
        if not (isinstance(error, Exception) or type(error).__name__ == "PanicException"):
            raise
        told = " ".join(str(error).split())[:300]
        raise ModelError(
            f"The tokenizer ({type(tokenizer).__name__}) failed on {len(texts)} texts, the first of which begins "
            f"with {texts[0][:40]!r} ({type(error).__name__}: {told}). Try the tokenizer by itself on them; "
            "leave out what it cannot read, or give another one with tokenizer=."
        ) from error
    return [list(ids) for ids in batch["input_ids"]]


def _around(with_special: list[list[int]], without: list[list[int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids in front of and behind the text that all pairs have in common; the longest front where several."""
    rules: set[tuple[tuple[int, ...], tuple[int, ...]]] | None = None
    for full, own in zip(with_special, without, strict=True):
        possible = {
            (tuple(full[:start]), tuple(full[start + len(own) :]))
            for start in range(len(full) - len(own) + 1)
            if full[start : start + len(own)] == own
        }
        rules = possible if rules is None else rules & possible
    if not rules:
        raise ModelError(
            "The tokenizer changes a text's own tokens when it adds its special tokens; ids that hold the text's "
            "own unchanged were wanted. Give a tokenizer whose special tokens stand around the text."
        )
    return max(rules, key=lambda rule: len(rule[0]))


def _splits_special(tokenizer: Any, strings: list[str]) -> bool:
    unknown = getattr(tokenizer, "unk_token", None)
    probes = [string for string in strings if string != unknown]
    if not probes:
        return False
    try:
        spelt = _call(tokenizer, probes, special=False, split_special_tokens=True)
    except ModelError:
        return False
    return all(ids != [tokenizer.convert_tokens_to_ids(s)] for s, ids in zip(probes, spelt, strict=True))
