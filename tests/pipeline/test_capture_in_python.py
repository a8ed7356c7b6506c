"""A run that `rd.capture` made is a run: later stages and repairs know its model and its texts."""

from __future__ import annotations

import json

import numpy as np
import pytest

import residyn as rd
from families import build, spelling_tokenizer
from residyn.errors import UsageError
from residyn.pipeline.capture import repair_damage
from residyn.pipeline.controls import controls
from residyn.pipeline.models import all_settings
from residyn.report.command import repeat_command
from residyn.settings import ControlsSettings
from residyn.store import open_states, read_run, verify

TEXTS = [f"{'abc defg ' * (1 + i % 3)}number {i}" for i in range(20)]


def damage(run) -> None:
    shard = min((run / "states.zarr" / "states").glob("c.*"))
    content = bytearray(shard.read_bytes())
    content[20:60] = bytes(40)
    shard.write_bytes(content)


def test_a_named_model_is_recorded_and_makes_again_what_is_damaged(model_folder, tmp_path):
    states = rd.capture(model_folder, TEXTS, tmp_path / "run", position="random", seed=3).load()
    run = read_run(tmp_path / "run")
    # What was asked for, and no text that nobody named.
    assert run["request"]["position"] == "random"
    assert run["request"]["seed"] == 3
    assert "texts" not in run["request"]
    assert run["request"]["model"].endswith(model_folder.name)
    assert run["texts"]["counts"]["kept"] == len(TEXTS)
    assert "texts" not in all_settings(tmp_path / "run")
    assert repeat_command(run) == ""
    damage(tmp_path / "run")
    assert len(verify(tmp_path / "run").damaged) == 1
    repair_damage(tmp_path / "run", [0], None)
    assert verify(tmp_path / "run").ok
    np.testing.assert_array_equal(open_states(tmp_path / "run").values, states.values)


def test_controls_are_of_the_recorded_model(model_folder, tmp_path):
    rd.capture(str(model_folder), TEXTS, tmp_path / "run")
    asked = ControlsSettings(
        untrained=1, shuffled_tokens=True, noise=False, permuted_weights=False, random_positions=False
    )
    controls(tmp_path / "run", asked)
    assert set(rd.open_run(tmp_path / "run").controls) == {"untrained-0", "shuffled-tokens"}


def test_a_model_that_only_this_process_has_is_not_named(tmp_path):
    model = rd.load_model(build("llama"), spelling_tokenizer())
    rd.capture(model, TEXTS, tmp_path / "run")
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert "model" not in run["request"]
    assert run["model"]["n_layers"] == model.n_layers
    damage(tmp_path / "run")
    with pytest.raises(UsageError, match="--model"):
        repair_damage(tmp_path / "run", [0], None)


def test_other_weights_of_a_model_are_not_taken_for_it(model_folder, tmp_path):
    rd.capture(rd.untrained(rd.load_model(str(model_folder)), seed=1), TEXTS, tmp_path / "run")
    assert "model" not in read_run(tmp_path / "run")["request"]
