from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from residyn.errors import DataError, UsageError
from residyn.figures import plot, style
from residyn.figures.plot import fields
from residyn.figures.saving import save
from synthetic_jumps import relaxing

N = 36
"""Targets of the grid; the others of the flow are of other kinds."""


def arrows(ax):
    found = [artist for artist in ax.collections if isinstance(artist, Quiver)]
    assert len(found) <= 1
    return found[0] if found else None


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def plots(row):
    return [child for child in row.child_axes if child.get_xlabel().startswith("PC1")]


def legend_names(ax):
    legends = [legend for legend in (ax.get_legend(), *reversed(ax.artists)) if legend]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def words(ax):
    return [text.get_text() for text in ax.texts]


def factor_of(ax):
    """The factor that the legend says, or of a field in a row the words above it."""
    (said,) = [said for said in (*(legend_names(ax) if ax.get_legend() else ()), *words(ax)) if "×" in said]
    return float(said.split("×")[1])


def test_given_axes_are_used_and_returned(attracted):
    for draw in (plot.teleports, plot.teleport_row):
        ax = Figure().subplots()
        assert draw(attracted, ax=ax) is ax
        assert draw(attracted) is not ax


@pytest.mark.parametrize(("place", "host"), [(0, 0), (2, 1)])
def test_an_arrow_goes_from_the_target_as_far_as_the_legend_says(attracted, place, host):
    ax = plot.teleports(attracted, place, host=host)
    drawn = arrows(ax)
    start = attracted["start"].values[host, place, :N]
    move = attracted["displacement"].values[host, place, :N]
    np.testing.assert_allclose(drawn.get_offsets(), start, rtol=1e-12)
    factor = factor_of(ax)
    assert factor > 0
    np.testing.assert_allclose(np.stack([drawn.U, drawn.V], axis=1), factor * move, rtol=1e-9)
    assert (drawn.angles, drawn.scale_units, drawn.scale) == ("xy", "xy", 1)


def test_colour_is_what_is_left_of_the_displacement_at_the_horizon(attracted):
    for place, horizon in enumerate([12, 10, 9, 1]):
        drawn = arrows(plot.teleports(attracted, place))
        np.testing.assert_allclose(drawn.get_array(), np.full(N, 0.9**horizon), rtol=1e-9)
        assert drawn.get_clim() == (0, 2)
        assert drawn.cmap.name == style.RETENTION.name
    assert np.ptp(style.RETENTION(0.5)[:3]) < 0.01
    assert style.RETENTION(0.1)[2] > 2 * style.RETENTION(0.1)[0]
    assert style.RETENTION(0.9)[0] > 2 * style.RETENTION(0.9)[1]


def test_the_colour_bar_points_beyond_its_ends_where_values_lie(flow_of):
    for factor, extend in ((0.9, "neither"), (1.1, "max"), (-1.0, "both")):
        row = plot.teleport_row(flow_of(relaxing(factor), at=["3.attn", "4.attn"]))
        bar = row.child_axes[-1]
        assert "ρ" in bar.get_ylabel()
        assert bar._colorbar.extend == ("min" if factor == -1.0 else extend)


def test_all_places_have_one_view_and_each_its_factor(attracted):
    row = plot.teleport_row(attracted)
    drawn = plots(row)
    assert [words(ax) for ax in drawn] == [
        [name, f"+{span} ×{factor_of(plot.teleports(attracted, place)):g}"]
        for place, (name, span) in enumerate([("layer 0", 12), ("2.mlp", 10), ("layer 3", 9), ("layer 7", 1)])
    ]
    assert len({ax.get_xlim() for ax in drawn}) == len({ax.get_ylim() for ax in drawn}) == 1
    for place, ax in enumerate(drawn):
        move, factor = attracted["displacement"].values[0, place, :N], factor_of(ax)
        np.testing.assert_allclose(arrows(ax).U, factor * move[:, 0], rtol=1e-9)
        alone = plot.teleports(attracted, place)
        assert (alone.get_xlim(), alone.get_ylim(), factor_of(alone)) == (ax.get_xlim(), ax.get_ylim(), factor)
    assert [ax.get_ylabel() for ax in drawn] == ["PC2", "", "", ""]
    assert [bool(ax.get_yticklabels()[0].get_text()) for ax in drawn] == [True, False, False, False]
    starts = attracted["start"].values[0, 0, :N]
    for limits, values in zip((drawn[0].get_xlim(), drawn[0].get_ylim()), starts.T, strict=True):
        assert limits[0] < values.min() < values.max() < limits[1]


def test_long_arrows_of_one_place_do_not_hide_those_of_another(attracted):
    move = attracted["displacement"].copy(deep=True)
    move[0, 3] *= 1000
    others = plot.teleports(attracted.assign(displacement=move), 0)
    np.testing.assert_array_equal(arrows(others).U, arrows(plot.teleports(attracted, 0)).U)


def test_nearby_targets_are_those_about_the_host_each_place_in_its_own_view(attracted, cloud):
    row = plot.teleports_nearby(attracted, cloud=cloud)
    kinds, radii = attracted["target_kind"].values, attracted["radius"].values
    used = np.flatnonzero((kinds == "disc") & (radii <= max(2.0, radii[kinds == "disc"].min())))
    assert used.size
    for place, ax in enumerate(plots(row)):
        start = attracted["start"].values[0, place, used]
        np.testing.assert_allclose(arrows(ax).get_offsets(), start, rtol=1e-12)
        move = attracted["displacement"].values[0, place, used]
        np.testing.assert_allclose(arrows(ax).U, factor_of(ax) * move[:, 0], rtol=1e-9)
        for limits, values in zip((ax.get_xlim(), ax.get_ylim()), start.T, strict=True):
            assert limits[0] < values.min() <= values.max() < limits[1]
    with pytest.raises(DataError, match=r"of the kind disc; these are grid"):
        plot.teleports_nearby(attracted.isel(target=slice(N)))


@pytest.mark.parametrize("most", [1e-3, 0.03, 1.0, 40.0, 3e4])
def test_long_arrows_have_a_length_that_can_be_seen_by_a_round_factor(attracted, most):
    move = attracted["displacement"]
    scaled = attracted.assign(displacement=move / np.abs(move.values).max() * most)
    ax = plot.teleports(scaled)
    factor = factor_of(ax)
    assert factor in {float(f"{digit}e{power}") for digit in (1, 2, 5) for power in range(-8, 12)}
    width = np.ptp(attracted["start"].values[0, 0, :N], axis=0)
    found = scaled["displacement"].values[0, 0, :N] / width
    long = np.quantile(np.linalg.norm(found, axis=-1), 0.95) * np.sqrt(N)
    assert factor * long <= 1.6 * (1 + 1e-9)
    assert factor * long > 1.6 / 2.5 * (1 - 1e-9)


def test_the_control_goes_from_the_write_to_the_horizon(attracted):
    ax = plot.teleports(attracted, "2.mlp", host=1)
    path = attracted["control_path"].values[1, 5:16]
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["_control"].get_xydata(), path, rtol=1e-12)
    np.testing.assert_allclose(drawn["_start"].get_xydata(), path[:1])
    np.testing.assert_allclose(drawn["_end"].get_xydata(), path[-1:])
    assert drawn["_start"].get_markerfacecolor() == "white"
    assert drawn["_end"].get_markerfacecolor() == drawn["_control"].get_color() == style.MUTED
    assert drawn["_control"].get_zorder() > arrows(ax).get_zorder()


def test_a_control_far_from_the_grid_does_not_squash_it(attracted):
    far = attracted["control_path"].copy(deep=True)
    far[0] += 4000
    near, moved = plot.teleports(attracted), plot.teleports(attracted.assign(control_path=far))
    start = far.values[0, 0]
    assert f"control outside,\nfrom ({start[0]:.0f}, {start[1]:.0f})" in words(moved)
    assert not any("outside" in said for said in words(near))
    assert np.ptp(moved.get_xlim()) <= np.ptp(near.get_xlim())
    lowest = attracted["start"].values[0, 0, :N, 1].min()
    low, high = moved.get_ylim()
    assert (lowest - low) / (high - low) > 0.2


@pytest.mark.parametrize(
    ("score", "said"), [(-0.01234, "−0.0123"), (-99.44, "−99.4"), (1234.6, "1235"), (-2.4e7, "−2e+07")]
)
def test_scores_are_written_short(attracted, score, said):
    path = attracted["control_path"].copy(deep=True)
    path[0] = [score, 9e4]
    assert f"control outside,\nfrom ({said}, 90000)" in words(plot.teleports(attracted.assign(control_path=path)))


def test_a_control_near_the_grid_stretches_the_view(attracted):
    path = attracted["control_path"].copy(deep=True)
    start = attracted["start"].values[0, 0, :N]
    path[0, 0] = start.max(axis=0) + 0.4 * np.ptp(start, axis=0)
    ax = plot.teleports(attracted.assign(control_path=path))
    assert ax.get_xlim()[1] > path.values[0, 0, 0]
    assert ax.get_ylim()[1] > path.values[0, 0, 1]


def test_the_cloud_is_the_samples_states_at_this_sublayer(attracted, cloud):
    row = plot.teleport_row(attracted, cloud=cloud)
    for sublayer, ax in zip((0, 5, 6, 14), plots(row), strict=True):
        (dots,) = [artist for artist in ax.collections if artist.get_label() == "_cloud"]
        np.testing.assert_allclose(dots.get_offsets(), cloud.values[:, sublayer, :2], rtol=1e-12)
        assert dots.get_rasterized()
        assert dots.get_zorder() < arrows(ax).get_zorder()
    assert legend_names(row)[-1] == "samples' states"
    assert "samples' states" not in legend_names(plot.teleport_row(attracted))
    some = cloud.copy(deep=True)
    some[3, 0, 1] = np.nan
    (dots,) = [a for a in plot.teleports(attracted, cloud=some).collections if a.get_label() == "_cloud"]
    assert len(dots.get_offsets()) == 59


def test_where_no_sublayer_follows_it_says_so(flow_of, tmp_path):
    last = flow_of(relaxing(0.9), at=["3.attn", "7.mlp"])
    row = plot.teleport_row(last)
    ax = plots(row)[1]
    assert words(ax) == ["no sublayer follows", "7.mlp", "+0"]
    assert arrows(ax) is None
    assert "_end" not in lines(ax)
    only = plot.teleport_row(last.isel(injected=[1]))
    assert "no sublayer follows" in words(plots(only)[0])
    save(only.figure, tmp_path / "f", ("svg",))


def test_undefined_arrows_are_left_out_and_undefined_colours_grey(attracted, tmp_path):
    move, rho = attracted["displacement"].copy(deep=True), attracted["rho"].copy(deep=True)
    move[0, 0, 3] = np.nan
    rho[0, 0, 5] = np.nan
    ax = plot.teleports(attracted.assign(displacement=move, rho=rho))
    drawn = arrows(ax)
    np.testing.assert_allclose(drawn.get_offsets(), np.delete(attracted["start"].values[0, 0, :N], 3, axis=0))
    assert np.flatnonzero(np.ma.getmaskarray(drawn.get_array())).tolist() == [4]
    save(ax.figure, tmp_path / "f", ("svg",))
    none = plot.teleports(attracted.assign(displacement=move.where(False)))
    assert "undefined" in words(none)


def test_six_of_many_places_are_drawn_the_first_and_the_last_among_them(flow_of):
    many = flow_of(relaxing(0.9), at=[f"{layer}.attn" for layer in range(8)])
    row = plot.teleport_row(many)
    spans = {0: 12, 1: 12, 3: 9, 4: 7, 6: 3, 7: 1}
    said = [words(ax) for ax in plots(row)]
    assert [[name, arrows.split(" ×")[0]] for name, arrows in said] == [
        [f"layer {layer}", f"+{span}"] for layer, span in spans.items()
    ]
    assert legend_names(row)[0] == "displacement over +n sublayers, times the factor above"


@pytest.mark.parametrize("n", [5, 6])
def test_titles_of_a_row_have_room(flow_of, n):
    places = ["0.attn", "1.mlp", "3.attn", "5.attn", "5.mlp", "7.attn"]
    deep = ("injected", range(10, 10 + n))
    row = plot.teleport_row(flow_of(relaxing(0.9), at=places[:n]).assign_coords(injected_layer=deep))
    row.figure.draw_without_rendering()
    assert len(plots(row)) == n
    for ax in plots(row):
        place, span = (text.get_window_extent() for text in ax.texts)
        assert place.x1 < span.x0


def test_targets_without_kinds_are_all_drawn(attracted):
    assert len(arrows(plot.teleports(attracted.drop_vars("target_kind"))).get_offsets()) == N + 16


def test_wrong_results_and_places_are_named(attracted, cloud, full):
    with pytest.raises(DataError, match=r"flow\(jumps, space\) returns, got DataArray"):
        plot.teleports(cloud)
    with pytest.raises(DataError, match=r"lacks rho, control_path"):
        plot.teleports(attracted.drop_vars(["rho", "control_path"]))
    with pytest.raises(DataError, match=r"'start' needs the dimensions .*Keep a dimension"):
        plot.teleports(attracted.isel(host=0))
    with pytest.raises(DataError, match=r"of the kind grid; these are disc, isotropic\. Teleport to some"):
        plot.teleports(attracted.isel(target=slice(N, None)))
    with pytest.raises(DataError, match=r"two scores of every sample at 2\.mlp; it has 1"):
        plot.teleports(attracted, "2.mlp", cloud=cloud.isel(pc=[0]))
    with pytest.raises(DataError, match=r"at 7\.attn; it has 10, at 0\.attn to 3\.mlp"):
        plot.teleports(attracted, 3, cloud=full["pc_scores"])
    with pytest.raises(DataError, match="no defined scores"):
        plot.teleports(attracted.assign(start=attracted["start"].where(False)))
    for injected in (4, -1, "5.attn"):
        with pytest.raises(UsageError, match=r"0\.attn, 2\.mlp, 3\.attn, 7\.attn, by its label or its number"):
            plot.teleports(attracted, injected)
    with pytest.raises(UsageError, match="from 0 to 2; got 3"):
        plot.teleport_row(attracted, host=3)


def test_files_are_the_same_bytes_twice(attracted, cloud, tmp_path):
    first, again = (
        save(plot.teleport_row(attracted, cloud=cloud).figure, tmp_path / name, ("pdf", "svg", "png"))
        for name in ("a", "b")
    )
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_grid_of_one_point_can_be_drawn(flow_of, tmp_path):
    row = plot.teleport_row(flow_of(relaxing(0.5), side=1))
    assert len(arrows(plots(row)[0]).get_offsets()) == 1
    save(row.figure, tmp_path / "f", ("svg",))


def test_the_view_holds_its_own_points():
    sheet = fields.Sheet(np.array([[0.0, 2.0], [-1.0, 1.0]]))
    assert sheet.shows(np.array([2.0, -1.0]))
    assert not sheet.shows(np.array([2.1, 0.0]))
    assert not sheet.shows(np.array([1.0, -1.1]))
