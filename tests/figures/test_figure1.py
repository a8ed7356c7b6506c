from __future__ import annotations

import re
from dataclasses import replace

import matplotlib as mpl
import pytest
from matplotlib.text import Text

from residyn.errors import DataError
from residyn.figures.composite import footer
from residyn.figures.figure1 import draw_all, figure1
from residyn.figures.panel import Inputs
from residyn.figures.registry import further, required
from residyn.figures.saving import save
from residyn.sitemap import SiteMap


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
    results = results_of(map_of(family, 1 + (family == "falcon")))[list(required())]
    assert len(save(figure1(results), tmp_path / "f", ("pdf", "svg"))) == 2


@pytest.mark.slow
def test_every_panel_has_its_files(full, teleports, tmp_path):
    before = dict(mpl.rcParams)
    paths = draw_all(full, None, tmp_path / "figures", teleports=teleports, reference=True)
    letters = [*"abcdefghi", "i_3d", "j", "k", "l"]
    beside_l = ["panel_l_pull", "panel_l_retention", "panel_l_return", "panel_l_nearby"]
    after = ["control_information_excess", *beside_l]
    stems = [*(f"panel_{letter}" for letter in letters), *after]
    wanted = [f"figure1.{kind}" for kind in ("png", "pdf", "svg")] + [f"{stem}.png" for stem in stems]
    assert [path.name for path in paths] == wanted
    assert all(path.stat().st_size > 2000 for path in paths)
    assert dict(mpl.rcParams) == before


def test_controls_are_drawn_where_their_results_are(full):
    assert [panel.stem for panel in further(Inputs(full))] == ["control_information_excess"]
    assert further(Inputs(full.drop_vars("gaussian_floor"))) == ()


@pytest.mark.slow
def test_the_composites_bytes_are_the_same_twice(full, tmp_path):
    first, again = (save(figure1(full, reference=True), tmp_path / name, ("pdf", "png")) for name in ("a", "b"))
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_hostile_names_are_only_text(map_of, results_of, hostile, tmp_path):
    sites = map_of("opt", 2)
    places = tuple(replace(site, writes=(hostile,), module=hostile) for site in sites.sites)
    bad = SiteMap(hostile, hostile, places)
    results = results_of(sites, model=hostile, distinct_last_tokens=hostile)
    results = results.assign_attrs(texts=hostile, position=hostile, capture_dtype=hostile)
    results = results.assign_coords(space=[hostile, *"abcd"], estimator=[hostile, "kde"])
    figure = figure1(results, bad, title=hostile)
    save(figure, tmp_path / "f", ("pdf", "svg"), provenance={"model": hostile})
    svg = (tmp_path / "f.svg").read_text(encoding="utf-8")
    assert "<b>" not in svg
    assert not re.search("[\x00-\x08\u202e]", svg)


@pytest.mark.slow
def test_the_pdf_stays_small(map_of, results_of, tmp_path):
    results = results_of(map_of("llama", 32), 4096, 6)
    (path,) = save(figure1(results), tmp_path / "f", ("pdf",))
    assert path.stat().st_size < 3_000_000
