"""Signatures as the text of a stub file: what editors complete, of functions whose keywords are settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

_FIRST = "# Generated: python -m {module} > {file}"


def stub_of(module: str, imports: str, *functions: Callable[..., Any]) -> str:
    """The stub of a module that has these functions, which need these imports."""
    file = f"src/{module.replace('.', '/')}.pyi"
    head = _FIRST.format(module=module, file=file)
    return "\n\n".join([f"{head}\n{imports.strip()}", *map(_declaration, functions)]) + "\n"


def _declaration(function: Callable[..., Any]) -> str:
    lines, keyword_only = [], False
    signature = inspect.signature(function)
    for one in signature.parameters.values():
        if one.kind is inspect.Parameter.KEYWORD_ONLY and not keyword_only:
            lines.append("*")
            keyword_only = True
        default = "" if one.default is inspect.Parameter.empty else f" = {_value(one.default)}"
        lines.append(f"{one.name}: {_kind(one.annotation)}{default}")
    inside = "".join(f"    {line},\n" for line in lines)
    return f"def {function.__name__}(\n{inside}) -> {_kind(signature.return_annotation)}: ..."


def _kind(annotation: Any) -> str:
    """A type as it is written in a stub, the same in every version of Python."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, str):
        written = annotation
    elif annotation in (None, NoneType):
        written = "None"
    elif annotation is ...:
        written = "..."
    elif origin is Annotated:
        written = _kind(inner[0])
    elif origin is Literal:
        written = f"Literal[{', '.join(map(_value, inner))}]"
    elif origin in (Union, UnionType):
        written = " | ".join(dict.fromkeys(map(_kind, inner)))
    elif origin is not None:
        written = f"{origin.__name__}[{', '.join(map(_kind, inner))}]"
    else:
        written = annotation.__name__
    return written


def _value(value: Any) -> str:
    """A default as it is written in a stub."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_value, value))}{',' if len(value) == 1 else ''})"
    return repr(value)
