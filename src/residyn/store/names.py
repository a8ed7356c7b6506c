"""Names of run directories made from what the user typed."""

from __future__ import annotations

import hashlib
import re

MAX_NAME = 100
HUB_ID = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*")
HUB_TEXTS = re.compile(r"hf:(?P<id>[\w.\-]+(?:/[\w.\-]+)?(?::[\w.\-]+){0,2})")


def run_name(model: str, texts: str) -> str:
    """A folder name for a run of `model` on `texts`: letters, digits, ".", "_" and "-", at most 100 of them.

    It never starts with a dot or a dash and never holds a path separator, whatever was typed: of a path only
    the last part is taken, so that neither "../../x" nor a home folder gets into a name. A part that loses letters
    (of another script), and a name that is too long, are told apart by eight digits of their sha256.

    >>> run_name("meta-llama/Llama-3.1-8B", "wikitext")
    'meta-llama-Llama-3.1-8B_wikitext'
    """
    model_part = model if HUB_ID.fullmatch(model) else _last_part(model)
    hub = HUB_TEXTS.fullmatch(texts)
    texts_part = hub["id"] if hub else ("stdin" if texts == "-" else _last_part(texts))
    name = f"{_cleaned(model_part, 'model')}_{_cleaned(texts_part, 'texts')}"
    if len(name) > MAX_NAME:
        name = f"{name[: MAX_NAME - 9]}-{_digits(model + chr(0) + texts)}"
    return name


def _last_part(typed: str) -> str:
    parts = [part for part in re.split(r"[/\\]", typed) if part.strip(".")]
    return parts[-1] if parts else ""


def _cleaned(part: str, kind: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", part)
    name = re.sub(r"\.{2,}", ".", name).strip("-._")
    if name and not any(letter.isalnum() and not letter.isascii() for letter in part):
        return name
    return f"{name or kind}-{_digits(part)}"


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:8]
