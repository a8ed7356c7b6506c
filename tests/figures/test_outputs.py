"""Panels of outputs and what is said of them, of values that were planted."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from residyn.errors import DataError
from residyn.figures import plot
from residyn.figures.pages import MAPS_AND_OUTPUTS
from residyn.figures.panel import Inputs
from residyn.figures.registry import composite_panels
from residyn.quantities.at_samples import curve, over_networks
from residyn.quantities.tables.outputs import output_table
from residyn.report.captions.registry import seen
from synthetic_outputs import LAYERS, outputs

COSTS = np.array([3.0, 0.5, 0.1, 0.1, 0.05, 0.02])
PANELS = {"lens_kl", "lens_entropy", "lens_settled", "blocks_skipped", "blocks_swapped"}


@pytest.fixture(scope="module")
def networks():
    return {
        "model": outputs(COSTS),
        "untrained-0": outputs(np.full(LAYERS, 0.01), samples=2, seed=1),
        "untrained-1": outputs(np.full(LAYERS, 0.02), samples=2, seed=2),
        "permuted-weights": outputs(np.full(LAYERS, 0.2), samples=2, seed=3),
    }


def line(ax, label):
    return next(one for one in ax.get_lines() if one.get_label() == label).get_ydata()


def test_the_lens_is_drawn_beside_its_null_and_other_networks(networks):
    ax = plot.lens_kl(networks)
    np.testing.assert_allclose(line(ax, "model"), np.linspace(8.0, 1.0, 2 * LAYERS), rtol=1e-5)
    np.testing.assert_allclose(line(ax, "_random"), 2 * np.linspace(8.0, 1.0, 2 * LAYERS) + 3, rtol=1e-5)
    drawn = [one.get_ydata() for one in ax.get_lines() if one.get_label() == "_untrained"]
    np.testing.assert_allclose(drawn, over_networks(networks, "lens_kl").values)
    np.testing.assert_allclose(line(plot.lens_entropy(networks), "_random"), 2.0)
    assert line(plot.lens_settled(networks), "model").tolist() == [0.0] * 8 + [1.0] * 4


@pytest.mark.parametrize("name", ["skip_kl", "swap_kl"])
def test_costs_of_blocks_are_means_over_the_texts_in_which_they_were_skipped(networks, name):
    np.testing.assert_allclose(line(getattr(plot, name)(networks), "model"), COSTS, rtol=1e-5)


def test_intervals_are_of_the_samples_of_which_something_is_known():
    """Four texts of forty in which blocks are skipped are four, not forty of which most are lacking."""
    few, many = outputs(COSTS, samples=4), outputs(COSTS, samples=40)
    many = many.assign(skip_kl=many.skip_kl.where(False))
    many.skip_kl[:4] = few.skip_kl.values
    np.testing.assert_allclose(curve(many, "skip_kl"), curve(few, "skip_kl"), rtol=1e-6)
    value, low, _ = curve(few, "skip_kl").values.T
    assert (low < value).all()
    assert (low >= 0).all()


def test_the_table_counts_the_samples_of_each_number(networks):
    table = output_table(networks)
    own = table[table.network == "model"]
    assert own[own.site != "layer"].n_samples.unique().tolist() == [6]
    assert own[own.site == "layer"].n_samples.unique().tolist() == [4]
    np.testing.assert_allclose(own[own.site == "layer"].skip_kl, COSTS, rtol=1e-5)


def test_panels_are_there_where_outputs_are_and_blocks_were_skipped(networks):
    def stems(found):
        panels = composite_panels(MAPS_AND_OUTPUTS, Inputs(xr.Dataset(), outputs=found))
        return {panel.stem for panel in panels} & PANELS

    assert stems({}) == set()
    assert stems(networks) == PANELS
    unskipped = {"model": outputs(COSTS, skips=0)}
    assert stems(unskipped) == PANELS - {"blocks_skipped", "blocks_swapped"}
    assert any("no block was skipped" in text.get_text() for text in plot.skip_kl(unskipped).texts)


def test_captions_say_the_numbers(networks):
    inputs = Inputs(xr.Dataset(), outputs=networks)
    said = {panel.stem: " ".join(seen(panel, inputs)) for panel in composite_panels(MAPS_AND_OUTPUTS, inputs)}
    assert "at one token of 6 texts" in said["lens_kl"]
    assert "7.05 nats on average over the first third of the depth and 1.95 over the last" in said["lens_kl"]
    assert "the words of the head exchanged, 17.1 and 6.91" in said["lens_kl"]
    assert "the model's own output has 2" in said["lens_entropy"]
    assert "from 0.667 of the depth on in half of the 6 texts; in 0 it is not" in said["lens_settled"]
    assert "in 4 texts moves the most at layer 0, by 3 nats" in said["blocks_skipped"]
    assert (
        "The median over layers is 0.5 in the first half of the depth and 0.05 in the second"
        in said["blocks_skipped"]
    )
    assert "a median of 0.015 in 2 untrained networks and a median of 0.2 with permuted" in said["blocks_skipped"]


def test_without_the_models_outputs_nothing_is_drawn(networks):
    with pytest.raises(DataError, match="what was found in 'model'"):
        plot.lens_kl({"untrained-0": networks["untrained-0"]})
