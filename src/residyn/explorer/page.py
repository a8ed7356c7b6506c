"""The page: the explorer's record, its style and its script, set as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from residyn import words
from residyn.explorer.pack import pack
from residyn.explorer.record import Explorer
from residyn.report.page import tokens

_SCRIPTS = (
    *("data", "state", "colours", "words", "chart", "gl", "view", "paths"),
    *("store", "samples", "curves", "units", "field", "maps", "verdicts", "picture", "main"),
)
"""The parts of the script, in the order in which they stand."""


def render(explorer: Explorer, *, served: bool = False) -> str:
    """The page of an explorer; `served` by a viewer, it asks that for single units and samples.

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
            policy=policy_of(served=served),
            served=served,
        )
    )


def policy_of(*, served: bool) -> str:
    """The content security policy of the page."""
    rules = (
        "default-src 'none'",
        "img-src data:",
        f"style-src '{_hashed(_style())}'",
        f"script-src '{_hashed(_script())}'",
        *(("connect-src 'self'",) if served else ()),
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


@cache
def _style() -> str:
    return f"{tokens()}{_part('style.css')}"


@cache
def _script() -> str:
    """All parts as one script, whose names nobody else sees."""
    parts = "\n".join(_part(f"{name}.js") for name in _SCRIPTS)
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
