from __future__ import annotations

import itertools
import re

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from residyn.errors import DataError
from residyn.figures import panels, style
from residyn.figures.figure1 import draw_all, figure1, footer
from residyn.figures.saving import save
from residyn.schema import SiteMap

FAMILIES = ("llama", "gemma2", "olmo2", "bloom", "opt", "falcon")


def visible_texts(figure):
    """The figure's texts that show something, with their boxes in millimetres."""
    with style.context():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        scale = 25.4 / figure.dpi
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
        boxes = [(text, text.get_window_extent(canvas.get_renderer())) for text in texts]
    in_layout = [(text, box) for text, box in boxes if not hidden_tick(text, box)]
    return [(text, *(scale * edge for edge in box.extents)) for text, box in in_layout]


def hidden_tick(text, box):
    """Ticks outside the view exist as texts without being drawn."""
    ax = text.axes
    if ax is None or text not in [*ax.get_xticklabels(which="both"), *ax.get_yticklabels(which="both")]:
        return False
    shown = ax.get_window_extent().expanded(1.02, 1.02)
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    along_x = text in ax.get_xticklabels(which="both")
    return not ax.axison or not (shown.x0 <= x <= shown.x1 if along_x else shown.y0 <= y <= shown.y1)


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


@pytest.mark.parametrize(("family", "n_layers"), [("opt", 1), ("falcon", 6), ("llama", 80)])
def test_composites_words_are_whole_and_apart(family, n_layers, map_of, results_of):
    check_words_stand_clear(figure1(results_of(map_of(family, n_layers)), title="A title"))


def test_composite_with_undefined_correlations(results):
    r = results["unit_correlation"].copy(deep=True)
    r[1] = float("nan")
    check_words_stand_clear(figure1(results.assign(unit_correlation=r)))


@pytest.mark.parametrize("family", FAMILIES)
def test_schematics_words_are_whole_and_apart(family, map_of):
    check_words_stand_clear(panels.schematic(map_of(family, 30), n_units=4096).figure)


def test_the_check_of_words_finds_an_overlap(results):
    figure = figure1(results)
    figure.text(0.5, 2.0 / 141, "over the footer")
    with pytest.raises(AssertionError, match="overlap"):
        check_words_stand_clear(figure)


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_composite_has_six_lettered_panels_and_a_footer(results):
    figure = figure1(results)
    bold = [text.get_text() for text in figure.texts if text.get_fontweight() == "bold"]
    assert bold == list("ABCDEF")
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(180)
    foot = "tiny · N = 30 · wikitext · position: end · 11 distinct last tokens"
    assert footer(results) == foot
    assert foot in words(figure)
    assert "4 layers × 2 sublayers\n= 8 states of 24 units" in words(figure)


def test_composite_without_sites_has_no_schematic(results):
    bare = results.copy()
    del bare.attrs["sites"]
    figure = figure1(bare)
    assert [text.get_text() for text in figure.texts if text.get_fontweight() == "bold"] == list("BCDEF")
    check_words_stand_clear(figure)


def test_given_sites_go_before_the_results_own(results, map_of):
    assert "decoder.layers.ℓ" in words(figure1(results, map_of("opt", 4)))


def test_missing_results_and_broken_sites_are_named(results):
    with pytest.raises(DataError, match="missing: cosine, velocity"):
        figure1(results.drop_vars(["cosine", "velocity"]))
    for broken in ("{", "{}", "[]", '{"sites": 3}'):
        with pytest.raises(DataError, match="attribute 'sites'"):
            figure1(results.assign_attrs(sites=broken))


@pytest.mark.parametrize("family", ["opt", "falcon"])
def test_every_arrangement_is_saved(family, map_of, results_of, tmp_path):
    assert (
        len(save(figure1(results_of(map_of(family, 1 + (family == "falcon")))), tmp_path / "f", ("pdf", "svg")))
        == 2
    )


def test_every_panel_has_its_files(results, tmp_path):
    before = dict(mpl.rcParams)
    paths = draw_all(results, None, tmp_path / "figures")
    stems = ["figure1", *(f"panel_{letter}" for letter in "abcdef")]
    wanted = [f"{stem}.{kind}" for stem in stems for kind in ("png", "pdf", "svg")]
    assert [path.name for path in paths] == wanted
    assert all(path.stat().st_size > 2000 for path in paths)
    assert dict(mpl.rcParams) == before


def test_hostile_names_are_only_text(map_of, results_of, hostile, tmp_path):
    sites = map_of("opt", 2)
    fields = {"blocks": hostile, "attn_write": hostile, "mlp_write": hostile, "family": hostile}
    bad = SiteMap(**{**vars(sites), **fields})
    results = results_of(sites, model=hostile, distinct_last_tokens=hostile)
    results = results.assign_attrs(texts=hostile, position=hostile, capture_dtype=hostile)
    figure = figure1(results, bad, title=hostile)
    save(figure, tmp_path / "f", provenance={"model": hostile})
    svg = (tmp_path / "f.svg").read_text(encoding="utf-8")
    assert "<b>" not in svg
    assert not re.search("[\x00-\x08\u202e]", svg)


def test_the_pdf_stays_small(map_of, results_of, tmp_path):
    results = results_of(map_of("llama", 32), 4096, 6)
    (path,) = save(figure1(results), tmp_path / "f", ("pdf",))
    assert path.stat().st_size < 3_000_000
