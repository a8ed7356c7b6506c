"""The page: its policy, what is in it, and how large it is."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest

from residyn.explorer.content import COMPONENTS
from residyn.explorer.page import render
from residyn.explorer.quantised import quantise
from residyn.explorer.units import ROOM

from .conftest import HOSTILE

MOST_BYTES = 10_000_000
LAYERS, UNITS, SAMPLES = 32, 4096, 1000


@pytest.fixture(scope="module")
def page(run) -> str:
    return (run / "explorer.html").read_text(encoding="utf-8")


def hashed(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_policy_allows_this_style_and_this_script_alone(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    script = re.search(r"<script>(.*?)</script>", page, re.S)[1]
    assert dict(rule.split(" ", 1) for rule in policy.split("; ")) == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'{hashed(style)}'",
        "script-src": f"'{hashed(script)}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_nothing_comes_from_elsewhere(page):
    assert not re.findall(r"(?:src|href)=\"(?!data:image/)[^\"]*\"", page)
    script = re.search(r"<script>(.*?)</script>", page, re.S)[1]
    # What the script would fetch from `residyn view`, the policy of a page that is a file forbids: it has no
    # connect-src, and default-src is 'none'.
    assert "connect-src" not in page[: page.index("<style")]
    assert len(re.findall(r"\bfetch\(", script)) == 1
    assert not re.findall(r"XMLHttpRequest|\beval\(|new Function|innerHTML|document\.write|https?://", script)


def test_texts_are_not_in_the_markup(page):
    assert HOSTILE not in page
    assert "onerror" not in page
    assert page.count("</script>") == 2


def test_hostile_names_are_escaped(explored):
    page = render(replace(explored, title=HOSTILE, notes=(HOSTILE,), version="<b>"))
    assert page.count("</script>") == 2
    assert page.count("&lt;img src=x") >= 3
    assert "<b>" not in page


def test_no_part_of_the_script_is_long():
    from importlib.resources import files

    for part in files("residyn.explorer").joinpath("page").iterdir():
        assert len(part.read_text(encoding="utf-8").splitlines()) < 350, part.name


@pytest.mark.slow
def test_a_thousand_texts_of_8_billion_parameters_fit_into_10_megabytes(explored):
    """Numbers that do not deflate, as many as there are of 32 layers of 4,096 units."""
    rng = np.random.default_rng(0)
    places = 2 * LAYERS
    texts = ["".join(rng.choice(list("abcdefghij klmnop"), 500)) for _ in range(SAMPLES)]
    curves = [
        replace(curve, samples=quantise(rng.normal(size=(places, SAMPLES)), 16)) if curve.samples else curve
        for curve in explored.curves
    ]
    large = {bits: quantise(rng.normal(size=(places, UNITS)), bits) for bits in (8, 16)}
    maps = [replace(one, values=large[one.values.bits]) for one in explored.units.maps]
    kept = [*maps[:3], *maps[3 : 3 + ROOM // (places * UNITS)]]
    field = replace(explored.field, positions=quantise(rng.normal(size=(9, 6, 2, 1300)), 16))
    page = render(
        replace(
            explored,
            samples=replace(explored.samples, text=tuple(texts)),
            scores=replace(explored.scores, values=quantise(rng.normal(size=(COMPONENTS, places, SAMPLES)), 16)),
            curves=tuple(curves),
            units=replace(explored.units, n=UNITS, maps=tuple(kept), rank=tuple(range(UNITS))),
            field=field,
        )
    )
    assert len(kept) >= 10
    assert len(page.encode()) < MOST_BYTES
