"""Nothing that lies in a model's folder runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from residyn.errors import ModelError, UsageError
from residyn.model.loading import load_model


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture
def pickled(folder):
    """The folder with its weights as an honest pickle."""
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def test_a_pickle_that_runs_code_is_not_opened(pickled, tmp_path, monkeypatch):
    marker = tmp_path / "it ran"
    torch.save({"weight": Payload(marker)}, pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match="--allow-pickle") as caught:
        load_model(pickled)
    assert caught.value.exit_code == 3
    # The switch that turns torch's protection off for calls that do not ask for it must not reach ours.
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(ModelError):
        load_model(pickled, allow_pickle=True)
    assert not marker.exists()
    # The payload is a real one.
    torch.load(pickled / "pytorch_model.bin", weights_only=False)
    assert marker.exists()


def test_an_honest_pickle_is_read_when_allowed(pickled, tiny_llama):
    loaded = load_model(pickled, allow_pickle=True)
    assert torch.equal(loaded.module.norm.weight, tiny_llama().model.norm.weight)
    assert any("pickle" in warning for warning in loaded.warnings)


@pytest.mark.parametrize("file", ["pytorch_model.bin", "../model.safetensors", "sub/x.safetensors"])
def test_an_index_cannot_lead_elsewhere(pickled, file):
    index = {"metadata": {}, "weight_map": {"model.norm.weight": file}}
    (pickled / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="which is no"):
        load_model(pickled)


def test_a_config_cannot_redirect_the_loader(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "transformers_weights": "other.safetensors"}))
    with pytest.raises(ModelError, match="redirects the loader"):
        load_model(folder)


def test_chat_templates_are_never_rendered(folder, monkeypatch):
    rendered = []
    import transformers.utils.chat_template_utils as templates

    for name in ("render_jinja_template", "_compile_jinja_template"):
        monkeypatch.setattr(templates, name, lambda *_, **__: rendered.append(1))
    (folder / "chat_template.jinja").write_text("{{ cycler.__init__.__globals__.os.system('false') }}")
    loaded = load_model(folder)
    loaded.tokenizer("w5 w9")
    assert rendered == []


CODE = """
import pathlib
pathlib.Path({marker!r}).touch()
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
class OwnConfig(PreTrainedConfig):
    model_type = "own"
class OwnModel(PreTrainedModel):
    config_class = OwnConfig
class OwnTokenizer(PreTrainedTokenizerFast):
    pass
"""

CHILD = """
import pathlib, sys
from residyn.errors import ResidynError
from residyn.model.loading import load_model
marker, *paths = sys.argv[1:]
for trust in (False, True):
    for path in paths:
        try:
            load_model(path, trust_remote_code=trust)
            print("loaded")
        except ResidynError as error:
            print(error.exit_code, error)
    print(pathlib.Path(marker).exists())
"""


def test_code_in_a_folder_does_not_run_even_where_yes_is_on_stdin(folder, tmp_path):
    marker = tmp_path / "it ran"
    model = tmp_path / "own"
    model.mkdir()
    (model / "own.py").write_text(CODE.format(marker=str(marker)))
    auto_map = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel", "AutoModelForCausalLM": "own.OwnModel"}
    (model / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": auto_map}))
    # A known model whose tokenizer carries code.
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.update(tokenizer_class="OwnTokenizer", auto_map={"AutoTokenizer": [None, "own.OwnTokenizer"]})
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "own.py").write_text(CODE.format(marker=str(marker)))

    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(marker), str(model), str(folder)],
        input="yes\n" * 1000,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, "HF_HOME": str(tmp_path / "hf")},
    )
    refused, tokenizer, ran, _, _, ran_when_trusted = done.stdout.splitlines()
    assert refused.startswith("3 ")
    assert "that code was not run" in refused
    # transformers may read the tokenizer with a class of its own, which needs none of the folder's code.
    assert tokenizer == "loaded" or tokenizer.startswith("3 ")
    assert (ran, ran_when_trusted) == ("False", "True")


def test_code_of_another_repository_is_never_loaded(folder):
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "other/repository--own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="from another repository"):
        load_model(folder, trust_remote_code=True)
    assert load_model(folder).n_layers == 2


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "abc123"])
def test_code_of_the_hub_needs_a_pinned_commit(revision):
    with pytest.raises(UsageError, match="40 hexadecimal"):
        load_model("org/model", revision=revision, trust_remote_code=True)


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "chat_template.jinja",
        "additional_chat_templates/rag.jinja",
        "named as nothing is",
    ],
)
def test_a_named_pipe_in_a_model_s_folder_is_refused_and_never_waited_for(folder, name):
    place = folder / name
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    with pytest.raises(ModelError, match=r"is no file of a model: a named pipe stands there.*Take it out"):
        load_model(folder)


def test_a_device_and_a_socket_are_refused_too(folder):
    (folder / "generation_config.json").unlink()
    (folder / "generation_config.json").symlink_to("/dev/zero")
    with pytest.raises(ModelError, match="a device stands there"):
        load_model(folder)
    (folder / "generation_config.json").unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "s"))
        with pytest.raises(ModelError, match="a socket stands there"):
            load_model(folder)


def test_a_named_pipe_in_the_place_of_a_gguf_file_or_beside_it_is_refused(gguf_file, tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDYN_CACHE", str(tmp_path / "cache"))
    os.mkfifo(gguf_file.parent / "unrelated")
    os.mkfifo(gguf_file.parent / "tokenizer_config.json")
    with pytest.raises(ModelError, match=r"tokenizer_config\.json is no file of a model: a named pipe"):
        load_model(gguf_file)
    (gguf_file.parent / "tokenizer_config.json").unlink()
    load_model(gguf_file)
    (ledger,) = (tmp_path / "cache" / "converted").glob("*/residyn.json")
    ledger.unlink()
    os.mkfifo(ledger)
    load_model(gguf_file)
    assert ledger.is_file()
    gguf_file.unlink()
    os.mkfifo(gguf_file)
    with pytest.raises(ModelError, match="cannot be read: a named pipe stands there"):
        load_model(gguf_file)
