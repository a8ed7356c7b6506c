"""Plots show themselves in a notebook, whether or not pyplot is there; axes of the user's own stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import residyn as rd

PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def states():
    values = np.random.default_rng(0).normal(size=(40, 6, 8)).cumsum(axis=1)
    return rd.from_array(values, [0, 0, 1, 1, 2, 2], ["attn", "mlp"] * 3)


@pytest.fixture(scope="module")
def drawn(states):
    space = rd.fit_space(states, n_components=4)
    scores = rd.pc_scores(states, space)
    return {
        "velocity": (rd.plot.velocity, (rd.velocity(states),)),
        "unit_correlation": (rd.plot.unit_correlation, (rd.unit_correlation(states),)),
        "trajectories": (rd.plot.trajectories, (scores,)),
        "trajectories_3d": (rd.plot.trajectories_3d, (scores,)),
    }


@pytest.mark.parametrize("name", ["velocity", "unit_correlation", "trajectories", "trajectories_3d"])
def test_a_plot_of_its_own_is_a_picture(drawn, name):
    plot, given = drawn[name]
    ax = plot(*given)
    assert ax._repr_png_().startswith(PNG)
    assert ax.get_figure()._repr_png_().startswith(PNG)


def test_axes_of_the_users_own_are_left_as_they_are(drawn):
    plot, given = drawn["velocity"]
    own = Figure().subplots()
    assert plot(*given, ax=own) is own
    assert not hasattr(own, "_repr_png_")
