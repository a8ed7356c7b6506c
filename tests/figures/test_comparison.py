from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.text import Text

from claims_record import verdicts_of
from residyn.comparison import claims_table, curves, trajectory_distance
from residyn.errors import DataError
from residyn.figures.comparison import compare_figure
from residyn.figures.plot import comparison as panels
from residyn.figures.saving import save

ARTEFACT = "holds (artefact)"
VERDICTS = [["holds", "—"], ["does not hold", "undecided"], ["undecided", "holds"]]


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def table_of(names, rows=VERDICTS):
    def judged(column):
        claims = ((i + 1, "", f"claim {i + 1}", row[column % 2]) for i, row in enumerate(rows))
        return verdicts_of(*(claim for claim in claims if claim[-1] != "—"))

    return claims_table({name: judged(column) for column, name in enumerate(names)})


@pytest.fixture(scope="module")
def compared(llama, results):
    """Two runs, of four layers and of the first three of them."""

    def make(names=("one", "other")):
        shorter = results.isel(sublayer=slice(6), transition=slice(5))
        both = {name: shorter if place % 2 else results for place, name in enumerate(names)}
        paths = {name: run["mean_activation"].drop_attrs() for name, run in both.items()}
        return curves(both), trajectory_distance(paths), table_of(names)

    return make


def small_plots(figure):
    return [ax for ax in figure.axes if ax.get_title(loc="left")]


def test_the_page_has_a_plot_a_quantity_a_heat_map_and_claims(compared):
    figure = compare_figure(*compared())
    titles = [ax.get_title(loc="left") for ax in small_plots(figure)]
    assert titles == ["Pearson r, median unit", "cosine similarity", "velocity (activation)"]
    assert len(figure.axes) == 5
    bold = [text.get_text() for text in figure.texts if text.get_fontweight() == "bold"]
    assert bold == list("ABC")
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(180)
    said = words(figure)
    for name in (
        "1  one",
        "2  other",
        "within layer",
        "cross layer",
        "holds",
        "does not hold",
        "1  claim 1",
        ARTEFACT,
    ):
        assert name in said
    assert any("L learned, S scale, A architecture" in text for text in said)
    assert "whole block" not in said


def test_what_only_a_run_that_is_not_drawn_has_is_left_out(compared):
    names = [f"run {i}" for i in range(panels.MOST_RUNS + 1)]
    table, *_ = compared(names)
    last = table["run"] == names[-1]
    assert table["quantity"].nunique() == 3
    alone = table[last & (table["quantity"] == "cosine")].assign(quantity="its own", kind="block")
    figure = compare_figure(pd.concat([table, alone]))
    assert len(small_plots(figure)) == 3
    assert "whole block" not in words(figure)


def test_lines_are_coloured_by_run_dashed_by_kind_and_lie_where_the_table_says(compared):
    table, *_ = compared()
    table = table.assign(low=table["value"] - 0.1, high=table["value"] + 0.2)
    ax = panels.compared_curves(table, "cosine", ["one", "other"])
    lines = ax.get_lines()
    assert [to_hex(line.get_color()) for line in lines] == ["#000000", "#000000", "#0072b2", "#0072b2"]
    assert [line.get_linestyle() for line in lines] == ["-", "--", "-", "--"]
    rows = table[(table["run"] == "other") & (table["quantity"] == "cosine") & (table["kind"] == "cross")]
    np.testing.assert_array_equal(lines[3].get_xydata(), rows[["depth", "value"]].to_numpy())
    assert len(ax.collections) == 4
    low, high = ax.collections[3].get_datalim(ax.transData).intervaly
    assert (low, high) == pytest.approx((rows["low"].min(), rows["high"].max()))
    assert ax.get_yscale() == "linear"


def test_wide_ranges_of_positive_values_are_logarithmic(compared):
    table, *_ = compared()
    for factor, shift, scale in ((1e3, 0, "log"), (1e3, 2, "linear"), (3, 0, "linear")):
        values = np.geomspace(1, factor, (table["quantity"] == "velocity").sum()) - shift
        changed = table.copy()
        changed.loc[changed["quantity"] == "velocity", ["value", "low", "high"]] = np.stack([values] * 3, axis=1)
        assert panels.compared_curves(changed, "velocity", ["one", "other"]).get_yscale() == scale


def test_undefined_curves_say_so(compared):
    table, *_ = compared()
    changed = table.assign(value=np.nan, low=np.nan, high=np.nan)
    ax = panels.compared_curves(changed, "cosine", ["one", "other"])
    assert "undefined" in [text.get_text() for text in ax.texts]


def test_cells_hold_the_distances_and_the_frame_the_halves(compared):
    _, distances, _ = compared()
    distances = distances.assign_coords(within=("run", [0.123, np.nan]))
    ax = panels.trajectory_distances(distances)
    between = f"{distances.values[0, 1]:.2f}"
    assert float(between) > 0
    assert [text.get_text() for text in ax.texts] == ["0.12", between, between, "–"]
    assert len(ax.patches) == 2
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "2"]
    assert to_hex(ax.get_yticklabels()[1].get_color()) == "#0072b2"
    image = ax.images[0].get_array()
    assert image[0, 0] == 0.123
    assert ax.images[0].get_clim() == pytest.approx((0, np.pi / 2))
    assert distances.values[0, 0] == 0


def test_verdicts_are_filled_open_and_half(compared):
    *_, claims = compared()
    ax = panels.claim_matrix(claims)
    found = {
        (line.get_xdata()[0], line.get_ydata()[0]): (line.get_fillstyle(), to_hex(line.get_markerfacecolor()))
        for line in ax.get_lines()
    }
    ink, white, grey = "#222222", "#ffffff", "#9a9a9a"
    assert found == {
        (0, 0): ("full", ink),
        (0, 1): ("full", white),
        (1, 1): ("left", grey),
        (0, 2): ("left", grey),
        (1, 2): ("full", ink),
    }
    assert [(text.get_position(), text.get_text()) for text in ax.texts] == [((1, 0), "–")]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1  claim 1", "2  claim 2", "3  claim 3"]
    assert ax.get_ylim() == (2.5, -0.5)


def test_an_artefact_is_crossed_out_and_other_origins_have_letters():
    origins = ("learned", "scale", "architecture", "artefact", "")
    judged = verdicts_of(*((i + 1, "", "words", "holds", origin) for i, origin in enumerate(origins)))
    ax = panels.claim_matrix(claims_table({"a": judged}))
    dots = sorted(ax.get_lines(), key=lambda line: line.get_ydata()[0])
    ink, white = "#222222", "#ffffff"
    assert [to_hex(dot.get_markerfacecolor()) for dot in dots] == [ink, ink, ink, white, ink]
    assert [dot.get_marker() == "o" for dot in dots] == [True, True, True, False, True]
    assert {text.get_position()[1]: text.get_text() for text in ax.texts} == {0: "L", 1: "S", 2: "A"}


def test_only_what_holds_can_be_an_artefact():
    table = claims_table({"a": verdicts_of((1, "", "words", "does not hold", "artefact"))})
    assert table["a"].tolist() == ["does not hold (artefact)"]
    (dot,) = panels.claim_matrix(table).get_lines()
    assert dot.get_marker() == "o"


def test_long_claims_are_shortened_and_variants_named():
    judged = verdicts_of((14, "arXiv", "word " * 40, "holds"))
    ax = panels.claim_matrix(claims_table({"a": judged}), letters=40)
    (label,) = [label.get_text() for label in ax.get_yticklabels()]
    assert label.startswith("14  word word")
    assert label.endswith(" (arXiv)")
    assert len(label) == 44


def test_parts_that_are_not_there_are_left_out(compared):
    table, distances, claims = compared()
    without = claims_table({"one": None, "other": None})
    assert len(compare_figure(table, distances, without).axes) == 4
    assert len(compare_figure(table, None, claims).axes) == 4
    alone = compare_figure(table)
    assert len(alone.axes) == 3
    assert alone.get_size_inches()[1] < compare_figure(table, distances).get_size_inches()[1]


def test_eight_runs_are_drawn_and_the_rest_is_said(compared):
    names = [f"run {i}" for i in range(10)]
    figure = compare_figure(*compared(names))
    said = words(figure)
    assert "2 more runs are in the tables" in said
    assert "8  run 7" in said
    assert "9  run 8" not in said
    assert len(small_plots(figure)[0].get_lines()) == 16
    assert not any("more run" in text for text in words(compare_figure(*compared(names[:8]))))


def test_nothing_lies_outside_the_page(compared, tmp_path):
    names = [f"a name as long as folders have them {i}" for i in range(8)]
    table, distances, _ = compared(names)
    claims = table_of(names, [[verdict, verdict] for verdict in ("holds", "undecided") for _ in range(7)])
    claims.index = claims.index.set_levels(["word " * 20] * 14, level="claim", verify_integrity=False)
    figure = compare_figure(table, distances, claims)
    save(figure, tmp_path / "f", ("pdf",))
    figure.canvas.draw()
    page = figure.bbox
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert page.x0 <= box.x0, text
            assert box.x1 <= page.x1, text
            assert page.y0 <= box.y0, text
            assert box.y1 <= page.y1, text


def test_hostile_names_are_only_text(compared, hostile, tmp_path):
    hostile = hostile.replace("\ud800", "")  # tables hold text alone
    table, distances, claims = compared((hostile, "other"))
    table.loc[table["quantity"] == "cosine", "quantity"] = f"mutual_information {hostile}"
    claims.index = pd.MultiIndex.from_tuples([(1, hostile, hostile), (2, "", "b"), (3, "", "c")])
    save(compare_figure(table, distances, claims), tmp_path / "f", ("pdf", "svg"), provenance={"runs": hostile})
    svg = (tmp_path / "f.svg").read_text(encoding="utf-8")
    assert "<b>" not in svg
    assert not re.search("[\x00-\x08\u202e]", svg)


def test_errors_name_what_is_missing(compared):
    table, distances, claims = compared()
    with pytest.raises(DataError, match="missing: depth, kind"):
        compare_figure(table.drop(columns=["depth", "kind"]), distances, claims)
    with pytest.raises(DataError, match="missing: run"):
        compare_figure({"run": 1}, distances, claims)
    with pytest.raises(DataError, match="at least one run"):
        compare_figure(table.iloc[:0], distances, claims)
    with pytest.raises(DataError, match="lack a column for other"):
        compare_figure(table, distances, claims[["one"]])
    with pytest.raises(DataError, match="distances lack other"):
        compare_figure(table, distances.isel(run=[0], other=[0]), claims)
    with pytest.raises(DataError, match="'trajectory_distance', got 'other'"):
        panels.trajectory_distances(xr.DataArray([[1.0]], dims=("run", "other"), name="other"))
    with pytest.raises(DataError, match="at least one claim"):
        panels.claim_matrix(claims.iloc[:0])
