"""Fields of a JSON record that somebody else may have written, each checked as it is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from residyn.errors import StoreError

_LONGEST_TEXT, _LONGEST_LIST = 20_000, 1_000
_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf}


class Fields:
    """A JSON object at a place in a file. Every method raises StoreError, naming file and field."""

    def __init__(self, path: Path, record: Any, place: str = "") -> None:
        self._path, self._place = path, place
        if not isinstance(record, dict):
            self._refuse("", "an object", record)
        self._record: dict[str, Any] = record

    def text(self, name: str, among: Sequence[str] = ()) -> str:
        value = self._take(name)
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            self._refuse(name, f"text of at most {_LONGEST_TEXT} characters", value)
        if among and value not in among:
            self._refuse(name, f"one of {', '.join(map(repr, among))}", value)
        return value

    def texts(self, name: str, *, optional: bool = False) -> tuple[str, ...]:
        value = self._list(name, optional)
        if not all(isinstance(item, str) and len(item) <= _LONGEST_TEXT for item in value):
            self._refuse(name, "a list of texts", value)
        return tuple(value)

    def whole(self, name: str) -> int:
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
            self._refuse(name, "a whole number of at least 0", value)
        return value

    def number(self, name: str, *, optional: bool = False) -> float:
        """A number; NaN for null, and where the field is `optional` and not there."""
        value = self._take(name, optional)
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
        return None if value is None else Fields(self._path, value, self._at(name))

    def records(self, name: str) -> Iterator[Fields]:
        for i, item in enumerate(self._list(name, False)):
            yield Fields(self._path, item, f"{self._at(name)}[{i}]")

    def named(self, name: str) -> Iterator[tuple[str, Fields]]:
        value = self._take(name)
        if not isinstance(value, dict) or len(value) > _LONGEST_LIST:
            self._refuse(name, f"an object of at most {_LONGEST_LIST} fields", value)
        for key, item in value.items():
            yield key, Fields(self._path, item, f"{self._at(name)}.{key[:60]}")

    def _list(self, name: str, optional: bool) -> list[Any]:
        value = self._take(name, optional)
        if value is None and optional:
            return []
        if not isinstance(value, list) or len(value) > _LONGEST_LIST:
            self._refuse(name, f"a list of at most {_LONGEST_LIST} items", value)
        return value

    def _take(self, name: str, optional: bool = False) -> Any:
        if name not in self._record and not optional:
            raise StoreError(
                f"{self._path}: the field {self._at(name)} is missing. "
                "Judge the claims again (residyn claims DIR)."
            )
        return self._record.get(name)

    def _at(self, name: str) -> str:
        return ".".join(part for part in (self._place, name) if part)

    def _refuse(self, name: str, wanted: str, came: Any) -> NoReturn:
        where = f"the field {self._at(name)}" if self._at(name) else "the file"
        raise StoreError(
            f"{self._path}: {where} should be {wanted}; got {str(came)[:60]!r}. "
            "Judge the claims again (residyn claims DIR)."
        )
