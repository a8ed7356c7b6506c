from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from residyn.errors import DataError, UsageError
from residyn.figures import plot, style
from residyn.figures.saving import save


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def baselines(ax):
    return [line.get_ydata() for line in ax.get_lines() if line.get_label() == "_shuffled"]


def legend_rows(ax):
    legends = [ax.get_legend(), *reversed(ax.artists)]
    return [[text.get_text() for text in legend.get_texts()] for legend in legends]


def shown(ax, n_rows, n_units):
    pixels = ax.get_images()[0].get_array()
    return pixels[:: pixels.shape[0] // n_rows, :: pixels.shape[1] // n_units]


def bar(ax):
    (bar,) = [child for child in ax.child_axes if child.get_ylabel()]
    return bar


@pytest.fixture
def nats(full):
    return full["mutual_information"]


@pytest.fixture
def shuffle(full):
    return full["mutual_information_shuffle"]


@pytest.mark.parametrize("draw", [plot.mutual_information, plot.mutual_information_curve])
def test_given_axes_are_used_and_returned(nats, draw):
    ax = Figure().subplots()
    assert draw(nats, ax=ax) is ax
    assert draw(nats) is not ax


def test_the_map_shows_the_first_estimator_sorted_on_a_dark_ground(nats, full):
    ranks = full["mean_activation"]["rank"].values
    ax = plot.mutual_information(nats, order=ranks)
    image = ax.get_images()[0]
    np.testing.assert_allclose(shown(ax, 7, 24), nats.values[0][:, np.argsort(ranks)], rtol=1e-6)
    low, high = image.get_clim()
    assert low == 0
    assert high == pytest.approx(np.quantile(nats.values[0], 0.99), rel=1e-6)
    assert image.cmap.name == "residyn_information"
    assert image.origin == "lower"
    assert bar(ax).get_ylabel() == "MI (nats), copula"
    assert ax.get_xlabel() == "unit, by its last mean"
    assert ax.get_ylabel() == "layer (2 sublayers each)"
    assert legend_rows(ax) == [["within", "cross"]]
    np.testing.assert_array_equal(shown(plot.mutual_information(nats), 7, 24), shown(ax, 7, 24))
    unsorted = plot.mutual_information(nats.drop_vars("rank"))
    np.testing.assert_allclose(shown(unsorted, 7, 24), nats.values[0], rtol=1e-6)


def test_another_estimator_is_chosen_by_name_or_before(nats):
    for ax in (
        plot.mutual_information(nats, estimator="kde"),
        plot.mutual_information(nats.sel(estimator="kde")),
        plot.mutual_information(nats.sel(estimator="kde"), estimator="kde"),
    ):
        np.testing.assert_allclose(shown(ax, 7, 24), nats.values[1][:, np.argsort(nats["rank"].values)], rtol=1e-6)
        assert bar(ax).get_ylabel() == "MI (nats), KDE"
    unnamed = plot.mutual_information(nats.sel(estimator="kde", drop=True))
    assert bar(unnamed).get_ylabel() == "MI (nats), estimator not named"
    for given in (nats, nats.sel(estimator="gcmi"), nats.sel(estimator="gcmi", drop=True)):
        with pytest.raises(DataError, match=r"got estimator='ksg'. Choose one of them, or compute it"):
            plot.mutual_information(given, estimator="ksg")


@pytest.mark.parametrize(
    ("values", "extend"), [([0, 1], "neither"), ([0, 3], "max"), ([-0.1, 1], "min"), ([-0.1, 3], "both")]
)
def test_arrows_say_what_lies_beyond_the_scale(nats, values, extend):
    one = nats[0].copy(data=np.resize(np.array(values, dtype=float), (7, 24)))
    ax = plot.mutual_information(one.drop_vars("rank"), vmax=2.0)
    image = ax.get_images()[0]
    np.testing.assert_array_equal(shown(ax, 7, 24), one.values.astype(np.float32))
    assert image.get_clim() == (0, 2)
    assert image.colorbar.extend == extend


def test_undefined_information_is_grey_and_named(nats, tmp_path):
    some = nats.copy(deep=True)
    some[:, 2, :5] = np.nan
    ax = plot.mutual_information(some)
    image = ax.get_images()[0]
    assert shown(ax, 7, 24).mask.sum() == 5
    assert to_hex(image.cmap.get_bad()) == style.UNDEFINED
    assert legend_rows(ax) == [["within", "cross", "undefined"]]
    none = plot.mutual_information(nats.where(False))
    assert none.get_images()[0].get_clim() == (0, 1)
    curve = plot.mutual_information_curve(nats.where(False))
    assert "undefined for every transition" in [text.get_text() for text in curve.texts]
    for number, drawn in enumerate((none, curve)):
        save(drawn.figure, tmp_path / str(number), ("png",))


def test_a_scale_that_is_none_is_refused(nats):
    for vmax in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="positive end of the colour scale"):
            plot.mutual_information(nats, vmax=vmax)


def test_dots_are_means_over_units_coloured_by_kind(nats):
    drawn = lines(plot.mutual_information_curve(nats))
    mean = nats.values.mean(axis=2)
    np.testing.assert_allclose(drawn["_joined"].get_ydata(), mean[0], rtol=1e-12)
    np.testing.assert_allclose(drawn["_kde"].get_ydata(), mean[1], rtol=1e-12)
    for kind, where in {"within": [0, 2, 4, 6], "cross": [1, 3, 5]}.items():
        for label, values in ((kind, mean[0]), (f"{kind} kde", mean[1])):
            np.testing.assert_array_equal(drawn[label].get_xdata(), where)
            np.testing.assert_allclose(drawn[label].get_ydata(), values[where], rtol=1e-12)
            assert drawn[label].get_marker() == style.KIND_MARKERS[kind]
        assert to_hex(drawn[kind].get_markerfacecolor()) == style.KIND_COLOURS[kind]
        assert drawn[f"{kind} kde"].get_markerfacecolor() == "white"
        assert to_hex(drawn[f"{kind} kde"].get_markeredgecolor()) == style.KIND_COLOURS[kind]
    assert drawn["_kde"].get_linewidth() < drawn["_joined"].get_linewidth()


def test_undefined_units_are_left_out_of_the_mean(nats):
    some = nats.copy(deep=True)
    some[0, 1, :10] = np.nan
    drawn = lines(plot.mutual_information_curve(some))
    assert drawn["_joined"].get_ydata()[1] == pytest.approx(nats.values[0, 1, 10:].mean(), rel=1e-12)


def test_the_band_is_the_middle_half_of_the_units(nats):
    ax = plot.mutual_information_curve(nats)
    assert ["Gaussian copula", "middle half"] in legend_rows(ax)
    bands = {to_hex(band.get_facecolor()[0]): band.get_paths()[0].vertices for band in ax.collections}
    quartiles = np.quantile(nats.values[0], (0.25, 0.75), axis=1)
    for transition in range(7):
        vertices = bands[style.KIND_COLOURS["cross" if transition % 2 else "within"]]
        here = vertices[vertices[:, 0] == transition, 1]
        assert (here.min(), here.max()) == pytest.approx(quartiles[:, transition], rel=1e-6)


def test_the_papers_estimator_stands_beside_another_only(nats, shuffle):
    for estimators, beside in ((["gcmi", "ksg"], False), (["kde", "gcmi"], False), (["ksg", "kde"], True)):
        named = nats.assign_coords(estimator=estimators)
        ax = plot.mutual_information_curve(named, shuffle=shuffle.assign_coords(estimator=estimators))
        assert ("_kde" in lines(ax)) is beside
        first = style.ESTIMATOR_NAMES[estimators[0]]
        assert [first, "middle half" if beside else "middle half of units"] in legend_rows(ax)
        assert (["KDE", "shuffled", "KDE shuffled"] if beside else ["shuffled"]) in legend_rows(ax)
        assert len(baselines(ax)) == 1 + beside
    alone = plot.mutual_information_curve(nats.sel(estimator="kde"))
    assert "_kde" not in lines(alone)
    assert ["KDE", "middle half of units"] in legend_rows(alone)


def test_baselines_follow_their_estimator_by_name(nats, shuffle):
    for given in (shuffle, shuffle.isel(estimator=[1, 0])):
        ax = plot.mutual_information_curve(nats, shuffle=given)
        np.testing.assert_allclose(baselines(ax), shuffle.values)
        assert ["KDE", "shuffled", "KDE shuffled"] in legend_rows(ax)
        dashes = [line._dash_pattern for line in ax.get_lines() if line.get_label() == "_shuffled"]
        assert dashes[0] != dashes[1]
    by_unit = shuffle + xr.DataArray(np.arange(24.0), dims="unit")
    ax = plot.mutual_information_curve(nats, shuffle=by_unit.assign_attrs(shuffle.attrs))
    np.testing.assert_allclose(baselines(ax), shuffle.values + 11.5)
    assert not baselines(plot.mutual_information_curve(nats))
    with pytest.raises(DataError, match="has 6 transitions, the mutual information 7"):
        plot.mutual_information_curve(nats, shuffle=shuffle.isel(transition=slice(6)))


def test_transitions_of_tied_samples_are_hatched(nats, tmp_path):
    ties = np.zeros((7, 24))
    ties[0], ties[3, :20], ties[5, :12] = 0.9, 0.61, 1.0  # means 0.9, 0.508 and 0.5
    ax = plot.mutual_information_curve(nats.assign_coords(tie_share=(("transition", "unit"), ties)))
    spans = [patch for patch in ax.patches if patch.get_label() == "_tied"]
    assert [(span.get_x(), span.get_width()) for span in spans] == [(-0.5, 1.0), (2.5, 1.0)]
    assert all(span.get_hatch() for span in spans)
    assert ["within", "cross", "tied samples"] in legend_rows(ax)
    save(ax.figure, tmp_path / "f", ("svg",))
    for free in (nats, nats.drop_vars("tie_share")):
        ax = plot.mutual_information_curve(free)
        assert not [patch for patch in ax.patches if patch.get_label() == "_tied"]
        assert ["within", "cross"] in legend_rows(ax)


def test_the_ceiling_is_shown_where_it_lies_in_view(nats):
    top = plot.mutual_information_curve(nats).get_ylim()[1]
    near = plot.mutual_information_curve(nats.assign_attrs(ceiling=0.9 * top))
    assert ["within", "cross", "ln N − 1"] in legend_rows(near)
    assert [line for line in near.get_lines() if np.allclose(line.get_ydata(), 0.9 * top)]
    for attrs in ({"ceiling": 1.1 * top}, {"ceiling": float("nan")}, {}):
        bare = nats.copy()
        bare.attrs = {key: value for key, value in nats.attrs.items() if key != "ceiling"} | attrs
        ax = plot.mutual_information_curve(bare)
        assert ["within", "cross"] in legend_rows(ax)
        assert ax.get_ylim()[1] == pytest.approx(top)


def test_a_reference_never_squashes_the_models_own_curve(nats):
    bottom, top = plot.mutual_information_curve(nats).get_ylim()
    low = {"label": "low", "values": [0.1, 0.5 * top, 0.2]}
    assert plot.mutual_information_curve(nats, reference=low).get_ylim() == (bottom, top)
    little = {"label": "little", "values": [0.1, 1.1 * top, 0.2]}
    ax = plot.mutual_information_curve(nats, reference=little)
    assert top < ax.get_ylim()[1] < 1.3 * top
    assert ax.get_ylim()[1] > 1.1 * top
    assert not [text for text in ax.texts if "↑" in text.get_text()]
    high = {"label": "high", "values": [40.0, 1.0, 2.0]}
    ax = plot.mutual_information_curve(nats, reference=high)
    assert ax.get_ylim() == pytest.approx((bottom, bottom + 1.3 * (top - bottom)))
    (said,) = [text for text in ax.texts if "↑" in text.get_text()]
    assert said.get_text() == "↑ 40"
    assert said.xy[0] == 0
    (dashed,) = [line for line in ax.get_lines() if line.is_dashed() and len(line.get_xdata()) == 3]
    np.testing.assert_allclose(dashed.get_ydata(), high["values"])
    assert ["high"] in legend_rows(ax)


def test_axes_are_labelled_with_units(nats):
    ax = plot.mutual_information_curve(nats)
    assert ax.get_ylabel() == "mutual information (nats)"
    assert ax.get_xlabel() == "layer (2 sublayers each)"
    assert ax.get_ylim()[0] <= 0


def test_a_wrong_result_is_named(nats, shuffle, full):
    for draw in (plot.mutual_information, plot.mutual_information_curve):
        with pytest.raises(DataError, match=r"draws the result 'mutual_information', got 'cosine'"):
            draw(full["cosine"])
        with pytest.raises(DataError, match=r"got ndarray"):
            draw(nats.values)
        with pytest.raises(DataError, match=r"coordinate 'kind'"):
            draw(nats.drop_vars("kind"))
    with pytest.raises(DataError, match=r"each of the 24 units"):
        plot.mutual_information(nats, order=np.arange(3))
    with pytest.raises(DataError, match=r"'mutual_information_shuffle', got 'mutual_information'"):
        plot.mutual_information_curve(nats, shuffle=nats)


def test_hostile_names_are_only_text(nats, shuffle, hostile, tmp_path):
    named = nats.assign_coords(estimator=[hostile, "kde"])
    reference = {"label": hostile, "values": [1.0, 9e9]}
    drawn = (
        plot.mutual_information(named),
        plot.mutual_information_curve(named, shuffle=shuffle, reference=reference),
    )
    for number, ax in enumerate(drawn):
        paths = save(ax.figure, tmp_path / str(number), ("pdf", "svg"))
        assert "<b>" not in paths[1].read_text(encoding="utf-8")
