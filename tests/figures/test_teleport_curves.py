from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

from residyn.errors import DataError, UsageError
from residyn.figures import plot, style
from residyn.figures.saving import save
from residyn.numerics.groups import mean_interval
from residyn.teleports import beside, return_fraction, summary
from synthetic_jumps import relaxing

KINDS = ("grid", "disc", "isotropic")


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def bars(ax):
    return {
        str(drawn.get_label()).removeprefix("interval "): np.stack(drawn.get_segments())[:, :, 1]
        for drawn in ax.collections
    }


def legend_names(ax):
    legends = [legend for legend in (ax.get_legend(), *reversed(ax.artists)) if legend]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


@pytest.fixture(scope="module")
def numbers(attracted):
    return summary(attracted, resamples=200, seed=4)


@pytest.fixture
def several(numbers, flow_of):
    others = [summary(flow_of(relaxing(factor), hosts=3, seed=0), resamples=50) for factor in (1.0, 1.02)]
    return beside(numbers, others, resamples=50)


@pytest.fixture
def returns(attracted):
    return return_fraction(attracted, resamples=50)


@pytest.mark.parametrize("draw", [plot.teleport_pull, plot.teleport_retention])
def test_given_axes_are_used_and_returned(numbers, draw):
    ax = Figure().subplots()
    assert draw(numbers, ax=ax) is ax
    assert draw(numbers) is not ax


def test_pull_is_drawn_beyond_the_passive_one(numbers, attracted):
    ax = plot.teleport_pull(numbers)
    beyond = (attracted["pull"] - attracted["pull_passive"]).values
    drawn, intervals = lines(ax), bars(ax)
    groups = {"grid": slice(36), "disc": slice(36, 40), "isotropic": slice(40, 44)}
    for kind, targets in groups.items():
        by_host = beyond[:, :, targets].mean(axis=2)
        np.testing.assert_allclose(drawn[kind].get_ydata(), by_host.mean(axis=0), rtol=1e-9)
        found = mean_interval(by_host, resamples=200, seed=4)
        ends = np.clip(np.stack([found.low, found.high], axis=1), -2, 2)
        np.testing.assert_allclose(intervals[kind], ends, rtol=1e-9)
    assert drawn["_passive"].get_ydata() == [0, 0]
    assert (drawn["grid"].get_ydata()[:3] > 0.05).all()
    assert ax.get_ylabel() == "pull beyond passive (cosine)"


def test_retention_is_rho_at_the_horizon(numbers):
    ax = plot.teleport_retention(numbers)
    for kind in KINDS:
        np.testing.assert_allclose(lines(ax)[kind].get_ydata(), 0.9 ** np.array([12, 10, 9, 1]), rtol=1e-9)
    assert lines(ax)["_passive"].get_ydata() == [1, 1]
    assert ax.get_ylabel() == "displacement kept, ρ"


def test_depth_is_in_layers_and_short_horizons_are_said(numbers):
    ax = plot.teleport_pull(numbers)
    np.testing.assert_array_equal(lines(ax)["disc"].get_xdata(), [0, 2.5, 3, 7])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "2.mlp\n(10)", "\n\n3\n(9)", "7\n(1)"]
    assert ax.get_xlabel() == "layer moved at (sublayers followed, if fewer)"
    one = plot.teleport_pull(numbers.isel(injected=[0]))
    assert [tick.get_text() for tick in one.get_xticklabels()] == ["0"]
    assert one.get_xlabel() == "layer moved at"


def test_kinds_can_be_told_apart_and_stand_side_by_side(numbers):
    ax = plot.teleport_pull(numbers)
    drawn = [lines(ax)[kind] for kind in KINDS]
    assert [to_hex(line.get_color()) for line in drawn] == [style.TARGET_COLOURS[kind] for kind in KINDS]
    assert [line.get_marker() for line in drawn] == [style.TARGET_MARKERS[kind] for kind in KINDS]
    first = [float(line.get_xdata()[0]) for line in drawn]
    assert first == sorted(set(first))
    assert legend_names(ax) == ["grid", "in plane, 1 σ", "isotropic, 1 σ"]


@pytest.mark.parametrize(("radius", "taken"), [(0.1, 1), (1.9, 1), (2.1, 4), (50, 4)])
def test_of_several_radii_the_nearest_is_drawn(numbers, radius, taken):
    ax = plot.teleport_pull(numbers, radius=radius)
    assert legend_names(ax)[1:] == [f"in plane, {taken} σ", f"isotropic, {taken} σ"]
    by_host = numbers["teleports_by_host"].sel(group=f"disc {taken}")
    names = list(numbers["quantity_of_flow"].values)
    beyond = by_host.values[names.index("pull")] - by_host.values[names.index("pull_passive")]
    np.testing.assert_allclose(lines(ax)["disc"].get_ydata(), beyond.mean(axis=0), rtol=1e-9)


def test_untrained_models_are_drawn_hollow_as_their_mean(several, numbers):
    ax = plot.teleport_retention(several)
    drawn = lines(ax)
    np.testing.assert_allclose(
        drawn["disc"].get_ydata(), lines(plot.teleport_retention(numbers))["disc"].get_ydata()
    )
    steps = np.array([12, 10, 9, 1])
    for kind in KINDS:
        hollow = drawn[f"untrained {kind}"]
        np.testing.assert_allclose(hollow.get_ydata(), (1 + 1.02**steps) / 2, rtol=1e-9)
        assert hollow.get_markerfacecolor() == "white"
        assert hollow.get_color() == drawn[kind].get_color()
        assert hollow.is_dashed()
        np.testing.assert_array_equal(hollow.get_xdata(), drawn[kind].get_xdata())
    assert legend_names(ax)[-1] == "hollow: untrained"
    assert not any(name.startswith("untrained") for name in lines(plot.teleport_retention(numbers)))


def test_undefined_values_leave_gaps(numbers, tmp_path):
    ends = {f"teleports_{end}": numbers[f"teleports_{end}"].copy(deep=True) for end in ("mean", "low", "high")}
    for values in ends.values():
        values[:, 1] = np.nan
    ax = plot.teleport_pull(numbers.assign(ends))
    assert np.isnan(lines(ax)["grid"].get_ydata()).tolist() == [False, True, False, False]
    none = plot.teleport_pull(numbers.assign({name: values.where(False) for name, values in ends.items()}))
    assert "undefined at every place" in [text.get_text() for text in none.texts]
    one_host = plot.teleport_pull(numbers.isel(host=[0]))
    assert np.isfinite(lines(one_host)["grid"].get_ydata()).all()
    for number, shown in enumerate((ax, none, one_host)):
        save(shown.figure, tmp_path / str(number), ("svg",))


def test_targets_that_move_nothing_and_unknown_kinds(numbers, hostile, tmp_path):
    kinds = numbers["target_kind"].values.astype(object)
    renamed = np.where(kinds == "grid", "no-op", np.where(kinds == "disc", hostile, kinds)).astype(str)
    ax = plot.teleport_pull(numbers.assign_coords(target_kind=("group", renamed)))
    assert legend_names(ax) == [f"{style.plain(str(renamed[1]), 24)}, 1 σ", "isotropic, 1 σ"]
    (path,) = save(ax.figure, tmp_path / "f", ("svg",))
    assert "<b>" not in path.read_text(encoding="utf-8")


def test_a_wrong_summary_is_named(numbers, several, attracted):
    with pytest.raises(DataError, match=r"summary\(flow\) returns, got DataArray without teleports_mean"):
        plot.teleport_pull(numbers["teleports_mean"])
    with pytest.raises(DataError, match="without teleports_mean, target_kind"):
        plot.teleport_pull(numbers.drop_vars(["teleports_mean", "target_kind"]))
    with pytest.raises(DataError, match="draws pull_excess by place"):
        plot.teleport_pull(numbers.sel(quantity_of_flow=["pull"]))
    with pytest.raises(DataError, match="draws rho by place"):
        plot.teleport_retention(numbers.isel(injected=0))
    with pytest.raises(DataError, match="one is called 'trained'; these are untrained 0, untrained 1"):
        plot.teleport_pull(several.isel(model=[1, 2]))
    for radius in (0, -1, np.nan):
        with pytest.raises(UsageError, match="above 0"):
            plot.teleport_pull(numbers, radius=radius)


def test_return_fractions_are_drawn_by_place_and_kind(returns):
    shares = np.random.default_rng(2).random(returns["return_fraction"].shape)
    returns = returns.assign(return_fraction=returns["return_fraction"].copy(data=shares))
    ax = plot.return_fraction(returns)
    drawn = lines(ax)
    colours = style.DEPTH(np.array([0, 2, 3, 7]) / 7)
    for kind, dashed in (("disc", False), ("isotropic", True)):
        for place in range(4):
            line = drawn[f"{kind} {place}"]
            np.testing.assert_allclose(line.get_xdata() / [1, 4], 1.02 ** (place - 1.5))
            shares = returns["return_fraction"].sel(target_kind=kind).values[place]
            np.testing.assert_array_equal(line.get_ydata(), shares)
            assert line.is_dashed() is dashed
            np.testing.assert_allclose(to_rgba(line.get_color()), colours[place], atol=1e-6)
    assert ax.get_xscale() == "log"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "4"]
    assert ax.get_ylim()[0] < 0
    assert ax.get_ylim()[1] > 1
    assert ax.get_xlabel() == "moved by (σ of the sublayer)"
    places = ["7.attn", "3.attn", "2.mlp", "0.attn"]
    assert sorted(legend_names(ax)) == sorted([*places, "in plane", "isotropic", "half of them"])


def test_the_half_radius_is_ringed_where_it_is_defined(returns):
    r50 = returns["r50"].copy(deep=True)
    r50[:] = np.nan
    r50[1, 0], r50[3, 1] = 2.5, 3.0
    ax = plot.return_fraction(returns.assign(r50=r50))
    rings = {name: line for name, line in lines(ax).items() if name.startswith("r50")}
    assert {name: (ring.get_xdata()[0], ring.get_ydata()[0]) for name, ring in rings.items()} == {
        "r50 disc 1": (2.5, 0.5),
        "r50 isotropic 3": (3.0, 0.5),
    }
    assert {"in plane", "isotropic", "r50, where half return"} <= set(legend_names(ax))


def test_kinds_are_chosen(returns, tmp_path):
    ax = plot.return_fraction(returns, kinds=("swap", "isotropic"))
    assert "isotropic" in legend_names(ax)
    assert "in plane" not in legend_names(ax)
    assert not lines(ax)["isotropic 0"].is_dashed()
    with pytest.raises(DataError, match=r"for disc, isotropic; got kinds=\('swap',\)"):
        plot.return_fraction(returns, kinds=("swap",))
    empty = returns.assign(return_fraction=returns["return_fraction"].where(False))
    none = plot.return_fraction(empty)
    assert "undefined at every place" in [text.get_text() for text in none.texts]
    save(none.figure, tmp_path / "f", ("svg",))


def test_a_wrong_return_fraction_is_named(returns):
    with pytest.raises(DataError, match=r"return_fraction\(flow\) returns, got DataArray"):
        plot.return_fraction(returns["return_fraction"])
    with pytest.raises(DataError, match=r"return_fraction\(flow\) returns, got Dataset"):
        plot.return_fraction(xr.Dataset())
    with pytest.raises(DataError, match="needs the dimensions"):
        plot.return_fraction(returns.isel(injected=0))
