"""Trajectories, explained variance and dimensions of labelled states, against plain numpy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr

from residyn import walk as stream
from residyn.errors import DataError, UsageError
from residyn.numerics.dimension import two_nn
from residyn.quantities.dimensions import dimensions
from residyn.spaces import (
    explained_variance,
    explained_variance_by_sublayer,
    fit_space,
    pc_axes,
    pc_scores,
)

Make = Callable[..., xr.DataArray]


def captured(
    data: np.ndarray, axes: np.ndarray, mean: np.ndarray, about: str, used: slice | list[int] = slice(None)
) -> np.ndarray:
    """Cumulative share per sublayer, written out: data (N, S, D), axes (K, D), mean (D,)."""
    shares = []
    for s in range(data.shape[1]):
        points = data[:, s] - (data[:, s].mean(axis=0) if about == "sublayer" else mean)
        along = ((points @ axes.T) ** 2).sum(axis=0)
        shares.append(np.cumsum(along) / (points[:, used] ** 2).sum())
    return np.array(shares)


def test_scores_are_distances_along_the_axes_from_the_mean(make_states: Make) -> None:
    states = make_states(40)
    space = fit_space(states, 6)
    scores = pc_scores(states, space)
    expected = (states.values.astype(float) - space.mean.values) @ space.axes.values[:3].T
    assert scores.dims == ("sample", "sublayer", "pc")
    np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-5)
    rows = states.values.reshape(-1, 12).astype(float)
    np.testing.assert_allclose(
        scores["explained"], expected.reshape(-1, 3).var(axis=0) / rows.var(axis=0).sum(), rtol=1e-9
    )
    assert list(scores["layer"].values) == [0, 0, 1, 1, 2, 2]
    assert list(scores["text_id"].values[:2]) == ["text-0", "text-1"]
    assert scores.attrs["units"] == "activation"
    assert json.loads(scores.attrs["parameters"])["space"]["fit"] == "global"
    assert pc_scores(states, space, 100).sizes["pc"] == 6
    scaled = pc_scores(states, fit_space(states, 6, equalize=True))
    assert scaled.attrs["units"] == "scaled activation"
    with pytest.raises(UsageError, match="at least 1; got 0"):
        pc_scores(states, space, 0)


def test_axes_carry_what_they_explain(make_states: Make) -> None:
    space = fit_space(make_states(40), 6)
    axes = pc_axes(space)
    np.testing.assert_array_equal(axes, space.axes)
    np.testing.assert_array_equal(axes["explained"], space.explained)
    assert axes.attrs["quantity"] == "pc_axes"
    own = pc_axes(fit_space(make_states(40), 6, fit="sublayer"))
    assert own["explained"].dims == ("sublayer", "component")


@pytest.mark.parametrize("about", ["sublayer", "global"])
def test_explained_variance_of_a_global_space(make_states: Make, about: Any) -> None:
    states = make_states(40)
    space = fit_space(states, 6)
    got = explained_variance(states, space, about)
    expected = captured(states.values.astype(float), space.axes.values, space.mean.values, about)
    assert got.dims == ("sublayer", "component")
    np.testing.assert_allclose(got, expected, rtol=1e-9)
    assert list(got["component"].values) == [1, 2, 3, 4, 5, 6]
    assert (np.diff(got.values, axis=1) > 0).all()
    assert (got.attrs["n_components"], got.attrs["n_samples_used"]) == (6, 40)
    full = explained_variance(states, fit_space(states), about)
    np.testing.assert_allclose(full[:, -1], 1, rtol=1e-12)
    assert full.values.max() <= 1


def test_what_variance_is_about_decides_where_the_stream_drifts(make_states: Make) -> None:
    data = make_states(40).values * 0.1
    data[:, :, 0] += 10 * np.arange(6)
    states = make_states(data=data)
    space = fit_space(states, 1)
    # The one axis is the drift that all samples share: it explains what lies far from the mean, and no difference.
    assert explained_variance(states, space, "global").values[[0, -1]].min() > 0.95
    assert explained_variance(states, space, "sublayer").values.max() < 0.5


@pytest.mark.parametrize("about", ["sublayer", "global"])
def test_explained_variance_is_in_the_units_of_the_space(make_states: Make, about: Any) -> None:
    states = make_states(40)
    data = states.values.astype(float)
    sd = data.reshape(-1, 12).std(axis=0, ddof=1)
    sublayer = np.sqrt((data / sd).var(axis=0, ddof=1).sum(axis=1))[:, None]
    space = fit_space(states, 5, standardize=True, equalize=True)
    expected = captured(data / sd / sublayer, space.axes.values, space.mean.values, about)
    np.testing.assert_allclose(explained_variance(states, space, about), expected, rtol=1e-9)
    own = fit_space(states, 5, fit="sublayer")
    expected = np.cumsum(own.variance.values, axis=1) / own.total_variance.values[:, None]
    np.testing.assert_allclose(explained_variance(states, own, about), expected, rtol=1e-9)


def test_units_left_out_are_not_in_the_whole_either(make_states: Make) -> None:
    data = make_states(40).values
    data[:, :, 3] *= 1000
    states = make_states(data=data)
    space = fit_space(states, without=[3])
    np.testing.assert_allclose(explained_variance(states, space)[:, -1], 1, rtol=1e-9)
    some = fit_space(states, 4, without=[3])
    used = [unit for unit in range(12) if unit != 3]
    expected = captured(data.astype(float), some.axes.values, some.mean.values, "global", used)
    np.testing.assert_allclose(explained_variance(states, some, "global"), expected, rtol=1e-9)


def test_held_out_samples_are_explained_by_axes_that_never_saw_them(make_states: Make) -> None:
    states = make_states(24, units=40)
    space = fit_space(states, 10, fit="sublayer", hold_out=0.5)
    out = explained_variance(states, space, samples="held_out")
    points = states.values[~space.fitted.values].astype(float)
    for s in range(6):
        expected = captured(points[:, [s]], space.axes.values[s], space.mean.values[s], "sublayer")
        np.testing.assert_allclose(out[s], expected[0], rtol=1e-9)
    assert out.attrs["n_samples_used"] == 12
    fitted = explained_variance(states[space.fitted.values], space)
    # Ten axes through twelve points of forty units explain these points, and others much less.
    assert fitted[:, -1].values.min() > 0.9
    assert out[:, -1].values.max() < 0.7
    with pytest.raises(UsageError, match="fitted to all samples"):
        explained_variance(states, fit_space(states), samples="held_out")
    with pytest.raises(DataError, match=r"known of the 24 that the space was fitted to; these are 20 others"):
        explained_variance(states[:20], space, samples="held_out")
    with pytest.raises(DataError, match="24 others"):
        explained_variance(states[::-1], space, samples="held_out")


def test_a_sublayer_without_variance_is_undefined_and_counted(make_states: Make) -> None:
    data = make_states(40).values
    data[:, 2] = data[0, 2]
    states = make_states(data=data)
    for space in (fit_space(states, 4), fit_space(states, 4, fit="sublayer")):
        got = explained_variance(states, space)
        np.testing.assert_array_equal(np.isnan(got[:, 0]), [False, False, True, False, False, False])
        assert got.attrs["n_undefined"] == 1
        assert got.attrs["note"].startswith("NaN at 1 sublayers")


def test_explained_variance_by_sublayer_is_its_last_value(make_states: Make) -> None:
    states = make_states(40)
    explained = explained_variance(states, fit_space(states, 5))
    got = explained_variance_by_sublayer(explained)
    assert got.dims == ("sublayer",)
    np.testing.assert_array_equal(got, explained[:, 4])
    assert got.name == got.attrs["quantity"] == "explained_variance_by_sublayer"
    assert got.attrs["n_components"] == 5
    assert got.attrs["source"].endswith("1K")
    assert "the 5 axes" in got.attrs["definition"]
    assert list(got["site"].values) == ["attn", "mlp"] * 3
    assert "component" not in got.coords
    with pytest.raises(DataError, match="Expected explained variance"):
        explained_variance_by_sublayer(states)


def test_wrong_options_and_foreign_states(make_states: Make) -> None:
    states = make_states(40)
    space = fit_space(states, 5)
    with pytest.raises(UsageError, match="about is 'sublayer' or 'global', got 'unit'"):
        explained_variance(states, space, "unit")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="samples is 'held_out' or None"):
        explained_variance(states, space, samples="fitted")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="has 12 units and the states 5"):
        explained_variance(make_states(units=5), space)
    with pytest.raises(DataError, match=r"does not know 3\.attn"):
        explained_variance(make_states(layers=4), fit_space(states, 5, equalize=True))


def test_dimensions_are_numpys(make_states: Make) -> None:
    states = make_states(40, units=9)
    got = dimensions(states)
    for s in range(6):
        points = states.values[:, s].astype(float)
        eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
        ratio = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
        share = np.cumsum(eigenvalues) / eigenvalues.sum()
        assert got["participation_ratio"].values[s] == pytest.approx(ratio, rel=1e-9)
        assert got["components_for_90"].values[s] == 1 + np.flatnonzero(share >= 0.9)[0]
        assert got["two_nn"].values[s] == pytest.approx(two_nn(points).dimension, rel=1e-9)
    np.testing.assert_allclose(got["participation_ratio"]["ceiling"], 40 * 9 / 49)
    for name, result in got.items():
        assert result.dims == ("sublayer",)
        assert result.attrs["quantity"] == name
        assert result.attrs["states_hash"] == "0f" * 8
        assert result.attrs["n_undefined"] == 0
        assert "note" not in result.attrs
        assert list(result["site"].values) == ["attn", "mlp"] * 3


def test_dimensions_of_states_whose_dimension_is_known(make_states: Make) -> None:
    rng = np.random.default_rng(0)
    data = np.zeros((1500, 2, 30))
    data[:, 0, :20] = rng.standard_normal((1500, 20))
    data[:, 1] = rng.uniform(-1, 1, (1500, 2)) @ rng.standard_normal((2, 30)) + 5
    got = dimensions(make_states(data=data, layers=1))
    assert got["participation_ratio"].values[0] == pytest.approx(1500 * 20 / 1520, rel=0.01)
    assert got["components_for_90"].values[0] in (17, 18)
    assert got["components_for_90"].values[1] == 2
    assert 1.85 < got["two_nn"].values[1] < 2.15


def test_more_units_than_samples(make_states: Make) -> None:
    states = make_states(20, units=50)
    got = dimensions(states)
    points = states.values[:, 3].astype(float)
    eigenvalues = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2
    assert got["participation_ratio"].values[3] == pytest.approx(
        eigenvalues.sum() ** 2 / (eigenvalues**2).sum(), rel=1e-9
    )
    assert got["participation_ratio"].values.max() <= 19


def test_copies_and_constant_sublayers(make_states: Make) -> None:
    data = make_states(40).values
    data[:, 0] = data[0, 0]
    data[:, 1] = data[np.arange(40) % 2, 1]
    data[10:, 2] = data[:30, 2]
    got = dimensions(make_states(data=data))
    np.testing.assert_array_equal(got["two_nn"]["n_duplicates"], [39, 38, 10, 0, 0, 0])
    np.testing.assert_array_equal(np.isnan(got["participation_ratio"]), [True] + [False] * 5)
    np.testing.assert_array_equal(np.isnan(got["components_for_90"]), [True] + [False] * 5)
    np.testing.assert_array_equal(np.isnan(got["two_nn"]), [True, True] + [False] * 4)
    assert got["participation_ratio"].values[1] == pytest.approx(1)
    assert got["two_nn"].attrs["n_undefined"] == 2
    assert got["two_nn"].attrs["note"].startswith("NaN at 2 sublayers: fewer than three states differ")
    assert got["participation_ratio"].attrs["note"] == "NaN at 1 sublayers: all states are the same."


def test_one_sample_has_no_dimension(make_states: Make) -> None:
    got = dimensions(make_states(1))
    for result in got.values():
        assert np.isnan(result).all()
        assert result.attrs["n_undefined"] == 6


def test_any_chunking_gives_the_same_dimensions(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_states(40)
    whole, explained = dimensions(states), explained_variance(states, space := fit_space(states, 5))
    monkeypatch.setattr(stream, "_BLOCK_BYTES", states[:, 0].nbytes)
    lazy = states.copy(data=dask.array.from_array(states.values, chunks=(8, -1, -1)))
    reports: list[tuple[int, int]] = []
    parts = dimensions(lazy, progress=lambda *report: reports.append(report))
    assert parts.identical(whole)
    assert reports[-1][0] == reports[-1][1]
    assert len(reports) > 1
    np.testing.assert_allclose(explained_variance(lazy, space), explained, rtol=1e-10)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 8 * states[0].nbytes)
    half = fit_space(states, 5, hold_out=0.5)
    out = states[~half.fitted.values]
    np.testing.assert_allclose(
        explained_variance(lazy, half, samples="held_out"), explained_variance(out, half), rtol=1e-10
    )


def test_non_finite_states_are_named(make_states: Make) -> None:
    bad = make_states(20).copy()
    bad[3, 2, 1] = np.nan
    space = fit_space(make_states(20), 3)
    for function in (dimensions, lambda states: explained_variance(states, space), space.project):
        with pytest.raises(DataError, match=r"sample 103 \(text text-3\) holds nan at sublayer 1.attn, unit 1"):
            function(bad)
