"""Tables of the controls: their rows, and that their numbers are those of the results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from residyn.numerics.resampling import bootstrap_mean
from residyn.quantities.basis import basis
from residyn.quantities.dependence import dependence
from residyn.quantities.kinematics import kinematics
from residyn.quantities.tables.controls import dependence_table, kinematics_table, kurtosis_table

Make = Callable[..., xr.DataArray]


def test_kinematics_are_means_over_samples_with_intervals(make_states: Make) -> None:
    results = kinematics(make_states(30))
    table = kinematics_table(results, resamples=200, seed=3)
    counts = table.groupby("quantity").size().to_dict()
    assert counts == {
        "angular_velocity": 5,
        "radial_step": 5,
        "tangential_step": 5,
        "acceleration": 3,
        "turning_angle": 4,
        "straightness": 1,
    }
    row = table.query("quantity == 'radial_step' and place == '1.attn→1.mlp'").iloc[0]
    assert (row["layer"], row["kind"], row["n_samples"]) == (1, "within", 30)
    values = results["radial_step"].sel(transition="1.attn→1.mlp").values
    assert row["mean"] == pytest.approx(values.mean())
    assert row["sd"] == pytest.approx(values.std(ddof=1))
    expected = bootstrap_mean(values[:, None], resamples=200, seed=3)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.low[0], expected.high[0]))
    turn = table.query("quantity == 'turning_angle' and place == '2.attn'").iloc[0]
    assert (turn["layer"], turn["kind"]) == (2, "attn")
    assert turn["mean"] == pytest.approx(results["turning_angle"].sel(sublayer="2.attn").mean().item())
    path = table.query("quantity == 'straightness'").iloc[0]
    assert path["mean"] == pytest.approx(results["straightness"].mean().item())
    assert (path["place"], path["kind"]) == ("whole path", "path")
    assert pd.isna(path["layer"])


def test_undefined_samples_are_left_out_of_their_row(make_states: Make) -> None:
    data = make_states(8).values
    data[2, 1] = 0
    table = kinematics_table(kinematics(make_states(data=data)), resamples=50)
    turned = table.query("quantity == 'angular_velocity'")
    assert list(turned["n_samples"]) == [7, 7, 8, 8, 8]
    assert np.isfinite(turned["mean"]).all()


def test_dependence_is_quartiles_over_units(make_states: Make) -> None:
    data = make_states(40).values
    data[:, 2, 4] = 1
    results = dependence(make_states(data=data))
    table = dependence_table(results)
    assert len(table) == 6 * 5
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


def test_kurtosis_before_and_after_rotation(make_states: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("residyn.quantities.basis.MOST_ROTATED", 10)
    results = basis(make_states(30))
    table = kurtosis_table(results, resamples=100)
    assert list(table["site"]) == ["attn", "mlp"] * 3
    assert (table["n_samples"] == 30).all()
    assert (table["rotated_n_samples"] == 10).all()
    np.testing.assert_allclose(table["mean"], results["kurtosis"].mean("sample"))
    np.testing.assert_allclose(table["rotated_mean"], results["kurtosis_rotated"].mean("sample"))
    assert (table["rotated_ci_low"] < table["rotated_mean"]).all()
    assert (table["rotated_mean"] < table["rotated_ci_high"]).all()
    assert list(kurtosis_table(results[["kurtosis"]])) == [
        *["sublayer", "layer", "site", "n_samples", "mean", "sd"],
        "ci_low",
        "ci_high",
    ]
