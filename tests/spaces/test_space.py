"""Spaces against scikit-learn on the whole array: every way to fit, and the way in and out again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from residyn import walk as stream
from residyn.errors import DataError, UsageError
from residyn.runs.results import open_results, save_results
from residyn.spaces import Space, explained_variance, fit_space, fitting, pc_scores

Make = Callable[..., xr.DataArray]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"equalize": True},
    {"standardize": True},
    {"equalize": True, "standardize": True},
    {"without": [3, 4]},
    {"hold_out": 0.3, "seed": 5},
    {"fit": "sublayer"},
    {"fit": "sublayer", "standardize": True, "without": [0], "hold_out": 0.25},
]


def names(options: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in options.items()) or "as in the paper"


def growing(make_states: Make, n: int = 60, seed: int = 0) -> xr.DataArray:
    """States in float64 whose spectrum decays and whose size grows with depth."""
    rng = np.random.default_rng(seed)
    units = 5 * np.arange(1, 13) ** -0.7
    steps = rng.standard_normal((n, 6, 12)) * units * np.arange(1, 7)[:, None]
    turn, _ = np.linalg.qr(rng.standard_normal((12, 12)))
    return make_states(data=np.cumsum(steps, axis=1) @ turn + rng.normal(0, 4, 12))


def expected_axes(rows: np.ndarray, n: int) -> tuple[np.ndarray, PCA]:
    fit = PCA(n, svd_solver="full").fit(rows)
    signs = np.sign([axis[np.abs(axis).argmax()] for axis in fit.components_])
    return fit.components_ * signs[:, None], fit


def assert_axes_are(space: Space, rows: np.ndarray, used: np.ndarray | None = None) -> None:
    used = np.arange(12) if used is None else used
    axes, fit = expected_axes(rows[:, used], space.n_components)
    np.testing.assert_allclose(space.axes.values[:, used], axes, rtol=0, atol=1e-8)
    np.testing.assert_allclose(space.variance, fit.explained_variance_, rtol=1e-8)
    np.testing.assert_allclose(space.explained, fit.explained_variance_ratio_, rtol=1e-8)
    np.testing.assert_allclose(space.mean, rows.mean(axis=0), rtol=1e-10, atol=1e-10)


def test_the_global_space_is_scikit_learns(make_states: Make) -> None:
    states = growing(make_states)
    space = fit_space(states, 7)
    assert_axes_are(space, states.values.reshape(-1, 12))
    assert space.axes.dims == ("component", "unit")
    assert list(space.axes["component"].values) == [1, 2, 3, 4, 5, 6, 7]
    attrs = space.axes.attrs
    assert (attrs["quantity"], attrs["n_components"], attrs["n_samples_fitted"]) == ("pc_axes", 7, 60)
    assert attrs["states_hash"] == "0f" * 8
    assert not space.by_sublayer


def test_equalised_sublayers_have_one_total_variance(make_states: Make) -> None:
    states = growing(make_states)
    scale = np.sqrt(states.values.var(axis=0, ddof=1).sum(axis=1))
    space = fit_space(states, 5, equalize=True)
    np.testing.assert_allclose(space.sublayer_scale, scale, rtol=1e-10)
    assert_axes_are(space, (states.values / scale[:, None]).reshape(-1, 12))
    # The case decides: without it the axes are others.
    assert np.abs(space.axes.values - fit_space(states, 5).axes.values).max() > 0.01
    assert space.by_sublayer


def test_standardised_units_have_one_variance(make_states: Make) -> None:
    states = growing(make_states)
    rows = states.values.reshape(-1, 12)
    sd = rows.std(axis=0, ddof=1)
    space = fit_space(states, 5, standardize=True)
    np.testing.assert_allclose(space.unit_scale, sd, rtol=1e-10)
    assert_axes_are(space, rows / sd)
    assert float(space.total_variance) == pytest.approx(12, rel=1e-10)


def test_with_both_the_units_come_first(make_states: Make) -> None:
    states = growing(make_states)
    units = states.values / states.values.reshape(-1, 12).std(axis=0, ddof=1)
    scale = np.sqrt(units.var(axis=0, ddof=1).sum(axis=1))
    assert_axes_are(
        fit_space(states, 5, equalize=True, standardize=True), (units / scale[:, None]).reshape(-1, 12)
    )


def test_units_left_out_have_no_part_in_the_axes(make_states: Make) -> None:
    states = growing(make_states)
    states[:, :, 3] *= 1000
    space = fit_space(states, 5, without=[3, 4])
    used = np.array([0, 1, 2, *range(5, 12)])
    assert_axes_are(space, states.values.reshape(-1, 12), used)
    np.testing.assert_array_equal(space.axes.values[:, [3, 4]], 0)
    np.testing.assert_array_equal(space.unit_used, np.isin(np.arange(12), used))
    # Their variance does not decide what sublayers are divided by either.
    equal = fit_space(states, 5, without=[3, 4], equalize=True).sublayer_scale
    np.testing.assert_allclose(
        equal, np.sqrt(states.values[..., used].var(axis=0, ddof=1).sum(axis=1)), rtol=1e-10
    )
    lifted = space.lift(space.project(states))
    overall = states.values.reshape(-1, 12).mean(axis=0)
    np.testing.assert_allclose(lifted.values[..., 3], overall[3], rtol=1e-10)


def test_held_out_samples_are_not_fitted(make_states: Make) -> None:
    states = growing(make_states)
    space = fit_space(states, 5, hold_out=0.25, seed=3)
    assert int((~space.fitted).sum()) == 15
    assert_axes_are(space, states.values[space.fitted.values].reshape(-1, 12))
    assert list(space.fitted["sample"].values) == list(range(100, 160))
    others = fit_space(states, 5, hold_out=0.25, seed=4).fitted
    assert not np.array_equal(others, space.fitted)
    assert space.fitted.equals(fit_space(states, 5, hold_out=0.25, seed=3).fitted)


def test_documents_are_held_out_whole(make_states: Make) -> None:
    """Near-copies within documents: a half explains copies of what it has seen better than it explains others."""
    documents, copies = 12, 6
    rng = np.random.default_rng(4)
    data = np.repeat(rng.normal(size=(documents, 6, 40)), copies, axis=0)
    states = make_states(data=(data + 0.05 * rng.normal(size=data.shape)).astype(np.float32))
    document = np.repeat(np.arange(documents), copies)
    known = states.assign_coords(document=("sample", document))
    explained = {}
    for name, given in (("known", known), ("unknown", states)):
        space = fit_space(given, 20, hold_out=0.5, fit="sublayer", seed=2)
        out = ~space.fitted.values
        assert out.sum() == len(document) // 2
        explained[name] = explained_variance(given, space, samples="held_out").values[:, -1]
        assert bool(set(document[out]) & set(document[~out])) is (name == "unknown")
    assert (explained["unknown"] > 0.9).all()
    assert (explained["known"] < 0.6).all()


def test_of_one_document_nothing_is_held_out(make_states: Make) -> None:
    states = make_states(20).assign_coords(document=("sample", np.zeros(20, dtype=int)))
    with pytest.raises(UsageError, match=r"none can be held out of 20 samples of 1\. Capture texts of more"):
        fit_space(states, hold_out=0.5)


def test_each_sublayer_has_its_own_space(make_states: Make) -> None:
    states = growing(make_states)
    space = fit_space(states, 4, fit="sublayer")
    assert space.axes.dims == ("sublayer", "component", "unit")
    for s in range(6):
        axes, fit = expected_axes(states.values[:, s], 4)
        np.testing.assert_allclose(space.axes[s], axes, rtol=0, atol=1e-8)
        np.testing.assert_allclose(space.explained[s], fit.explained_variance_ratio_, rtol=1e-8)
        np.testing.assert_allclose(space.mean[s], states.values[:, s].mean(axis=0), rtol=1e-10)
        scores = (states.values[:, s] - fit.mean_) @ axes.T
        np.testing.assert_allclose(space.project(states)[:, s], scores, rtol=0, atol=1e-8)
        np.testing.assert_allclose(space.score_quantiles[s], np.quantile(scores, [0.01, 0.99], axis=0), atol=1e-8)


@pytest.mark.parametrize("options", OPTIONS, ids=names)
def test_lifting_what_was_projected_gives_it_back(make_states: Make, options: dict[str, Any]) -> None:
    states = growing(make_states)
    space = fit_space(states, **options)
    back = space.lift(space.project(states))
    assert back.dims == states.dims
    used = space.unit_used.values
    error = np.abs(back.values - states.values)[..., used].max()
    assert error < 1e-10 * np.abs(states.values).max()
    assert list(back["text_id"].values[:2]) == ["text-0", "text-1"]


@pytest.mark.parametrize("options", OPTIONS, ids=names)
def test_any_chunking_gives_the_same_space(
    make_states: Make, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    states = growing(make_states)
    whole = fit_space(states, 5, **options)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 7 * states[0].nbytes)
    lazy = states.copy(data=dask.array.from_array(states.values, chunks=(5, -1, -1)))
    parts = fit_space(lazy, 5, **options)
    np.testing.assert_allclose(parts.axes, whole.axes, rtol=0, atol=1e-10)
    np.testing.assert_allclose(parts.variance, whole.variance, rtol=1e-10)
    # Quantiles of the scores are of float32 scores.
    np.testing.assert_allclose(parts.score_quantiles, whole.score_quantiles, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(parts.project(lazy), whole.project(states), rtol=0, atol=1e-9)
    assert fit_space(lazy, 5, **options).to_dataset().identical(parts.to_dataset())


@pytest.mark.parametrize("options", OPTIONS[:6], ids=names)
def test_wide_states_are_searched(
    make_states: Make, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    states = growing(make_states)
    exact = fit_space(states, 4, **options)
    monkeypatch.setattr(fitting, "WIDEST_EXACT", 11)
    reports: list[tuple[int, int]] = []
    found = fit_space(states, 4, progress=lambda *report: reports.append(report), **options)
    assert (exact.axes.attrs["method"], found.axes.attrs["method"]) == ("covariance", "randomised search")
    assert found.axes.attrs["residual"] < 1e-12
    np.testing.assert_allclose(found.axes, exact.axes, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.explained, exact.explained, rtol=1e-9)
    np.testing.assert_allclose(found.mean, exact.mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.score_quantiles, exact.score_quantiles, rtol=1e-5, atol=1e-5)
    assert reports[-1] == (480, 480)


@pytest.mark.parametrize("options", OPTIONS, ids=names)
def test_progress_ends_where_it_said_it_would(make_states: Make, options: dict[str, Any]) -> None:
    reports: list[tuple[int, int]] = []
    fit_space(growing(make_states), 3, progress=lambda *report: reports.append(report), **options)
    done, total = zip(*reports, strict=True)
    assert set(total) == {reports[-1][0]}
    assert list(done) == sorted(done)


def test_scores_keep_float32_and_labels(make_states: Make) -> None:
    states = make_states(30)
    scores = fit_space(states, 5).project(states, n_components=2)
    assert (scores.dtype, scores.dims, scores.shape) == (
        np.float32,
        ("sample", "sublayer", "component"),
        (30, 6, 2),
    )
    assert list(scores["site"].values) == ["attn", "mlp"] * 3
    assert list(scores["sample"].values) == list(range(100, 130))
    assert list(scores["component"].values) == [1, 2]


@pytest.mark.parametrize("options", OPTIONS, ids=names)
def test_vectors_are_projected_as_the_states_they_are(make_states: Make, options: dict[str, Any]) -> None:
    states = growing(make_states)
    space = fit_space(states, 4, **options)
    expected = space.project(states).values
    plain = space.project(states.values[:, 2], sublayer="1.attn")
    assert plain.dims == ("target", "component")
    np.testing.assert_allclose(plain, expected[:, 2], rtol=0, atol=1e-12)
    # Any order of any dimensions, a choice of sublayers among them, and NaN where there is nothing.
    some = states.isel(sublayer=[4, 1]).expand_dims(host=2).transpose("unit", "sublayer", "host", "sample").copy()
    some[:, 0, 1, 7] = np.nan
    got = space.project(some)
    assert got.dims == ("component", "sublayer", "host", "sample")
    assert np.isnan(got[:, 0, 1, 7]).all()
    np.testing.assert_allclose(
        got.isel(host=0).transpose("sample", "sublayer", "component"), expected[:, [4, 1]], rtol=0, atol=1e-12
    )
    assert int(np.isnan(got).sum()) == 4


def test_lifted_points_lie_on_the_named_axes(make_states: Make) -> None:
    space = fit_space(growing(make_states), 6)
    z = np.array([[1.0, -2.0], [0.0, 3.0]])
    axes, mean = space.axes.values, space.mean.values
    np.testing.assert_allclose(space.lift(z), z @ axes[:2] + mean, rtol=1e-12)
    named = xr.DataArray(z, dims=("target", "component"), coords={"component": [5, 3]})
    np.testing.assert_allclose(space.lift(named), z @ axes[[4, 2]] + mean, rtol=1e-12)
    # Lifting, and projecting again, leaves the scores and nothing off the plane.
    np.testing.assert_allclose(space.project(space.lift(z)), np.pad(z, ((0, 0), (0, 4))), rtol=0, atol=1e-10)


def test_a_lifted_point_has_the_scale_of_its_sublayer(make_states: Make) -> None:
    states = growing(make_states)
    space = fit_space(states, 6, equalize=True)
    z = np.array([[1.0, -2.0]])
    scale = space.sublayer_scale.values
    flat = z @ space.axes.values[:2] + space.mean.values
    np.testing.assert_allclose(space.lift(z, sublayer="2.mlp"), flat * scale[5], rtol=1e-12)
    with pytest.raises(UsageError, match=r"differ between sublayers.*sublayer='0.attn'"):
        space.lift(z)
    with pytest.raises(UsageError, match="differ between sublayers"):
        space.project(states.values[:, 0])


def test_a_robust_grid_is_not_stretched_by_a_massive_activation(make_states: Make) -> None:
    states = growing(make_states, 300)
    states[7, 5, 2] = 1e5
    space = fit_space(states, 4)
    scores = space.project(states).values.reshape(-1, 4)
    grid = space.grid(10)
    low, high = np.quantile(scores[:, :2], [0.01, 0.99], axis=0)
    assert grid.dims == ("target", "unit")
    assert grid.shape == (100, 12)
    np.testing.assert_allclose(grid["pc1"], np.tile(np.linspace(low[0], high[0], 10), 10), rtol=1e-5)
    np.testing.assert_allclose(grid["pc2"], np.repeat(np.linspace(low[1], high[1], 10), 10), rtol=1e-5)
    assert np.abs(scores[:, 0]).max() > 100 * np.abs(grid["pc1"].values).max()
    back = space.project(grid).values
    np.testing.assert_allclose(back[:, 0], grid["pc1"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(back[:, 1], grid["pc2"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(back[:, 2:], 0, atol=1e-8)


def test_a_grid_of_given_extent_on_chosen_components(make_states: Make) -> None:
    space = fit_space(growing(make_states), 4)
    grid = space.grid(3, 15, components=(3, 1))
    np.testing.assert_array_equal(grid["pc4"], [-15, 0, 15] * 3)
    np.testing.assert_array_equal(grid["pc2"], np.repeat([-15, 0, 15], 3))
    np.testing.assert_allclose(space.project(grid)[:, 3], grid["pc4"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(space.grid(1, 15)[0], space.mean, rtol=1e-12)
    own = fit_space(growing(make_states), 4, fit="sublayer")
    at = own.grid(4, sublayer="1.mlp")
    quantiles = own.score_quantiles.sel(sublayer="1.mlp").values
    np.testing.assert_allclose([at["pc1"].min(), at["pc1"].max()], quantiles[:, 0], rtol=1e-12)
    np.testing.assert_allclose(
        at.mean("target"), own.lift(quantiles.mean(axis=0)[None, :2], "1.mlp")[0], rtol=1e-9
    )


@pytest.mark.parametrize("options", OPTIONS, ids=names)
def test_a_stored_space_is_the_same_space(make_states: Make, tmp_path: Path, options: dict[str, Any]) -> None:
    states = growing(make_states)
    space = fit_space(states, 4, **options)
    save_results(space.to_dataset(), tmp_path / "results.zarr")
    opened = Space.from_dataset(open_results(tmp_path / "results.zarr"))
    assert opened.project(states).identical(space.project(states))
    assert opened.axes.attrs == space.axes.attrs
    np.testing.assert_array_equal(opened.fitted, space.fitted)
    assert opened.grid(3, sublayer="0.mlp").equals(space.grid(3, sublayer="0.mlp"))
    among = Space.from_dataset(xr.Dataset({**space.to_dataset(), "pc_scores": pc_scores(states, space, 4)}))
    assert among.explained.equals(space.explained)
    assert among.to_dataset().equals(space.to_dataset())
    with pytest.raises(DataError, match="lacks pc_mean, pc_fitted"):
        Space.from_dataset(space.to_dataset().drop_vars(["pc_fitted", "pc_mean"]))


def test_components_are_cut_to_what_there_is(make_states: Make) -> None:
    assert fit_space(growing(make_states), 100).n_components == 12
    assert fit_space(growing(make_states), 100, without=[0]).n_components == 11
    assert fit_space(growing(make_states, 4), fit="sublayer").n_components == 3
    assert fit_space(growing(make_states, 1)).n_components == 5
    cut = fit_space(growing(make_states, 1)).axes.attrs
    assert cut["n_components"] == 5
    assert '"n_components": 100' in cut["parameters"]


def test_constant_units_and_sublayers(make_states: Make) -> None:
    states = growing(make_states)
    states[:, :, 5] = 3.5
    space = fit_space(states, 11, standardize=True)
    assert float(space.unit_scale[5]) == 1
    np.testing.assert_allclose(space.axes[:, 5], 0, atol=1e-12)
    states[:, 0] = states[0, 0]
    equal = fit_space(states, 4, equalize=True)
    assert equal.axes.attrs["n_constant_sublayers"] == 1
    assert float(equal.sublayer_scale[0]) == 1
    scale = np.sqrt(states.values[:, 1:].var(axis=0, ddof=1).sum(axis=1))
    assert_axes_are(equal, (states.values[:, 1:] / scale[:, None]).reshape(-1, 12))
    own = fit_space(states, 4, fit="sublayer")
    assert own.axes.attrs["n_undefined"] == 1
    assert own.axes.attrs["note"].startswith("NaN at 1 sublayers")
    assert np.isnan(own.axes[0]).all()
    assert np.isfinite(own.axes[1:]).all()
    assert np.isnan(own.project(states)[:, 0]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components is a whole number of at least 1, got 0"),
        ({"n_components": 2.5}, r"at least 1, got 2.5"),
        ({"fit": "layer"}, "fit is 'global' or 'sublayer', got 'layer'"),
        ({"fit": "sublayer", "equalize": True}, "Leave one of the two out"),
        ({"without": [12]}, r"positions 0 … 11; got \[12\]"),
        ({"without": [-1]}, r"positions 0 … 11; got \[-1\]"),
        ({"without": range(12)}, "All 12 units are left out"),
        ({"hold_out": 1.0}, "at least 0 and below 1; got 1.0"),
        ({"hold_out": 0.001}, "of 20 samples holds out 0"),
    ],
)
def test_options_out_of_range(make_states: Make, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit_space(make_states(20), **options)


def test_states_without_a_space(make_states: Make) -> None:
    with pytest.raises(DataError, match="needs at least 2 states, and there are 1"):
        fit_space(make_states(1, layers=1, sites=("attn",)))
    with pytest.raises(DataError, match="per sublayer needs at least 2 samples, and there are 1"):
        fit_space(make_states(1), fit="sublayer")
    same = make_states(data=np.ones((5, 6, 12)))
    for options in ({}, {"fit": "sublayer"}, {"standardize": True}):
        with pytest.raises(DataError, match="all the same state"):
            fit_space(same, **options)
    with pytest.raises(DataError, match="needs at least 2 states, and there are 0"):
        fit_space(same, equalize=True)
    bad = make_states(20).copy()
    bad[3, 2, 1] = np.inf
    with pytest.raises(DataError, match=r"sample 103 \(text text-3\) holds inf"):
        fit_space(bad)
    with pytest.raises(DataError, match="Expected states"):
        fit_space(bad[0])


def test_vectors_and_points_that_do_not_fit(make_states: Make) -> None:
    states = growing(make_states)
    space, own = fit_space(states, 4), fit_space(states, 4, fit="sublayer")
    with pytest.raises(DataError, match="has 12 units, and these vectors 11"):
        space.project(states.values[:, 0, :11])
    with pytest.raises(DataError, match="has 12 units, and these vectors 11"):
        space.project(states[:, :, :11])
    with pytest.raises(DataError, match=r"does not know 9\.attn"):
        own.project(states.values[:, 0], sublayer="9.attn")
    with pytest.raises(DataError, match=r"does not know 3\.attn, 3\.mlp"):
        own.project(make_states(layers=4))
    with pytest.raises(UsageError, match="at least one component, got n_components=0"):
        space.project(states, n_components=0)
    with pytest.raises(DataError, match=r"among 1 … 4; these have 1, labelled \[5\]"):
        space.lift(xr.DataArray([[1.0]], dims=("target", "component"), coords={"component": [5]}))
    with pytest.raises(DataError, match=r"among 1 … 4; these have 5"):
        space.lift(np.ones((2, 5)))
    with pytest.raises(DataError, match="dimension 'component'"):
        space.lift(np.ones((2, 2, 5)))
    for grid in (
        {"n": 0},
        {"n": 2.0},
        {"extent": -1},
        {"extent": "wide"},
        {"extent": True},
        {"components": (0, 0)},
    ):
        with pytest.raises(UsageError, match=r"grid"):
            space.grid(**grid)
    with pytest.raises(UsageError, match=r"positions 0 … 3; got \(0, 4\)"):
        space.grid(components=(0, 4))


@pytest.mark.parametrize("options", [{}, {"fit": "sublayer"}], ids=names)
def test_the_same_bits_whatever_the_number_of_threads(make_states: Make, options: dict[str, Any]) -> None:
    states = make_states(400, units=577)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            space = fit_space(states, 20, **options)
            found.append((space.to_dataset(), space.project(states)))
    assert found[0][0].identical(found[1][0])
    assert found[0][1].identical(found[1][1])
