"""The command that repeats a run: what it was asked for, as far as that differs from the defaults."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from residyn.errors import StoreError
from residyn.settings import STAGES, Settings, fields_of, flag, recorded, typed
from residyn.store.layout import RUN


def repeat_command(run: Mapping[str, Any]) -> str:
    """`residyn run …` with the options of run.json that differ from their defaults; empty where none are recorded.

    Fields that are no option of this version, values that none has, and trust are left out. Nothing is repeated
    where the model or the texts have no name, as those given to `rd.capture`.
    """
    request = run.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("model"), str) or "texts" not in request:
        return ""
    words = ["residyn", "run", request["model"]]
    for kind in STAGES.values():
        asked = run.get(kind.SECTION)
        if isinstance(asked, dict):
            words += _options(kind, asked)
    return shlex.join(words)


def _options(kind: type[Settings], asked: Mapping[str, Any]) -> Iterator[str]:
    for field in fields_of(kind):
        # A command to copy does not give trust that only a file asks for.
        if field.name not in asked or field.trust:
            continue
        try:
            value = getattr(recorded(kind, {field.name: asked[field.name]}, Path(RUN)), field.name)
        except StoreError:
            continue
        if value is None or value == getattr(kind(), field.name):
            continue
        if isinstance(value, bool):
            yield flag(field.name) if value else flag(field.name, on=False)
            continue
        text = typed(value)
        yield from [f"{flag(field.name)}={text}"] if text.startswith("-") else [flag(field.name), text]
