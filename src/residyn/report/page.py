"""The page: the record of a report, set as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from residyn import words
from residyn.report.claims import anchor_of
from residyn.report.record import Report
from residyn.report.side_by_side import SideBySide


def render(report: Report) -> str:
    """The page of a report.

    Whatever is in the record is text: it is escaped, and characters that no page can hold become "�". The policy
    in the page's head allows its own style sheet, by its hash, and images that it carries itself; no script, no
    frame, no form, and nothing from anywhere else.
    """
    return _rendered("report.html.j2", report=report)


def render_comparison(page: SideBySide) -> str:
    """The page of a comparison, under the same policy as that of a report."""
    return _rendered("comparison.html.j2", page=page)


def _rendered(template: str, **shown: Any) -> str:
    style = _style()
    page = _environment().get_template(template)
    return page.render(**shown, style=Markup(style), policy=_policy(style), marks=words.MARKS)


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    rules = (
        "default-src 'none'",
        "img-src data:",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def tokens() -> str:
    """The colours and typefaces, light and dark, of all pages that residyn writes."""
    return files("residyn.report").joinpath("tokens.css").read_text(encoding="utf-8")


def _style() -> str:
    return tokens() + files("residyn.report").joinpath("style.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("residyn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number,
        counted=words.counted,
        interval=words.interval,
        p_value=words.p_value,
        percent=words.percent,
        mark=words.mark,
        with_origin=words.with_origin,
        anchor=anchor_of,
    )
    return environment


def _final(value: Any) -> Any:
    return value if isinstance(value, Markup) else words.clean(value)
