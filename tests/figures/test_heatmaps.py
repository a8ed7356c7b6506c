from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from residyn.errors import DataError, UsageError
from residyn.figures import plot, style
from residyn.figures.plot import parts
from residyn.figures.saving import save


def shown(ax, n_rows, n_units):
    """The values of a heat map, one per row and unit, and that nothing lies between them."""
    pixels = ax.get_images()[0].get_array()
    high, wide = pixels.shape[0] // n_rows, pixels.shape[1] // n_units
    values = pixels[::high, ::wide]
    assert pixels.shape == (n_rows * high, n_units * wide)
    np.testing.assert_array_equal(pixels.filled(9), np.kron(values.filled(9), np.ones((high, wide))))
    return values


def bar(ax):
    (bar,) = [child for child in ax.child_axes if child.get_ylabel()]
    return bar


def legend_names(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("draw", [plot.mean_activation, plot.unit_correlation, plot.correlation_density])
def test_given_axes_are_used_and_returned(results, draw):
    ax = Figure().subplots()
    assert draw(results[draw.__name__], ax=ax) is ax
    assert len(ax.get_images()) == 1


def test_means_are_sorted_clipped_and_labelled(results):
    means = results["mean_activation"]
    ax = plot.mean_activation(means, clip=1.0)
    image = ax.get_images()[0]
    values = shown(ax, 8, 24)
    order = np.argsort(means.values[-1])
    np.testing.assert_allclose(values, means.values[:, order], rtol=1e-6)
    assert (np.diff(values[-1]) >= 0).all()
    assert image.get_clim() == (-1, 1)
    assert image.origin == "lower"
    assert image.get_extent() == [0, 24, -0.5, 7.5]
    assert bar(ax).get_ylabel() == "mean activation"
    assert ax.get_xlabel() == "unit, by its last mean"
    assert ax.get_ylabel() == "layer (2 sublayers each)"
    np.testing.assert_array_equal(ax.get_yticks(), [0, 2, 4, 6])


def test_the_colour_scale_of_means_is_symmetric_and_positive(results):
    means = results["mean_activation"]
    low, high = plot.mean_activation(means).get_images()[0].get_clim()
    assert -low == high == pytest.approx(np.quantile(abs(means.values), 0.99), rel=1e-6)
    assert plot.mean_activation(means * 0 + means.where(False)).get_images()[0].get_clim() == (-1, 1)
    for clip in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="positive end"):
            plot.mean_activation(means, clip=clip)


def test_small_means_of_early_sublayers_have_colours_beside_large_late_ones(results):
    means = results["mean_activation"]
    growing = means.copy(data=np.sign(means.values) * 3.0 ** np.arange(8)[:, None])
    image = plot.mean_activation(growing).get_images()[0]
    assert abs(image.norm(1.0) - 0.5) > 0.02
    assert abs(plot.mean_activation(growing, clip=3.0**7).get_images()[0].norm(1.0) - 0.5) < 0.001
    ticks = bar(plot.mean_activation(growing)).get_yticks()
    np.testing.assert_allclose(ticks, -ticks[::-1])
    assert [text.get_text() for text in bar(plot.mean_activation(growing)).get_yticklabels()][-1] == "1000"


def test_correlations_follow_the_order_and_show_kinds(results):
    r = results["unit_correlation"]
    ranks = results["mean_activation"]["rank"].values
    ax = plot.unit_correlation(r.drop_vars("rank"), order=ranks)
    np.testing.assert_allclose(shown(ax, 7, 24), r.values[:, np.argsort(ranks)], rtol=1e-6)
    np.testing.assert_array_equal(shown(plot.unit_correlation(r), 7, 24), shown(ax, 7, 24))
    weakest = np.floor(10 * np.quantile(r.values, 0.05)) / 10
    assert ax.get_images()[0].get_clim() == pytest.approx((min(weakest, 0.75), 1.0))
    assert plot.unit_correlation(r, vmin=0.5).get_images()[0].get_clim() == (0.5, 1.0)
    assert plot.unit_correlation(r * 0 + 0.99).get_images()[0].get_clim() == (0.75, 1.0)
    unsorted = plot.unit_correlation(r.drop_vars("rank"))
    np.testing.assert_allclose(shown(unsorted, 7, 24), r.values, rtol=1e-6)
    assert unsorted.get_xlabel() == "unit"
    assert bar(ax).get_ylabel() == "Pearson r"
    assert legend_names(ax) == ["within", "cross"]


def test_the_strip_follows_the_kinds_and_no_parity(results):
    kinds = ["within", "block", "cross", "block", "within", "within", "cross"]
    ax = plot.unit_correlation(results["unit_correlation"].assign_coords(kind=("transition", kinds)))
    (strip,) = [child for child in ax.child_axes if child.get_label() == "transition kind"]
    image = strip.get_images()[0]
    assert image.origin == "lower"
    lanes = image.get_array()
    assert (~lanes.mask).sum(axis=1).tolist() == [1] * 7
    assert [int(np.flatnonzero(~row)[0]) for row in lanes.mask] == [
        parts.present(kinds).index(kind) for kind in kinds
    ]
    colours = [to_hex(colour) for colour in image.cmap(image.norm(lanes.compressed()))]
    assert colours == [style.KIND_COLOURS[kind] for kind in kinds]
    assert legend_names(ax) == ["within", "cross", "block"]


def test_undefined_correlations_are_grey_and_named(results, tmp_path):
    r = results["unit_correlation"].copy(deep=True)
    r[2, :] = np.nan
    r[4, 5] = np.nan
    ax = plot.unit_correlation(r)
    image = ax.get_images()[0]
    assert shown(ax, 7, 24).mask.sum() == 25
    assert to_hex(image.cmap.get_bad()) == style.UNDEFINED
    assert legend_names(ax) == ["within", "cross", "undefined"]
    save(plot.unit_correlation(r.where(False)).figure, tmp_path / "f", ("png",))


@pytest.mark.parametrize("values", [[-2.0, 0.0, 2.0], [0.0, 2.0, 2.0], [-2.0, 0.0, 0.0], [0.0, 0.0, 0.5]])
def test_arrows_stand_where_values_lie_beyond_the_scale(results, values):
    means = results["mean_activation"].copy(data=np.resize(values, (8, 24)))
    image = plot.mean_activation(means, clip=1.0).get_images()[0]
    wanted = {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}
    assert image.colorbar.extend == wanted[min(values) < -1, max(values) > 1]


def test_density_shows_the_chosen_kind(results):
    density = results["correlation_density"]
    order = np.argsort(density["rank"].values)
    for kind in ("all", "within", "cross"):
        ax = plot.correlation_density(density, kind=kind)
        chosen = density.sel(transition_kind=kind).values[:, order]
        np.testing.assert_allclose(shown(ax, density.sizes["bin"], 24), chosen, rtol=1e-6)
        assert ax.get_images()[0].get_extent() == pytest.approx([0, 24, 0, 1])
        assert ax.get_ylabel() == "Pearson r"
    assert bar(ax).get_ylabel() == "share of transitions (cross layer)"
    with pytest.raises(DataError, match=r"all, within, cross; got 'block'"):
        plot.correlation_density(density, kind="block")


def test_density_shows_where_correlations_are_and_says_what_lies_below(results):
    density = results["correlation_density"]
    values = np.zeros(density.shape)
    values[:, 30:40] = 0.1
    strong = density.copy(data=values).assign_coords(share_negative=density["share_negative"] * 0)
    ax = plot.correlation_density(strong)
    assert ax.get_ylim() == pytest.approx((0.6, 1.0))
    assert not ax.texts
    negative = strong.assign_coords(share_negative=strong["share_negative"] + 0.25)
    assert [text.get_text() for text in plot.correlation_density(negative).texts] == ["25\u00a0% below r = 0.6"]
    values[:, 30:40], values[:, 5] = 0.099, 0.01
    some = plot.correlation_density(strong.copy(data=values))
    assert some.get_ylim() == pytest.approx((0.6, 1.0))
    assert [text.get_text() for text in some.texts] == ["1\u00a0% below r = 0.6"]


def test_wrong_results_and_orders_are_named(results):
    with pytest.raises(DataError, match=r"draws the result 'unit_correlation', got 'mean_activation'"):
        plot.unit_correlation(results["mean_activation"])
    with pytest.raises(DataError, match=r"coordinate 'rank'"):
        plot.mean_activation(results["mean_activation"].drop_vars("rank"))
    with pytest.raises(DataError, match=r"each of the 24 units, got shape \(3,\)"):
        plot.unit_correlation(results["unit_correlation"], order=np.arange(3))
    with pytest.raises(UsageError, match="below 1"):
        plot.unit_correlation(results["unit_correlation"], vmin=1.0)


def test_stripes_do_not_alias(results_of, map_of):
    """Alternating units of −1 and +1, many to a dot, are drawn as their mean, and not as either."""
    n_units = 8192
    means = results_of(map_of("falcon", 2), n_units, 3)["mean_activation"]
    stripes = means.copy(data=np.resize([-1.0, 1.0], (2, n_units))).assign_coords(
        rank=("unit", np.arange(n_units))
    )
    figure = style.new_figure(60, 40)
    ax = plot.mean_activation(stripes, ax=figure.add_axes((0, 0, 1, 1)))
    ax.set_axis_off()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[10:-10, 10:180, :3].astype(float)
    between = 255 * (np.array(style.DIVERGING(0.0)[:3]) + style.DIVERGING(1.0)[:3]) / 2
    assert abs(pixels - between).max() < 12


def test_hostile_units_are_only_text(results, hostile, tmp_path):
    ax = plot.mean_activation(results["mean_activation"].assign_attrs(units=hostile))
    save(ax.figure, tmp_path / "b", ("svg",))
    save(plot.velocity(results["velocity"].assign_attrs(units=hostile)).figure, tmp_path / "f", ("pdf",))
