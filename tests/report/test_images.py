import base64

import pytest

from residyn.figures.panel import Inputs
from residyn.figures.plot.curves import COSINE, VELOCITY
from residyn.figures.plot.heatmaps import MEAN_ACTIVATION
from residyn.report.images import is_wide, picture


def content(address: str) -> bytes:
    return base64.b64decode(address.split(",", 1)[1], validate=True)


def test_lines_are_svg_whose_letters_are_outlines(results):
    shown = picture(COSINE, Inputs(results), "said")
    assert shown.address.startswith("data:image/svg+xml;base64,")
    assert (shown.width, shown.height) == (563, 422)
    assert shown.alt == "said"
    drawn = content(shown.address)
    assert b"<text" not in drawn
    assert b"font-family" not in drawn
    assert b"<dc:date>" not in drawn


def test_maps_are_png_twice_as_fine_as_they_are_shown(results):
    shown = picture(MEAN_ACTIVATION, Inputs(results), "said")
    head = content(shown.address)
    assert head.startswith(b"\x89PNG")
    width, height = (int.from_bytes(head[at : at + 4]) for at in (16, 20))
    assert (width, height) == pytest.approx((2 * shown.width, 2 * shown.height), abs=2)


@pytest.mark.parametrize("panel", [VELOCITY, MEAN_ACTIVATION])
def test_the_same_panel_gives_the_same_bytes(results, panel):
    first, second = (picture(panel, Inputs(results), "") for _ in range(2))
    assert first == second


def test_rows_need_the_whole_width():
    assert [shape for shape in ("schematic", "map", "curve", "scaled", "space", "row") if is_wide(shape)] == [
        "row"
    ]
