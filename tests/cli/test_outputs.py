"""The outputs stage: made once, gone on with sample by sample, and told of what is left out."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import residyn as rd
from families import build, spelling_tokenizer
from residyn.errors import ModelError
from residyn.pipeline import outputs as stage
from residyn.pipeline.reporter import Silent
from residyn.runs import layout
from residyn.runs.contents import open_output_results
from residyn.settings import OutputSettings

NETWORKS = ["model", "permuted-weights", "untrained-0", "untrained-1", "untrained-2"]


def test_a_run_has_outputs_of_its_model_and_of_controls(finished, model_folder):
    found = rd.open_run(finished).outputs
    assert list(found) == NETWORKS
    own, chosen = found["model"], OutputSettings()
    states = rd.open_states(finished)
    assert [*own.sublayer.values] == [*states.sublayer.values]
    assert own.sizes["sample"] == chosen.output_samples
    assert int(own.skip_kl.notnull().all("layer").sum()) == chosen.skip_samples == own.attrs["n_skips"]
    assert {one.sizes["sample"] for name, one in found.items() if name != "model"} == {chosen.control_outputs}
    assert all(one.attrs["proof_error"] <= 1e-5 for one in found.values())
    assert own.attrs["states_hash"] == states.attrs["states_hash"]
    # The lens of the states that were stored, through the model's own norm and head.
    model = rd.load_model(model_folder)
    stored = states.sel(sample=own.sample.values).values.astype(np.float64)
    flat = stored / np.sqrt((stored**2).mean(axis=2, keepdims=True) + model.module.config.rms_norm_eps)
    head = model.module.embed_tokens.weight.double().numpy()
    logits = (flat * model.module.norm.weight.double().numpy()) @ head.T
    assert (own.lens_token.values == logits.argmax(axis=2)).all()
    assert not np.allclose(own.lens_kl[:1], found["untrained-0"].lens_kl)


def test_the_table_holds_the_means_with_intervals_around_them(finished):
    table = pd.read_csv(finished / "tables" / "outputs.csv")
    own = rd.open_run(finished).outputs["model"]
    assert sorted(dict.fromkeys(table.network)) == NETWORKS
    rows = table[(table.network == "model") & (table.site != "layer")]
    np.testing.assert_allclose(rows.lens_kl, own.lens_kl.mean("sample"), rtol=1e-5)
    assert (rows.lens_kl_low < rows.lens_kl).all()
    assert (rows.lens_kl < rows.lens_kl_high).all()
    assert (rows.n_samples == OutputSettings().output_samples).all()
    blocks = table[(table.network == "model") & (table.site == "layer")]
    np.testing.assert_allclose(blocks.skip_kl, own.skip_kl.mean("sample"), rtol=1e-5)
    assert (blocks.n_samples == OutputSettings().skip_samples).all()
    assert (blocks.skip_kl_low < blocks.skip_kl).all()


def test_outputs_are_found_and_not_taken_again(residyn, copied, monkeypatch):
    monkeypatch.setattr("residyn.model.outputs.outputs", lambda *_, **__: pytest.fail("it was done again"))
    code, printed, errors = residyn("outputs", copied, "--json", "-q")
    assert code == 0, errors
    assert [row["network"] for row in json.loads(printed)["outputs"]] == NETWORKS


def test_more_samples_are_added_to_those_that_are_there(residyn, copied, monkeypatch):
    before = open_output_results(copied)["model"]
    n = before.sizes["sample"]
    from residyn.model.outputs import experiment

    done = []
    plain = experiment.measured
    monkeypatch.setattr(experiment, "measured", lambda *a, **k: done.append(1) or plain(*a, **k))
    code, _, errors = residyn("outputs", copied, "--output-samples", n + 1, "-q")
    assert code == 0, errors
    assert len(done) == 1
    after = open_output_results(copied)["model"]
    assert after.sizes["sample"] == n + 1
    assert after.isel(sample=slice(n)).equals(before)


@pytest.mark.slow
def test_what_was_damaged_is_made_again_and_no_more(residyn, copied):
    whole = {name: one.copy(deep=True) for name, one in open_output_results(copied).items()}
    hurt = min(layout.output_parts(copied, "untrained-1").glob("*.npz"))
    hurt.write_bytes(hurt.read_bytes()[:-50])
    assert residyn("verify", copied, "-q")[0] == 5
    assert residyn("verify", copied, "--repair", "-q")[0] == 0
    for name, one in open_output_results(copied).items():
        assert one.equals(whole[name])


def test_a_control_that_cannot_be_made_is_told_and_left_out(residyn, copied, monkeypatch):
    def refused(model, seed):
        raise ModelError("no law draws its weights")

    monkeypatch.setattr("residyn.model.loading.untrained", refused)
    code, _, errors = residyn("outputs", copied, "--output-seed", 3, "--output-samples", 2, "-q")
    assert code == 0, errors
    assert "Without the outputs of untrained-0: no law draws its weights" in " ".join(errors.split())
    assert list(open_output_results(copied)) == ["model", "permuted-weights"]


def test_a_model_without_its_head_is_refused_in_words(residyn, tmp_path, texts_file):
    folder = tmp_path / "headless"
    build("llama").save_pretrained(folder)
    spelling_tokenizer().save_pretrained(folder)
    run = tmp_path / "run"
    assert (
        residyn("capture", run, "--model", folder, "--texts", texts_file, "--min-chars", 0, "--n", 6, "-q")[0] == 0
    )
    code, _, errors = residyn("outputs", run, "-q")
    assert code == ModelError.exit_code
    assert "it is not at hand: the model's files hold no lm_head.weight" in " ".join(errors.split())
    assert not (run / "outputs").exists()
    assert stage.outputs(run, OutputSettings(output_samples=0)) == {}


def test_of_no_samples_nothing_is_made_and_what_is_there_is_kept(copied):
    before = open_output_results(copied)["model"]
    assert stage.outputs(copied, OutputSettings(output_samples=0))["model"].identical(before)
    shutil.rmtree(copied / "outputs")
    layout.stage(copied, stage.NAME).unlink()
    told, reporter = [], Silent()
    reporter.note = told.append
    assert stage.outputs(copied, OutputSettings(output_samples=0), reporter) == {}
    assert told == ["No outputs are asked for (--output-samples 0)."]
