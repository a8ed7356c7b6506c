"""Results are xarray's Dataset in all but how a notebook shows them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import xarray as xr

import residyn as rd
from residyn.dataset import Results

MOST_BYTES = 100_000


@pytest.fixture(scope="module")
def results():
    values = np.random.default_rng(0).normal(size=(60, 60, 8)).cumsum(axis=1)
    states = rd.from_array(values, np.repeat(range(30), 2), ["attn", "mlp"] * 30, model="<b>mine</b>")
    return rd.analyze(states, rd.AnalysisSettings(components=3, estimators=("gcmi",), leave_out=(1,)))


def test_a_notebook_is_shown_a_short_table(results):
    page = results._repr_html_()
    assert len(page.encode()) < MOST_BYTES < len(xr.Dataset._repr_html_(results).encode())
    for name in ("velocity", "mutual_information", "pc_scores"):
        assert f"<td>{name}</td>" in page
    assert "<td>velocity_curve</td>" not in page
    assert "<b>mine" not in page
    assert "&lt;b&gt;mine" in page


def test_what_is_made_of_results_is_results(results, tmp_path):
    rd.save_results(results, tmp_path / "results.zarr")
    opened = rd.open_results(tmp_path / "results.zarr")
    for made in (
        opened,
        results[["velocity", "norm"]],
        results.isel(sample=slice(3)),
        pickle.loads(pickle.dumps(results)),
    ):
        assert isinstance(made, Results)
    xr.testing.assert_identical(opened, results)
    xr.testing.assert_identical(
        xr.Dataset(opened.data_vars, opened.coords, opened.attrs),
        xr.Dataset(results.data_vars, results.coords, results.attrs),
    )
