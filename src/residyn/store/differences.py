"""Which settings of two runs differ, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from residyn.errors import StoreError
from residyn.store.records import canonical

ABSENT = object()
MAX_VALUE_LENGTH = 60
MAX_LINES = 12


class OtherSettings(StoreError):
    """A folder of residyn's holds what other settings made; `found` says so without what to do about it."""

    def __init__(self, found: str, lines: Sequence[str], advice: str) -> None:
        self.found = "\n  ".join([f"{found}:", *lines])
        super().__init__(f"{self.found}\n{advice}")
        self._made_of = found, tuple(lines), advice

    def __reduce__(self) -> tuple[type[OtherSettings], tuple[str, tuple[str, ...], str]]:
        """What it is made of, by which it travels from a worker."""
        return type(self), self._made_of


def differing(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """One line for each key whose values differ, nested keys dotted: "model.revision: stored …, wanted …".

    Long values are shortened; of lists the first entry that differs is named. Past twelve lines the rest is
    counted.
    """
    lines = [f"{key}: stored {a}, wanted {b}" for key, a, b in _walk("", dict(stored), dict(wanted))]
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"and {len(lines) - MAX_LINES} more"]
    return lines


def _walk(key: str, stored: Any, wanted: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(stored, dict) and isinstance(wanted, dict):
        for name in sorted(stored.keys() | wanted.keys()):
            yield from _walk(f"{key}.{name}" if key else name, stored.get(name, ABSENT), wanted.get(name, ABSENT))
    elif isinstance(stored, list) and isinstance(wanted, list):
        if len(stored) != len(wanted):
            yield key, f"{len(stored)} entries", f"{len(wanted)} entries"
            return
        at = next((i for i, pair in enumerate(zip(stored, wanted, strict=True)) if _differ(*pair)), None)
        if at is not None:
            yield from _walk(f"{key}[{at}]", stored[at], wanted[at])
    elif _differ(stored, wanted):
        yield key, _shown(stored), _shown(wanted)


def _differ(stored: Any, wanted: Any) -> bool:
    """Whether two plain values would be hashed differently: 1 and true, or 1 and 1.0, do differ."""
    return stored is ABSENT or wanted is ABSENT or canonical(stored) != canonical(wanted)


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 1]}…"
