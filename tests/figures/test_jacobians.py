from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from residyn.errors import DataError
from residyn.figures import plot
from residyn.figures.panel import Inputs
from residyn.figures.registry import further
from residyn.quantities.at_samples import curve, over_networks
from residyn.report.captions.registry import seen
from synthetic_maps import LAYERS, UNITS, maps

FALLING = np.linspace(0.9, 0.1, LAYERS)


@pytest.fixture(scope="module")
def networks():
    return {
        "model": maps(FALLING),
        "untrained-0": maps(np.full(LAYERS, 0.5), samples=2, seed=1),
        "untrained-1": maps(np.full(LAYERS, 0.5), samples=2, seed=2),
        "permuted-weights": maps(np.full(LAYERS, 0.4), samples=2, seed=3),
    }


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def test_planted_shares_are_measured(networks):
    found = networks["model"].skew_share.mean("sample").values.reshape(LAYERS, 2)
    np.testing.assert_allclose(found, np.repeat(FALLING[:, None], 2, axis=1), atol=1e-6)
    assert not np.allclose(found[::-1], np.repeat(FALLING[:, None], 2, axis=1), atol=0.1)


def test_intervals_are_over_documents_and_there_is_none_of_one(networks):
    own = curve(networks["model"], "layer_skew_share")
    value, low, high = own.values.T
    assert ((low < value) & (value < high)).all()
    one = networks["model"].isel(sample=[0])
    assert np.isnan(curve(one, "layer_skew_share").values[:, 1:]).all()
    same = networks["model"].assign_coords(document=("sample", np.zeros(6, dtype=int)))
    assert np.isnan(curve(same, "layer_skew_share").values[:, 1:]).all()


@pytest.mark.parametrize("name", ["skew_share", "henrici"])
def test_the_model_stands_beside_its_controls(networks, name):
    ax = getattr(plot, name)(networks)
    drawn = lines(ax)
    own = curve(networks["model"], f"layer_{name}").sel(bound="value").values
    np.testing.assert_allclose(drawn["model"].get_ydata(), own)
    untrained = [line for line in ax.get_lines() if line.get_label() == "_untrained"]
    others = over_networks(networks, f"layer_{name}")
    np.testing.assert_allclose([line.get_ydata() for line in untrained], others.values)
    expected = {"skew_share": 0.5, "henrici": np.sqrt(0.5)}[name]
    np.testing.assert_allclose(drawn["_random"].get_ydata(), expected)
    assert "_permuted" in drawn


def test_ranks_and_exponents_stand_beside_random_matrices_of_the_same_norms(networks):
    ax = plot.effective_rank(networks)
    random = networks["model"].layer_ginibre_product_rank.mean("sample")
    np.testing.assert_allclose(lines(ax)["_random"].get_ydata(), random, rtol=1e-6)
    assert ax.get_yscale() == "linear"
    wide = plot.effective_rank({"model": maps(FALLING, size=6.0)})
    assert wide.get_yscale() == "log"
    ax = plot.exponents(networks)
    own = networks["model"].excess_exponent[:, :, 0].mean("sample")
    np.testing.assert_allclose(lines(ax)["model"].get_ydata(), own, rtol=1e-5)
    assert np.isfinite(own[: 2 * LAYERS - 2]).all()


def test_eigenvalues_lie_beside_the_disc_of_a_random_matrix(networks):
    ax = plot.eigenvalues(networks)
    first = ax.child_axes[0]
    points = lines(first)["_eigenvalues"].get_xydata()
    own = networks["model"]
    wanted = np.stack([own.layer_eigenvalue_real[:, 0], own.layer_eigenvalue_imag[:, 0]], axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(points, wanted)
    (circle,) = [patch for patch in first.patches if isinstance(patch, Circle)]
    assert circle.radius == pytest.approx(float(own.layer_frobenius[:, 0].mean()) / np.sqrt(UNITS))
    assert len(ax.child_axes) == 4


def test_given_axes_are_used_and_networks_without_the_model_refused(networks):
    for name in ("eigenvalues", "skew_share", "henrici", "effective_rank", "exponents"):
        ax = Figure().subplots()
        assert getattr(plot, name)(networks, ax=ax) is ax
        with pytest.raises(DataError, match="found in 'model'"):
            getattr(plot, name)({"untrained-0": networks["untrained-0"]})


def test_panels_and_captions_follow_the_maps(networks):
    assert not [panel for panel in further(Inputs(xr.Dataset())) if panel.stem.startswith("map_")]
    inputs = Inputs(xr.Dataset(), jacobians=networks)
    panels = {panel.stem: panel for panel in further(inputs)}
    assert list(panels) == [
        "map_eigenvalues",
        "map_skew_share",
        "map_henrici",
        "map_effective_rank",
        "map_exponents",
    ]
    said = {stem: " ".join(seen(panel, inputs)) for stem, panel in panels.items()}
    assert "is 0.815 on average over the first third of layers and 0.186 over the last" in said["map_skew_share"]
    assert "in 2 untrained networks" in said["map_skew_share"]
    assert "with permuted weights" in said["map_henrici"]
    assert f"of {UNITS} units" in said["map_effective_rank"]
    assert "its interval below 0, from 10 of 10 sublayers" in said["map_exponents"]
