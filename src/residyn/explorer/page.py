"""The page: the explorer's record, its style and its script, set as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from residyn import words
from residyn.explorer.pack import pack
from residyn.explorer.record import Explorer
from residyn.report.page import tokens

_SCRIPTS = (
    *("data", "state", "colours", "words", "link", "chart", "gl", "view", "paths"),
    *("store", "samples", "curves", "units", "field", "maps", "verdicts", "picture", "main"),
)
"""The parts of the script, in the order in which they stand."""


Holder = Literal["", "pair", "notebook"]
"""What shows a page in a frame: nothing, the page of two runs, or a notebook."""


def render(explorer: Explorer, *, served: bool = False, holder: Holder = "") -> str:
    """The page of an explorer; `served` by a viewer or a notebook, it asks that for single units and samples.

    A page with a `holder` tells it what is seen, and does as it says; no other page listens to anybody.

    Whatever is in the record is text or numbers: the script puts it on the page as text. The policy in the page's
    head allows its own style sheet and its own script, by their hashes, and images that it carries itself;
    nothing from anywhere else but its viewer.
    """
    return (
        _environment()
        .get_template("template.html.j2")
        .render(
            explorer=explorer,
            style=Markup(_style()),
            script=Markup(_script()),
            # The picture stands in the page itself.
            data=Markup(pack(replace(explorer, fallback=None))),
            policy=policy_of(served=served and holder != "notebook"),
            served=served,
            holder=holder,
        )
    )


def policy_of(*, served: bool) -> str:
    """The content security policy of the page of one run; `served`, it may ask the address that it came from."""
    return _policy(_style(), _script(), "img-src data:", *(("connect-src 'self'",) if served else ()))


def pair(names: Sequence[str]) -> str:
    """The page that holds two runs beside each other, each in a frame of its own: the pages 0/ and 1/ below it."""
    return (
        _environment()
        .get_template("pair.html.j2")
        .render(names=names, style=Markup(_pair_style()), script=Markup(_pair_script()), policy=pair_policy())
    )


def pair_policy() -> str:
    """The content security policy of the page of two runs: frames of its own address and nothing else."""
    return _policy(_pair_style(), _pair_script(), "frame-src 'self'")


def notebook_module() -> str:
    """The script of a notebook's widget that holds pages in frames, as a module."""
    return f"{_part('hold.js')}\n{_part('notebook.js')}"


def _policy(style: str, script: str, *allowed: str) -> str:
    rules = (
        "default-src 'none'",
        f"style-src '{_hashed(style)}'",
        f"script-src '{_hashed(script)}'",
        *allowed,
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


@cache
def _style() -> str:
    return f"{tokens()}{_part('style.css')}"


@cache
def _script() -> str:
    return _closed(*(f"{name}.js" for name in _SCRIPTS))


@cache
def _pair_style() -> str:
    return f"{tokens()}{_part('pair.css')}"


@cache
def _pair_script() -> str:
    return _closed("hold.js", "pair.js")


def _closed(*names: str) -> str:
    """All parts as one script, whose names nobody else sees."""
    parts = "\n".join(map(_part, names))
    return f'(() => {{\n"use strict";\n{parts}\n}})();'


def _part(name: str) -> str:
    return files("residyn.explorer").joinpath("page", name).read_text(encoding="utf-8")


def _hashed(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("residyn.explorer", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else words.clean(value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(counted=words.counted)
    return environment
