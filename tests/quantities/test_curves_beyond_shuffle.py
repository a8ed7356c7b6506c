"""Information beyond that of shuffled samples: public estimates, what samples say written out, and coverage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy.special import digamma
from scipy.stats import gaussian_kde

from residyn import walk as stream
from residyn.numerics.groups import interval
from residyn.numerics.information import jittered, local_kde, local_ksg
from residyn.quantities import curves as module
from residyn.quantities.curves import INFORMATION, KDE_INFORMATION, KSG_INFORMATION, curves
from residyn.quantities.information import Options, replicates
from residyn.quantities.information.results import mutual_informations
from residyn.quantities.replicates import Plan, plan_of

Make = Callable[..., xr.DataArray]

NAMES = {"ksg": KSG_INFORMATION, "kde": KDE_INFORMATION}
STRETCH = {"ksg": np.sqrt(2.16), "kde": 1.0}


@pytest.fixture
def states(make_states: Make) -> xr.DataArray:
    """A unit that is constant, one that is at one sublayer, and one that is copied once: no kde there."""
    data = make_states(40, units=11).values
    data[:, :, 1] = 4
    data[:, 4, 8] = 2
    data[:, 3, 5] = data[:, 2, 5]
    return make_states(data=data)


def means(states: xr.DataArray, seed: int, read: np.ndarray, shuffled: np.ndarray) -> dict[str, np.ndarray]:
    """Mean over units of the public estimates minus that of the public shuffles, (T,) each."""
    found = mutual_informations(states, ("ksg", "kde"), Options(repeats=1, seed=seed))
    of_data, of_shuffles = found["mutual_information"], found["mutual_information_shuffle"]
    beyond = of_data.isel(unit=read).mean("unit") - of_shuffles.isel(unit=shuffled).mean("unit")
    return {name: beyond.sel(estimator=name).values for name in NAMES}


def said(estimator: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What each sample says, from all distances or by scipy; NaN where there is no joint density."""
    n = len(x)
    if estimator == "kde":
        if np.linalg.matrix_rank(np.cov(x, y)) < 2:
            return np.full(n, np.nan)
        joint = gaussian_kde(np.stack([x, y]))(np.stack([x, y]))
        return np.log((joint + 1e-10) / (gaussian_kde(x)(x) * gaussian_kde(y)(y) + 1e-10))
    dx, dy = (np.abs(np.subtract.outer(axis, axis)) for axis in (x, y))
    kth = np.sort(np.maximum(dx, dy), axis=1)[:, 3:4]
    return digamma(n) + digamma(3) - digamma((dx < kth).sum(axis=1)) - digamma((dy < kth).sum(axis=1))


def test_the_data_have_the_public_estimates(states: xr.DataArray) -> None:
    plan = plan_of(states, 3, seed=4)
    got = curves(states, plan, NAMES.values()).curves
    every = np.arange(11)
    for estimator, expected in means(states, 4, every, every).items():
        np.testing.assert_allclose(got[NAMES[estimator]][0], expected, rtol=0, atol=1e-12)
        only = curves(states, plan.only_data, [NAMES[estimator]]).curves[NAMES[estimator]]
        np.testing.assert_allclose(only, expected[None], rtol=0, atol=1e-12)


def test_some_units_stand_for_all(states: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicates, "UNITS_READ", 6)
    monkeypatch.setattr(replicates, "UNITS_SHUFFLED", 4)
    for seed in (0, 1):
        drawn = np.random.default_rng(seed).permutation(11)
        got = curves(states, plan_of(states, 0, seed=seed), NAMES.values()).curves
        for estimator, expected in means(states, seed, drawn[:6], drawn[:4]).items():
            np.testing.assert_allclose(got[NAMES[estimator]][0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("estimator", NAMES)
def test_replicates_are_weighted_means_of_what_samples_say(states: xr.DataArray, estimator: str) -> None:
    seed, group = 3, np.arange(40) // 3 % 5
    weights = np.array([[1.0, 1, 1, 1, 1], [0, 2, 0, 2, 1], [2, 2, 1, 0, 0], [0, 0, 5, 0, 0]])
    got = curves(states, Plan(group, weights, seed), [NAMES[estimator]]).curves[NAMES[estimator]]
    rng = np.random.default_rng(seed)
    shuffle, third = rng.permutation(40), rng.permutation(40)
    paths = states.values.transpose(2, 1, 0).astype(float)
    given = jittered(paths, seed, range(11)) if estimator == "ksg" else paths
    for t in range(5):
        as_is, shuffled = [], []
        for u in range(11):
            if np.ptp(paths[u, t]) > 0 and np.ptp(paths[u, t + 1]) > 0:
                as_is.append(said(estimator, given[u, t], given[u, t + 1]))
                shuffled.append(said(estimator, given[u, t], given[u, t + 1, shuffle]))
        of_data, of_shuffles = np.nanmean(as_is, axis=0), np.mean(shuffled, axis=0)
        for row, times in enumerate(weights):
            floor, varied = of_shuffles.mean(), np.average(of_shuffles, weights=times[group[third]])
            expected = np.average(of_data, weights=times[group]) - floor - STRETCH[estimator] * (varied - floor)
            # The kernels of kde are in float32.
            assert got[row, t] == pytest.approx(expected, abs=1e-9 if estimator == "ksg" else 1e-6)


def test_units_are_read_some_at_a_time(states: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(states, 5)
    expected = curves(states, plan, NAMES.values()).curves
    monkeypatch.setattr(replicates, "_LOCAL_VALUES", 2 * states[:, :, 0].size)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 3 * states[:, :, 0].nbytes)
    for name, curve in curves(states, plan, NAMES.values()).curves.items():
        np.testing.assert_allclose(curve, expected[name], rtol=0, atol=1e-12)


def test_all_that_is_read_along_units_shares_one_reading(
    states: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = []

    def counted(states: xr.DataArray, readings: list, **options: str) -> list:
        shared.append((len(readings), options["along"]))
        return stream.read_together(states, readings, **options)

    monkeypatch.setattr(module, "read_together", counted)
    names = [INFORMATION, *NAMES.values(), "rank_correlation", "rank_correlation_throughout"]
    assert list(curves(states, plan_of(states, 2), names).curves) == names
    assert shared == [(4, "unit")]


def test_an_even_map_is_seen_by_all_but_ranks(make_states: Make) -> None:
    rng = np.random.default_rng(6)
    x, noise = rng.standard_normal((2, 400, 1, 12))
    states = make_states(data=np.concatenate([x, x**2 + 0.3 * noise], axis=1), layers=1)
    plan = plan_of(states, 200)
    got = curves(states, plan, [INFORMATION, *NAMES.values(), "rank_correlation"]).curves
    for name in NAMES.values():
        assert interval(got[name][:, 0], plan.n_groups)[0] > 0.2
    assert abs(got[INFORMATION][0, 0]) < 0.02
    assert abs(got["rank_correlation"][0, 0]) < 0.05


def test_states_without_relation_have_no_information(make_states: Make) -> None:
    states = make_states(data=np.random.default_rng(7).standard_normal((300, 2, 40)), layers=1)
    plan = plan_of(states, 200)
    got = curves(states, plan, NAMES.values()).curves
    for name in NAMES.values():
        low, high = interval(got[name][:, 0], plan.n_groups)
        assert -0.05 < low < 0 < high < 0.05


@pytest.mark.parametrize("shape", ["normal", "uniform"])
def test_the_noise_that_neighbours_share_is_the_one_stretched_for(shape: str) -> None:
    rng = np.random.default_rng(8)
    paths = (rng.standard_normal if shape == "normal" else rng.random)((2000, 2, 300))
    said_by_ksg, said_by_kde = (local(paths)[0, :, 0] for local in (local_ksg, local_kde))
    of_mean = said_by_ksg.mean(axis=1).var()
    assert 300 * of_mean / said_by_ksg.var(axis=1).mean() == pytest.approx(1.58, abs=0.15)
    assert said_by_kde.mean(axis=1).var() < 0.1 * of_mean


@pytest.mark.slow
def test_intervals_cover_the_mean_over_new_samples(make_states: Make) -> None:
    values, ends = ({name: [] for name in NAMES.values()} for _ in range(2))
    for seed in range(400):
        x, noise = np.random.default_rng(seed).standard_normal((2, 400, 1, 16))
        states = make_states(data=np.concatenate([x, 0.8 * x + 0.6 * noise], axis=1), layers=1)
        plan = plan_of(states, 200, seed)
        for name, curve in curves(states, plan, NAMES.values()).curves.items():
            values[name].append(curve[0, 0])
            ends[name].append(interval(curve[:, 0], plan.n_groups))
    for name in NAMES.values():
        mean, (low, high) = np.mean(values[name]), np.transpose(ends[name])
        assert mean == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.02)
        assert 0.9 <= np.mean((low <= mean) & (mean <= high)) <= 0.99, name
