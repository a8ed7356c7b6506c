import base64
import io

import pytest
from PIL import Image

from residyn.figures import style
from residyn.figures.figure1 import provenance_of
from residyn.figures.layout import alone
from residyn.figures.panel import Inputs
from residyn.figures.plot.curves import VELOCITY
from residyn.figures.plot.heatmaps import MEAN_ACTIVATION
from residyn.figures.saving import save
from residyn.report.images import is_wide, picture, small


def content(address: str) -> bytes:
    assert address.startswith("data:image/png;base64,")
    return base64.b64decode(address.split(",", 1)[1], validate=True)


@pytest.mark.parametrize("panel", [VELOCITY, MEAN_ACTIVATION])
def test_a_panel_without_a_file_is_what_the_figures_stage_would_write(results, panel, tmp_path):
    shown = picture(panel, Inputs(results), "said")
    with style.context():
        fig = alone(panel, Inputs(results))
    (path,) = save(fig, tmp_path / panel.stem, ("png",), provenance_of(results))
    assert content(shown.address) == path.read_bytes()
    assert picture(panel, Inputs(results), "said", path) == shown
    assert shown.alt == "said"


def test_pictures_are_about_twice_as_fine_as_they_are_shown(results):
    shown = picture(VELOCITY, Inputs(results), "")
    with style.context():
        inches = alone(VELOCITY, Inputs(results)).get_size_inches()
    assert (shown.width, shown.height) == pytest.approx(inches * 25.4 * 6.4, abs=1)
    head = content(shown.address)
    width, height = (int.from_bytes(head[at : at + 4]) for at in (16, 20))
    assert (width, height) == pytest.approx((1.85 * shown.width, 1.85 * shown.height), rel=0.01)


def test_rows_need_the_whole_width():
    assert [shape for shape in ("schematic", "map", "curve", "scaled", "space", "row") if is_wide(shape)] == [
        "row"
    ]


def test_a_small_picture_is_the_whole_at_a_glance(tmp_path):
    file = tmp_path / "figure1.png"
    style.new_figure(180, 250).savefig(file)
    found = small(file, "all panels")
    with Image.open(io.BytesIO(content(found.address))) as shown, Image.open(file) as whole:
        assert shown.format == "PNG"
        assert shown.width == 2 * found.width == 640
        assert shown.height / shown.width == pytest.approx(whole.height / whole.width, rel=0.01)
    assert found.alt == "all panels"
