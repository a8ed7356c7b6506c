"""What all settings of stages are: frozen records that check, record and describe themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from residyn.errors import StoreError, UsageError
from residyn.strict import fault_of, in_words, shown


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one stage."""

    PANEL: ClassVar[str] = ""
    """Under which heading the help page lists them."""
    SECTION: ClassVar[str] = ""
    """Under which name run.json records them."""

    def check(self, spelled: Callable[[str], str] = str) -> None:
        """Raise UsageError where a value is of another kind or out of its range; `spelled` names a field there."""
        values = msgspec.to_builtins(self)
        for field in fields_of(type(self)):
            if fault_of(values[field.name], field.kind):
                came = values[field.name]
                told = ", ".join(map(str, came)) or "none" if isinstance(came, list | tuple) else repr(came)
                raise UsageError(f"{spelled(field.name)} is {field.wanted}; got {told}.")
        for fault in self.faults(spelled):
            raise UsageError(fault)

    def faults(self, spelled: Callable[[str], str]) -> Iterator[str]:
        """What is wrong with values that are right one by one."""
        yield from ()

    def record(self) -> dict[str, Any]:
        """The settings as plain values, for run.json."""
        return msgspec.to_builtins(self)

    def deciding(self) -> dict[str, Any]:
        """The settings that numbers depend on, as plain values."""
        return {field.name: value for field, value in _zipped(self) if field.decides}

    def to_json(self) -> str:
        """The settings that numbers depend on, as JSON text with sorted names."""
        return json.dumps(self.deciding(), sort_keys=True)

    def changed(self, **values: Any) -> Self:
        """These settings with other values."""
        return msgspec.structs.replace(self, **values)


S = TypeVar("S", bound=Settings)


class Setting(msgspec.Struct, frozen=True):
    """One setting: name, type, default (a plain value), description, heading, whether it decides numbers, and
    whether it gives trust, which is never taken from a file.
    """

    name: str
    kind: Any
    default: Any
    description: str
    panel: str
    decides: bool
    trust: bool

    @property
    def bare(self) -> Any:
        """The type without bounds and descriptions: int, str | None, …"""
        return _unbounded(self.kind)

    @property
    def wanted(self) -> str:
        """The values that it takes, in words; null, which is said by leaving it out, is not among them."""
        kinds = get_args(_bare(self.kind)) if get_origin(_bare(self.kind)) in (Union, UnionType) else (self.kind,)
        return " or ".join(in_words(kind) for kind in kinds if kind is not NoneType)

    @property
    def listed(self) -> bool:
        """Whether the command line takes it as text that is parted at commas."""
        return get_origin(_bare(self.kind)) is tuple

    @property
    def mixed(self) -> bool:
        """Whether it is a whole number or a word."""
        kinds = get_args(_bare(self.kind))
        bare = [_bare(kind) for kind in kinds]
        return int in bare and any(kind is str or get_origin(kind) is Literal for kind in bare)

    def parsed(self, text: Any) -> Any:
        """The value of text as it stands on the command line, or in the run.json of an earlier version."""
        if not isinstance(text, str) or not (self.listed or self.mixed):
            return text
        if self.mixed:
            return _scalar(text)
        return [_scalar(part.strip()) for part in text.split(",") if part.strip()]


def fields_of(kind: type[Settings]) -> list[Setting]:
    """The fields of a record of settings, in order."""
    hints = get_type_hints(kind, include_extras=True)
    made = []
    for field in msgspec.structs.fields(kind):
        notes = [note for note in getattr(hints[field.name], "__metadata__", ()) if isinstance(note, Meta)]
        extra = {key: value for note in notes for key, value in (note.extra or {}).items()}
        made.append(
            Setting(
                name=field.name,
                kind=hints[field.name],
                default=msgspec.to_builtins(field.default),
                description=next((note.description for note in notes if note.description), ""),
                panel=extra.get("panel", kind.PANEL),
                decides=extra.get("decides", True),
                trust=extra.get("trust", False),
            )
        )
    return made


def made_of(kind: type[S], values: Mapping[str, Any], spelled: Callable[[str], str] = str) -> S:
    """Settings of the values that are named, by default the others. Raises UsageError as `check` does."""
    fields = {field.name: field for field in fields_of(kind)}
    unchecked = kind(**{name: _frozen(fields[name].parsed(value)) for name, value in values.items()})
    unchecked.check(spelled)
    return msgspec.convert(unchecked.record(), kind)


def recorded(kind: type[S], record: Any, file: Path) -> S:
    """The settings of an earlier run, from their section of its run.json; what it does not name is as by default.

    Raises StoreError, naming the file and the key, where a value is of another kind or out of its range.
    """
    advice = "Restore the file from a copy, or run with the options typed into another folder."
    if not isinstance(record, Mapping):
        raise StoreError(f"{file} is damaged: {kind.SECTION} should be an object; got {shown(record)}. {advice}")
    named = {field.name: field.parsed(record[field.name]) for field in fields_of(kind) if field.name in record}
    for field in fields_of(kind):
        if field.name in named and fault_of(named[field.name], field.kind):
            raise StoreError(
                f"{file} is damaged: {kind.SECTION}.{field.name} should be {in_words(field.kind)}; got "
                f"{shown(record[field.name])}. {advice}"
            )
    try:
        return made_of(kind, named)
    except UsageError as error:
        raise StoreError(
            f"{file} is damaged: {kind.SECTION} holds settings that nobody can ask for: {error} {advice}"
        ) from error


def flag(name: str, *, on: bool = True) -> str:
    """A setting's name as it stands on the command line: "--null-draws", "--no-noise"."""
    return f"--{'' if on else 'no-'}{name.replace('_', '-')}"


def typed(value: Any) -> str:
    """A setting's value as it is typed on the command line: lists with commas between."""
    if isinstance(value, list | tuple):
        return ",".join(map(typed, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _zipped(settings: Settings) -> Iterator[tuple[Setting, Any]]:
    values = settings.record()
    return ((field, values[field.name]) for field in fields_of(type(settings)))


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _unbounded(kind: Any) -> Any:
    bare = _bare(kind)
    if get_origin(bare) in (Union, UnionType):
        return Union[tuple(map(_unbounded, get_args(bare)))]  # noqa: UP007 - made of a list of types
    return bare


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _scalar(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
