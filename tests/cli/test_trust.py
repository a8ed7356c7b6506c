"""A run directory of a stranger is opened without trust: what its files say never lets more be read or run."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from residyn.cli.running import run_command
from residyn.settings import CaptureSettings, fields_of


@pytest.fixture(scope="module")
def captured(model_folder, texts_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "captured"
    asked = ("--model", model_folder, "--texts", texts_file, "--min-chars", 0, "--n", 40, "-q")
    assert run_command([str(argument) for argument in ("capture", out, *asked)]) == 0
    return out


def with_code(folder, model_folder, ran):
    """The model with code of its own, which leaves a file where it runs."""
    shutil.copytree(model_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "stranger", "architectures": ["Stranger"]}
    config["auto_map"] = {"AutoConfig": "own.StrangerConfig", "AutoModel": "own.Stranger"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(
        f"from pathlib import Path\nPath({str(ran)!r}).write_text('ran')\n"
        "from transformers import LlamaConfig, LlamaModel\n"
        "class StrangerConfig(LlamaConfig):\n    model_type = 'stranger'\n"
        "class Stranger(LlamaModel):\n    config_class = StrangerConfig\n"
    )
    return folder


def requested(run, **values):
    record = json.loads((run / "run.json").read_text())
    record["request"] |= values
    (run / "run.json").write_text(json.dumps(record))


@pytest.fixture
def stranger(captured, model_folder, tmp_path):
    """A run of which a shard is missing, whose run.json asks for the code of a model beside it to run."""
    run = shutil.copytree(captured, tmp_path / "run")
    (run / "commits" / "000001.json").unlink()
    folder = with_code(tmp_path / "model", model_folder, tmp_path / "ran")
    requested(run, model=str(folder), trust_remote_code=True, allow_pickle=True)
    return run


VERBS = [("verify", "--repair"), ("capture",), ("controls",), ("teleport",)]


def whole(run, captured):
    """The stages after the capture need all states."""
    shutil.copytree(captured / "commits", run / "commits", dirs_exist_ok=True)
    (run / "results.zarr").exists() or run_command(["analyze", str(run), "--leave-out", "", "-q"])


@pytest.mark.parametrize("verb", VERBS)
def test_code_of_a_recorded_model_never_runs(residyn, stranger, captured, tmp_path, verb):
    if verb[0] in ("controls", "teleport"):
        whole(stranger, captured)
    code, _, errors = residyn(verb[0], stranger, *verb[1:], "-q")
    message = " ".join(errors.split())
    assert code == 3
    assert not (tmp_path / "ran").exists()
    assert "The run was captured with --allow-pickle --trust-remote-code" in message
    assert "may be anybody's" in message
    # Typed now, but of a model that only the file names.
    code, _, errors = residyn(verb[0], stranger, *verb[1:], "--trust-remote-code", "-q")
    assert code == 2
    assert not (tmp_path / "ran").exists()
    assert "name it with --model" in " ".join(errors.split())


def test_code_of_a_model_that_is_named_now_runs_where_it_is_trusted_now(residyn, stranger, tmp_path):
    now = ("--model", tmp_path / "model", "--trust-remote-code")
    residyn("verify", stranger, "--repair", *now, "-q")
    assert (tmp_path / "ran").exists()


@pytest.fixture
def inside(stranger, model_folder, tmp_path, monkeypatch):
    """The same with a model inside, and a link to it outside."""
    shutil.copytree(model_folder, stranger / "model")
    (tmp_path / "link").symlink_to(stranger / "model")
    monkeypatch.chdir(stranger)
    return stranger


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("spelled", ["whole", "link", "relative"])
def test_a_recorded_model_inside_the_run_is_refused(residyn, inside, captured, verb, spelled):
    stranger, tmp_path = inside, inside.parent
    name = {"whole": str(stranger / "model"), "link": str(tmp_path / "link"), "relative": "model"}[spelled]
    requested(stranger, model=name, trust_remote_code=False, allow_pickle=False)
    if verb[0] in ("controls", "teleport"):
        whole(stranger, captured)
    code, _, errors = residyn(verb[0], stranger, *verb[1:], "-q")
    assert code == 5
    assert "lies inside that directory and came with it" in " ".join(errors.split())
    if verb[0] == "verify":
        assert residyn(*verb[:1], stranger, *verb[1:], "--model", name, "-q")[0] == 0


def test_pickles_are_read_where_they_are_allowed_now(residyn, stranger, model_folder, tmp_path):
    from safetensors.torch import load_file

    folder = shutil.copytree(model_folder, tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    requested(stranger, model=str(folder), trust_remote_code=False, allow_pickle=True)
    code, _, errors = residyn("capture", stranger, "-q")
    assert code == 3
    assert "then give --allow-pickle again" in " ".join(errors.split())
    code, _, errors = residyn("capture", stranger, "--allow-pickle", "-q")
    # The pickle's hash is another: it was read, and is not what the states are of.
    assert code == 5, errors


def test_a_recorded_commit_is_not_what_somebody_looked_at(stranger):
    from residyn.pipeline.models import reloading
    from residyn.settings import ReloadSettings

    requested(stranger, model="org/name", revision="a" * 40)
    assert reloading(stranger, ReloadSettings()).revision == "a" * 40
    named = ReloadSettings(model="org/name", trust_remote_code=True)
    assert reloading(stranger, named).revision is None
    assert reloading(stranger, ReloadSettings(model="org/other")).revision is None
    assert reloading(stranger, ReloadSettings(model="org/name")).revision == "a" * 40


def test_what_gives_trust_decides_nothing_and_is_off():
    trusted = [field for field in fields_of(CaptureSettings) if field.trust]
    assert [field.name for field in trusted] == ["allow_pickle", "trust_remote_code"]
    assert not any(field.decides or field.default for field in trusted)


def test_the_command_that_repeats_a_run_gives_no_trust():
    from residyn.report.command import repeat_command

    request = {"model": "m", "texts": "wikitext-2", "trust_remote_code": True, "n": 3}
    assert repeat_command({"request": request}) == "residyn run m --n 3"
