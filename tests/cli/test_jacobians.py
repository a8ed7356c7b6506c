"""The Jacobians stage: made once, gone on with sample by sample, and told of what is left out."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import residyn as rd
from residyn.errors import ModelError
from residyn.pipeline import jacobians as stage
from residyn.pipeline.reporter import Silent
from residyn.pipeline.some_samples import drawn, next_token
from residyn.runs import layout
from residyn.runs.contents import open_jacobian_results
from residyn.schema import NO_DOCUMENT
from residyn.settings import JacobianSettings
from residyn.store import StoredText, TableBuilder

NETWORKS = ["model", "permuted-weights", "untrained-0", "untrained-1", "untrained-2"]


def test_a_run_has_maps_of_its_model_and_of_controls(finished):
    found = rd.open_run(finished).jacobians
    assert list(found) == NETWORKS
    own = found["model"]
    states = rd.open_states(finished)
    assert [*own.sublayer.values] == [*states.sublayer.values]
    chosen = JacobianSettings()
    assert own.sizes["sample"] == chosen.jacobian_samples
    assert {one.sizes["sample"] for name, one in found.items() if name != "model"} == {chosen.control_jacobians}
    assert all(maps.attrs["proof_error"] <= 1e-3 for maps in found.values())
    assert own.attrs["states_hash"] == states.attrs["states_hash"]
    labels = own.sample.values
    norms = np.linalg.norm(states.sel(sample=labels).values, axis=2)
    np.testing.assert_allclose(own.log_norm_growth[:, :-1], np.diff(np.log(norms), axis=1), atol=1e-4)
    assert not np.allclose(own.frobenius[:1], found["untrained-0"].frobenius)
    assert own.skew_share.attrs["definition"]


def test_the_table_holds_the_means_with_intervals_around_them(finished):
    table = pd.read_csv(finished / "tables" / "jacobians.csv")
    own = rd.open_run(finished).jacobians["model"]
    assert sorted(dict.fromkeys(table.network)) == NETWORKS
    rows = table[(table.network == "model") & (table.site != "layer")]
    np.testing.assert_allclose(rows.skew_share, own.skew_share.mean("sample"), rtol=1e-5)
    np.testing.assert_allclose(rows.excess_exponent, own.excess_exponent[:, :, 0].mean("sample"), rtol=1e-4)
    assert (rows.skew_share_low < rows.skew_share).all()
    assert (rows.skew_share < rows.skew_share_high).all()
    layers = table[(table.network == "model") & (table.site == "layer")]
    np.testing.assert_allclose(layers.frobenius, own.layer_frobenius.mean("sample"), rtol=1e-5)


def test_maps_are_found_and_not_taken_again(residyn, copied, monkeypatch):
    monkeypatch.setattr("residyn.model.jacobians.jacobians", lambda *_, **__: pytest.fail("it was done again"))
    code, printed, errors = residyn("jacobians", copied, "--json", "-q")
    assert code == 0, errors
    rows = json.loads(printed)["jacobians"]
    assert [row["network"] for row in rows] == NETWORKS


def test_more_samples_are_added_to_those_that_are_there(residyn, copied, monkeypatch):
    before = open_jacobian_results(copied)["model"]
    n = before.sizes["sample"]
    from residyn.model.jacobians import experiment

    done = []
    plain = experiment.measured
    monkeypatch.setattr(experiment, "measured", lambda *a, **k: done.append(1) or plain(*a, **k))
    code, _, errors = residyn("jacobians", copied, "--jacobian-samples", n + 1, "-q")
    assert code == 0, errors
    assert len(done) == 1
    after = open_jacobian_results(copied)["model"]
    assert after.sizes["sample"] == n + 1
    assert after.isel(sample=slice(n)).equals(before)


@pytest.mark.slow
def test_what_was_damaged_is_made_again_and_no_more(residyn, copied):
    whole = {name: maps.copy(deep=True) for name, maps in open_jacobian_results(copied).items()}
    hurt = min(layout.jacobian_parts(copied, "untrained-1").glob("*.npz"))
    hurt.write_bytes(hurt.read_bytes()[:-50])
    code, _, errors = residyn("verify", copied, "-q")
    assert code == 5
    assert hurt.name in errors or "damaged" in errors
    assert residyn("verify", copied, "--repair", "-q")[0] == 0
    for name, maps in open_jacobian_results(copied).items():
        assert maps.equals(whole[name])


def test_a_control_that_cannot_be_made_is_told_and_left_out(residyn, copied, monkeypatch):
    def refused(model, seed):
        raise ModelError("no law draws its weights")

    monkeypatch.setattr("residyn.model.loading.untrained", refused)
    code, _, errors = residyn("jacobians", copied, "--jacobian-seed", 3, "-q")
    assert code == 0, errors
    assert "Without the Jacobians of untrained-0: no law draws its weights" in " ".join(errors.split())
    assert list(open_jacobian_results(copied)) == ["model", "permuted-weights"]


def test_samples_are_of_documents_of_their_own_first():
    build = TableBuilder()
    for number, document in enumerate([5, 5, 5, 7, 7, NO_DOCUMENT]):
        text = build.add_text((1, 2, number), StoredText(number, "", "", document))
        build.add_sample(number, text, 3)
    chosen = drawn(build.table(), 6, 0)
    assert sorted(chosen) == list(range(6))
    of = [5, 5, 5, 7, 7, NO_DOCUMENT]
    assert sorted(of[row] for row in chosen[:3]) == [NO_DOCUMENT, 5, 7]
    assert chosen[:3] == drawn(build.table(), 3, 0)


def test_of_no_samples_nothing_is_made_and_what_is_there_is_kept(copied):
    before = open_jacobian_results(copied)["model"]
    found = stage.jacobians(copied, JacobianSettings(jacobian_samples=0))
    assert found["model"].identical(before)
    shutil.rmtree(copied / "jacobians")
    layout.stage(copied, stage.NAME).unlink()
    told, reporter = [], Silent()
    reporter.note = told.append
    assert stage.jacobians(copied, JacobianSettings(jacobian_samples=0), reporter) == {}
    assert told == ["No Jacobians are asked for (--jacobian-samples 0)."]


def test_the_next_token_is_known_where_the_text_goes_on():
    build = TableBuilder()
    for ids, ends in (((1, 5, 9), (2, 3)), ((4, 6), (1, 2))):
        text = build.add_text(ids, StoredText(0, "", ""))
        for n_tokens in ends:
            build.add_sample(0, text, n_tokens)
    assert [next_token(build.table(), row) for row in range(4)] == [9, None, 6, None]
