"""All results in one reading: equal to each function's own, for every shape of states."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import dask.array
import numpy as np
import pytest
import xarray as xr

from residyn.analysis import states as per_state
from residyn.analysis import stream
from residyn.analysis import units as per_unit
from residyn.analysis.correlations import correlation_density
from residyn.analysis.suite import analyze
from residyn.errors import DataError

Make = Callable[..., xr.DataArray]

FUNCTIONS: dict[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "mean_activation": per_unit.mean_activation,
    "magnitude": per_unit.magnitude,
    "sign_kept": per_unit.sign_kept,
    "unit_correlation": per_unit.unit_correlation,
    "correlation_density": lambda states: correlation_density(per_unit.unit_correlation(states)),
    "norm": per_state.norm,
    "density": per_state.density,
    "cosine": per_state.cosine,
    "velocity": per_state.velocity,
    "relative_velocity": lambda states: per_state.velocity(states, relative=True),
}


def test_every_result_is_its_functions_own(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    states = make_states(50, capture_dtype="bfloat16")
    monkeypatch.setattr(stream, "_BLOCK_BYTES", 9 * states[0].nbytes)
    results = analyze(states)
    assert list(results.data_vars) == list(FUNCTIONS)
    for name, function in FUNCTIONS.items():
        own = function(states)
        np.testing.assert_array_equal(results[name].values, own.values)
        assert results[name].attrs == own.attrs
        for label, coordinate in own.coords.items():
            np.testing.assert_array_equal(results[name][label].values, coordinate.values)
    assert results.attrs["n_samples"] == 50
    assert results.attrs["capture_dtype"] == "bfloat16"


def test_coordinates_of_the_dataset(make_states: Make) -> None:
    results = analyze(make_states(8))
    where = {name: results[name].dims for name in results.coords}
    assert where["layer"] == where["site"] == ("sublayer",)
    assert where["kind"] == where["from_layer"] == ("transition",)
    assert where["text_id"] == where["n_tokens"] == where["last_token"] == ("sample",)
    assert where["rank"] == ("unit",)
    assert list(results["transition_kind"].values) == ["all", "within", "cross"]


def test_the_states_are_read_once(make_states: Make) -> None:
    states = make_states(40)
    reads: list[int] = []

    def block(block_info: dict | None = None) -> np.ndarray:
        start, stop = block_info[None]["array-location"][0]
        reads.append(start)
        return states.values[start:stop]

    lazy = dask.array.map_blocks(
        block, chunks=((10,) * 4, (6,), (12,)), dtype=np.float32, meta=np.empty((0, 0, 0), dtype=np.float32)
    )
    seen: list[tuple[int, int]] = []
    results = analyze(states.copy(data=lazy), progress=lambda done, total: seen.append((done, total)))
    assert sorted(reads) == sorted(set(reads))
    assert seen[-1] == (40, 40)
    np.testing.assert_allclose(results["cosine"], analyze(states)["cosine"], rtol=0, atol=0)


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


def test_states_of_nothing(make_states: Make) -> None:
    results = analyze(make_states(data=np.zeros((10, 6, 4), dtype=np.float32)))
    for name in ("cosine", "relative_velocity", "density", "unit_correlation"):
        assert np.isnan(results[name]).all(), name
    np.testing.assert_array_equal(results["norm"], 0)


def test_one_sublayer_is_refused(make_states: Make) -> None:
    with pytest.raises(DataError, match="two sublayers"):
        analyze(make_states(5, layers=1, sites=("attn",)))


def test_analysis_loads_neither_torch_nor_matplotlib() -> None:
    code = (
        "import sys, json, residyn.analysis.suite, residyn.analysis.saving, residyn.analysis.tables;"
        "print(json.dumps([m for m in ('torch', 'transformers', 'matplotlib', 'dask.array', 'xarray') "
        "if m in sys.modules]))"
    )
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert loaded == ["xarray"]
