"""Functions whose keywords are settings: signature, defaults and words come from the record."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from residyn.errors import UsageError
from residyn.settings.base import S, Setting, made_of

F = TypeVar("F", bound=Callable[..., Any])


def with_options(settings: Iterable[Setting]) -> Callable[[F], F]:
    """Give a function that takes `**options` these settings as keywords of its own, but for those that it has.

    They stand in its signature, which completion and `help` read, and at the end of its docstring.
    """

    def decorated(function: F) -> F:
        own = inspect.signature(function)
        fields = [field for field in settings if field.name not in own.parameters]
        kept = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        keywords = [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.bare
            )
            for field in fields
        ]
        told = "".join(f"\n        {field.name}: {field.description}" for field in fields)
        function.__signature__ = own.replace(parameters=[*kept, *keywords])  # type: ignore[attr-defined]
        function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n    Options, beside those above:{told}\n    "
        return function

    return decorated


def options_of(
    kind: type[S], names: Collection[str], given: Mapping[str, Any], function: str, elsewhere: Mapping[str, str]
) -> S:
    """The settings that a function's options choose; the others are as by default.

    `elsewhere` says of other names whose options they are. Raises UsageError for a name that is no option, saying
    which was meant, and for a value out of range.
    """
    for name in given:
        if name in names:
            continue
        if name in elsewhere:
            raise UsageError(f"{name!r} is no option of {function}; give it to {elsewhere[name]}.")
        close = get_close_matches(name, names, n=1)
        meant = f"Did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"{function} has no option {name!r}. {meant}Its options are {', '.join(names)}.")
    # A number of numpy's is as good as one of Python's; numpy itself would cost the command line its start.
    plain = {name: value.item() if getattr(value, "shape", None) == () else value for name, value in given.items()}
    return made_of(kind, plain)
