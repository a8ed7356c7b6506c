"""What the user's name for a model means."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, NamedTuple

from residyn.errors import ModelError, UsageError
from residyn.model.assets import ASSETS
from residyn.store.files import check_file


class Location(NamedTuple):
    """Where a model is to be looked for: a path where it is a folder or a file."""

    kind: Literal["builtin", "gguf", "folder", "hub"]
    path: Path | None = None


def find_place(
    name: str | os.PathLike[str], revision: str | None = None, *, trust_remote_code: bool = False
) -> Location:
    """Built-in name, .gguf file, folder or hub id, in this order; nothing is opened.

    Raises ModelError where it is none of them, UsageError where the revision does not go with it.
    """
    place = _place_of(name)
    if place.kind != "hub" and revision is not None:
        raise UsageError(f"A revision belongs to a hub repository; {name} is a {place.kind} model. Leave it out.")
    if place.kind == "hub" and trust_remote_code and not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise UsageError(
            f"trust_remote_code needs the revision of {name} that you looked at, as a commit of 40 "
            f"hexadecimal digits; got {revision!r}. A branch or tag can be moved to other code."
        )
    return place


def _place_of(name: str | os.PathLike[str]) -> Location:
    text = os.fspath(name)
    builtin = [asset for asset, entry in ASSETS.items() if entry.kind == "model"]
    if text in builtin:
        return Location("builtin")
    advice = f"Give a hub id (ORG/NAME), a folder, a .gguf file, or a built-in name: {', '.join(builtin)}."
    if not text or "\0" in text:
        raise ModelError(f"{text!r} names no model. {advice}")
    path = Path(text).expanduser()
    if path.is_dir():
        return Location("folder", path)
    if path.suffix.lower() == ".gguf":
        if not path.exists():
            raise ModelError(f"There is no file {path}. {advice}")
        try:
            check_file(path)
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}. {advice}") from error
        return Location("gguf", path)
    if path.exists():
        raise ModelError(
            f"{path} is a single file. Give the folder it lies in, with its config.json and tokenizer beside it."
        )
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", text, re.ASCII) and ".." not in text:
        return Location("hub")
    raise ModelError(f"There is no folder {text!r}, and it is no hub id either. {advice}")
