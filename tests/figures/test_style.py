from __future__ import annotations

import itertools
import subprocess
import sys
import unicodedata
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from residyn.figures import style
from residyn.schema import MIXERS, SITES

# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def cielab(colour: object, vision: str = "normal") -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(VISION[vision] @ linear, 0, 1)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    relative = np.array(to_xyz) @ seen / [0.95047, 1.0, 1.08883]
    x, y, z = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_colour_vision_model_confuses_what_it_should():
    """Two-sided: a red and a green of one lightness are far apart, and close for a deuteranope."""
    red, green = "#c46b5a", "#6f9255"
    assert np.linalg.norm(cielab(red) - cielab(green)) > 50
    assert np.linalg.norm(cielab(red, "deutan") - cielab(green, "deutan")) < 25


@pytest.mark.parametrize("vision", VISION)
def test_kinds_stay_apart_for_every_colour_vision(vision):
    for one, other in itertools.combinations(style.KIND_COLOURS.values(), 2):
        assert np.linalg.norm(cielab(one, vision) - cielab(other, vision)) > 25


def test_kinds_stay_apart_in_grey_print_and_by_marker():
    lightness = sorted(cielab(colour)[0] for colour in style.KIND_COLOURS.values())
    assert np.diff(lightness).min() > 10
    assert len(set(style.KIND_MARKERS.values())) == len(style.KIND_COLOURS) == 3
    assert set(style.KIND_MARKERS) == set(style.KIND_NAMES) == set(style.KIND_COLOURS)


def test_colour_maps_order_by_lightness():
    def lightness(cmap, start, stop):
        return np.array([cielab(cmap(t)[:3])[0] for t in np.linspace(start, stop, 40)])

    assert (np.diff(lightness(style.DIVERGING, 0, 0.5)) > 0).all()
    assert (np.diff(lightness(style.DIVERGING, 0.5, 1)) < 0).all()
    assert (np.diff(lightness(style.SEQUENTIAL, 0, 1)) < 0).all()
    assert (np.diff(lightness(style.DENSITY, 0, 1)) < 0).all()
    assert (np.diff(lightness(style.INFORMATION, 0, 1)) > 0).all()
    assert (np.diff(lightness(style.DEPTH, 0, 1)) > 0).all()


def test_nothing_known_is_dark_and_the_last_layer_is_no_white():
    assert cielab(style.INFORMATION(0.0)[:3])[0] < 5
    assert np.linalg.norm(cielab(style.DEPTH(1.0)[:3]) - cielab("white")) > 70


def test_a_state_has_the_colour_and_marker_of_what_reads_it():
    assert set(style.SITE_COLOURS) == set(style.SITE_MARKERS) == set(style.SITE_NAMES) == set(SITES)
    for site, kind in (("attn", "within"), ("mlp", "cross"), ("block", "block")):
        assert style.SITE_COLOURS[site] == style.KIND_COLOURS[kind]
        assert style.SITE_MARKERS[site] == style.KIND_MARKERS[kind]
    assert len(set(style.SITE_MARKERS.values())) == len(SITES)


@pytest.mark.parametrize("vision", VISION)
def test_attention_is_told_from_other_mixers(vision):
    """Mixers that are not attention share a colour, which no other state has, and differ in their markers."""
    others = {style.SITE_COLOURS[site] for site in MIXERS if site != "attn"}
    assert len(others) == 1
    for site in set(SITES) - set(MIXERS) | {"attn"}:
        assert np.linalg.norm(cielab(*others, vision) - cielab(style.SITE_COLOURS[site], vision)) > 25


@pytest.mark.parametrize("vision", VISION)
def test_signs_of_the_diverging_map_stay_apart(vision):
    for distance in (0.1, 0.2, 0.3, 0.4, 0.5):
        below, above = (style.DIVERGING(0.5 + sign * distance)[:3] for sign in (-1, 1))
        assert np.linalg.norm(cielab(below, vision) - cielab(above, vision)) > 12


def test_undefined_looks_like_no_value():
    for cmap in (style.SEQUENTIAL, style.DENSITY, style.DIVERGING, style.INFORMATION):
        values = [cmap(t)[:3] for t in np.linspace(0, 1, 100)]
        assert min(np.linalg.norm(cielab(style.UNDEFINED) - cielab(value)) for value in values) > 10


def test_context_sets_type_and_gives_everything_back():
    with mpl.rc_context({"font.size": 31.0, "text.usetex": True, "axes.facecolor": "black"}):
        before = dict(mpl.rcParams)
        with style.context():
            assert mpl.rcParams["font.size"] == style.BASE_PT
            assert mpl.rcParams["text.usetex"] is False
            assert mpl.rcParams["axes.facecolor"] == "white"
            assert mpl.rcParams["pdf.fonttype"] == 42
            assert mpl.rcParams["svg.fonttype"] == "none"
        assert dict(mpl.rcParams) == before


def test_sizes_are_fit_for_print():
    assert min(style.SMALL_PT, style.BASE_PT, style.TITLE_PT, style.LETTER_PT) >= 6.5
    width, height = style.new_figure(180, 90).get_size_inches()
    assert (width * 25.4, height * 25.4) == pytest.approx((180, 90))


def test_drawing_imports_no_pyplot():
    code = "import sys, residyn.figures.figure1; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.text(st.characters(), max_size=200), st.integers(3, 80))
def test_plain_text_can_be_drawn_and_stored(text, limit):
    shown = style.plain(text, limit)
    assert len(shown) <= limit
    shown.encode("utf-8")
    ElementTree.fromstring(f"<a>{shown.replace('&', '').replace('<', '')}</a>")
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}


def test_plain_text_keeps_what_is_harmless():
    assert style.plain("HuggingFaceTB/SmolLM2-135M") == "HuggingFaceTB/SmolLM2-135M"
    assert style.plain("$x$ 语言 é") == "$x$ 语言 é"
    assert style.plain("a\tb\nc\x00\ud800\u202e") == "a b c���"
    assert style.plain("abcdefghij", 5) == "ab…ij"
    assert style.plain("abcde", 5) == "abcde"
