from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from residyn.errors import DataError
from residyn.figures import generic, style
from residyn.figures.panel import Inputs
from residyn.figures.registry import further


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def edges(ax):
    return np.concatenate([path.vertices[:, 1] for band in ax.collections for path in band.get_paths()])


@pytest.fixture
def curve(full):
    """A result along sublayers that no panel knows."""
    shares = full["explained_variance_by_sublayer"].isel(space=0, drop=True)
    return shares.rename("anisotropy").assign_attrs(quantity="anisotropy", units="radians")


def named(ax):
    """What the legends say."""
    return [text.get_text() for legend in ax.findobj(Legend) for text in legend.get_texts()]


def test_given_axes_are_used_and_returned(curve):
    ax = Figure().subplots()
    assert generic.draw(curve, ax=ax) is ax
    assert generic.draw(curve) is not ax


def test_a_curve_over_sublayers_is_by_site_and_named_by_its_attributes(curve):
    ax = generic.draw(curve)
    np.testing.assert_array_equal(lines(ax)["_joined"].get_ydata(), curve.values)
    np.testing.assert_array_equal(lines(ax)["mlp"].get_ydata(), curve.values[1::2])
    assert ax.get_ylabel() == "anisotropy (radians)"
    assert generic.draw(curve.assign_attrs(label="mean angle")).get_ylabel() == "mean angle"
    assert generic.draw(curve.assign_attrs(title="Alignment", units="1")).get_ylabel() == "alignment"
    assert generic.draw(curve.assign_attrs(title="CKA", units="1")).get_ylabel() == "CKA"


def test_the_band_is_the_interval_where_there_is_one(curve):
    ax = generic.draw(
        curve.assign_coords(low=("sublayer", curve.values - 0.5), high=("sublayer", curve.values + 1))
    )
    assert np.isin(np.r_[curve.values - 0.5, curve.values + 1].round(9), edges(ax).round(9)).all()
    assert "95 % interval over documents" in named(ax)


@pytest.mark.parametrize(
    ("quantity", "over", "statistic"), [("cosine", "sample", "mean"), ("unit_correlation", "unit", "median")]
)
def test_samples_are_averaged_and_units_have_their_median(full, quantity, over, statistic):
    ax = generic.draw(full[quantity])
    np.testing.assert_allclose(
        lines(ax)["_joined"].get_ydata(), getattr(full[quantity], statistic)(over), rtol=1e-12
    )
    quartiles = full[quantity].quantile([0.25, 0.75], over).values.ravel()
    assert np.isin(quartiles.round(9), edges(ax).round(9)).all()
    assert f"middle half of {over}s" in named(ax)


def test_without_depth_bars_count(full):
    turns = xr.DataArray([0.0, 0.1, 0.2, 3.0, np.nan], dims="unit", name="turns", attrs={"units": "turns"})
    ax = generic.draw(turns)
    assert sum(bar.get_height() for bar in ax.patches) == 4
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("turns (turns)", "units")
    assert generic.draw(turns * np.nan).texts[0].get_text() == "undefined for every unit"


def test_other_results_are_refused(full):
    for result in (full["mutual_information"], full["pc_scores"], full["mean_activation"][:0], full):
        with pytest.raises(DataError, match="A generic panel is of values"):
            generic.draw(result)


def test_a_result_that_asks_for_it_has_a_panel_unless_another_shows_it(full, curve):
    asked = full.assign(anisotropy=curve.assign_attrs(generic_panel=1), other=curve)
    asked["cosine"] = full["cosine"].assign_attrs(generic_panel=1)
    panel = further(Inputs(asked))[-1]
    assert [found.stem for found in further(Inputs(asked))] == ["control_information_excess", "control_anisotropy"]
    assert (panel.title, panel.defined_by) == ("Anisotropy", ("anisotropy",))
    with style.context():
        assert panel.draw(Inputs(asked), Figure().subplots()).get_ylabel() == "anisotropy (radians)"
