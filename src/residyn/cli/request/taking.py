"""Commands take records of options, with a preset's choices wherever none was typed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

import typer

from residyn.cli.presets import PRESETS, Preset
from residyn.cli.request.base import Asked


def takes_request(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every option of the records among its keywords, and hand it these, checked.

    A command with a keyword `preset` has the preset's choices wherever no option was typed.
    """
    hints = get_type_hints(command, include_extras=True)
    records = {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, Asked)}
    signature = inspect.signature(command).parameters
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.items()
        if name not in records
    ]
    options = [option for record in records.values() for option in _options_of(record)]

    @functools.wraps(command)
    def with_request(context: typer.Context, **values: Any) -> None:
        typed = _typed(context)
        preset = PRESETS[values.get("preset") or "default"]
        values.update(_preset_choices(preset, values, typed))
        for name, record in records.items():
            values[name] = record(**{field.name: values.pop(field.name) for field in fields(record)})  # type: ignore[arg-type]
            values[name].check()
        command(**values, **({"context": context} if "context" in signature else {}))

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *(parameter for parameter in own if parameter.name != "context"), *options]
    with_request.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_request.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_request


def _options_of(record: type[Asked]) -> list[inspect.Parameter]:
    types = get_type_hints(record, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=types[field.name]
        )
        for field in fields(record)  # type: ignore[arg-type]
    ]


def _preset_choices(preset: Preset, asked: Mapping[str, Any], typed: set[str]) -> dict[str, Any]:
    return {name: value for name, value in preset.choices.items() if name in asked and name not in typed}


def typed_options(context: typer.Context) -> set[str]:
    """The names of the options that were chosen: typed themselves, or named by a preset that was typed."""
    typed = _typed(context)
    return typed | set(PRESETS[context.params["preset"]].choices) if "preset" in typed else typed


def _typed(context: typer.Context) -> set[str]:
    """The names of the options that stand on the command line, not their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
