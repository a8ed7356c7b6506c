from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from mpl_toolkits.mplot3d import Axes3D

from residyn.figures import plot, style
from residyn.figures.figure1 import figure1
from residyn.figures.layout import alone, arrange
from residyn.figures.pages import PAGES, page
from residyn.figures.panel import Inputs
from residyn.figures.plot import parts
from residyn.figures.registry import further, lettered, required
from synthetic_jumps import relaxing
from synthetic_outputs import outputs

FAMILIES = ("llama", "gemma2", "olmo2", "bloom", "opt", "falcon")


def visible_texts(figure):
    """The texts that are drawn of a figure, with their boxes in millimetres; ticks outside a view are not."""
    drawn, draw = {}, Text.draw

    def noted(text, renderer, *args, **kwargs):
        if text.get_visible() and text.get_text().strip():
            drawn[text] = renderer
        return draw(text, renderer, *args, **kwargs)

    with style.context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", noted)
        FigureCanvasAgg(figure).draw()
    scale = 25.4 / figure.dpi
    return [(text, *(scale * edge for edge in text.get_window_extent(how).extents)) for text, how in drawn.items()]


def check_labels_fit_their_axes(figure):
    """No name of an axis is much longer than the axis; letters are wider on some pages than counted."""
    for ax in figure.findobj(Axes):
        if ax.axison and not isinstance(ax, Axes3D):
            box = ax.get_window_extent()
            for label, most in ((ax.xaxis.label, box.width), (ax.yaxis.label, box.height)):
                extent = label.get_window_extent()
                assert max(extent.width, extent.height) <= 1.1 * most or not label.get_text(), label


def check_words_stand_clear(figure):
    width, height = 25.4 * figure.get_size_inches()
    texts = visible_texts(figure)
    for text, left, bottom, right, top in texts:
        assert left >= 0, text
        assert bottom >= 0, text
        assert right <= width, text
        assert top <= height, text
        assert text.get_fontsize() >= 6.5, text
    slack = 0.35  # boxes hold room for accents and descenders that the words do not use
    for (one, l1, b1, r1, t1), (other, l2, b2, r2, t2) in itertools.combinations(texts, 2):
        apart = r1 <= l2 + slack or r2 <= l1 + slack or t1 <= b2 + slack or t2 <= b1 + slack
        assert apart, f"{one} and {other} overlap"


@pytest.mark.parametrize(
    ("family", "n_layers", "reference"), [("opt", 1, True), ("falcon", 6, False), ("llama", 80, True)]
)
def test_composites_words_are_whole_and_apart(family, n_layers, reference, map_of, results_of):
    results = results_of(map_of(family, n_layers))
    results["pc_scores"][:1, -1] *= 1e4
    results["mutual_information"]["tie_share"][0] = 0.9
    check_words_stand_clear(figure1(results, reference=reference, title="A title"))


@pytest.mark.parametrize(
    ("left_out", "letters"),
    [
        ([], "ABCDEFGHIiJK"),
        (["mutual_information", "mutual_information_shuffle"], "ABCDEFIiJK"),
        (["mutual_information_shuffle", "pc_scores"], "ABCDEFGHJK"),
        (["explained_variance", "explained_variance_by_sublayer"], "ABCDEFGHIi"),
    ],
)
def test_panels_without_results_are_left_out_and_leave_no_hole(left_out, letters, full):
    figure = figure1(full.drop_vars(left_out))
    bold = [text for text in figure.texts if text.get_fontweight() == "bold"]
    assert [text.get_text() for text in bold] == ["I′" if letter == "i" else letter for letter in letters]
    check_words_stand_clear(figure)
    columns = {round(text.get_position()[0], 6) for text in bold}
    assert len(columns) == 3
    lines = sorted({round(text.get_position()[1], 6) for text in bold})
    assert len(lines) == -(-len(letters) // 3)
    assert figure.get_size_inches()[1] * 25.4 == pytest.approx(79.5 + 56.5 * (len(lines) - 1))


@pytest.mark.parametrize(("reference", "first"), [(False, "within"), (True, "Llama 3.1 8B, as published")])
def test_legends_keep_a_distance_from_the_row_above(reference, first, full):
    texts = [(text.get_text(), *box) for text, *box in visible_texts(figure1(full, reference=reference))]
    labels = [box for name, *box in texts if name == "layer (2 sublayers each)"]
    below_e = max(bottom for left, bottom, right, top in labels if right - left > top - bottom)
    highest = max(top for name, *_, top in texts if name == first and top < below_e + 3)
    assert below_e - highest > 1.0


def test_the_page_is_lower_than_a_page():
    assert (
        arrange(dict.fromkeys([f"panel_{letter}" for letter in "abcdefghijkl"], "curve"), tall_legends=False)[0]
        < 250
    )
    assert (
        arrange(dict.fromkeys([f"panel_{letter}" for letter in "abcdefghijkl"], "curve"), tall_legends=True)[0]
        < 260
    )


def test_teleports_words_are_whole_and_apart(attracted, cloud, flow_of):
    check_words_stand_clear(plot.teleport_row(attracted, cloud=cloud).figure)
    check_words_stand_clear(plot.teleports_nearby(attracted, cloud=cloud).figure)
    check_words_stand_clear(plot.teleports(attracted, "2.mlp", cloud=cloud).figure)
    deep = flow_of(relaxing(1.1), at=[f"{layer}.attn" for layer in range(5)])
    deep = deep.assign(control_path=deep["control_path"] - 1234).assign_coords(
        injected_layer=("injected", [96, 97, 98, 99, 127])
    )
    check_words_stand_clear(plot.teleport_row(deep, cloud=cloud).figure)


@pytest.mark.parametrize("reference", [False, True])
def test_teleports_have_a_last_row_and_the_page_stays_a_page(full, teleports, reference):
    figure = figure1(full, teleports=teleports, reference=reference, title="A title")
    bold = [text for text in figure.texts if text.get_fontweight() == "bold"]
    assert [text.get_text() for text in bold] == [*"ABCDEFGHI", "I′", *"JKL"]
    assert min(bold, key=lambda text: text.get_position()[1]).get_text() == "L"
    width, height = 25.4 * figure.get_size_inches()
    assert width == pytest.approx(180)
    assert height <= 297
    check_words_stand_clear(figure)


def test_a_row_begins_below_those_before_it(full, teleports):
    for results in (full, full[list(required())]):
        inputs = Inputs(results, teleports=teleports, reference=True)
        shapes = {panel.stem: panel.shape_for(inputs) for panel in lettered(inputs)}
        total, places = arrange(shapes, tall_legends=True)
        row = places.pop("panel_l")
        assert row.bottom > 6
        assert row.left + row.width <= 165
        assert all(place.bottom > row.bottom + row.height + 5 for place in places.values())
        assert max(place.bottom + place.height for place in places.values()) < total


def test_composite_with_undefined_correlations(results):
    r = results["unit_correlation"].copy(deep=True)
    r[1] = float("nan")
    check_words_stand_clear(figure1(results.assign(unit_correlation=r)))


@pytest.mark.slow
def test_words_of_every_panel_are_whole_and_apart(everything):
    drawn = (*lettered(everything), *further(everything))
    assert len(drawn) > 45
    for panel in drawn:
        with style.context():
            figure = alone(panel, everything)
        check_words_stand_clear(figure)
        check_labels_fit_their_axes(figure)


@pytest.mark.slow
def test_words_of_every_page_are_whole_and_apart_and_it_prints_on_a_sheet(everything):
    for name in PAGES:
        figure = page(name, everything)
        assert figure is not None
        assert 25.4 * figure.get_size_inches()[1] <= 297
        check_words_stand_clear(figure)
        check_labels_fit_their_axes(figure)


def test_ticks_are_as_many_as_have_room():
    assert parts.ticks_with_room(-170, -40, 4, 60).tolist() == [-150, -100, -50]
    assert parts.ticks_with_room(-170, -40, 4, 17).tolist() == [-150, -50]
    assert parts.ticks_with_room(0, 1, 4, 1).tolist() == [0.0]
    assert parts.lowered(["0", "21", "23.mlp", "29"], [30, 5, 9]) == ["0", "21", "\n23.mlp", "29"]
    assert parts.lowered(["21\n(9)", "23.mlp"], [5]) == ["21\n(9)", "\n\n23.mlp"]


def test_numbers_along_an_axis_leave_the_legend_its_room():
    """Matplotlib would put what they share, an offset or a power of ten, where the legend is."""
    for far in (21.18 + 2e-5 * np.arange(12), 1e7 + 1e6 * np.arange(12)):
        one = outputs(np.full(6, 1.0), far=far)
        one["final_entropy"] = one["final_entropy"] * 0 + far[0] / 2
        figure = plot.lens_entropy({"model": one}).figure
        check_words_stand_clear(figure)
        assert figure.axes[0].yaxis.get_offset_text().get_text() == ""


@pytest.mark.parametrize("family", FAMILIES)
def test_schematics_words_are_whole_and_apart(family, map_of):
    check_words_stand_clear(plot.schematic(map_of(family, 30), n_units=4096).figure)


def test_the_check_of_words_finds_an_overlap(results):
    figure = figure1(results)
    figure.text(0.5, 2.0 / (25.4 * figure.get_size_inches()[1]), "over the footer")
    with pytest.raises(AssertionError, match="overlap"):
        check_words_stand_clear(figure)


def test_composite_without_sites_has_no_schematic(results):
    bare = results.copy()
    del bare.attrs["sites"]
    figure = figure1(bare)
    assert [text.get_text() for text in figure.texts if text.get_fontweight() == "bold"] == list("BCDEF")
    check_words_stand_clear(figure)
