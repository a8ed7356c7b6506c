"""Which rows go through the model together: decided from numbers alone, so that a resumed run repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MEMORY = 256 * 2**20
"""Bytes that the rows of one pass may take, by default."""

_MOST = 512
"""Rows see each other's keys as blocked entries of one mask, whose size grows with the square of their number."""
_VECTORS = 48
"""Vectors of the stream's width that a row holds at once: a block's branches, wider inside the MLP."""


class PlaceTargets(NamedTuple):
    """Targets first … stop−1 of one place: `place` among those asked for, `site` among the model's sites."""

    place: int
    site: int
    first: int
    stop: int

    @property
    def n(self) -> int:
        return self.stop - self.first


def plan_rows(places: Sequence[int], n_targets: int, most: int) -> tuple[tuple[PlaceTargets, ...], ...]:
    """Passes of at most `most` targets, the earliest places first.

    `places` are the sites injected at. Sorted by depth, a pass holds targets that join the stream at about the
    same layer, and the layers before them are computed for the control alone.
    """
    passes: list[tuple[PlaceTargets, ...]] = []
    groups: list[PlaceTargets] = []
    room = most
    for place in sorted(range(len(places)), key=lambda index: places[index]):
        first = 0
        while first < n_targets:
            stop = min(n_targets, first + room)
            groups.append(PlaceTargets(place, places[place], first, stop))
            room -= stop - first
            first = stop
            if not room:
                passes.append(tuple(groups))
                groups, room = [], most
    return (*passes, tuple(groups)) if groups else tuple(passes)


def rows_within(memory: int, *, n_units: int, n_words: int, n_heads: int, n_tokens: int, full: bool) -> int:
    """How many rows fit into `memory` bytes: of one token each beside a shared prefix, or `full`, the whole text.

    An estimate in four-byte numbers: the vectors of a row's tokens, its attention scores, and its logits twice.
    """
    tokens = n_tokens if full else 1
    scores = n_heads * tokens * (n_tokens if full else n_tokens + _MOST)
    row = 4 * (tokens * _VECTORS * n_units + scores + 2 * n_words)
    return max(1, min(_MOST, memory // row))
