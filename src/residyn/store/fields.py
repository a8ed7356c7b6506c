"""Fields of a JSON record that somebody else may have written, each checked as it is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from residyn.errors import StoreError

Word = TypeVar("Word", bound=str)

_LONGEST_TEXT, _LONGEST_LIST = 2_000, 1_000
_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf}


class Fields:
    """A JSON object at a place in a file. Every method raises StoreError, naming file and field.

    `advice` is what the error says to do.
    """

    def __init__(self, path: Path, record: Any, advice: str, place: str = "") -> None:
        self._path, self._advice, self._place = path, advice, place
        if not isinstance(record, dict):
            self._refuse("", "an object", record)
        self._record: dict[str, Any] = record

    def text(self, name: str) -> str:
        value = self._take(name)
        if not _is_text(value):
            self._refuse(name, f"text of at most {_LONGEST_TEXT:,} letters", value)
        return _writable(value)

    def one_of(self, name: str, known: Sequence[Word]) -> Word:
        value = self._take(name)
        found = next((word for word in known if value == word), None)
        if found is None:
            self._refuse(name, f"one of {', '.join(map(repr, known))}", value)
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._list(name, _LONGEST_LIST)
        if not all(map(_is_text, value)):
            self._refuse(name, "a list of texts", value)
        return tuple(map(_writable, value))

    def whole(self, name: str) -> int:
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
            self._refuse(name, "a whole number of at least 0", value)
        return value

    def number(self, name: str) -> float:
        """A number; NaN for null."""
        value = self._take(name)
        if value is None:
            return math.nan
        if isinstance(value, str) and value in _INFINITE:
            return _INFINITE[value]
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._refuse(name, "a number or null", value)
        try:
            return float(value)
        except OverflowError:
            self._refuse(name, "a number within double precision", value)

    def flag(self, name: str) -> bool:
        value = self.maybe(name)
        if value is None:
            self._refuse(name, "true or false", value)
        return value

    def maybe(self, name: str) -> bool | None:
        value = self._take(name)
        if value is not None and not isinstance(value, bool):
            self._refuse(name, "true, false or null", value)
        return value

    def record(self, name: str) -> Fields | None:
        value = self._take(name)
        return None if value is None else self._inside(value, self._at(name))

    def records(self, name: str, most: int = _LONGEST_LIST) -> Iterator[Fields]:
        for i, item in enumerate(self._list(name, most)):
            yield self._inside(item, f"{self._at(name)}[{i}]")

    def named(self, name: str) -> Iterator[tuple[str, Fields]]:
        value = self._take(name)
        if not isinstance(value, dict) or len(value) > _LONGEST_LIST:
            self._refuse(name, f"an object of at most {_LONGEST_LIST} fields", value)
        for key, item in value.items():
            yield key, self._inside(item, f"{self._at(name)}.{key[:60]}")

    def _inside(self, record: Any, place: str) -> Fields:
        return Fields(self._path, record, self._advice, place)

    def _list(self, name: str, most: int) -> list[Any]:
        value = self._take(name)
        if not isinstance(value, list) or len(value) > most:
            self._refuse(name, f"a list of at most {most:,} items", value)
        return value

    def _take(self, name: str) -> Any:
        if name not in self._record:
            raise StoreError(f"{self._path}: the field {self._at(name)} is missing. {self._advice}")
        return self._record[name]

    def _at(self, name: str) -> str:
        return ".".join(part for part in (self._place, name) if part)

    def _refuse(self, name: str, wanted: str, came: Any) -> NoReturn:
        where = f"the field {self._at(name)}" if self._at(name) else "the file"
        raise StoreError(f"{self._path}: {where} should be {wanted}; got {_shown(came)}. {self._advice}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _writable(text: str) -> str:
    """The text with "?" for lone surrogates, which JSON can spell and no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _shown(value: Any) -> str:
    """A value as an error shows it: never more than a line of it."""
    if isinstance(value, list | dict):
        return f"{type(value).__name__} of {len(value):,}"
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
