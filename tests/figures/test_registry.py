from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text

from residyn.figures.figure1 import figure1
from residyn.figures.panel import Inputs, Teleports
from residyn.figures.registry import declared, further, lettered, required

FIRST = ("mean_activation", "unit_correlation", "correlation_density", "cosine", "velocity")
FULL = [*"bcdefghi", "i_3d", "j", "k"]


def drawn(*inputs, **others):
    """The panels of Figure 1 by the end of their stems."""
    return {panel.stem.removeprefix("panel_"): panel for panel in lettered(Inputs(*inputs, **others))}


def words(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def test_panels_follow_their_results(full, llama):
    assert required() == FIRST
    assert list(drawn(full, llama)) == ["a", *FULL]
    assert list(drawn(full[list(FIRST)])) == list("bcdef")
    for name, gone in {"mutual_information": "gh", "explained_variance": "j"}.items():
        assert list(drawn(full.drop_vars(name))) == [stem for stem in FULL if stem not in gone]


def test_each_panel_is_declared_once_with_what_it_is_defined_by():
    stems = [panel.stem for panel in declared()]
    assert len(set(stems)) == len(stems)
    assert [panel.letter for panel in declared() if panel.letter and not panel.repeats] == list("ABCDEFGHIJKL")
    assert all(panel.definition or panel.defined_by for panel in declared())


def test_teleports_come_last_with_their_host_and_the_samples_states(full, results, teleports):
    assert list(drawn(full, teleports=teleports)) == [*FULL, "l"]
    for of, with_cloud in ((full, True), (results, False), (full.isel(pc=[0]), False)):
        panel = drawn(of, teleports=teleports)["l"]
        first = panel.draw(Inputs(of, teleports=teleports), Figure().subplots()).child_axes[0]
        labels = {artist.get_label(): artist for artist in (*first.collections, *first.lines)}
        assert ("_cloud" in labels) is with_cloud
        path = teleports.flow["control_path"].values[1, :13]
        np.testing.assert_allclose(labels["_control"].get_xydata(), path, rtol=1e-12)
        if with_cloud:
            np.testing.assert_allclose(labels["_cloud"].get_offsets(), of["pc_scores"].values[:, 0, :2])


def test_curves_of_teleports_follow_their_results(teleports):
    def beside(moved):
        return list(further(Inputs(xr.Dataset(), teleports=moved)))

    inputs = Inputs(xr.Dataset(), teleports=teleports)
    assert [panel.stem for panel in beside(teleports)] == [
        "panel_l_pull",
        "panel_l_retention",
        "panel_l_return",
        "panel_l_nearby",
    ]
    assert [panel.draw(inputs, Figure().subplots()).get_ylabel() for panel in beside(teleports)[:3]] == [
        "pull beyond passive (cosine)",
        "displacement kept, ρ",
        "return fraction",
    ]
    assert [panel.stem for panel in beside(Teleports(teleports.flow))] == ["panel_l_nearby"]
    with_returns = beside(Teleports(teleports.flow, returns=teleports.returns))
    assert [panel.stem for panel in with_returns] == ["panel_l_return", "panel_l_nearby"]


def test_maps_over_units_have_one_order(full):
    order = np.argsort(full["mean_activation"]["rank"].values)
    pixels = drawn(full)["g"].draw(Inputs(full), Figure().subplots()).get_images()[0].get_array()
    shown = pixels[:: pixels.shape[0] // 7, :: pixels.shape[1] // 24]
    np.testing.assert_allclose(shown, full["mutual_information"].values[0][:, order], rtol=1e-6)


def test_each_curve_has_the_noise_of_its_own(full):
    widths = {"cosine": 0.05 * np.ptp(full["cosine"].values), "velocity": 0.1 * np.ptp(full["velocity"].values)}
    n = full.sizes["transition"]
    noise = xr.Dataset({f"{name}_noise": ("transition", np.full(n, width)) for name, width in widths.items()})
    inputs = Inputs(full, noise=noise)
    for letter, (name, width) in zip("ef", widths.items(), strict=True):
        ax = drawn(full, noise=noise)[letter].draw(inputs, Figure().subplots())
        (band,) = [collection for collection in ax.collections if collection.get_label() == "_noise"]
        mean = full[name].mean("sample").values
        for end in (mean - 2 * width, mean + 2 * width):
            assert np.isin(np.round(end, 9), np.round(band.get_paths()[0].vertices[:, 1], 9)).all()


def test_two_components_have_no_space(full):
    results = full.isel(pc=slice(2)).drop_vars("explained_variance")
    assert list(drawn(results)) == list("bcdefghik")


@pytest.mark.parametrize("reference", [False, True])
def test_the_papers_curves_are_laid_over_where_asked(full, reference):
    shown = words(figure1(full, reference=reference))
    assert shown.count("Llama 3.1 8B, as published") == 3 * reference
    assert shown.count("dashed, its own scale") == reference
