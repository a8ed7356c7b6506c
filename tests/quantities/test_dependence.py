"""Dependence of labelled states: planted couplings, labels, what is undefined, and independence of bands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

import residyn
from residyn import unit_correlation
from residyn import walk as stream
from residyn.errors import DataError
from residyn.numerics import information
from residyn.quantities import dependence as module
from residyn.quantities.dependence import dependence as of_steps
from residyn.quantities.dependence import information_excess
from residyn.quantities.information import mutual_information, mutual_informations
from residyn.walk import Progress

Make = Callable[..., xr.DataArray]
BY_UNIT = ("skip_correlation", "correlation_excess", "step_correlation", "step_r2", "step_information")


def dependence(states: xr.DataArray, seed: int = 0, progress: Progress | None = None) -> xr.Dataset:
    """What is beyond the skip path: the two quantities of correlations, and what is said of steps."""
    skip = {name: getattr(residyn, name)(states) for name in BY_UNIT[:2]}
    return xr.Dataset({**skip, **of_steps(states, seed, progress)})


def coupled(make_states: Make, n: int = 400, units: int = 8, seed: int = 1) -> xr.DataArray:
    """Steps of transition 0 are noise, of 1 −0.5 h and noise, of 2 the square of h, of 3 a linear mixture of h."""
    rng = np.random.default_rng(seed)
    path = [rng.standard_normal((n, units))]
    mix = rng.standard_normal((units, units)) / np.sqrt(units)
    for step in (
        lambda h: rng.standard_normal(h.shape),
        lambda h: -0.5 * h + 0.5 * rng.standard_normal(h.shape),
        lambda h: h**2,
        lambda h: h @ mix,
        lambda h: rng.standard_normal(h.shape),
    ):
        path.append(path[-1] + step(path[-1]))
    return make_states(data=np.stack(path, axis=1))


def test_planted_couplings_are_told_apart(make_states: Make) -> None:
    states = coupled(make_states)
    found = dependence(states)
    middle = {name: found[name].median("unit").values for name in BY_UNIT}
    assert abs(middle["correlation_excess"][0]) < 0.02
    assert abs(middle["step_correlation"][0]) < 0.06
    assert abs(middle["step_r2"][0]) < 0.02
    assert abs(middle["step_information"][0]) < 0.01
    assert abs(found["step_r2_joint"][0]) < 0.1
    assert middle["correlation_excess"][1] < -0.02
    assert middle["step_correlation"][1] == pytest.approx(-np.sqrt(2 / 3), abs=0.05)
    assert middle["step_r2"][1] == pytest.approx(2 / 3, abs=0.06)
    assert middle["step_information"][1] == pytest.approx(-np.log(1 - 2 / 3) / 2, abs=0.06)
    assert abs(middle["step_r2"][2]) < 0.1
    assert found["step_r2_joint"][3] > 0.95
    assert middle["step_r2"][3] < 0.6


def test_the_excess_is_r_minus_the_skip_path(make_states: Make) -> None:
    states = coupled(make_states)
    found = dependence(states)
    r = unit_correlation(states)
    np.testing.assert_allclose(found["correlation_excess"] + found["skip_correlation"], r, atol=1e-12)
    h = states.values.astype(float)
    spread = h[:, :-1].var(axis=0), np.diff(h, axis=1).var(axis=0)
    np.testing.assert_allclose(found["skip_correlation"], np.sqrt(spread[0] / (spread[0] + spread[1])), rtol=1e-9)


def test_information_is_the_copulas_of_step_and_state(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = coupled(make_states, n=50)
    monkeypatch.setattr(module, "_PAIRED_VALUES", 3 * 2 * 50 * 6)
    got = dependence(states)["step_information"].values
    h = states.values.astype(float)
    for t in range(5):
        pairs = np.stack([h[:, t], h[:, t + 1] - h[:, t]], axis=1).transpose(2, 1, 0)
        np.testing.assert_allclose(got[t], information.copula(pairs)[0, :, 0], rtol=1e-12)


@pytest.mark.parametrize("sublayers_a_band", [1, 2])
def test_bits_do_not_depend_on_bands(
    make_states: Make, monkeypatch: pytest.MonkeyPatch, sublayers_a_band: int
) -> None:
    states = coupled(make_states, n=60, units=72)
    whole = of_steps(states, seed=3)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(stream, "_BLOCK_BYTES", sublayers_a_band * states.nbytes // 6)
    parted = of_steps(states, 3, lambda done, total: seen.append((done, total)))
    xr.testing.assert_identical(whole, parted)
    assert [done for done, _ in seen if done > 72] == list(range(72 + sublayers_a_band, 79, sublayers_a_band))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (78, 78)


def shared(make_states: Make, document: np.ndarray | None = None) -> xr.DataArray:
    """Steps that know nothing of the states; both are nearly the same within each of 20 documents."""
    rng = np.random.default_rng(4)
    own = np.arange(1000) % 20
    state, step = (rng.standard_normal((20, 64))[own] for _ in range(2))
    state, step = (values + 0.3 * rng.standard_normal((1000, 64)) for values in (state, step))
    states = make_states(data=np.stack([state, state + step], axis=1), layers=1)
    return states if document is None else states.assign_coords(document=("sample", document))


def sizes(result: xr.DataArray) -> tuple[int, int]:
    return result.attrs["larger_half"], result.attrs["smaller_half"]


def test_what_documents_share_is_no_dependence(make_states: Make) -> None:
    leaking = dependence(shared(make_states))
    # One sample a line could tell apart would do for every sample of its document.
    assert leaking["step_r2_joint"][0] > 0.6
    whole = dependence(shared(make_states, np.arange(1000) % 20))
    assert whole["step_r2_joint"][0] < 0.1
    assert whole["step_r2"].median() < leaking["step_r2"].median() - 0.02
    for name in ("step_r2", "step_r2_joint"):
        assert leaking[name].attrs["halves"] == "of samples"
        assert whole[name].attrs["halves"] == "of whole documents"
        assert sizes(whole[name]) == (500, 500)
    for name in ("skip_correlation", "correlation_excess", "step_correlation", "step_information"):
        # Groups of documents decide the last bits of what is merged over them.
        np.testing.assert_allclose(leaking[name], whole[name], rtol=0, atol=1e-13)
        assert "halves" not in whole[name].attrs


def test_samples_of_no_known_document_count_each_for_itself(make_states: Make) -> None:
    unknown = dependence(shared(make_states, np.full(1000, -1)))
    xr.testing.assert_identical(unknown.drop_vars("document", errors="ignore"), dependence(shared(make_states)))
    partly = dependence(shared(make_states, np.where(np.arange(1000) < 700, 5, -1)))
    assert sizes(partly["step_r2"]) == (700, 300)
    assert partly["step_r2"].attrs["halves"] == "of whole documents"


def test_one_document_holds_nothing_out(make_states: Make) -> None:
    found = dependence(shared(make_states, np.full(1000, 3)))
    for name in ("step_r2", "step_r2_joint"):
        assert np.isnan(found[name]).all()
        assert "all samples are of one document" in found[name].attrs["note"]
        assert sizes(found[name]) == (1000, 0)
    for name in ("skip_correlation", "correlation_excess", "step_correlation", "step_information"):
        assert np.isfinite(found[name]).all()


def test_a_half_of_one_document_leaves_the_joint_share_undefined(make_states: Make) -> None:
    found = dependence(shared(make_states, np.where(np.arange(1000) < 12, 1, 2)))
    assert sizes(found["step_r2_joint"]) == (988, 12)
    assert np.isnan(found["step_r2_joint"]).all()
    assert "all the same or of one document" in found["step_r2_joint"].attrs["note"]
    assert np.isfinite(found["step_r2"]).all()
    few = dependence(shared(make_states, np.where(np.arange(1000) < 2, 1, 2)))
    for name in ("step_r2", "step_r2_joint"):
        assert np.isnan(few[name]).all()
        assert "halves of 998 and 2 samples are too few" in few[name].attrs["note"]


def test_the_seed_decides_the_halves(make_states: Make) -> None:
    states = coupled(make_states, n=60)
    first, other = dependence(states), dependence(states, seed=1)
    for name in ("step_r2", "step_r2_joint"):
        assert not np.array_equal(first[name], other[name])
        np.testing.assert_allclose(first[name][1], other[name][1], atol=0.25)
    for name in ("skip_correlation", "correlation_excess", "step_information"):
        np.testing.assert_array_equal(first[name], other[name])


def test_many_samples_are_thinned_for_the_joint_share_alone(
    make_states: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = coupled(make_states, n=300)
    monkeypatch.setattr(module, "MOST_JOINT", 120)
    found = dependence(states)
    assert found["step_r2_joint"].attrs["parameters"] == '{"folds": 2, "samples": 120}'
    assert found["step_r2_joint"][3] > 0.9
    assert found["step_r2"].attrs["n_samples"] == 300


def test_labels_and_provenance(make_states: Make) -> None:
    found = dependence(coupled(make_states, n=60), seed=5)
    for name in BY_UNIT:
        assert found[name].dims == ("transition", "unit")
    assert found["step_r2_joint"].dims == ("transition",)
    for name, result in found.items():
        assert result.attrs["quantity"] == name
        assert name in BY_UNIT[:2] or result.attrs["seed"] == 5
        assert result.attrs["states_hash"] == "0f" * 8
        assert result.attrs["n_undefined"] == result.attrs["n_infinite"] == 0
        assert "note" not in result.attrs
        assert list(result["kind"].values) == ["within", "cross", "within", "cross", "within"]
    assert found["step_information"].attrs["units"] == "nats"


def test_constant_units_and_steps_are_undefined(make_states: Make) -> None:
    data = coupled(make_states, n=60).values
    data[:, 1, 2] = 5
    data[:, 4, 6] = data[:, 3, 6]
    found = dependence(make_states(data=data))
    expected = {
        "skip_correlation": [(1, 2)],
        "correlation_excess": [(0, 2), (1, 2)],
        "step_correlation": [(1, 2), (3, 6)],
        "step_r2": [(1, 2), (3, 6)],
        "step_information": [(1, 2), (3, 6)],
    }
    for name, where in expected.items():
        got = list(zip(*np.nonzero(np.isnan(found[name].values)), strict=True))
        assert got == where, name
        assert found[name].attrs["n_undefined"] == len(where)
        assert found[name].attrs["note"].startswith(f"NaN in {len(where)} places, where ")


@pytest.mark.parametrize(("n", "defined"), [(2, 0), (5, 4), (9, 5), (10, 6)])
def test_few_samples_leave_results_undefined(make_states: Make, n: int, defined: int) -> None:
    found = dependence(coupled(make_states, n=n))
    assert sum(not np.isnan(result).all() for result in found.values()) == defined


def test_states_out_of_contract_are_refused(make_states: Make) -> None:
    with pytest.raises(DataError, match="A transition needs two sublayers"):
        dependence(make_states(20, layers=1, sites=("attn",)))


def test_the_excess_of_information_is_what_r_does_not_imply(make_states: Make) -> None:
    rng = np.random.default_rng(0)
    h = rng.standard_normal((2000, 1, 6))
    noisy = h + rng.standard_normal(h.shape)
    curved = np.concatenate([h, noisy, noisy**2 + 0.1 * rng.standard_normal(h.shape)], axis=1)
    found = mutual_informations(make_states(data=curved, layers=3, sites=("block",)), ("gcmi", "ksg"))
    excess = information_excess(found["mutual_information"])
    assert excess.dims == ("estimator", "transition", "unit")
    assert excess.name == excess.attrs["quantity"] == "information_excess"
    floor = excess["gaussian_floor"]
    np.testing.assert_allclose(excess + floor, found["mutual_information"], atol=1e-12)
    np.testing.assert_allclose(excess.sel(estimator="ksg")[0], 0, atol=0.1)
    assert (excess.sel(estimator="ksg")[1] > 0.3).all()
    assert (excess.sel(estimator="gcmi")[1] < 0.1).all()
    assert excess.attrs["n_samples"] == 2000
    assert excess.attrs["definition"].endswith("minus −½ ln(1 − r²)")
    one = information_excess(found["mutual_information"].sel(estimator="ksg"))
    np.testing.assert_array_equal(one, excess.sel(estimator="ksg"))


def test_an_infinite_floor_leaves_no_excess(make_states: Make) -> None:
    data = make_states(30).values
    data[:, 1, 3] = 2 * data[:, 0, 3]
    data[:, 2, 5] = 1
    result = mutual_information(make_states(data=data), "ksg")
    excess = information_excess(result)
    assert np.isfinite(result[0, 3])
    where = list(zip(*np.nonzero(np.isnan(excess.values)), strict=True))
    assert where == [(0, 3), (1, 5), (2, 5)]
    assert (excess.attrs["n_undefined"], excess.attrs["n_infinite_floor"]) == (3, 1)


def test_the_excess_is_of_mutual_information_alone(make_states: Make) -> None:
    with pytest.raises(DataError, match="got 'unit_correlation'"):
        information_excess(unit_correlation(make_states(20)))
    with pytest.raises(DataError, match="got 'ndarray'"):
        information_excess(np.zeros(3))  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="gaussian_floor"):
        information_excess(mutual_information(make_states(20)).drop_vars("gaussian_floor"))
