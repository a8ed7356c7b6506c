"""What an autoencoder's plane holds of states: planted curves, held-out documents, and a loop."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from residyn.adapters import from_array
from residyn.errors import DataError
from residyn.figures.plot import autoencoders
from residyn.quantities import autoencoder
from residyn.quantities.autoencoder import autoencoded
from residyn.quantities.suite import analyze, not_computed
from residyn.report.captions import space
from residyn.settings import AnalysisSettings

FEW = AnalysisSettings(estimators=("gcmi",), shuffles=0, leave_out=(), components=5)


def states_of(values: np.ndarray) -> xr.DataArray:
    return from_array(values.astype(np.float32), list(range(values.shape[1])), ["block"] * values.shape[1])


def bent(n: int = 700, units: int = 40, seed: int = 0) -> np.ndarray:
    """States on a curve that no plane holds, of which each sublayer has a turned one, (n, 3, units)."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-2.5, 2.5, (n, 1)) + np.zeros(3)
    curve = np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=-1)
    return curve @ rng.standard_normal((4, units)) + 5


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return autoencoded(states_of(bent()))


def test_a_bent_curve_is_rebuilt_beyond_two_components(found):
    value, low, high = found["autoencoder_explained_curve"].values
    assert (value > 0.9).all()
    assert (low < value).all()
    assert (value <= high).all()
    assert (high <= 1).all()
    assert (found["autoencoder_components"].values < 0.8).all()
    attrs = found["autoencoder_paths"].attrs
    assert attrs["widths"] == "40, 19, 9, 4, 2"
    assert attrs["n_held_out"] == 140
    assert found["autoencoder_paths"].shape == (24, 3, 2)


def test_a_plane_is_held_by_both_and_noise_by_neither():
    rng = np.random.default_rng(1)
    flat = rng.standard_normal((700, 3, 2)) @ rng.standard_normal((2, 30))
    both = autoencoded(states_of(flat))
    np.testing.assert_allclose(both["autoencoder_components"], 1, atol=1e-5)
    assert (both["autoencoder_explained_curve"].sel(bound="value") > 0.9).all()
    neither = autoencoded(states_of(rng.standard_normal((300, 3, 30))))
    assert (neither["autoencoder_explained_curve"].sel(bound="value") < 0.12).all()
    assert (neither["autoencoder_components"] < 0.12).all()


def test_shares_are_those_of_a_loop_over_samples():
    rng = np.random.default_rng(2)
    points, rebuilt = rng.standard_normal((2, 15, 2, 4))
    points[:, 1] = 3.0
    weights = rng.integers(0, 3, (2, 15)).astype(float)
    made = autoencoder._explained(points, rebuilt, weights)
    for row, counts in zip(made, weights.astype(int), strict=True):
        drawn = np.repeat(np.arange(15), counts)
        own, left = points[drawn, 0], points[drawn, 0] - rebuilt[drawn, 0]
        assert row[0] == pytest.approx(1 - left.var(axis=0).sum() / own.var(axis=0).sum())
        assert np.isnan(row[1])


def test_it_is_judged_on_documents_that_it_has_not_seen():
    rng = np.random.default_rng(3)
    documents = np.repeat(np.arange(6), 100)
    values = rng.standard_normal((6, 1, 20))[documents] + 0.01 * rng.standard_normal((600, 5, 20))
    known = states_of(values).assign_coords(document=("sample", documents))
    assert (autoencoded(known)["autoencoder_explained_curve"].sel(bound="value") < 0.5).all()
    assert (autoencoded(states_of(values))["autoencoder_explained_curve"].sel(bound="value") > 0.5).any()
    with pytest.raises(DataError, match="at least 5"):
        autoencoded(known.isel(sample=documents < 4))
    with pytest.raises(DataError, match="all the same"):
        autoencoded(states_of(np.ones((20, 2, 4))))


def test_many_samples_are_drawn_by_the_seed(monkeypatch, found):
    xr.testing.assert_identical(found, autoencoded(states_of(bent())))
    monkeypatch.setattr(autoencoder, "MOST_SAMPLES", 60)
    few, other = (autoencoded(states_of(bent()), seed=seed) for seed in (1, 2))
    assert few["autoencoder_paths"].attrs["drawn_from"] == 700
    assert few["autoencoder_paths"].attrs["n_held_out"] == 12
    assert (few["autoencoder_components"].values != other["autoencoder_components"].values).any()


def test_analyze_makes_it_where_it_is_asked_for():
    states = states_of(bent(60, 12))
    plain = analyze(states, FEW)
    assert not [name for name in plain if str(name).startswith("autoencoder")]
    assert not not_computed(plain)
    asked = analyze(states, FEW.changed(autoencoder=True), earlier=plain)
    own = autoencoded(states)
    for name in own:
        np.testing.assert_array_equal(asked[name].values, own[name].values)
    few = analyze(states.isel(sample=slice(4)), FEW.changed(autoencoder=True))
    assert "at least 5" in json.loads(few.attrs["not_computed"])["autoencoder"]


def test_it_is_drawn_and_told(found):
    ax = autoencoders.autoencoder_explained(found["autoencoder_explained_curve"], found["autoencoder_components"])
    legends = ax.figure.findobj(type(ax.get_legend()))
    assert "two PCs" in [text.get_text() for legend in legends for text in legend.texts]
    plane = autoencoders.autoencoder_paths(found["autoencoder_paths"])
    assert len(plane.collections) == 24
    (said,) = space.autoencoder(found)
    assert "at 3 of 3 sublayers its interval lies above theirs" in said
    (said,) = space.autoencoder_paths(found)
    assert "of the widths 40, 19, 9, 4, 2" in said
    with pytest.raises(DataError, match="autoencoder_paths"):
        autoencoders.autoencoder_paths(found["autoencoder_components"])
