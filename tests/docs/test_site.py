"""The site that `make docs` built: plots are pictures, links lead somewhere, nothing is asked of the network."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from public_names import public_names
from residyn.figures.registry import declared
from shown_pages import ROOT

pytestmark = pytest.mark.site
SITE = ROOT / "build" / "docs"
PLOTS = re.compile(r"\brd\.plot\.\w+\(|\bfigure1\(|plt\.show\(\)")
"""What plots in the notebooks; in the gallery every cell behind the one that opens the run does."""


class Page(HTMLParser):
    """The anchors of a page, what it leads to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.anchors.update(value for key in ("id", "name") if (value := known.get(key)))
        if tag == "a" and known.get("href"):
            self.links.append(str(known["href"]))
        if tag in ("script", "img", "iframe") and known.get("src"):
            self.loads.append(str(known["src"]))
        if tag == "link" and known.get("href") and known.get("rel") in ("stylesheet", "preload", "icon"):
            self.loads.append(str(known["href"]))


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    own = [path for path in SITE.rglob("*.html") if "_static" not in path.parts]
    found = {path.resolve(): Page(path) for path in own}
    assert len(found) > 30, "build the site first: make docs"
    return found


def test_links_lead_to_pages_and_places_that_there_are(pages):
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link in ("#", ""):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = target in pages and (not parts.fragment or unquote(parts.fragment) in pages[target].anchors)
            if not (known or (target.is_file() and target.suffix != ".html")):
                broken.append(f"{path.relative_to(SITE.resolve())}: {link}")
    assert not broken, "\n".join(broken)


def test_no_page_loads_anything_from_elsewhere(pages):
    for path, page in pages.items():
        assert not [load for load in page.loads if urlsplit(load).netloc], path


def notebooks() -> list[Path]:
    return sorted((ROOT / "build" / "jupyter_execute").rglob("*.ipynb"))


def test_every_cell_that_plots_gave_a_picture():
    plotted = 0
    for path in notebooks():
        cells = [
            cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
        ]
        for place, cell in enumerate(cells):
            source = "".join(cell["source"])
            if not (PLOTS.search(source) or (path.stem == "gallery" and place > 1)):
                continue
            plotted += 1
            assert any("image/png" in output.get("data", {}) for output in cell["outputs"]), (
                f"{path.name}: {source}"
            )
    assert len(notebooks()) == len(list((ROOT / "docs" / "notebooks").glob("*.md"))), (
        "four notebooks and the gallery"
    )
    assert plotted > 40


def test_no_notebook_warns_or_errs():
    for path in notebooks():
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", ()):
                assert output["output_type"] != "error", path
                assert output.get("name") != "stderr", f"{path.name}: {output['text']}"


def test_every_public_name_and_every_panel_has_a_place(pages):
    reference = set().union(*(page.anchors for path, page in pages.items() if path.parent.name == "api"))
    assert {f"residyn.{name}" for name in public_names()} <= reference
    gallery = (SITE / "_generated" / "gallery.html").read_text(encoding="utf-8")
    assert all(panel.title in gallery for panel in declared())


def test_llms_txt_names_every_page(pages):
    named = set(re.findall(r"\]\(([^)]+)\)", (SITE / "llms.txt").read_text(encoding="utf-8")))
    assert all((SITE / name).is_file() for name in named)
    left_out = {"index.html", "genindex.html", "search.html", "py-modindex.html"}
    assert {path.relative_to(SITE.resolve()).as_posix() for path in pages} - left_out <= named
