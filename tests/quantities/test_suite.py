"""All results, part by part: equal to each function's own, for every shape of states; resumed where they were."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dask.array
import numpy as np
import pytest
import xarray as xr

from residyn import walk as stream
from residyn.errors import DataError, UsageError
from residyn.quantities.correlations import correlation_density
from residyn.quantities.dimensions import dimensions
from residyn.quantities.information import Options, mutual_informations
from residyn.quantities.massive import massive_ratio, massive_units
from residyn.quantities.registry import quantities
from residyn.quantities.robustness import without_massive
from residyn.quantities.steps import STEPS
from residyn.quantities.suite import analyze, not_computed
from residyn.settings import AnalysisSettings
from residyn.spaces import (
    Space,
    explained_variance,
    explained_variance_by_sublayer,
    fit_space,
    fit_spaces,
)

Make = Callable[..., xr.DataArray]


def assert_same(results: xr.Dataset, own: xr.DataArray) -> None:
    result = results[str(own.name)]
    np.testing.assert_array_equal(result.values, own.values)
    assert result.attrs == own.attrs
    for label, coordinate in own.coords.items():
        np.testing.assert_array_equal(result[label].values, coordinate.values)


def test_every_result_is_its_functions_own(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_states(50, capture_dtype="bfloat16")
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 9 * states[0].nbytes)
    results = analyze(states)
    for name, quantity in quantities().items():
        assert_same(results, quantity(states))
        if f"{name}_curve" in results:
            curve = quantity.curve(states)
            np.testing.assert_array_equal(results[f"{name}_curve"], curve)
            assert results[f"{name}_curve"].attrs == curve.attrs
    assert_same(results, correlation_density(results["unit_correlation"]))
    assert results.attrs["n_samples"] == 50
    assert results.attrs["capture_dtype"] == "bfloat16"


def test_the_settings_are_those_of_each_function(make_states: Make) -> None:
    states = make_states(50, units=14)
    settings = AnalysisSettings(
        estimators=("ksg", "binned"), neighbours=2, shuffles=3, components=4, leave_out=(1, 2), analysis_seed=8
    )
    results = analyze(states, settings)
    information = mutual_informations(states, ("ksg", "binned"), Options(k=2, repeats=3, seed=8))
    halves = {"global": {}, "held out": {"hold_out": 0.5}}
    space, explained, scores = fit_spaces(states, halves, 4, seed=8)["global"]
    for own in (
        *information.data_vars.values(),
        massive_ratio(states),
        *dimensions(states).data_vars.values(),
        scores,
        explained,
        *without_massive(states, results, (1, 2)).data_vars.values(),
    ):
        assert_same(results, own)
    np.testing.assert_array_equal(Space.from_dataset(results).axes, space.axes)
    np.testing.assert_array_equal(Space.from_dataset(results).project(states), space.project(states))
    assert json.loads(results.attrs["settings"])["components"] == 4
    curves = results["explained_variance_by_sublayer"]
    assert curves.attrs["n_components"] == 4
    units = massive_units(results["massive_ratio"], 2)
    held_out = fit_space(states, 4, hold_out=0.5, seed=8)
    expected = {
        "global": explained,
        "held out": explained_variance(states, held_out, samples="held_out"),
        "equalised": explained_variance(states, fit_space(states, 4, equalize=True, seed=8)),
        "z-scored": explained_variance(states, fit_space(states, 4, standardize=True, seed=8)),
        "without 2 massive": explained_variance(states, fit_space(states, 4, without=units, seed=8)),
    }
    assert list(curves["space"].values) == [*list(expected)[:4], "without 1 massive", "without 2 massive"]
    for name, curve in expected.items():
        # A fit of its own adds the same numbers in another order.
        own = explained_variance_by_sublayer(curve)
        np.testing.assert_allclose(curves.sel(space=name), own, rtol=1e-12, err_msg=name)


def test_of_one_document_there_is_no_held_out_space(make_states: Make) -> None:
    document = np.zeros(20, dtype=int)
    one = analyze(make_states(20).assign_coords(document=("sample", document)))
    assert list(one["space"].values)[:3] == ["global", "equalised", "z-scored"]
    document[10:] = 1
    two = analyze(make_states(20).assign_coords(document=("sample", document)))
    assert list(two["space"].values)[:2] == ["global", "held out"]


def test_steps_that_are_there_are_not_computed_again(make_states: Make) -> None:
    states, opened = make_states(20), []

    @contextmanager
    def stages(name: str, counts: str) -> Iterator[Callable[[int, int], None]]:
        opened.append(name)
        yield lambda done, total: None

    kept: list[xr.Dataset] = []
    settings = AnalysisSettings(autoencoder=True)
    whole = analyze(states, settings, stages=stages, keep=kept.append)
    assert opened == [step.name for step in STEPS]
    assert len(kept) == len(STEPS)
    for done, earlier in enumerate(kept):
        opened.clear()
        xr.testing.assert_identical(analyze(states, settings, stages=stages, earlier=earlier), whole)
        assert opened == [step.name for step in STEPS[done + 1 :]]


def test_every_step_reports_its_progress_to_the_end(make_states: Make) -> None:
    last: dict[str, tuple[int, int]] = {}

    @contextmanager
    def stages(name: str, counts: str) -> Iterator[Callable[[int, int], None]]:
        def report(done: int, total: int) -> None:
            last[name] = (done, total)

        yield report

    analyze(make_states(20), AnalysisSettings(autoencoder=True), stages=stages)
    assert list(last) == [step.name for step in STEPS]
    assert all(done == total for done, total in last.values())


def test_coordinates_of_the_dataset(make_states: Make) -> None:
    results = analyze(make_states(8))
    where = {name: results[name].dims for name in results.coords}
    assert where["layer"] == where["site"] == ("sublayer",)
    assert where["kind"] == where["from_layer"] == ("transition",)
    assert where["text_id"] == where["n_tokens"] == where["last_token"] == ("sample",)
    assert where["rank"] == ("unit",)
    assert list(results["transition_kind"].values) == ["all", "within", "cross"]


@pytest.mark.parametrize("step", range(4))
def test_each_step_before_the_spaces_reads_the_states_once(make_states: Make, step: int) -> None:
    states = make_states(40)
    reads: list[int] = []

    def block(block_info: dict | None = None) -> np.ndarray:
        start, stop = block_info[None]["array-location"][0]
        reads.append(start)
        return states.values[start:stop]

    lazy = dask.array.map_blocks(
        block, chunks=((10,) * 4, (6,), (12,)), dtype=np.float32, meta=np.empty((0, 0, 0), dtype=np.float32)
    )
    STEPS[step].compute(states.copy(data=lazy), AnalysisSettings(), analyze(states), lambda done, total: None)
    assert sorted(reads) == [0, 10, 20, 30]


def test_two_runs_are_bit_identical(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_states(64)
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 5 * states[0].nbytes)
    lazy = states.copy(data=dask.array.from_array(states.values, chunks=(5, -1, -1)))
    xr.testing.assert_identical(analyze(lazy), analyze(lazy))


@pytest.mark.parametrize("n", [1, 2])
def test_few_samples(make_states: Make, n: int) -> None:
    results = analyze(make_states(n))
    assert np.isnan(results["unit_correlation"]).all()
    assert np.isnan(results["correlation_density"]).all()
    assert np.isfinite(results["cosine"]).all()
    assert np.isfinite(results["mean_activation"]).all()
    assert np.isnan(results["mutual_information"]).all()
    lacking = not_computed(results)
    assert f"at least 4 samples is held out; there are {n}" in lacking["principal components"]


def test_parallel_models_have_transitions_of_blocks_only(make_states: Make) -> None:
    results = analyze(make_states(20, sites=("block",)))
    assert set(results["kind"].values) == {"block"}
    assert list(results["transition_kind"].values) == ["all", "block"]


def test_states_that_never_change(make_states: Make) -> None:
    results = analyze(make_states(data=np.full((10, 6, 4), 2, dtype=np.float32)))
    assert np.isnan(results["unit_correlation"]).all()
    assert results["unit_correlation"].attrs["n_constant_units"] == 4
    np.testing.assert_array_equal(results["velocity"], 0)
    np.testing.assert_array_equal(results["cosine"], 1)
    np.testing.assert_array_equal(results["density"], 1)
    np.testing.assert_array_equal(results["sign_kept"], 1)
    assert np.isnan(results["participation_ratio"]).all()
    assert not_computed(results)["principal components"].startswith("The 10 samples to fit are all the same")


def test_states_of_nothing(make_states: Make) -> None:
    results = analyze(make_states(data=np.zeros((10, 6, 4), dtype=np.float32)))
    for name in ("cosine", "relative_velocity", "density", "unit_correlation"):
        assert np.isnan(results[name]).all(), name
    np.testing.assert_array_equal(results["norm"], 0)


def test_one_sublayer_is_refused(make_states: Make) -> None:
    with pytest.raises(DataError, match="two sublayers"):
        analyze(make_states(5, layers=1, sites=("attn",)))


def test_states_that_are_not_finite_end_the_analysis(make_states: Make) -> None:
    data = make_states(9).values.copy()
    data[3, 2, 1] = np.nan
    with pytest.raises(DataError, match="sample 103"):
        analyze(make_states(data=data))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"estimators": ("gcmi", "mine")}, "'gcmi', 'ksg', 'kde', 'binned'; got gcmi, mine"),
        ({"estimators": ()}, "got none"),
        ({"components": 0}, "components is a whole number of at least 1; got 0"),
        ({"shuffles": -1}, "shuffles is a whole number of at least 0"),
        ({"estimators": ("gcmi", "gcmi")}, "names each once; got gcmi, gcmi"),
        ({"leave_out": (3, 1)}, "numbers that grow, such as 1,3,10; got 3, 1"),
        ({"leave_out": (0, 1)}, "a whole number of at least 1; got 0, 1"),
    ],
)
def test_bad_settings_are_refused_before_any_work(make_states: Make, choice: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        analyze(make_states(5), AnalysisSettings(**choice), keep=lambda _: pytest.fail("work was done"))


def test_analysis_loads_neither_torch_nor_matplotlib() -> None:
    code = (
        "import sys, json, residyn.quantities.suite, residyn.runs.results, residyn.quantities.tables;"
        "print(json.dumps([m for m in ('torch', 'transformers', 'matplotlib', 'dask.array', 'xarray') "
        "if m in sys.modules]))"
    )
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert loaded == ["xarray"]


def test_what_was_not_computed_is_read_from_results_of_earlier_versions() -> None:
    earlier = xr.Dataset(attrs={"not_computed": "dimension: too few: 1\nunit orbits: no depth"})
    assert not_computed(earlier) == {"dimension": "too few: 1", "unit orbits": "no depth"}
    assert not_computed(xr.Dataset()) == {}
