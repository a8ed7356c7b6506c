"""Jacobians and outputs at some samples of a run: made once, gone on with, and told of what is left out."""

from __future__ import annotations

import importlib
import json
import shutil
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import residyn as rd
from families import build, spelling_tokenizer
from residyn.errors import ModelError
from residyn.pipeline import jacobians, outputs, reporter
from residyn.pipeline.some_samples import drawn, next_token
from residyn.runs import layout
from residyn.runs.contents import open_network_results
from residyn.schema import NO_DOCUMENT
from residyn.settings import JacobianSettings, OutputSettings
from residyn.store import StoredText, TableBuilder, timing

NETWORKS = ["model", "permuted-weights", "untrained-0", "untrained-1", "untrained-2"]


@dataclass(frozen=True)
class Kind:
    """A stage: its name, how it is done, its settings, what one sample's option is, and what messages call it."""

    name: str
    do: object
    settings: type
    one: str
    called: str

    def of_samples(self, n):
        return f"--{self.one}-samples", n

    def none(self):
        return self.settings(**{f"{self.one}_samples": 0})


KINDS = [
    Kind("jacobians", jacobians.jacobians, JacobianSettings, "jacobian", "Jacobians"),
    Kind("outputs", outputs.outputs, OutputSettings, "output", "outputs"),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    return request.param


@pytest.fixture
def experiment(kind):
    return importlib.import_module(f"residyn.model.{kind.name}.experiment")


def test_a_run_has_them_of_its_model_and_of_controls(kind, finished):
    found = getattr(rd.open_run(finished), kind.name)
    assert list(found) == NETWORKS
    own, states, asked = found["model"], rd.open_states(finished), kind.settings().at
    assert [*own.sublayer.values] == [*states.sublayer.values]
    assert own.sizes["sample"] == asked.samples
    assert {one.sizes["sample"] for name, one in found.items() if name != "model"} == {asked.in_controls}
    assert own.attrs["states_hash"] == states.attrs["states_hash"]


def test_they_are_found_and_not_taken_again(kind, residyn, copied, monkeypatch):
    monkeypatch.setattr(
        f"residyn.model.{kind.name}.{kind.name}", lambda *_, **__: pytest.fail("it was done again")
    )
    code, printed, errors = residyn(kind.name, copied, "--json", "-q")
    assert code == 0, errors
    assert [row["network"] for row in json.loads(printed)[kind.name]] == NETWORKS


def test_more_samples_are_added_to_those_that_are_there(kind, experiment, residyn, copied, monkeypatch):
    before = open_network_results(copied, kind.name)["model"]
    n = before.sizes["sample"]
    done = []
    plain = experiment.measured
    monkeypatch.setattr(experiment, "measured", lambda *a, **k: done.append(1) or plain(*a, **k))
    code, _, errors = residyn(kind.name, copied, *kind.of_samples(n + 1), "-q")
    assert code == 0, errors
    assert len(done) == 1
    after = open_network_results(copied, kind.name)["model"]
    assert after.sizes["sample"] == n + 1
    assert after.isel(sample=slice(n)).equals(before)


@pytest.mark.slow
def test_what_was_damaged_is_made_again_and_no_more(kind, residyn, copied):
    whole = {name: one.copy(deep=True) for name, one in open_network_results(copied, kind.name).items()}
    hurt = min(layout.network_parts(copied, kind.name, "untrained-1").glob("*.npz"))
    hurt.write_bytes(hurt.read_bytes()[:-50])
    code, _, errors = residyn("verify", copied, "-q")
    assert code == 5
    assert hurt.name in errors or "damaged" in errors
    assert residyn("verify", copied, "--repair", "-q")[0] == 0
    for name, one in open_network_results(copied, kind.name).items():
        assert one.equals(whole[name])


def test_a_control_that_cannot_be_made_is_told_and_left_out(kind, residyn, copied, monkeypatch):
    def refused(model, seed):
        raise ModelError("no law draws its weights")

    monkeypatch.setattr("residyn.model.loading.untrained", refused)
    code, _, errors = residyn(kind.name, copied, f"--{kind.one}-seed", 3, *kind.of_samples(2), "-q")
    assert code == 0, errors
    assert f"Without the {kind.called} of untrained-0: no law draws its weights" in " ".join(errors.split())
    assert list(open_network_results(copied, kind.name)) == ["model", "permuted-weights"]


def test_of_no_samples_nothing_is_made_and_what_is_there_is_kept(kind, copied):
    before = open_network_results(copied, kind.name)["model"]
    assert kind.do(copied, kind.none())["model"].identical(before)
    shutil.rmtree(copied / kind.name)
    layout.stage(copied, kind.name).unlink()
    told, silent = [], reporter.Silent()
    silent.note = told.append
    assert kind.do(copied, kind.none(), silent) == {}
    assert told == [f"No {kind.called} are asked for (--{kind.one}-samples 0)."]


def test_what_is_refused_adds_no_seconds_and_what_was_made_before_does(kind, experiment, copied, monkeypatch):
    """Else a run would be another one each time that it is gone on with, and its report be written again."""
    shutil.rmtree(copied / kind.name)
    layout.stage(copied, kind.name).unlink()
    plain, at_sample, texts = experiment.measured, 0, iter(range(10))

    def refused(*given, **options):
        found = plain(*given, **options)
        if next(texts) == at_sample:
            raise ModelError("its numbers cannot be trusted")
        return found

    monkeypatch.setattr(experiment, "measured", refused)
    monkeypatch.setattr(reporter, "KEPT_EVERY_S", 0.0)
    before = (copied / "run.json").read_bytes()
    with pytest.raises(ModelError, match="cannot be trusted"):
        kind.do(copied)
    assert (copied / "run.json").read_bytes() == before
    at_sample, texts = 1, iter(range(10))
    with pytest.raises(ModelError, match="cannot be trusted"):
        kind.do(copied)
    assert timing(copied, f"{kind.name}_s") > json.loads(before)["timings"][f"{kind.name}_s"]
    monkeypatch.setattr(experiment, "measured", plain)
    assert list(kind.do(copied)) == NETWORKS


def test_maps_are_proved_and_steps_are_those_of_the_states(finished):
    found = rd.open_run(finished).jacobians
    assert all(maps.attrs["proof_error"] <= 1e-3 for maps in found.values())
    own = found["model"]
    norms = np.linalg.norm(rd.open_states(finished).sel(sample=own.sample.values).values, axis=2)
    np.testing.assert_allclose(own.log_norm_growth[:, :-1], np.diff(np.log(norms), axis=1), atol=1e-4)
    assert not np.allclose(own.frobenius[:1], found["untrained-0"].frobenius)
    assert own.skew_share.attrs["definition"]


def test_outputs_are_those_of_the_stored_states(finished, model_folder):
    found = rd.open_run(finished).outputs
    own, n_skips = found["model"], OutputSettings().skip_samples
    assert int(own.skip_kl.notnull().all("layer").sum()) == n_skips == own.attrs["n_skips"]
    assert all(one.attrs["proof_error"] <= 1e-5 for one in found.values())
    # The lens of the states that were stored, through the model's own norm and head.
    model = rd.load_model(model_folder)
    stored = rd.open_states(finished).sel(sample=own.sample.values).values.astype(np.float64)
    flat = stored / np.sqrt((stored**2).mean(axis=2, keepdims=True) + model.module.config.rms_norm_eps)
    head = model.module.embed_tokens.weight.double().numpy()
    logits = (flat * model.module.norm.weight.double().numpy()) @ head.T
    assert (own.lens_token.values == logits.argmax(axis=2)).all()
    assert not np.allclose(own.lens_kl[:1], found["untrained-0"].lens_kl)


@pytest.mark.parametrize(
    ("name", "probe", "of_sublayers", "of_layers"),
    [
        ("jacobians", {}, "skew_share", "layer_frobenius"),
        ("jacobians", {"probe": 0}, "excess_exponent", "layer_frobenius"),
        ("outputs", {}, "lens_kl", "skip_kl"),
    ],
)
def test_the_table_holds_the_means_with_intervals_around_them(finished, name, probe, of_sublayers, of_layers):
    table = pd.read_csv(finished / "tables" / f"{name}.csv")
    own = open_network_results(finished, name)["model"]
    assert sorted(dict.fromkeys(table.network)) == NETWORKS
    rows = table[(table.network == "model") & (table.site != "layer")]
    np.testing.assert_allclose(rows[of_sublayers], own[of_sublayers].isel(probe).mean("sample"), rtol=1e-4)
    known = rows.dropna(subset=[of_sublayers])
    assert (known[f"{of_sublayers}_low"] < known[of_sublayers]).all()
    assert (known[of_sublayers] < known[f"{of_sublayers}_high"]).all()
    layers = table[(table.network == "model") & (table.site == "layer")]
    column = of_layers.removeprefix("layer_")
    np.testing.assert_allclose(layers[column], own[of_layers].mean("sample"), rtol=1e-5)
    assert (layers[f"{column}_low"] < layers[column]).all()
    n = {"jacobians": JacobianSettings().jacobian_samples, "outputs": OutputSettings().skip_samples}
    assert (layers.n_samples == n[name]).all()


def test_a_model_without_its_head_is_refused_in_words(residyn, tmp_path, texts_file):
    folder = tmp_path / "headless"
    build("llama").save_pretrained(folder)
    spelling_tokenizer().save_pretrained(folder)
    run = tmp_path / "run"
    asked = ("--model", folder, "--texts", texts_file, "--min-chars", 0, "--n", 6, "-q")
    assert residyn("capture", run, *asked)[0] == 0
    code, _, errors = residyn("outputs", run, "-q")
    assert code == ModelError.exit_code
    assert "it is not at hand: the model's files hold no lm_head.weight" in " ".join(errors.split())
    assert not (run / "outputs").exists()
    assert outputs.outputs(run, OutputSettings(output_samples=0)) == {}


def test_samples_are_of_documents_of_their_own_first():
    made = TableBuilder()
    for number, document in enumerate([5, 5, 5, 7, 7, NO_DOCUMENT]):
        text = made.add_text((1, 2, number), StoredText(number, "", "", document))
        made.add_sample(number, text, 3)
    chosen = drawn(made.table(), 6, 0)
    assert sorted(chosen) == list(range(6))
    of = [5, 5, 5, 7, 7, NO_DOCUMENT]
    assert sorted(of[row] for row in chosen[:3]) == [NO_DOCUMENT, 5, 7]
    assert chosen[:3] == drawn(made.table(), 3, 0)


def test_the_next_token_is_known_where_the_text_goes_on():
    made = TableBuilder()
    for ids, ends in (((1, 5, 9), (2, 3)), ((4, 6), (1, 2))):
        text = made.add_text(ids, StoredText(0, "", ""))
        for n_tokens in ends:
            made.add_sample(0, text, n_tokens)
    assert [next_token(made.table(), row) for row in range(4)] == [9, None, 6, None]
