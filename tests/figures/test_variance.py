from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from residyn.errors import DataError
from residyn.figures import plot, style
from residyn.figures.panel import Inputs
from residyn.figures.registry import lettered
from residyn.figures.saving import save


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def legend_rows(ax):
    legends = [ax.get_legend(), *reversed(ax.artists)]
    return [[text.get_text() for text in legend.get_texts()] for legend in legends]


@pytest.fixture
def curves(full):
    return full["explained_variance"]


@pytest.fixture
def shares(full):
    return full["explained_variance_by_sublayer"]


@pytest.mark.parametrize("quantity", ["explained_variance", "explained_variance_by_sublayer"])
def test_given_axes_are_used_and_returned(full, quantity):
    ax = Figure().subplots()
    draw = getattr(plot, quantity)
    assert draw(full[quantity], ax=ax) is ax
    assert draw(full[quantity]) is not ax


def test_a_curve_is_a_sublayer_coloured_by_its_layer(curves):
    ax = plot.explained_variance(curves.transpose())
    (drawn,) = ax.collections
    segments = np.stack(drawn.get_segments())
    assert segments.shape == (8, 10, 2)
    np.testing.assert_array_equal(segments[:, :, 0], np.tile(np.arange(1, 11), (8, 1)))
    np.testing.assert_allclose(segments[:, :, 1], curves.values, rtol=1e-12)
    wanted = style.DEPTH(np.repeat([0.0, 1 / 3, 2 / 3, 1.0], 2))
    np.testing.assert_allclose(drawn.get_edgecolors(), wanted, atol=1e-6)
    assert ax.get_xlabel() == "number of components"
    assert ax.get_ylabel() == "variance explained"
    assert ax.get_ylim() == (0, 1.02)
    assert ax.get_xlim() == pytest.approx((0.82, 10.18))
    (bar,) = [child for child in ax.child_axes if child.get_ylabel()]
    assert bar.get_ylabel() == "layer"


def test_dots_are_the_first_space_by_site(shares):
    ax = plot.explained_variance_by_sublayer(shares)
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["_joined"].get_ydata(), shares.values[0], rtol=1e-12)
    for place, site in enumerate(("attn", "mlp")):
        np.testing.assert_array_equal(drawn[site].get_xdata(), range(place, 8, 2))
        np.testing.assert_allclose(drawn[site].get_ydata(), shares.values[0, place::2], rtol=1e-12)
        assert to_hex(drawn[site].get_color()) == style.SITE_COLOURS[site]
        assert drawn[site].get_marker() == style.SITE_MARKERS[site]
    assert ax.get_ylabel() == "variance in 10 PCs"
    assert ax.get_xlabel() == "layer (2 sublayers each)"
    assert ax.get_ylim() == (0, 1.02)


def test_states_have_the_colours_that_the_schematic_gives_them(shares, llama):
    schematic = {text.get_text(): to_hex(text.get_color()) for text in plot.schematic(llama).texts}
    ax = plot.explained_variance_by_sublayer(shares)
    legend = ax.artists[0]
    entries = zip(legend.legend_handles, legend.get_texts(), strict=True)
    found = {text.get_text(): to_hex(handle.get_markerfacecolor()) for handle, text in entries}
    assert found.pop("global") == style.MUTED
    assert set(found) == {"attn state", "mlp state"}
    for name, colour in found.items():
        assert colour == schematic[name]


def test_other_spaces_are_thin_lines_that_can_be_told_apart(shares):
    ax = plot.explained_variance_by_sublayer(shares)
    others = [line for label, line in lines(ax).items() if label.startswith("_beside")]
    for index, line in enumerate(others, start=1):
        np.testing.assert_allclose(line.get_ydata(), shares.values[index], rtol=1e-12)
        assert line.get_linewidth() < 1
    assert len({line.get_color() for line in others}) == len({str(line._dash_pattern) for line in others}) == 4
    assert legend_rows(ax) == [
        ["held out", "equalised"],
        ["z-scored", "without massive units"],
        ["global", "attn state", "mlp state"],
    ]
    shown = [line.get_color() for legend in (ax.get_legend(), ax.artists[1]) for line in legend.get_lines()]
    assert shown == [line.get_color() for line in others]


def test_long_names_have_a_row_of_their_own(shares):
    ax = plot.explained_variance_by_sublayer(shares.assign_coords(space=["a", "b" * 20, "c" * 20, "d", "e"]))
    assert legend_rows(ax)[:3] == [["b" * 20], ["c" * 20, "d"], ["e"]]


def test_of_many_spaces_a_few_are_drawn_or_those_named(shares):
    many = shares.isel(space=[0, 1, 2, 3, 4, 0, 0]).assign_coords(space=list("abcdefg"))
    assert legend_rows(plot.explained_variance_by_sublayer(many))[:2] == [["b", "c"], ["d", "g"]]
    chosen = plot.explained_variance_by_sublayer(many, spaces=["f", "b"])
    assert legend_rows(chosen)[:1] == [["f", "b"]]
    np.testing.assert_allclose(lines(chosen)["_beside 1"].get_ydata(), many.values[1])
    alone = plot.explained_variance_by_sublayer(many, spaces=[])
    assert legend_rows(alone) == [["attn state", "mlp state"]]
    with pytest.raises(DataError, match=r"draws the spaces b, c, d, e, f, g; got 'a', 'x'"):
        plot.explained_variance_by_sublayer(many, spaces=["a", "x"])


def test_one_space_needs_no_name(shares):
    for one in (shares[0], shares[0].drop_vars("space")):
        ax = plot.explained_variance_by_sublayer(one)
        assert legend_rows(ax) == [["attn state", "mlp state"]]
        np.testing.assert_allclose(lines(ax)["_joined"].get_ydata(), shares.values[0])
    bare = shares[0].copy()
    del bare.attrs["n_components"]
    assert plot.explained_variance_by_sublayer(bare).get_ylabel() == "variance explained"


def test_negative_and_undefined_shares(shares, curves, tmp_path):
    lower = shares.copy(deep=True)
    lower[1, 2] = -0.4
    ax = plot.explained_variance_by_sublayer(lower)
    assert ax.get_ylim()[0] < -0.4
    none = plot.explained_variance_by_sublayer(shares.where(False))
    assert "undefined for every sublayer" in [text.get_text() for text in none.texts]
    save(none.figure, tmp_path / "k", ("svg",))
    save(plot.explained_variance(curves.where(False)).figure, tmp_path / "j", ("svg",))


def test_parallel_models_show_one_kind_of_state(results_of, map_of):
    ax = plot.explained_variance_by_sublayer(results_of(map_of("falcon", 5))["explained_variance_by_sublayer"])
    assert legend_rows(ax)[-1] == ["global", "block state"]


def test_a_wrong_result_is_named(curves, shares):
    with pytest.raises(DataError, match=r"draws the result 'explained_variance', got 'explained_variance_by_sub"):
        plot.explained_variance(shares)
    with pytest.raises(DataError, match=r"draws the result 'explained_variance_by_sublayer', got 'explained_var"):
        plot.explained_variance_by_sublayer(curves)
    with pytest.raises(DataError, match=r"coordinate 'layer'"):
        plot.explained_variance(curves.drop_vars("layer"))
    with pytest.raises(DataError, match=r"coordinate 'space'"):
        plot.explained_variance_by_sublayer(shares.drop_vars("space"))


def test_hostile_names_are_only_text(shares, hostile, tmp_path):
    named = shares.assign_coords(space=["a", hostile, hostile + "2", "c", "d"]).assign_attrs(n_components=hostile)
    (path,) = save(plot.explained_variance_by_sublayer(named).figure, tmp_path / "f", ("svg",))
    assert "<b>" not in path.read_text(encoding="utf-8")


def test_where_components_are_all_axes_panel_k_would_be_a_flat_line_and_is_left_out(full, shares):
    def letters(values):
        found = lettered(Inputs(full.assign(explained_variance_by_sublayer=shares * 0 + values)))
        return [panel.letter for panel in found]

    assert "K" in letters(shares.values)
    assert "K" not in letters(1 - 1e-7)
    assert "K" in letters(np.nan)
