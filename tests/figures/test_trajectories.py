from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Line3DCollection

import residyn as rd
from residyn.errors import DataError, UsageError
from residyn.figures import plot, style
from residyn.figures.saving import save


def drawn_lines(ax):
    """The samples' paths and the steps of the mean."""
    paths, mean = (child for child in ax.collections if isinstance(child, LineCollection))
    return paths, mean


def marks(ax):
    return {child.get_label(): child for child in ax.collections if not isinstance(child, LineCollection)}


def legend_rows(ax):
    legends = [ax.get_legend(), *reversed(ax.artists)]
    return [[text.get_text() for text in legend.get_texts()] for legend in legends]


@pytest.fixture
def scores(full):
    return full["pc_scores"]


def with_massive(scores, share):
    """Some samples with an activation that is far beyond all others at one sublayer."""
    values = scores.copy(deep=True)
    n = round(share * scores.sizes["sample"] * scores.sizes["sublayer"])
    values[:n, 3, 0] = 1e5
    return values


def test_given_axes_are_used_and_returned(scores):
    ax = Figure().subplots()
    assert plot.trajectories(scores, ax=ax) is ax
    assert plot.trajectories(scores) is not ax
    space = Figure().add_subplot(projection="3d")
    assert plot.trajectories_3d(scores, ax=space) is space
    assert isinstance(plot.trajectories_3d(scores), Axes3D)
    with pytest.raises(DataError, match=r"needs axes in three dimensions, got Axes\."):
        plot.trajectories_3d(scores, ax=Figure().subplots())


@pytest.mark.parametrize("components", [(0, 1), (2, 0)])
def test_every_sample_is_a_path_and_the_mean_is_over_all(scores, components):
    ax = plot.trajectories(scores, components=components)
    paths, mean = drawn_lines(ax)
    values = scores.values[:, :, components]
    np.testing.assert_allclose(np.stack(paths.get_segments()), values, rtol=1e-12)
    steps = np.stack(mean.get_segments())
    np.testing.assert_allclose(steps[:, 0], values.mean(axis=0)[:-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(steps[:, 1], values.mean(axis=0)[1:], rtol=1e-9, atol=1e-12)
    assert paths.get_rasterized()
    assert not mean.get_rasterized()
    assert paths.get_zorder() < mean.get_zorder()
    assert 0.05 < paths.get_alpha() <= 0.5


def test_few_of_many_samples_are_drawn_evenly_and_the_mean_stays(scores):
    few = plot.trajectories(scores, most=7)
    paths, mean = drawn_lines(few)
    chosen = np.stack(paths.get_segments())
    np.testing.assert_allclose(chosen, scores.values[[0, 5, 10, 14, 19, 24, 29], :, :2], rtol=1e-12)
    np.testing.assert_array_equal(mean.get_segments(), drawn_lines(plot.trajectories(scores))[1].get_segments())
    with pytest.raises(UsageError, match="1 or more; got 0"):
        plot.trajectories(scores, most=0)


def test_states_are_marked_by_site_and_coloured_by_layer(scores):
    ax = plot.trajectories(scores)
    mean = scores.values.mean(axis=0)[:, :2]
    wanted = style.DEPTH(np.repeat([0.0, 1 / 3, 2 / 3, 1.0], 2))
    found = marks(ax)
    assert set(found) == {"attn", "mlp"}
    for place, site in enumerate(("attn", "mlp")):
        np.testing.assert_allclose(found[site].get_offsets(), mean[place::2], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found[site].get_edgecolors(), wanted[place::2], atol=1e-6)
    np.testing.assert_allclose(found["attn"].get_facecolors(), wanted[::2], atol=1e-6)
    np.testing.assert_array_equal(found["mlp"].get_facecolors(), [[1, 1, 1, 1]])
    np.testing.assert_allclose(drawn_lines(ax)[1].get_edgecolors(), wanted[:-1], atol=1e-6)
    assert legend_rows(ax) == [["attn state", "mlp state", "mean"], ["sample"]]
    (bar,) = [child for child in ax.child_axes if child.get_ylabel()]
    assert bar.get_ylabel() == "layer"
    assert [label.get_text() for label in bar.get_yticklabels()] == ["0", "1", "2", "3"]


def test_axes_say_their_share_of_the_variance(scores):
    named = scores.assign_coords(explained=("pc", [0.6349, 0.0251, 0.0004, *[0.0] * 7]))
    ax = plot.trajectories(named, components=(0, 1))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("PC1 (63\u00a0%)", "PC2 (2.5\u00a0%)")
    space = plot.trajectories_3d(named)
    assert (space.get_xlabel(), space.get_zlabel()) == ("PC1 (63\u00a0%)", "PC3 (0.04\u00a0%)")
    assert plot.trajectories(scores.drop_vars("explained")).get_xlabel() == "PC1"


def test_a_regular_cloud_is_shown_whole(scores):
    ax = plot.trajectories(scores)
    for (low, high), values in zip((ax.get_xlim(), ax.get_ylim()), np.moveaxis(scores.values, 2, 0), strict=False):
        width = np.ptp(values)
        assert low == pytest.approx(values.min() - 0.07 * width)
        assert high == pytest.approx(values.max() + 0.07 * width)


@pytest.mark.parametrize("draw", [plot.trajectories, plot.trajectories_3d])
def test_massive_activations_do_not_squash_the_view(scores, draw):
    one = with_massive(scores, 1 / 240)
    plain, ax = draw(scores), draw(one)
    # The mean path, which the massive sample moves too, stays in view.
    middle = one.values[:, 3, 0].mean()
    low, high = ax.get_xlim()
    assert low < plain.get_xlim()[0] * 0.5
    assert middle < high < 1.2 * middle
    np.testing.assert_allclose(ax.get_ylim(), plain.get_ylim(), rtol=0.3)
    assert legend_rows(ax)[-1] == ["sample (0.42\u00a0% of states outside)"]
    assert legend_rows(plain)[-1] == ["sample"]


def test_the_share_outside_counts_states_beyond_any_side(scores):
    values = scores.copy(deep=True)
    values[0, 2, 0], values[2, 4, 0], values[1, 3, 1] = 4e3, -4e3, -5e3
    assert legend_rows(plot.trajectories(values))[-1] == ["sample (1.2\u00a0% of states outside)"]


def test_undefined_states_break_a_path_and_are_left_out_of_the_mean(scores, tmp_path):
    some = scores.copy(deep=True)
    some[4, 2, 1] = np.nan
    some[:, 5] = np.nan
    ax = plot.trajectories(some)
    path = drawn_lines(ax)[0].get_paths()[4].vertices
    assert np.isnan(path[2]).all()
    wanted = np.delete(scores.values[:, 2, :2], 4, axis=0).mean(axis=0)
    np.testing.assert_allclose(marks(ax)["attn"].get_offsets()[1], wanted, rtol=1e-9)
    assert len(marks(ax)["mlp"].get_offsets()) == 3  # the one without any state is left out
    for number, draw in enumerate((plot.trajectories, plot.trajectories_3d)):
        save(draw(some).figure, tmp_path / f"some{number}", ("svg",))
        none = draw(scores.where(False))
        assert "undefined for every state" in [text.get_text() for text in none.texts]
        save(none.figure, tmp_path / f"none{number}", ("svg",))


def test_space_shows_three_components(scores):
    ax = plot.trajectories_3d(scores, most=5)
    paths, mean = (child for child in ax.collections if isinstance(child, Line3DCollection))
    np.testing.assert_allclose(
        np.stack(paths._segments3d), scores.values[[0, 7, 14, 22, 29]][:, :, :3], rtol=1e-12
    )
    np.testing.assert_allclose(np.stack(mean._segments3d)[:, 0], scores.values.mean(axis=0)[:-1, :3], atol=1e-12)
    assert paths.get_rasterized()
    for limits, ticks in ((ax.get_xlim(), ax.get_xticks()), (ax.get_zlim(), ax.get_zticks())):
        assert len(ticks) >= 1
        assert limits[0] <= ticks.min() <= ticks.max() <= limits[1]
    assert ax.computed_zorder is False
    (bar,) = [child for child in ax.child_axes if child.get_xlabel()]
    assert bar.get_xlabel() == "layer"


def test_a_single_layer_and_a_single_sample_can_be_drawn(map_of, results_of, tmp_path):
    scores = results_of(map_of("llama", 1))["pc_scores"]
    for number, draw in enumerate((plot.trajectories, plot.trajectories_3d)):
        save(draw(scores.isel(sample=[0])).figure, tmp_path / str(number), ("png",))


def test_a_wrong_result_and_wrong_components_are_named(scores, full):
    with pytest.raises(DataError, match=r"draws the result 'pc_scores', got 'cosine'"):
        plot.trajectories(full["cosine"])
    with pytest.raises(DataError, match=r"coordinate 'site'"):
        plot.trajectories(scores.drop_vars("site"))
    strange = scores.assign_coords(site=("sublayer", ["odd"] * 8))
    with pytest.raises(DataError, match=r"mixer, mlp, block, out; got 'odd'"):
        plot.trajectories(strange)
    for components in ((0, 10), (0,), (-1, 0), (0, 1, 2)):
        with pytest.raises(UsageError, match="of the 10 components that the scores hold"):
            plot.trajectories(scores, components=components)
    with pytest.raises(UsageError, match="draws 3 of the 2 components"):
        plot.trajectories_3d(scores.isel(pc=slice(2)))


def test_files_of_many_paths_stay_small_and_the_same(scores, tmp_path):
    many = xr.concat([scores] * 33, dim="sample")
    for draw in (plot.trajectories, plot.trajectories_3d):
        first, again = (save(draw(many).figure, tmp_path / name, ("pdf", "svg", "png")) for name in ("a", "b"))
        for one, other in zip(first, again, strict=True):
            assert one.stat().st_size < 600_000
            assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("n_layers", "shown"), [(3, ["0", "1", "2"]), (30, None)])
def test_the_bar_in_the_corner_names_each_of_few_layers(n_layers, shown):
    values = np.random.default_rng(0).normal(size=(40, 2 * n_layers, 6)).cumsum(axis=1)
    states = rd.from_array(values, np.repeat(range(n_layers), 2), ["attn", "mlp"] * n_layers)
    ax = rd.plot.trajectories_3d(rd.pc_scores(states, rd.fit_space(states, n_components=3)))
    ticks = [text.get_text() for bar in ax.child_axes for text in bar.get_xticklabels()]
    assert 2 <= len(ticks) <= 5
    assert shown in (None, ticks)
