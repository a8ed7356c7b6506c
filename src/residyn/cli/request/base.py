"""What all records of options are, and how one option is declared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import typer

from residyn.errors import StoreError, UsageError

A = TypeVar("A", bound="Asked")

TEXTS, MODEL, ANALYSIS, CONTROLS, TELEPORTS, FIGURE = (
    "Texts",
    "Model",
    "Analysis",
    "Controls",
    "Teleports",
    "Figure",
)
"""Panels of the help page."""


def option(flag: str, panel: str, text: str) -> Any:
    return typer.Option(flag, rich_help_panel=panel, help=text)


class Asked:
    """A record of options."""

    def check(self) -> None:
        """Refuse what can be refused before anything is loaded. Raises UsageError."""

    def record(self) -> dict[str, Any]:
        """The options as plain values, for the run's provenance."""
        return json.loads(json.dumps(asdict(self), default=str))  # type: ignore[call-overload]


def recorded(kind: type[A], record: Any, file: Path, section: str) -> A:
    """The options of an earlier run, from a section of its run.json; what it does not name is as by default.

    Raises StoreError, naming the file and the key, where a value is not of its option's kind or out of its range.
    """
    advice = "Restore the file from a copy, or run with the options typed into another folder."
    if not isinstance(record, Mapping):
        raise StoreError(
            f"{file} is damaged: {section} should be an object; got {type(record).__name__}. {advice}"
        )
    hints = get_type_hints(kind)
    taken = {}
    for name in (field.name for field in fields(kind) if field.name in record):  # type: ignore[arg-type]
        if not _fits(record[name], hints[name]):
            raise StoreError(
                f"{file} is damaged: {section}.{name} should be {_said(hints[name])}; got "
                f"{ascii(record[name])[:80]}. {advice}"
            )
        taken[name] = _as(record[name], hints[name])
    made = replace(kind(), **taken)  # type: ignore[type-var]
    try:
        made.check()
    except UsageError as error:
        raise StoreError(
            f"{file} is damaged: {section} holds options that nobody can ask for. {error} {advice}"
        ) from error
    return made


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of JSON is one that an option of this type has."""
    return any(_is(value, kind) for kind in _kinds(hint))


def _is(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is Path:
        return isinstance(value, str)
    return type(value) is kind


def _as(value: Any, hint: Any) -> Any:
    return Path(value) if Path in _kinds(hint) and value is not None else value


_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "text",
    NoneType: "null",
}


def _said(hint: Any) -> str:
    """An option's type in words."""
    return " or ".join(
        _WORDS.get(kind) or f"one of {', '.join(map(repr, get_args(kind)))}" for kind in _kinds(hint)
    )
