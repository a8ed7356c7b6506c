from __future__ import annotations

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

import residyn as rd
from residyn.errors import DataError, UsageError
from residyn.figures.plot.orbits import orbits, phase_portraits
from residyn.quantities.orbits import orbits as compute
from residyn.schema import Sublayer, label_states


@pytest.fixture
def means():
    data = np.cumsum(np.random.default_rng(0).standard_normal((5, 16, 40)), axis=1)
    return rd.mean_activation(
        label_states(data, [Sublayer(layer, site) for layer in range(8) for site in ("attn", "mlp")])
    )


def test_every_unit_is_in_the_histogram_and_every_null_above_it(means):
    found = compute(means, repeats=9)
    ax = orbits(found)
    assert sum(patch.get_height() for patch in ax.patches) == 40
    nulls = [item for item in ax.containers if isinstance(item, ErrorbarContainer)]
    places = [float(item.lines[0].get_xdata()[0]) for item in nulls]
    np.testing.assert_allclose(places, found["rotations_null_mean"].mean("unit"))
    spans = [np.ptp([end[0] for end in item.lines[2][0].get_segments()[0]]) / 2 for item in nulls]
    np.testing.assert_allclose(spans, 2 * np.sqrt((found["rotations_null_sd"] ** 2).mean("unit")))
    (line,) = (line for line in ax.lines if line.get_label() == "mean over units")
    np.testing.assert_allclose(line.get_xdata(), found["rotations"].mean())
    heights = [float(item.lines[0].get_ydata()[0]) for item in nulls]
    assert min(heights) > max(patch.get_height() for patch in ax.patches)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "mean over units",
        "points shuffled (the paper's), ± 2 sd",
        "signs of steps flipped, ± 2 sd",
        "steps permuted, ± 2 sd",
        "phases drawn (as smooth), ± 2 sd",
    ]


def test_undefined_turns_are_said(means):
    found = compute(means, repeats=2)
    found["rotations"] = found["rotations"] * np.nan
    assert "undefined" in [text.get_text() for text in orbits(found).texts]


def test_portraits_are_the_paths_of_the_units_asked_for(means):
    ax = phase_portraits(means, units=[3, 7])
    assert len(ax.collections) == 2
    steps = np.array(ax.collections[0].get_segments())
    x = means.values[:, 3]
    np.testing.assert_allclose(steps[:, 0, 0], x[:-1] / np.abs(x).max())
    slope = np.gradient(x)
    np.testing.assert_allclose(steps[:, 0, 1], slope[:-1] / np.abs(slope).max())
    assert len(phase_portraits(means).collections) == 3


def test_axes_are_used_and_returned(means):
    from residyn.figures import style

    ax = style.new_axes(None)
    assert phase_portraits(means, ax=ax) is ax


def test_other_results_are_refused(means):
    with pytest.raises(DataError, match="rotations"):
        orbits(means.to_dataset())
    with pytest.raises(UsageError, match="0 … 39"):
        phase_portraits(means, units=[40])
