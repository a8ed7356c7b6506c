"""What the page shows of local linear maps is what the run holds of them."""

from __future__ import annotations

import numpy as np
import pytest

import residyn as rd
from residyn.explorer import local_maps
from residyn.explorer.local_maps import map_curves, page_maps
from residyn.quantities.at_samples import curve


@pytest.fixture(scope="module")
def opened(run):
    return rd.open_run(run)


def test_eigenvalues_are_those_of_every_text_at_each_sublayer(explored, opened):
    networks = opened.jacobians
    assert [one.title for one in explored.maps.networks] == [
        "the model", "permuted weights", "untrained network 0", "untrained network 1",
    ]  # fmt: skip
    for shown, maps in zip(explored.maps.networks, networks.values(), strict=True):
        assert shown.n_samples == shown.n_all == maps.sizes["sample"]
        found = shown.eigenvalues.values()
        for part, name in enumerate(("eigenvalue_real", "eigenvalue_imag")):
            wanted = maps[name].transpose("sublayer", "sample", "eigenvalue").values.reshape(found.shape[1:])
            np.testing.assert_allclose(found[part], wanted, atol=3e-4 * np.abs(wanted).max())
        # A random matrix of n units and Frobenius norm F has entries of variance F²/n²: its disc has radius F/√n.
        radius = maps["frobenius"].mean("sample").values / np.sqrt(maps.attrs["n_units"])
        np.testing.assert_allclose(shown.disc, radius, rtol=1e-6)


def test_of_more_texts_than_there_is_room_for_the_first_are_shown(opened, monkeypatch):
    networks = {"model": opened.jacobians["model"]}
    one = networks["model"].sizes["sublayer"] * networks["model"].sizes["eigenvalue"]
    monkeypatch.setattr(local_maps, "ROOM", 2 * one)
    (shown,) = page_maps(opened.results, networks).networks
    assert (shown.n_samples, shown.n_all) == (2, 3)
    assert shown.eigenvalues.codes.shape[-1] == 2 * networks["model"].sizes["eigenvalue"]


def test_curves_carry_their_interval_and_what_stands_beside_them(explored, opened):
    networks = opened.jacobians
    shown = {one.name: one for one in explored.curves}["jacobians.skew_share"]
    np.testing.assert_allclose(
        np.transpose([shown.value, shown.low, shown.high]), curve(networks["model"], "skew_share"), rtol=1e-6
    )
    beside = {one.title: one.value for one in shown.beside}
    np.testing.assert_allclose(
        beside["permuted weights"], networks["permuted-weights"]["skew_share"].mean("sample"), rtol=1e-5
    )
    untrained = np.mean([networks[f"untrained-{seed}"]["skew_share"].mean("sample") for seed in (0, 1)], axis=0)
    np.testing.assert_allclose(beside["2 untrained networks"], untrained, rtol=1e-5)
    assert set(beside["random matrix"]) == {0.5}


def test_every_number_of_a_sublayer_is_a_curve(explored, opened):
    maps = opened.jacobians["model"]
    wanted = {name for name in maps if "sublayer" in maps[name].dims and not name.startswith("ginibre_")}
    wanted -= {"eigenvalue_real", "eigenvalue_imag", "singular_values"}
    assert {one.name for one in explored.curves if one.name.startswith("jacobians.")} == {
        f"jacobians.{name}" for name in wanted
    }
    exponent = next(one for one in explored.curves if one.name == "jacobians.excess_exponent")
    assert exponent.beside[-1].title == "random matrices of the same norms"
    np.testing.assert_allclose(exponent.value, maps["excess_exponent"].isel(probe=0).mean("sample"), rtol=1e-5)


def test_a_state_without_a_map_has_a_gap_there(opened):
    networks = {name: maps.isel(sublayer=[0, 2, 3]) for name, maps in opened.jacobians.items()}
    values = np.array(map_curves(opened.results, networks)[0].value)
    assert np.isfinite(values).tolist() == [True, False, True, True, False, False]
    shown = page_maps(opened.results, networks).networks[0].eigenvalues.values()
    assert np.isnan(shown[:, 1]).all()
    assert np.isfinite(shown[:, 2]).all()


def test_without_maps_there_are_none(opened):
    assert page_maps(opened.results, {}) is None
    assert map_curves(opened.results, {}) == ()
