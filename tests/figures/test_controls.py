from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import residyn
from quantity_sets import basis, kinematics
from residyn import mean_activation, relative_velocity, unit_correlation
from residyn.adapters import from_array
from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.panel import Inputs
from residyn.figures.plot import controls
from residyn.figures.registry import further
from residyn.figures.saving import save
from residyn.quantities.dependence import dependence
from residyn.quantities.information import mutual_informations
from residyn.quantities.orbits import orbits


@pytest.fixture(scope="module")
def results() -> xr.Dataset:
    """Results of walks whose kinds follow no parity: within, block, cross, block, within."""
    rng = np.random.default_rng(3)
    walks = np.cumsum(rng.normal(size=(40, 6, 16)), axis=1)
    states = from_array(walks, [0, 0, 1, 2, 3, 3], ["attn", "mlp", "mlp", "attn", "attn", "mlp"])
    moved = relative_velocity(states)
    parts = (kinematics(states), dependence(states), basis(states), mutual_informations(states, ("gcmi", "kde")))
    return xr.merge(
        [*parts, unit_correlation(states), residyn.skip_correlation(states), moved],
        compat="no_conflicts",
        join="exact",
        combine_attrs="drop_conflicts",
    )


DRAWN = {
    "angular_velocity": lambda r, ax: controls.angular_velocity(r["angular_velocity"], ax=ax),
    "relative_velocity": lambda r, ax: controls.relative_velocity(r["relative_velocity"], ax=ax),
    "radial_tangential": lambda r, ax: controls.radial_tangential(r["radial_step"], r["tangential_step"], ax=ax),
    "correlation_excess": lambda r, ax: controls.correlation_excess(
        r["unit_correlation"], r["skip_correlation"], ax=ax
    ),
    "information_excess": lambda r, ax: controls.information_excess(r["mutual_information"], ax=ax),
    "turning_angle": lambda r, ax: controls.turning_angle(r["turning_angle"], ax=ax),
    "kurtosis": lambda r, ax: controls.kurtosis(r["kurtosis"], r["kurtosis_rotated"], ax=ax),
}


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def legend_names(ax):
    legends = [ax.get_legend(), *reversed(ax.artists)]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


@pytest.mark.parametrize("name", DRAWN)
def test_given_axes_are_used_and_the_panel_saved(results, name, tmp_path):
    ax = Figure().subplots()
    assert DRAWN[name](results, ax) is ax
    assert DRAWN[name](results, None) is not ax
    first, second = (save(DRAWN[name](results, None).figure, tmp_path / stem, ("svg",))[0] for stem in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", DRAWN)
def test_all_undefined_says_so(results, name, tmp_path):
    empty = results.map(lambda result: result.where(False), keep_attrs=True)
    if name == "information_excess":
        empty["gaussian_floor"] = results["gaussian_floor"]
    ax = DRAWN[name](empty, None)
    assert any(text.get_text().startswith("undefined for every") for text in ax.texts)
    save(ax.figure, tmp_path / "f", ("svg",))


@pytest.mark.parametrize("name", ["angular_velocity", "relative_velocity"])
def test_dots_are_means_over_samples_by_kind(results, name):
    drawn = lines(DRAWN[name](results, None))
    mean = results[name].mean("sample").values
    for kind, where in {"within": [0, 4], "cross": [2], "block": [1, 3]}.items():
        np.testing.assert_array_equal(drawn[kind].get_xdata(), where)
        np.testing.assert_allclose(drawn[kind].get_ydata(), mean[where], rtol=1e-12)
        assert to_hex(drawn[kind].get_color()) == style.KIND_COLOURS[kind]


def test_scales_begin_where_the_quantity_does(results):
    assert DRAWN["angular_velocity"](results, None).get_ylim()[0] == 0
    assert DRAWN["relative_velocity"](results, None).get_yscale() == "log"
    still = results["relative_velocity"] * 0
    still.attrs = results["relative_velocity"].attrs
    assert controls.relative_velocity(still).get_yscale() == "linear"


def test_the_part_across_is_hollow_and_the_part_along_filled(results):
    ax = DRAWN["radial_tangential"](results, None)
    drawn = lines(ax)
    for label, name in (("within", "radial_step"), ("within tangential", "tangential_step")):
        np.testing.assert_allclose(
            drawn[label].get_ydata(), results[name].mean("sample").values[[0, 4]], rtol=1e-12
        )
    assert drawn["within tangential"].get_markerfacecolor() == "white"
    assert to_hex(drawn["within tangential"].get_markeredgecolor()) == style.KIND_COLOURS["within"]
    assert [name for name in legend_names(ax) if name[0] == "a"] == ["along the state", "across it"]


def test_correlation_stands_beside_the_skip_paths(results):
    ax = DRAWN["correlation_excess"](results, None)
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["_joined"].get_ydata(), results["unit_correlation"].median("unit"))
    np.testing.assert_allclose(drawn["_control"].get_ydata(), results["skip_correlation"].median("unit"))
    assert ax.get_ylim()[1] < 1
    assert ax.get_yscale() == "function"
    assert {"successive states", "skip path alone", "middle half of units"} <= set(legend_names(ax))


def test_information_stands_beside_what_the_correlation_implies(results):
    information = results["mutual_information"].copy(deep=True)
    information[0, 1, 3] = np.inf
    ax = controls.information_excess(information)
    drawn = lines(ax)
    first = information.isel(estimator=0)
    np.testing.assert_allclose(drawn["_joined"].get_ydata(), first.where(np.isfinite(first)).median("unit"))
    np.testing.assert_allclose(drawn["_control"].get_ydata(), information["gaussian_floor"].median("unit"))
    assert {"Gaussian copula", "−½ ln(1 − r²)"} <= set(legend_names(ax))
    kde = controls.information_excess(information.sel(estimator="kde"))
    np.testing.assert_allclose(lines(kde)["_joined"].get_ydata(), information.sel(estimator="kde").median("unit"))
    assert "KDE" in legend_names(kde)


def ys_of_bands(ax):
    return np.concatenate([path.vertices[:, 1] for band in ax.collections for path in band.get_paths()])


@pytest.mark.parametrize(
    ("name", "quantity", "over"),
    [
        ("turning_angle", "turning_angle", "sample"),
        ("kurtosis", "kurtosis", "sample"),
        ("correlation_excess", "unit_correlation", "unit"),
        ("angular_velocity", "angular_velocity", "sample"),
    ],
)
def test_bands_reach_from_quartile_to_quartile(results, name, quantity, over):
    drawn = ys_of_bands(DRAWN[name](results, None))
    for share in (0.25, 0.75):
        ends = results[quantity].quantile(share, over, skipna=False).values
        for end in ends[np.isfinite(ends)]:
            assert np.isclose(drawn, end, rtol=1e-9).any(), (share, end)


def test_each_control_draws_its_own_result(results):
    drawn = {
        panel.stem.removeprefix("control_"): panel.draw(Inputs(results), Figure().subplots())
        for panel in further(Inputs(results))
    }
    assert list(drawn) == [
        "kurtosis",
        "correlation_excess",
        "angular_velocity",
        "relative_velocity",
        "radial_tangential",
        "turning_angle",
        "information_excess",
    ]
    for name, ax in drawn.items():
        alone = DRAWN[name](results, None)
        assert ax.get_ylabel() == alone.get_ylabel()
        assert lines(ax).keys() == lines(alone).keys()
        for label, line in lines(alone).items():
            np.testing.assert_array_equal(lines(ax)[label].get_xydata(), line.get_xydata(), label)


def test_orbits_are_drawn_where_all_is_there_that_they_need(results):
    turns = orbits(
        mean_activation(
            from_array(np.random.default_rng(1).normal(size=(5, 6, 4)), [0, 0, 1, 1, 2, 2], ["attn", "mlp"] * 3)
        ),
        repeats=3,
    )
    assert "control_orbits" in [panel.stem for panel in further(Inputs(turns))]
    for name in ("rotations", "rotations_null_mean", "rotations_null_sd"):
        assert further(Inputs(turns.drop_vars(name))) == ()


def test_turns_are_by_site_between_guides(results):
    ax = DRAWN["turning_angle"](results, None)
    drawn = lines(ax)
    mean = results["turning_angle"].mean("sample").values
    np.testing.assert_array_equal(drawn["attn"].get_xdata(), [0, 3, 4])
    np.testing.assert_allclose(drawn["mlp"].get_ydata(), mean[[1, 2, 5]], rtol=1e-12)
    assert to_hex(drawn["mlp"].get_color()) == style.SITE_COLOURS["mlp"]
    guides = [line.get_ydata()[0] for line in ax.get_lines() if line.get_label() == "_guide"]
    assert guides == [90, 120]
    assert ax.get_ylim()[0] < 90
    assert ax.get_ylim()[1] > 120
    assert legend_names(ax)[:2] == ["90°, independent steps", "120°, independent states"]


def test_kurtosis_is_logarithmic_beside_the_gaussians(results):
    ax = DRAWN["kurtosis"](results, None)
    drawn = lines(ax)
    assert ax.get_yscale() == "log"
    np.testing.assert_allclose(drawn["_joined"].get_ydata(), results["kurtosis"].mean("sample"))
    np.testing.assert_allclose(drawn["_rotated"].get_ydata(), results["kurtosis_rotated"].mean("sample"))
    assert "rotated" in legend_names(ax)
    alone = controls.kurtosis(results["kurtosis"])
    assert "rotated" not in legend_names(alone)
    assert 3 in [line.get_ydata()[0] for line in alone.get_lines() if len(line.get_ydata()) == 2]


def test_other_results_are_refused(results):
    with pytest.raises(DataError, match="'angular_velocity', got 'radial_step'"):
        controls.angular_velocity(results["radial_step"])
    with pytest.raises(DataError, match="'turning_angle', got 'straightness'"):
        controls.turning_angle(results["straightness"])
    with pytest.raises(DataError, match="'mutual_information', got 'skip_correlation'"):
        controls.information_excess(results["skip_correlation"])
    with pytest.raises(DataError, match="drawn over the same transitions; they have 5 and 4"):
        controls.radial_tangential(results["radial_step"], results["tangential_step"][:, :4])
    with pytest.raises(DataError, match="drawn over the same sublayers"):
        controls.kurtosis(results["kurtosis"], results["kurtosis_rotated"][:, ::-1])
