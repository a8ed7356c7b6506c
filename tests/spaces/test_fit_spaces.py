"""Several spaces from one gathering are the spaces that a fit of each alone gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from residyn import walk
from residyn.errors import DataError, UsageError
from residyn.numerics import pca, subsamples
from residyn.spaces import (
    explained_variance,
    fit_space,
    fit_spaces,
    fitting,
    methods,
    pc_scores,
    scatters,
    scoring,
    spread,
)

Make = Callable[..., xr.DataArray]
SEVEN: dict[str, dict[str, Any]] = {
    "global": {},
    "held out": {"hold_out": 0.5},
    "equalised": {"equalize": True},
    "z-scored": {"standardize": True},
    "without one": {"without": [3]},
    "without three": {"without": [3, 4, 9]},
    "without ten": {"without": list(range(10))},
}
TWICE_SCALED: dict[str, Any] = {"equalize": True, "standardize": True, "without": [2], "hold_out": 0.25}


def depth_states(make_states: Make, n: int = 40, units: int = 24) -> xr.DataArray:
    rng = np.random.default_rng(3)
    steps = rng.standard_normal((n, 6, units)) * np.arange(1, units + 1) ** -0.7 * np.arange(1, 7)[:, None]
    turn, _ = np.linalg.qr(rng.standard_normal((units, units)))
    return make_states(data=np.cumsum(steps, axis=1) @ turn + rng.normal(0, 4, units))


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The dimension of every reading of states."""
    made: list[str] = []

    def counted(*args: Any, along: str = "sample", **options: Any) -> Any:
        made.append(along)
        return walk.each_numbered_block(*args, along=along, **options)

    for module in (methods, scatters, scoring, spread):
        monkeypatch.setattr(module, "each_numbered_block", counted)
    return made


@pytest.mark.parametrize("widest", [4096, 23], ids=["covariance", "search"])
def test_each_is_the_space_of_its_own_fit(make_states: Make, monkeypatch: pytest.MonkeyPatch, widest: int) -> None:
    monkeypatch.setattr(fitting, "WIDEST_EXACT", widest)
    states = depth_states(make_states)
    for name, (space, explained, scores) in fit_spaces(states, {**SEVEN, "both": TWICE_SCALED}, 8).items():
        options = SEVEN.get(name, TWICE_SCALED)
        alone = fit_space(states, 8, **options)
        for variable, values in space.to_dataset().items():
            np.testing.assert_allclose(values, alone.to_dataset()[variable], rtol=1e-9, atol=1e-9, err_msg=name)
        assert space.axes.attrs["parameters"] == alone.axes.attrs["parameters"]
        samples = "held_out" if "hold_out" in options else None
        expected = explained_variance(states, alone, samples=samples)
        xr.testing.assert_allclose(explained, expected, rtol=1e-10)
        assert explained.attrs == expected.attrs
        np.testing.assert_allclose(scores, pc_scores(states, alone), rtol=0, atol=1e-8)


def test_what_is_shared_is_scikit_learns(make_states: Make) -> None:
    states = depth_states(make_states)
    fitted = fit_spaces(states, SEVEN, 5)
    out = fitted["held out"].space
    rows = {
        "global": states.values.reshape(-1, 24),
        "held out": states.values[out.fitted.values].reshape(-1, 24),
        "equalised": (states.values / np.sqrt(states.values.var(0, ddof=1).sum(1))[:, None]).reshape(-1, 24),
        "z-scored": states.values.reshape(-1, 24) / states.values.reshape(-1, 24).std(0, ddof=1),
        "without three": np.delete(states.values, [3, 4, 9], axis=2).reshape(-1, 21),
    }
    for name, of in rows.items():
        expected = PCA(5, svd_solver="full").fit(of)
        space = fitted[name].space
        np.testing.assert_allclose(space.variance, expected.explained_variance_, rtol=1e-9)
        axes = space.axes.values[:, space.unit_used.values]
        np.testing.assert_allclose(np.abs((axes * expected.components_).sum(1)), 1, rtol=1e-9)


def test_seven_spaces_take_three_readings(make_states: Make, readings: list[str]) -> None:
    states, reports = depth_states(make_states), []
    fit_spaces(states, SEVEN, 5, progress=lambda *report: reports.append(report))
    assert readings == ["sample"] * 3
    assert reports[-1] == (120, 120)
    readings.clear()
    fit_spaces(states, {**SEVEN, "both": TWICE_SCALED}, 5)
    assert readings == ["sample"] * 3


def test_scores_that_do_not_fit_at_once_are_read_in_turn(
    make_states: Make, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = depth_states(make_states)
    whole = fit_spaces(states, SEVEN, 5)
    readings.clear()
    monkeypatch.setattr(scoring, "_SCORE_BYTES", 3 * 4 * 40 * 6 * 5)
    batched = fit_spaces(states, SEVEN, 5)
    assert readings == ["sample"] * 5
    for name, (space, explained, scores) in batched.items():
        assert space.to_dataset().identical(whole[name].space.to_dataset())
        assert explained.identical(whole[name].explained)
        assert scores.identical(whole[name].scores)


def test_the_same_bits_whatever_the_threads_and_nearly_so_in_any_blocks(
    make_states: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = depth_states(make_states, 60, 150)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(fit_spaces(states, SEVEN, 5))
    monkeypatch.setattr(walk, "_BLOCK_BYTES", 7 * states[0].nbytes)
    monkeypatch.setattr(scatters, "_TILE_VALUES", 2 * 6 * 150)
    monkeypatch.setattr(scoring, "_TILE_VALUES", 3 * 6 * 150)
    lazy = states.copy(data=dask.array.from_array(states.values, chunks=(5, -1, -1)))
    parts = fit_spaces(lazy, SEVEN, 5)
    for name in SEVEN:
        assert found[0][name].space.to_dataset().identical(found[1][name].space.to_dataset())
        assert found[0][name].explained.identical(found[1][name].explained)
        np.testing.assert_allclose(parts[name].space.axes, found[0][name].space.axes, rtol=0, atol=1e-10)
        np.testing.assert_allclose(parts[name].explained, found[0][name].explained, rtol=1e-10)


def test_a_sublayer_without_variance_has_no_share_and_no_part_in_an_equalised_space(make_states: Make) -> None:
    states = depth_states(make_states)
    states[:, 2] = states[0, 2]
    fitted = fit_spaces(states, SEVEN, 4)
    for name, (_, explained, _) in fitted.items():
        assert np.isnan(explained[2]).all(), name
        assert np.isfinite(np.delete(explained.values, 2, axis=0)).all(), name
        assert explained.attrs["n_undefined"] == 1
    assert fitted["equalised"].space.axes.attrs["n_constant_sublayers"] == 1


def test_options_and_states_that_no_space_has(make_states: Make) -> None:
    states = make_states(20)
    with pytest.raises(UsageError, match="'own' has fit"):
        fit_spaces(states, {"own": {"fit": "sublayer"}})
    with pytest.raises(UsageError, match="holds out 0"):
        fit_spaces(states, {"global": {}, "half": {"hold_out": 0.001}})
    same = make_states(data=np.ones((5, 6, 12)))
    with pytest.raises(DataError, match="all the same state"):
        fit_spaces(same, {"global": {}})
    with pytest.raises(DataError, match="at least 2 states, and there are 0"):
        fit_spaces(same, {"equalised": {"equalize": True}})
    bad = make_states(20).copy()
    bad[3, 2, 1] = np.inf
    with pytest.raises(DataError, match=r"sample 103 \(text text-3\) holds inf"):
        fit_spaces(bad, SEVEN)


def test_of_many_samples_some_say_where_the_scores_lie(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = depth_states(make_states, 120)
    whole = fit_space(states, 3)
    for module in (subsamples, scoring):
        monkeypatch.setattr(module, "MOST_SAMPLES", 70)
    some = fit_space(states, 3)
    drawn = np.sort(np.random.default_rng(0).permutation(120)[:70])
    expected = np.quantile(whole.project(states.isel(sample=drawn)).values, (0.01, 0.99), axis=(0, 1))
    np.testing.assert_allclose(some.score_quantiles, expected, rtol=1e-5)
    assert not np.allclose(some.score_quantiles, whole.score_quantiles, rtol=1e-3)
    for name in ("axes", "variance", "mean"):
        xr.testing.assert_identical(getattr(some, name), getattr(whole, name))


@pytest.mark.slow
def test_the_first_components_of_many_units_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    for spectrum in (np.arange(1, 1101) ** -0.6, np.ones(1100), np.r_[np.full(40, 30.0), np.ones(1060)]):
        rows = rng.standard_normal((1600, 1100)) * np.sqrt(spectrum)
        gathered = pca.scatter(rows)
        found = pca.components(gathered, 40)
        monkeypatch.setattr(pca, "_LANCZOS_FROM", 2000)
        expected = pca.components(gathered, 40)
        monkeypatch.undo()
        assert not np.array_equal(found.axes, expected.axes)
        np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-12)
        np.testing.assert_allclose(np.abs((found.axes * expected.axes).sum(axis=1)), 1, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(found.axes, pca.components(gathered, 40).axes)
