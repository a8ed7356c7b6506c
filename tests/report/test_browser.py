"""The page in a real browser: what it asks for, how wide it is, dark, and in print."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from residyn.report.page import render

from .conftest import HOSTILE
from .devtools import Browser
from .test_page import poisoned

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def written(page, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def requests(browser: Browser) -> list[str]:
    sent = [event for event in browser.events if event.get("method") == "Network.requestWillBeSent"]
    return [event["params"]["request"]["url"] for event in sent]


def complaints(browser: Browser) -> list[str]:
    return [
        event["params"]["entry"]["text"] for event in browser.events if event.get("method") == "Log.entryAdded"
    ]


@pytest.mark.parametrize("width", [1200, 768, 360, 320])
def test_no_page_is_wider_than_its_window(browser, written, width):
    browser.open(written, width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_it_asks_for_nothing_and_breaks_no_policy(browser, written):
    browser.open(written, 1200)
    asked = requests(browser)
    assert asked[0] == written.resolve().as_uri()
    assert len(asked) > 1
    assert all(url.startswith("data:image/") for url in asked[1:])
    assert complaints(browser) == []
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 252, 249)"


def test_the_policy_is_in_force(browser, written, tmp_path):
    page = written.read_text(encoding="utf-8").replace("</main>", "<script>document.title = 'ran'</script></main>")
    bad = tmp_path / "bad.html"
    bad.write_text(page.replace("</main>", '<img src="https://example.org/x.png"></main>'), encoding="utf-8")
    browser.open(bad, 1200)
    assert browser.evaluate("document.title") == "The residual stream of tiny"
    assert sum("Content Security Policy" in text for text in complaints(browser)) == 2


def test_hostile_text_stays_text(browser, report, tmp_path):
    hostile = tmp_path / "hostile.html"
    hostile.write_text(render(poisoned(report, HOSTILE)), encoding="utf-8")
    browser.open(hostile, 360)
    assert browser.evaluate("document.scripts.length") == 0
    assert browser.evaluate("document.title").startswith("The residual stream of tiny<script>alert(1)</script>")
    assert all(url.startswith("data:image/") for url in requests(browser)[1:])
    assert complaints(browser) == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360


def test_dark_is_dark(browser, written):
    light, dark = (_grounds(browser, written, dark) for dark in (False, True))
    assert light != dark
    assert dark[0] == "rgb(23, 22, 20)"
    assert dark[1] == "rgb(255, 255, 255)", "figures have white ground: they stand on a light card"


def _grounds(browser: Browser, page: Path, dark: bool) -> list[str]:
    browser.open(page, 1200, dark=dark)
    colour = "getComputedStyle(document.querySelector('{}')).backgroundColor"
    return [browser.evaluate(colour.format(part)) for part in ("body", ".picture")]


def test_the_two_schemes_look_different(browser, written):
    pictures = []
    for dark in (False, True):
        browser.open(written, 1200, dark=dark)
        pictures.append(browser.picture())
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]


def test_it_prints(browser, written):
    browser.open(written, 1200)
    document = browser.pdf()
    assert document.startswith(b"%PDF-")
    pages = document.count(b"/Type /Page\n") + document.count(b"/Type /Page/") + document.count(b"/Type /Page ")
    # A picture and its words are a page at most; verdicts, numbers and files take few more.
    assert 4 <= pages <= browser.evaluate("document.querySelectorAll('figure').length") + 8


def test_on_a_phone_the_claims_are_cards(browser, written):
    shown = "getComputedStyle(document.querySelector('.claims tbody')).display"
    browser.open(written, 1200)
    assert browser.evaluate(shown) == "table-row-group"
    browser.open(written, 360)
    assert browser.evaluate(shown) == "flex"
    assert browser.evaluate("document.querySelector('.matrix').offsetWidth > 0")


def test_a_long_word_does_not_widen_the_page(browser, report, tmp_path):
    path = tmp_path / "long.html"
    path.write_text(render(poisoned(replace(report, verdicts=None), "x" * 300)), encoding="utf-8")
    browser.open(path, 360)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360


def test_pictures_shrink_to_the_window(browser, report, tmp_path):
    wide = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" width="3000" height="30"/>').decode()
    picture = replace(report.panels[0].picture, address=f"data:image/svg+xml;base64,{wide}", width=3000, height=30)
    path = tmp_path / "wide.html"
    path.write_text(
        render(replace(report, panels=(replace(report.panels[0], picture=picture),))), encoding="utf-8"
    )
    browser.open(path, 360)
    assert browser.evaluate("document.images[0].width") <= 360
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360
