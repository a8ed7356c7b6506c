from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text

from residyn.figures.drawers import Teleports, drawers, summaries
from residyn.figures.figure1 import DRAWN, DRAWN_IF_PRESENT, figure1


def words(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def test_panels_follow_their_results(full, llama):
    assert set(full) == {*DRAWN, *DRAWN_IF_PRESENT}
    assert list(drawers(full, llama, reference=False)) == [*"ABCDEFGHI", "I3", "J", "K"]
    assert list(drawers(full[list(DRAWN)], None, reference=False)) == list("BCDEF")
    for name, gone in {"mutual_information": "GH", "explained_variance": "J"}.items():
        assert list(drawers(full.drop_vars(name), None, reference=False)) == [
            letter for letter in [*"BCDEFGHI", "I3", "J", "K"] if letter not in gone
        ]


def test_teleports_come_last_with_their_host_and_the_samples_states(full, results, teleports):
    found = drawers(full, None, reference=False, teleports=teleports)
    assert list(found) == [*"BCDEFGHI", "I3", "J", "K", "L"]
    for of, with_cloud in ((full, True), (results, False), (full.isel(pc=[0]), False)):
        panel = drawers(of, None, reference=False, teleports=teleports)["L"]
        first = panel.draw(Figure().subplots()).child_axes[0]
        labels = {artist.get_label(): artist for artist in (*first.collections, *first.lines)}
        assert ("_cloud" in labels) is with_cloud
        path = teleports.flow["control_path"].values[1, :13]
        np.testing.assert_allclose(labels["_control"].get_xydata(), path, rtol=1e-12)
        if with_cloud:
            np.testing.assert_allclose(labels["_cloud"].get_offsets(), of["pc_scores"].values[:, 0, :2])


def test_curves_of_teleports_follow_their_results(teleports):
    assert [panel.stem for panel in summaries(teleports)] == [
        "panel_l_pull",
        "panel_l_retention",
        "panel_l_return",
    ]
    assert [panel.draw(Figure().subplots()).get_ylabel() for panel in summaries(teleports)] == [
        "pull beyond passive (cosine)",
        "displacement kept, ρ",
        "return fraction",
    ]
    assert summaries(Teleports(teleports.flow)) == []
    assert [p.stem for p in summaries(Teleports(teleports.flow, returns=teleports.returns))] == ["panel_l_return"]


def test_maps_over_units_have_one_order(full):
    order = np.argsort(full["mean_activation"]["rank"].values)
    panel = drawers(full, None, reference=False)["G"]
    pixels = panel.draw(Figure().subplots()).get_images()[0].get_array()
    shown = pixels[:: pixels.shape[0] // 7, :: pixels.shape[1] // 24]
    np.testing.assert_allclose(shown, full["mutual_information"].values[0][:, order], rtol=1e-6)


def test_each_curve_has_the_noise_of_its_own(full):
    widths = {"cosine": 0.05 * np.ptp(full["cosine"].values), "velocity": 0.1 * np.ptp(full["velocity"].values)}
    n = full.sizes["transition"]
    noise = xr.Dataset({f"{name}_noise": ("transition", np.full(n, width)) for name, width in widths.items()})
    found = drawers(full, None, reference=False, noise=noise)
    for letter, (name, width) in zip("EF", widths.items(), strict=True):
        ax = found[letter].draw(Figure().subplots())
        (band,) = [collection for collection in ax.collections if collection.get_label() == "_noise"]
        mean = full[name].mean("sample").values
        for end in (mean - 2 * width, mean + 2 * width):
            assert np.isin(np.round(end, 9), np.round(band.get_paths()[0].vertices[:, 1], 9)).all()


def test_two_components_have_no_space(full):
    results = full.isel(pc=slice(2)).drop_vars("explained_variance")
    assert [panel.stem for panel in drawers(results, None, reference=False).values()] == [
        *(f"panel_{letter}" for letter in "bcdefghik")
    ]


@pytest.mark.parametrize("reference", [False, True])
def test_the_papers_curves_are_laid_over_where_asked(full, reference):
    shown = words(figure1(full, reference=reference))
    assert shown.count("Llama 3.1 8B, as published") == 3 * reference
    assert shown.count("dashed, on a scale of its own") == reference
