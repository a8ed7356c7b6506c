"""Verbs take settings: every field of a record is an option, with a preset's choices wherever none was typed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
import typer

from residyn.cli.display import Display
from residyn.errors import UsageError
from residyn.pipeline.presets import PRESETS
from residyn.settings import (
    STAGES,
    RunSettings,
    Setting,
    Settings,
    fields_of,
    flag,
    made_of,
    read_config,
    run_settings,
    typed,
)

Chosen = frozenset[str]
"""The names of the options that were typed, or that a preset chose which was typed."""

_CONFIG = typer.Option(
    "--config",
    metavar="FILE",
    help="A TOML file of settings, for what is not typed; `residyn presets --show NAME` prints one.",
)
_COMMON = {
    "as_json": typer.Option("--json", help="Print one JSON object on standard output."),
    "quiet": typer.Option("--quiet", "-q", help="No progress: only results and warnings."),
    "verbose": typer.Option("--verbose", "-v", help="Show the traceback of an error."),
}


def verb(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of the settings among its parameters, and with --json, --quiet and --verbose.

    It is handed these settings, checked, and where it has parameters of these names, `display`, which shows what
    it is told, and what was `chosen`.
    """
    hints = get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters
    kinds = {name: hint for name, hint in hints.items() if _is_settings(hint)}
    fields = [field for kind in kinds.values() for field in _fields(kind)]

    @functools.wraps(command)
    def with_settings(context: typer.Context, **values: Any) -> None:
        options = {name: values.pop(name) for name in _COMMON}
        on_line, file = _typed(context), values.pop("config", None)
        config = {} if file is None else read_config(file)
        named = values.pop("preset", "default")
        if "preset" not in on_line:
            named = config.pop("preset", named)
        if named not in PRESETS:
            raise UsageError(f"preset in {file} is one of {', '.join(PRESETS)}; got {named!r}.")
        preset = PRESETS[named].choices
        asked = {field.name: values.pop(field.name) for field in fields}
        chosen = {**preset, **config}
        asked |= {name: value for name, value in chosen.items() if name in asked and name not in on_line}
        made = {name: _made(kind, asked) for name, kind in kinds.items()}
        if "model" in own and "model" in config and "model" not in on_line:
            values["model"] = config["model"]
        deliberate = chosen if "preset" in on_line else config
        given = {
            "display": Display(quiet=options["quiet"], as_json=options["as_json"]),
            "chosen": frozenset(on_line | set(deliberate)),
        }
        command(**values, **made, **{name: value for name, value in given.items() if name in own})

    kept = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.items()
        if name not in kinds and name not in ("display", "chosen")
    ]
    parameters = [
        inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *kept,
        *([_keyword("config", Path | None, _CONFIG, None)] if "preset" in own else []),
        *map(_parameter, fields),
        *(_keyword(name, bool, option, False) for name, option in _COMMON.items()),
    ]
    with_settings.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_settings.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_settings


def _is_settings(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _fields(kind: Any) -> list[Setting]:
    kinds = STAGES.values() if kind is RunSettings else [kind]
    return [field for one in kinds for field in fields_of(one)]


def _made(kind: Any, asked: dict[str, Any]) -> RunSettings | Settings:
    own = {field.name: asked[field.name] for field in _fields(kind)}
    return run_settings(own, flag) if kind is RunSettings else made_of(kind, own, flag)


def _parameter(field: Setting) -> inspect.Parameter:
    as_text = field.listed or field.mixed
    names = flag(field.name)
    if field.bare is bool:
        names += "/" + flag(field.name, on=False)
    option = typer.Option(names, rich_help_panel=field.panel or None, help=field.description)
    kind = str if as_text else field.bare
    default = typed(field.default) if as_text else field.default
    return _keyword(field.name, kind, option, default)


def _keyword(name: str, kind: Any, option: Any, default: Any) -> inspect.Parameter:
    annotation = Annotated[kind, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _typed(context: typer.Context) -> set[str]:
    """The names of the options that stand on the command line, not their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
