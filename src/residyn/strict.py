"""Values from JSON as typed records, read strictly; what does not fit is told by place, wanted and came."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, is_dataclass
from dataclasses import fields as dataclass_fields
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

T = TypeVar("T")
LONGEST_TEXT, LONGEST_LIST = 2_000, 1_000
_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf}


class Fault(NamedTuple):
    """What is wrong with a value: where ("claims[3].verdict", "" for the whole), what was wanted, what came.

    `wanted` is empty where a field is missing.
    """

    place: str
    wanted: str
    came: str

    def sentence(self) -> str:
        """The fault in words, without a full stop."""
        if not self.wanted:
            return f"the field {self.place} is missing"
        where = f"the field {self.place}" if self.place else "the file"
        return f"{where} should be {self.wanted}; got {self.came}"


def convert(value: Any, kind: type[T]) -> T | Fault:
    """`value` as a `kind`, a dataclass or msgspec Struct, field by field without any coercion; or the first fault.

    As `store.plain` writes them, null is NaN and "Infinity" an infinity where a dataclass has a float. No text is
    longer than 2,000 letters, no list or object than 1,000 items. Lone surrogates, which JSON can spell and no
    file can hold, become "?". Fields that `kind` does not have are left out,
    and of a dataclass none may be missing.
    """
    if fault := _too_large(value, "") or _missing(value, kind, ""):
        return fault
    value = _numbers(_writable(value), kind)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return fault_of(value, kind) or Fault("", in_words(kind), shown(value))


def fault_of(value: Any, kind: Any, place: str = "") -> Fault | None:
    """The innermost part of a value that its type does not allow; None where it fits."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        for inside, part, part_kind in _parts(value, kind, place):
            if fault := fault_of(part, part_kind, inside):
                return fault
        return Fault(place, in_words(kind), shown(value))
    return None


def in_words(kind: Any) -> str:
    """A type as an error says it: "a whole number of at least 1", "one of 'a', 'b'", "text or null"."""
    base, meta = _split(kind)
    origin = get_origin(base)
    if origin in (Union, UnionType):
        return " or ".join(map(in_words, get_args(base)))
    if origin is Literal:
        return _one_of(get_args(base))
    if isinstance(base, type) and issubclass(base, Enum):
        return _one_of([member.value for member in base])
    if base in (int, float):
        return _number_in_words(base, meta)
    if origin in (tuple, list):
        least = next((note.min_length for note in meta if getattr(note, "min_length", None)), 0)
        size = f" of at least {least} item{'s' * (least > 1)}" if least else ""
        return f"a list{size}, each item of it {in_words(get_args(base)[0])}"
    examples = next((note.examples for note in meta if getattr(note, "examples", None)), None)
    known = {bool: "true or false", str: _one_of(examples) if examples else "text", NoneType: "null"}
    return known.get(base, "an object")


def shown(value: Any) -> str:
    """A value as an error shows it: never more than a line of it."""
    if isinstance(value, list | dict):
        return f"{type(value).__name__} of {len(value):,}"
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _one_of(choices: Sequence[Any]) -> str:
    said = ", ".join(map(repr, choices))
    return f"one of {said}" if len(choices) > 1 else said


def _number_in_words(base: Any, meta: Sequence[Any]) -> str:
    name = "a whole number" if base is int else "a number"
    found = {bound: [getattr(note, bound, None) for note in meta] for bound in ("ge", "gt", "le", "lt")}
    bounds = {bound: value for bound, values in found.items() for value in values if value is not None}
    words = {"ge": "of at least", "gt": "above", "le": "at most", "lt": "below"}
    said = " and ".join(f"{words[bound]} {value:g}" for bound, value in bounds.items())
    return f"{name} {said}" if said else name


def _split(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without what annotates it, and that."""
    if get_origin(kind) is Annotated:
        base, *meta = get_args(kind)
        return base, tuple(meta)
    return kind, ()


def _parts(value: Any, kind: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """The places, values and types inside a value, as far as it is of a kind that has parts."""
    base, _ = _split(kind)
    if get_origin(base) in (Union, UnionType):
        for one in get_args(base):
            yield from _parts(value, one, place)
    elif isinstance(value, dict) and _is_record(base):
        hints = get_type_hints(base, include_extras=True)
        for name, required in _fields(base).items():
            if required or name in value:
                yield f"{place}.{name}" if place else name, value.get(name, MISSING), hints[name]
    elif isinstance(value, list | tuple) and get_origin(base) in (tuple, list):
        for i, item in enumerate(value):
            yield f"{place}[{i}]", item, get_args(base)[0]
    elif isinstance(value, dict) and get_origin(base) is not None and len(get_args(base)) == 2:
        for key, item in value.items():
            yield f"{place}.{key[:60]}", item, get_args(base)[1]


def _is_record(base: Any) -> bool:
    return is_dataclass(base) or (isinstance(base, type) and issubclass(base, msgspec.Struct))


def _fields(base: Any) -> dict[str, bool]:
    """The fields of a record, and whether each is required: those of a dataclass are, as it was written whole."""
    if is_dataclass(base):
        return dict.fromkeys((field.name for field in dataclass_fields(base)), True)
    return {field.name: field.required for field in msgspec.structs.fields(base)}


def _numbers(value: Any, kind: Any) -> Any:
    """The value with NaN and infinities where JSON had null and words for them."""
    base, _ = _split(kind)
    if base is float:
        return math.nan if value is None else _INFINITE.get(value, value) if isinstance(value, str) else value
    if get_origin(base) in (Union, UnionType) and value is not None:
        return next((_numbers(value, one) for one in get_args(base) if _is_record(one)), value)
    if isinstance(value, dict) and _is_record(base):
        hints = get_type_hints(base, include_extras=True)
        return {name: _numbers(item, hints[name]) if name in hints else item for name, item in value.items()}
    if isinstance(value, list) and get_origin(base) in (tuple, list):
        return [_numbers(item, get_args(base)[0]) for item in value]
    if isinstance(value, dict) and len(get_args(base)) == 2:
        return {name: _numbers(item, get_args(base)[1]) for name, item in value.items()}
    return value


def _too_large(value: Any, place: str) -> Fault | None:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return Fault(place, f"text of at most {LONGEST_TEXT:,} letters", shown(value))
    if isinstance(value, list | Mapping):
        if len(value) > LONGEST_LIST:
            what = "a list" if isinstance(value, list) else "an object"
            return Fault(place, f"{what} of at most {LONGEST_LIST:,} items", shown(value))
        items = enumerate(value) if isinstance(value, list) else value.items()
        for key, item in items:
            inside = f"{place}[{key}]" if isinstance(value, list) else f"{place}.{str(key)[:60]}".lstrip(".")
            if fault := _too_large(item, inside):
                return fault
    return None


def _missing(value: Any, kind: Any, place: str) -> Fault | None:
    """The first field that a record lacks."""
    for inside, part, part_kind in _parts(value, kind, place):
        if part is MISSING:
            return Fault(inside, "", "")
        if fault := _missing(part, part_kind, inside):
            return fault
    return None


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if isinstance(value, dict):
        return {_writable(key): _writable(item) for key, item in value.items()}
    return value
