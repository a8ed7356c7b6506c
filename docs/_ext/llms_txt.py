"""llms.txt: what the site holds, a line a page, for programs that read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SUMMARY = """# residyn

> residyn reads a transformer's residual stream as a trajectory over depth, before attention and before the MLP of
> every layer, and studies it as a dynamical system: Python (`import residyn as rd`) and a command line
> (`residyn run`). States are xarray DataArrays (sample, sublayer, unit); every quantity is a function of states.
"""


def write_llms_txt(app: Sphinx, error: Exception | None) -> None:
    """Write llms.txt after a build that went well: each page's title, address and first sentence."""
    if error is not None or app.builder.name != "html":
        return
    lines = [SUMMARY, "## Pages", ""]
    for name in _in_order(app):
        told = _names(app, name) or _first_sentence(app, name)
        lines.append(f"- [{app.env.titles[name].astext()}]({name}.html): {told}".removesuffix(": "))
    (app.outdir / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _in_order(app: Sphinx) -> list[str]:
    """All pages but the first, in the order of the tables of contents."""
    order: dict[str, None] = {}

    def follow(name: str) -> None:
        if name not in order:
            order[name] = None
            for child in app.env.toctree_includes.get(name, []):
                follow(child)

    follow(app.config.root_doc)
    return [name for name in order if name != app.config.root_doc]


def _names(app: Sphinx, name: str) -> str:
    """The names that a page of the reference of Python defines."""
    here = [one for one in app.env.domains.python_domain.get_objects() if one[3] == name and one[2] != "method"]
    return ", ".join(f"`{path}`" for path, _, kind, *_ in here if kind != "property")


def _first_sentence(app: Sphinx, name: str) -> str:
    page = app.env.get_doctree(name)
    paragraph = next(
        (one for one in page.findall(nodes.paragraph) if not isinstance(one.parent, nodes.entry)), None
    )
    text = " ".join(paragraph.astext().split()) if paragraph is not None else ""
    return re.split(r"(?<=[.?])\s(?=[A-Z`])", text, maxsplit=1)[0]
