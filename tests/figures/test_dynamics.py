"""Composites beside Figure 1: the panels that declare one, in order, from their results, beside their nulls."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

import residyn as rd
from residyn.errors import DataError
from residyn.figures.pages import DYNAMICS, MAPS_AND_OUTPUTS, page
from residyn.figures.panel import Inputs
from residyn.figures.plot import layer_maps, populations, writes
from residyn.figures.registry import composite_panels, declared
from residyn.figures.saving import save
from residyn.quantities.convergence import convergences
from residyn.quantities.flows import flows
from residyn.quantities.gathers import LAYER_ANGLES
from residyn.quantities.layer_pairs import angular_distances
from residyn.quantities.measure import gather, labelled_all
from residyn.quantities.registry import quantities
from residyn.quantities.replicates import plan_of
from residyn.report.captions import seen

WRITTEN = ("write_cosine", "successive_writes_cosine", "earlier_writes_overlap", "earlier_writes_overlap_random")
ANGLES = ("angle_over_quarter", "angle_over_quarter_walk")


@pytest.fixture(scope="module")
def moving() -> xr.Dataset:
    rng = np.random.default_rng(0)
    data = np.cumsum(rng.standard_normal((40, 8, 12)) + 0.3, axis=1)
    states = rd.from_array(data, [0, 0, 1, 1, 2, 2, 3, 3], ["attn", "mlp"] * 4)
    chosen = [quantities()[name] for name in ("mean_activation", *WRITTEN, *ANGLES)]
    plan = plan_of(states)
    found = gather(states, [one.gather for one in chosen], plan)
    made = labelled_all(chosen, states, found, plan) | angular_distances(states, found.whole[LAYER_ANGLES])
    return xr.Dataset(made, attrs={"n_samples": 40}).assign(convergences(states)).assign(flows(states))


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts if text.get_fontweight() == "bold"]


def test_the_panels_stand_in_the_order_of_their_places(moving, tmp_path):
    panels = composite_panels(DYNAMICS, Inputs(moving))
    places = [panel.place for panel in declared() if panel.figure]
    assert len(set(places)) == len(places)
    assert [panel.place for panel in panels] == sorted(p.place for p in declared() if p.figure == DYNAMICS)
    assert {10, 22, 32, 42} <= {panel.place for panel in panels} < set(places)
    figure = page(DYNAMICS, Inputs(moving))
    assert words(figure) == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(panels)])
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(180)
    (path,) = save(figure, tmp_path / "dynamics", ("pdf",))
    assert path.stat().st_size > 10_000


def test_panels_beyond_the_alphabet_have_two_letters(moving, monkeypatch):
    panel = composite_panels(DYNAMICS, Inputs(moving))[0]
    many = [replace(panel, stem=f"{panel.stem}_{i}") for i in range(28)]
    monkeypatch.setattr(import_module("residyn.figures.pages"), "composite_panels", lambda *_: many)
    assert words(page(DYNAMICS, Inputs(moving)))[-3:] == ["Z", "AA", "AB"]


def test_what_is_not_there_is_left_out_and_nothing_is_no_figure(moving):
    without = moving.drop_vars([name for name in moving if str(name).startswith(("rotation", "cka"))])
    stems = [panel.stem for panel in composite_panels(DYNAMICS, Inputs(without))]
    assert "dynamics_cka" not in stems
    assert "dynamics_pair_growth" in stems
    assert page(DYNAMICS, Inputs(xr.Dataset())) is None
    assert page(MAPS_AND_OUTPUTS, Inputs(moving)) is None


def test_each_panel_says_what_it_shows(moving):
    inputs = Inputs(moving)
    for panel in composite_panels(DYNAMICS, inputs):
        assert seen(panel, inputs), panel.stem
        assert "nan" not in " ".join(seen(panel, inputs)).lower()


def test_above_the_diagonal_is_the_data_and_below_it_the_walk(moving):
    ax = layer_maps.angular_distance(moving["angular_distance"], moving["angular_distance_walk"])
    (image,) = ax.get_images()
    shown = np.asarray(image.get_array())
    shown = shown[:: len(shown) // 8, :: shown.shape[1] // 8]
    data, walk = moving["angular_distance"].values, moving["angular_distance_walk"].values
    # The image's rows run upwards: its upper left half is where the row is the later sublayer.
    upper, lower = np.tril_indices(8, -1), np.triu_indices(8, 1)
    np.testing.assert_allclose(shown[upper], data[upper])
    np.testing.assert_allclose(shown[lower], walk[lower])
    assert isinstance(image.norm, Normalize)
    assert image.get_extent() == [-0.5, 7.5, -0.5, 7.5]
    assert {text.get_text(): text.get_position()[1] > 0.5 for text in ax.texts} == {"data": True, "walk": False}


def test_curves_stand_beside_their_walk_with_their_interval(moving):
    for name, draw in (("pair_growth", populations.growth), ("neighbours_kept", populations.share)):
        ax = draw(moving[f"{name}_curve"], moving[f"{name}_walk"], "label")
        lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
        np.testing.assert_allclose(lines["_joined"], moving[f"{name}_curve"].sel(bound="value"))
        np.testing.assert_allclose(lines["_random walk"], moving[f"{name}_walk"])
    ax = writes.earlier_writes_overlap(moving["earlier_writes_overlap"], moving["earlier_writes_overlap_random"])
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    np.testing.assert_allclose(lines["_chance"], moving["earlier_writes_overlap_random"])


def test_rotation_is_shown_over_all_draws_of_each_null(moving):
    ax = populations.rotation(moving["rotation_ratio"], moving["rotation_drawn"])
    for patch in ax.patches:
        if patch.get_label() in ("tensor marginals", "random walk"):
            assert patch.get_data().values.sum() == pytest.approx(1)
    (line,) = [line for line in ax.get_lines() if line.get_label() == "data"]
    assert line.get_xdata()[0] == pytest.approx(float(moving["rotation_ratio"].sel(bound="value")))


def test_one_path_that_goes_far_leaves_the_view_of_the_plane_to_the_others(moving):
    plane = moving["rotation_plane"].copy(deep=True)
    plane[0] *= 50
    near, far = (populations.rotation_plane(one) for one in (plane[1:], plane))
    assert np.ptp(far.get_xlim()) == pytest.approx(np.ptp(far.get_ylim()))
    assert np.ptp(far.get_xlim()) < 1.5 * np.ptp(near.get_xlim())
    assert far.get_aspect() == 1
    inside = [low < 0 < high for low, high in (far.get_xlim(), far.get_ylim())]
    assert inside == [True, True]


def test_other_results_are_refused_by_name(moving):
    with pytest.raises(DataError, match="'cka'"):
        layer_maps.cka(moving["angular_distance"])
    with pytest.raises(DataError, match="'rotation_drawn'"):
        populations.rotation(moving["rotation_ratio"], moving["rotation_p"])
    with pytest.raises(DataError, match="'pair_growth', got 'neighbours_kept'"):
        populations.growth(moving["neighbours_kept_curve"], None, "label")
    with pytest.raises(DataError, match="'neighbours_kept', got 'population_growth'"):
        populations.share(moving["population_growth_curve"], None, "label")
