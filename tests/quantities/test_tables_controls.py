"""Tables of the controls: their rows, and that their numbers are those of the results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from residyn.quantities.dependence import dependence
from residyn.quantities.suite import analyze
from residyn.quantities.tables import tables
from residyn.quantities.tables.further import dependence_table
from residyn.settings import AnalysisSettings

Make = Callable[..., xr.DataArray]


def test_dependence_is_quartiles_over_units(make_states: Make) -> None:
    data = make_states(40).values
    data[:, 2, 4] = 1
    results = dependence(make_states(data=data))
    table = dependence_table(results)
    assert len(table) == 4 * 5
    row = table.query("quantity == 'step_correlation' and transition == '1.attn→1.mlp'").iloc[0]
    values = results["step_correlation"].sel(transition="1.attn→1.mlp").values
    assert row["n_units"] == 11
    assert (row["q25"], row["value"], row["q75"]) == pytest.approx(
        tuple(np.nanquantile(values, [0.25, 0.5, 0.75]))
    )
    joint = table.query("quantity == 'step_r2_joint'")
    assert list(joint["value"]) == list(results["step_r2_joint"].values)
    assert (joint["n_units"] == 12).all()
    assert joint["q25"].isna().all()
    assert list(joint["kind"]) == ["within", "cross", "within", "cross", "within"]


def test_kurtosis_after_rotation(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("residyn.quantities.basis.MOST_ROTATED", 10)
    results = analyze(make_states(30), AnalysisSettings(estimators=("gcmi",)))
    made = tables(results)
    table = made["kurtosis_rotated"]
    assert list(table["site"]) == ["attn", "mlp"] * 3
    assert (made["kurtosis"]["n_samples"] == 30).all()
    assert (table["n_samples"] == 10).all()
    np.testing.assert_allclose(made["kurtosis"]["mean"], results["kurtosis"].mean("sample"))
    np.testing.assert_allclose(table["mean"], results["kurtosis_rotated"].mean("sample"))
    assert (table["ci_low"] < table["mean"]).all()
    assert (table["mean"] < table["ci_high"]).all()
