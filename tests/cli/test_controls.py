"""The controls stage: captured once, gone on with where it was interrupted, refused before any long work."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

import residyn as rd
from residyn.cli.running import run_command
from residyn.errors import ModelError, StoreError, UsageError
from residyn.model import capture as capturing
from residyn.model import computing
from residyn.model.loading import load_model, permuted, untrained
from residyn.pipeline.controls import controls as capture_controls
from residyn.pipeline.reporter import Silent
from residyn.runs import contents, layout
from residyn.settings import ControlsSettings
from residyn.store import HALVED, read_manifest, read_run, update_run

SMALL = ("--untrained", 1, "-q")
NAMES = ["permuted-weights", "random-position", "shuffled-tokens", "untrained-0"]
SHUFFLED = ("shuffled-tokens", "random-position", "permuted-weights")
"""Whose records say how they were shuffled, in the order in which they are captured."""


@pytest.fixture(scope="module")
def captured(model_folder, texts_file, tmp_path_factory):
    """A run of states alone, not to be touched."""
    out = tmp_path_factory.mktemp("runs") / "captured"
    asked = ("--model", model_folder, "--texts", texts_file, "--min-chars", 0, "--n", 40, "-q")
    assert run_command([str(argument) for argument in ("capture", out, *asked)]) == 0
    return out


@pytest.fixture(scope="module")
def controlled(captured, tmp_path_factory):
    """The same with its controls, not to be touched."""
    out = shutil.copytree(captured, tmp_path_factory.mktemp("runs") / "controlled")
    assert run_command([str(argument) for argument in ("controls", out, *SMALL)]) == 0
    return out


@pytest.fixture
def own(controlled, tmp_path):
    return shutil.copytree(controlled, tmp_path / "run")


@pytest.fixture
def bare(captured, tmp_path):
    return shutil.copytree(captured, tmp_path / "run")


def tree(folder):
    """Every file that holds numbers, and its bytes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    kept = [path for path in files if path.name != "run.json" and path.parent.name != "stages"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def test_the_controls_are_states_by_name_and_pair_up_by_label(controlled, model_folder):
    states, found = rd.open_states(controlled), contents.open_controls(controlled)
    assert list(found) == NAMES
    for name, control in found.items():
        assert control.sizes["sample"] == 40, name
        assert list(control["sublayer"].values) == list(states["sublayer"].values)
        paired = states.sel(sample=control["sample"].values)
        np.testing.assert_array_equal(control["text_id"], paired["text_id"])
        assert not np.array_equal(control.values, paired.values)
    twin = untrained(load_model(str(model_folder)), 0)
    assert found["untrained-0"].attrs["model"] == twin.title
    recorded = read_run(controlled)
    assert recorded["controls"]["untrained"] == 1
    assert recorded["timings"]["controls_s"] > 0


def test_the_noise_floor_is_stored_and_is_no_condition(controlled):
    floor = contents.open_noise_floor(controlled)
    states = rd.open_states(controlled)
    assert floor["state_noise"].attrs["n_samples"] == 16
    assert float(floor["state_noise"].max()) <= 1e-6
    assert floor["state_noise"].attrs["states_hash"] == states.attrs["states_hash"]
    assert "one text a batch" in floor["state_noise"].attrs["texts_again"]
    assert contents.open_noise_floor(controlled / "nowhere") is None


def test_what_is_there_is_not_done_again(residyn, own, monkeypatch):
    before = tree(own)
    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    code, printed, errors = residyn("controls", own, "--json", "-q")
    assert code == 0, errors
    assert tree(own) == before
    rows = json.loads(printed)["controls"]
    assert [row["control"] for row in rows] == ["noise", *NAMES]
    assert [row["what"] for row in rows] == [
        "each text in a batch of its own",
        "the trained weights with permuted entries",
        "texts cut at a random token",
        "the same tokens in random order",
        "an untrained model, seed 0",
    ]
    assert {row["samples"] for row in rows} == {16, 40}


def test_a_missing_shard_is_captured_again_to_the_same_bytes(residyn, own):
    before = tree(own)
    (own / "controls" / "untrained-0" / "commits" / "000000.json").unlink()
    with pytest.raises(StoreError, match=r"untrained-0/commits/000000.json was damaged .* residyn controls"):
        contents.open_controls(own)
    code, _, errors = residyn("controls", own, "-q")
    assert code == 0, errors
    assert tree(own) == before


def test_an_interrupted_stage_goes_on_and_ends_the_same(residyn, bare, controlled, monkeypatch):
    whole, done = capturing.capture_to, []

    def cut(job, out, progress=None, crew=None):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(out.name)
        return whole(job, out, progress)

    monkeypatch.setattr(capturing, "capture_to", cut)
    assert residyn("controls", bare, *SMALL)[0] == 130
    assert "controls" not in read_run(bare)
    assert len(done) == 2
    missing = set(NAMES) - set(contents.open_controls(bare))
    assert missing
    again = []
    monkeypatch.setattr(
        capturing,
        "capture_to",
        lambda job, out, progress=None, crew=None: again.append(out.name) or whole(job, out, progress),
    )
    code, _, errors = residyn("controls", bare, *SMALL)
    assert code == 0, errors
    assert not set(again) & set(done)
    assert tree(bare) == tree(controlled)


def test_what_is_asked_for_later_is_added(residyn, own):
    before = tree(own)
    code, _, errors = residyn("controls", own, "--untrained", 2, "-q")
    assert code == 0, errors
    assert list(contents.open_controls(own)) == [*NAMES, "untrained-1"]
    after = tree(own)
    assert {name: after[name] for name in before} == before
    one, other = (contents.open_controls(own)[f"untrained-{seed}"] for seed in (0, 1))
    assert not np.allclose(one, other)


def test_a_control_that_is_not_asked_for_any_more_is_not_judged(residyn, own):
    assert residyn("controls", own, "--untrained", 0, "-q")[0] == 0
    assert (own / "controls" / "untrained-0").exists()
    assert list(contents.open_controls(own)) == NAMES[:3]


def test_other_settings_are_refused_by_name_with_the_way_out(residyn, own, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
        code, _, errors = residyn("controls", own, "--control-seed", 1, "-q")
    message = " ".join(errors.split())
    assert code == StoreError.exit_code
    assert "The control shuffled-tokens was captured with other settings" in message
    assert "samples.control" in message
    for name in SHUFFLED:
        assert f"The control {name} was captured with other settings" in message
    folders = " and ".join(str(own / "controls" / name) for name in SHUFFLED)
    assert f"Remove {folders} to capture anew" in message
    shutil.rmtree(own / "controls")
    assert residyn("controls", own, "--control-seed", 1, "-q")[0] == 0


def test_a_model_without_a_twin_has_the_other_controls(bare, monkeypatch):
    def refuse(*_):
        raise ModelError("No untrained twin can be built.")

    monkeypatch.setattr("residyn.model.controls.untrained", refuse)
    request = ControlsSettings(untrained=1)
    with pytest.raises(ModelError, match="No untrained twin"):
        capture_controls(bare, request)
    assert list(contents.open_controls(bare)) == NAMES[:3]
    assert contents.open_noise_floor(bare) is not None


def test_permuted_weights_are_the_models_own_and_say_so(controlled, model_folder):
    made = permuted(load_model(str(model_folder)), 0)
    folder = controlled / "controls" / "permuted-weights"
    assert contents.open_controls(controlled)["permuted-weights"].attrs["model"] == made.title
    told = read_run(folder)["model"]
    assert (told["source"], told["files"]["permutation seed"]) == ("permuted", "0")
    assert read_run(folder)["control"] == "weights permuted, seed 0"
    assert read_manifest(folder).description["model"] == made.fingerprint()


def test_permuted_weights_that_lost_a_shard_end_with_the_same_bytes(residyn, own):
    before = tree(own)
    (own / "controls" / "permuted-weights" / "commits" / "000000.json").unlink()
    code, _, errors = residyn("controls", own, "-q")
    assert code == 0, errors
    assert tree(own) == before


def test_permuted_weights_of_another_model_are_refused(residyn, own, monkeypatch):
    """Its tokens are those of the run: what differs is known once the weights are."""
    monkeypatch.setattr("residyn.model.controls.permuted", lambda model, seed: permuted(model, seed + 1))
    (own / "controls" / "permuted-weights" / "commits" / "000000.json").unlink()
    code, _, errors = residyn("controls", own, "-q")
    assert code == StoreError.exit_code
    message = " ".join(errors.split())
    assert "The control permuted-weights was captured with other settings" in message
    assert "model.files.permutation seed" in message


class Told(Silent):
    """A Reporter that keeps what it was warned of and what was done."""

    def __init__(self):
        self.warned, self.done = [], []

    def warn(self, texts):
        self.warned += texts

    @contextmanager
    def progress(self, text, unit):
        self.done.append(text)
        yield lambda done, total: None


def overflowing(model, seed):
    made = permuted(model, seed)
    mlp = made.module.layers[1].mlp
    for projection in (mlp.up_proj, mlp.down_proj):
        projection.weight.mul_(1e30)
    return made


def without(model, seed):
    raise ModelError("The weights cannot be permuted: they are quantised.")


@pytest.mark.parametrize(
    ("make", "said"),
    [(overflowing, "the model's states are not finite then"), (without, "cannot be permuted: they are quantised")],
)
def test_a_run_goes_without_permuted_weights_that_cannot_be_had(bare, monkeypatch, make, said):
    told, settings = Told(), ControlsSettings(untrained=1)
    monkeypatch.setattr("residyn.model.controls.permuted", make)
    capture_controls(bare, settings, told)
    assert list(contents.open_controls(bare)) == NAMES[1:]
    assert len(told.warned) == 1
    assert told.warned[0].startswith("Without the control permuted-weights (seed 0): ")
    assert said in told.warned[0]
    assert read_run(bare)["warnings"] == told.warned
    # It was tried: a run that is asked for again does not load the model for it; asked for by itself, it is.
    with monkeypatch.context() as patched:
        patched.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
        capture_controls(bare, settings, told)
    assert len(told.warned) == 1
    monkeypatch.setattr("residyn.model.controls.permuted", permuted)
    again = Told()
    capture_controls(bare, settings, again, again=True)
    assert list(contents.open_controls(bare)) == NAMES
    assert [text for text in again.done if text.startswith("control ")] == ["control permuted-weights"]


def test_a_model_that_is_loaded_already_is_used(bare, model_folder, monkeypatch):
    loaded = load_model(str(model_folder))
    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    capture_controls(bare, ControlsSettings(untrained=0, noise=False), loaded=loaded)
    assert list(contents.open_controls(bare)) == NAMES[:3]
    assert contents.open_noise_floor(bare) is None


def test_special_tokens_in_front_are_read_from_the_run(bare):
    from residyn.store import read_json, write_json

    record = read_json(bare / "run.json")
    del record["texts"]["tokens"]
    write_json(bare / "run.json", record)
    with pytest.raises(StoreError, match="which special tokens stand in front"):
        capture_controls(bare, ControlsSettings(untrained=0))


def test_a_run_that_names_no_model_is_refused(bare):
    update_run(bare, request=None)
    with pytest.raises(UsageError, match="should say which model it is of"):
        capture_controls(bare, ControlsSettings())


def test_a_run_without_controls_has_none(captured):
    assert contents.open_controls(captured) == {}
    assert contents.open_noise_floor(captured) is None


@pytest.mark.parametrize("put", ["</s>", [7], [1] * 99, {"a": 1}, None])
def test_special_tokens_that_do_not_stand_in_front_are_refused(bare, monkeypatch, put):
    from residyn.store import read_json, write_json

    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    record = read_json(bare / "run.json")
    record["texts"]["tokens"]["settings"]["bos_rule"]["put"] = put
    write_json(bare / "run.json", record)
    with pytest.raises(StoreError, match="not every text begins with them"):
        capture_controls(bare, ControlsSettings(untrained=0))


def test_a_flipped_bit_is_captured_again_and_nothing_else(residyn, own):
    before = tree(own)
    shard = own / "controls" / "untrained-0" / "states.zarr" / "states" / "c.1.0.0"
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    shard.write_bytes(damaged)
    whole = own / "controls" / "shuffled-tokens" / "states.zarr" / "states" / "c.1.0.0"
    stamp = whole.stat().st_mtime_ns
    for arguments in (("verify", shard.parents[2]), ("verify", shard.parents[2], "--repair")):
        code, _, errors = residyn(*arguments, "-q")
        assert code == StoreError.exit_code
        assert f"captured again with: residyn controls {own}" in " ".join(errors.split())
    code, _, errors = residyn("controls", own, "-q")
    assert code == 0, errors
    assert "1 shards of" in errors
    assert tree(own) == before
    assert whole.stat().st_mtime_ns == stamp


def test_a_control_is_not_captured_as_a_run(residyn, own):
    code, _, errors = residyn("capture", own / "controls" / "untrained-0", "-q")
    assert code == StoreError.exit_code
    assert f"captured with: residyn controls {own}" in " ".join(errors.split())


@pytest.mark.parametrize("damage", ["gone", "metadata", "values"])
def test_a_noise_floor_that_was_damaged_is_made_again_without_the_model(residyn, own, monkeypatch, damage):
    before = tree(own)
    floor = own / "controls" / layout.NOISE_FLOOR
    if damage == "gone":
        shutil.rmtree(floor)
    else:
        files = [floor / "zarr.json"] if damage == "metadata" else sorted(floor.glob("state_noise/c/*"))
        files[0].write_bytes(b"\x00" + files[0].read_bytes()[1:])
        with pytest.raises(StoreError, match="Make them again: residyn controls"):
            contents.open_noise_floor(own)
    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    code, _, errors = residyn("controls", own, "-q")
    assert code == 0, errors
    assert tree(own) == before


@pytest.mark.parametrize("what", ["file", "folder", "run"])
def test_what_stands_in_a_controls_place_is_never_called_to_be_removed(residyn, bare, captured, monkeypatch, what):
    place = bare / "controls" / "untrained-0"
    if what == "run":
        shutil.copytree(captured, place)
    else:
        (place if what == "folder" else bare / "controls").mkdir(parents=True)
        (place / "mine.txt" if what == "folder" else place).write_text("mine")
    (bare / "controls" / "shuffled-tokens").write_text("mine too")
    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    code, _, errors = residyn("controls", bare, *SMALL)
    assert code == StoreError.exit_code
    assert "The control untrained-0 has no other place: move" in " ".join(errors.split())
    assert "The control shuffled-tokens has no other place: move" in " ".join(errors.split())
    assert "Remove" not in errors
    assert "--out" not in errors


def test_where_nothing_is_asked_for_no_model_is_loaded(residyn, own, monkeypatch):
    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    options = ("--untrained", 0, "--no-shuffled-tokens", "--no-random-positions", "--no-noise")
    options += ("--no-permuted-weights",)
    code, _, errors = residyn("controls", own, *options, "-q")
    assert code == 0, errors
    assert read_run(own)["controls"]["untrained"] == 0
    assert contents.open_controls(own) == {}


def test_what_a_capture_warns_of_stays_with_its_control(bare, monkeypatch):
    whole = computing.in_halves_if_needed
    monkeypatch.setattr(computing, "in_halves_if_needed", lambda *given: (whole(*given)[0], True))
    capture_controls(bare, ControlsSettings(untrained=0))
    assert read_run(bare / "controls" / "shuffled-tokens")["warnings"] == [HALVED]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--untrained", -1), "--untrained is a whole number of at least 0"),
        (("--control-seed", -1), "--control-seed is a whole number of at least 0"),
        (("--control-share", 0), "--control-share is a number above 0 and at most 1; got"),
        (("--control-share", 1.5), "--control-share is a number above 0 and at most 1; got"),
    ],
)
def test_bad_choices_are_refused_before_the_model_loads(residyn, bare, monkeypatch, options, message):
    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    code, _, errors = residyn("controls", bare, *options, "-q")
    assert code == 2
    assert message in " ".join(errors.split())


def test_stored_floors_are_read_as_they_were_computed(controlled):
    from residyn.quantities.noise import noise_floor

    again = rd.open_states(controlled / "controls" / "noise")
    fresh = noise_floor(rd.open_states(controlled), again)
    assert contents.open_noise_floor(controlled).load().equals(fresh)
