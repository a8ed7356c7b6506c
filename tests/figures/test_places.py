"""Cosine and velocity by the token's place: the values in the image, and when the panels are there."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import LogNorm

from residyn import analyze, cosine, velocity
from residyn.figures.panel import Inputs
from residyn.figures.plot import cosine_by_place, velocity_by_place
from residyn.figures.registry import further
from residyn.quantities.positions import by_place
from residyn.report.captions.registry import seen
from residyn.settings import AnalysisSettings

LENGTHS = (9, 3, 6, 12)
QUICK = AnalysisSettings(estimators=("gcmi",), shuffles=0, leave_out=(), components=3)


@pytest.fixture
def every_token(make_states):
    before = np.concatenate([np.arange(n) for n in LENGTHS])
    return make_states(len(before)).assign_coords(
        text_id=("sample", np.repeat(range(len(LENGTHS)), LENGTHS)), n_tokens=("sample", before + 1)
    )


@pytest.mark.parametrize(("draw", "measure"), [(cosine_by_place, cosine), (velocity_by_place, velocity)])
def test_the_image_holds_the_means(every_token, draw, measure):
    result = measure(every_token)
    ax = draw(result)
    means = by_place(result)
    image = ax.images[0]
    shown = np.asarray(image.get_array())
    rows, columns = (size // n for size, n in zip(shown.shape, means.T.shape, strict=True))
    np.testing.assert_allclose(shown[::rows, ::columns], means.transpose("transition", "places"), rtol=1e-6)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2–3", "4–7", "8–11"]
    assert isinstance(image.norm, LogNorm) == (measure is velocity)
    assert np.ptp(shown) > 0


def test_the_panels_are_there_where_texts_have_several_places_and_are_told(every_token, make_states):
    inputs = Inputs(analyze(every_token, QUICK))
    panels = {panel.stem: panel for panel in further(inputs)}
    for stem in ("cosine_by_place", "velocity_by_place"):
        said = " ".join(seen(panels[stem], inputs))
        assert "at tokens with 0 before them, and" in said
        assert "8 to 11 before them" in said
        assert "4, 4, 7, 10 and 5 samples" in said
    one = Inputs(analyze(make_states(20), QUICK))
    assert not {panel.stem for panel in further(one)} & {"cosine_by_place", "velocity_by_place"}
