"""Which tokens of a text are read: one, where the text is cut, or several, whose states come of one pass."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from residyn.errors import UsageError

Position = int | str

WORDS = ("end", "random", "all", "last:K", "random:K", "every:K")
_SEVERAL = re.compile(r"(last|random|every):([1-9][0-9]{0,8})")


def check_position(position: Position) -> None:
    """Raise UsageError for what is no position."""
    whole = isinstance(position, int) and not isinstance(position, bool)
    if not whole and position not in ("end", "random") and not reads_several(position):
        raise UsageError(
            f"position is one of {', '.join(map(repr, WORDS))}, K at least 1, or an integer; got {position!r}."
        )


def reads_several(position: Position) -> bool:
    """Whether more than one token of a text may be read."""
    return isinstance(position, str) and (position == "all" or _SEVERAL.fullmatch(position) is not None)


def lengths_at(n_tokens: int, position: Position, seed: int, sha256: str) -> list[int]:
    """How many of a text's own tokens there are up to each that is read, growing; empty where none is there.

    "end": the last token. "random": one, equally likely each. An int: that token, counted from 0, or from the end
    where negative. "all": every token. "last:K": the last K. "random:K": K of them, each set equally likely.
    "every:K": the K-th, the 2K-th, and so on. Of a text of fewer than K tokens, "last:K" and "random:K" read all.
    A draw depends on `seed` and the text alone.
    """
    if isinstance(position, int):
        length = position + 1 if position >= 0 else n_tokens + position + 1
        return [length] if 0 < length <= n_tokens else []
    which, _, number = position.partition(":")
    k = int(number or 1)
    lengths: Sequence[int]
    match which:
        case "end":
            lengths = range(n_tokens, n_tokens + 1)
        case "random" if not number:
            lengths = [drawn_length(n_tokens, seed, sha256)]
        case "random":
            generator = np.random.default_rng(draw_of(seed, sha256))
            lengths = (np.sort(generator.choice(n_tokens, min(k, n_tokens), replace=False)) + 1).tolist()
        case "last":
            lengths = range(max(1, n_tokens - k + 1), n_tokens + 1)
        case _:  # all, which is every:1
            lengths = range(k, n_tokens + 1, k)
    return list(lengths) if n_tokens else []


def drawn_length(n_tokens: int, seed: int, sha256: str) -> int:
    """How many of a text's own tokens are kept where it is cut at a random one: from 1 to all, equally likely."""
    return 1 + (draw_of(seed, sha256) * n_tokens >> 64)


def draw_of(seed: int, sha256: str) -> int:
    """A number below 2⁶⁴ that a seed and a text decide together, whatever the other texts are."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{sha256}".encode()).digest()[:8], "big")
