"""Hub ids: one commit throughout, a message for each way the hub can answer, and nothing but the cache offline."""

from __future__ import annotations

import shutil
import socket
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants, errors
from transformers import BertConfig

from residyn.errors import ModelError
from residyn.model.loading import hub, load_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "org/tiny"


@pytest.fixture
def cache(folder, tmp_path, monkeypatch):
    """The hub's cache with NAME in it, as a download leaves it, and no network."""
    root = tmp_path / "hub"
    repository = root / "models--org--tiny"
    shutil.copytree(folder, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(root))
    # A port that nobody listens on: connections are refused, as without a network.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    return repository / "snapshots" / COMMIT


@pytest.fixture
def online(cache, monkeypatch):
    """A hub that answers, out of the cache; and what was asked of it."""
    asked = []

    def download(name, file, revision=None):
        asked.append((file, revision))
        assert (name, revision) in ((NAME, None), (NAME, COMMIT))
        return str(cache / file)

    def info(self, name, revision=None, files_metadata=False):
        files = [SimpleNamespace(rfilename=path.name, size=path.stat().st_size) for path in cache.iterdir()]
        elsewhere = SimpleNamespace(rfilename="original/consolidated.pth", size=1)
        return SimpleNamespace(sha=COMMIT, siblings=[*files, elsewhere])

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", info)
    return asked


def test_a_repository_is_held_to_one_commit(online, tiny_llama):
    told = []
    loaded = load_model(NAME, progress=told.append)
    assert (loaded.source, loaded.name, loaded.revision) == ("hub", NAME, COMMIT)
    assert torch.equal(loaded.module.norm.weight, tiny_llama().model.norm.weight)
    assert online[0] == ("config.json", None)
    assert {revision for _, revision in online[1:]} == {COMMIT}
    assert {file for file, _ in online} == {
        "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors",
    }  # fmt: skip
    assert any(line.startswith("fetching model.safetensors (1 of 1") for line in told)
    assert loaded.fingerprint()["repository"] == NAME
    assert loaded.fingerprint()["revision"] == COMMIT


def test_what_is_refused_is_refused_before_its_weights_are_fetched(online, cache):
    (cache / "model.safetensors").rename(cache / "pytorch_model.bin")
    with pytest.raises(ModelError, match="--allow-pickle"):
        load_model(NAME)
    (cache / "pytorch_model.bin").rename(cache / "model.safetensors")
    (cache / "config.json").write_text(BertConfig().to_json_string())
    with pytest.raises(ModelError, match="encoder"):
        load_model(NAME)
    assert not {file for file, _ in online} & {"model.safetensors", "pytorch_model.bin"}


@pytest.mark.parametrize("offline", [True, False])
def test_without_a_network_the_cached_commit_is_taken(cache, offline):
    for revision in (None, "main", COMMIT):
        loaded = load_model(NAME, revision=revision, offline=offline)
        assert (loaded.revision, loaded.n_layers) == (COMMIT, 2)


def test_offline_no_connection_is_tried(cache, monkeypatch):
    tried = []
    monkeypatch.setattr(socket.socket, "connect", lambda *arguments: tried.append(arguments))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_: tried.append(arguments))
    load_model(NAME, offline=True)
    with pytest.raises(ModelError, match="offline mode is on"):
        load_model("org/absent", offline=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    load_model(NAME)
    assert tried == []


def test_what_the_cache_lacks_is_said(cache):
    with pytest.raises(ModelError, match="org/absent is not in the hub's cache, and the hub cannot be reached"):
        load_model("org/absent")
    with pytest.raises(ModelError, match="at revision v2 is not in the hub's cache"):
        load_model(NAME, revision="v2", offline=True)
    (cache / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights"):
        load_model(NAME, offline=True)
    (cache / "config.json").unlink()
    with pytest.raises(ModelError, match="only partly in the hub's cache"):
        load_model(NAME, offline=True)


def answer(kind, status: int):
    request = huggingface_hub.utils.httpx.Request("GET", "https://huggingface.co")
    return kind("secret hf_abcdefgh", response=huggingface_hub.utils.httpx.Response(status, request=request))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (answer(errors.RepositoryNotFoundError, 401), "There is no model org/new on the hub, or it is private"),
        (answer(errors.GatedRepoError, 403), "Access to org/new is gated"),
        (answer(errors.RevisionNotFoundError, 404), "org/new has no revision 'v9'"),
        (answer(errors.DisabledRepoError, 403), "disabled"),
        (answer(errors.RemoteEntryNotFoundError, 404), r"holds no config\.json"),
        (answer(errors.HfHubHTTPError, 503), "the hub cannot be reached"),
        (errors.LocalEntryNotFoundError("no network"), "the hub cannot be reached"),
        (errors.OfflineModeIsEnabled("off"), "the hub cannot be reached"),
        (huggingface_hub.utils.httpx.ConnectError("refused"), "the hub cannot be reached"),
        (huggingface_hub.utils.httpx.ReadTimeout("late"), "the hub cannot be reached"),
    ],
)
def test_each_answer_of_the_hub_has_its_message(cache, monkeypatch, error, message):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    if not isinstance(error, errors.RemoteEntryNotFoundError):  # what is asked first does not ask for a file
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    else:
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: SimpleNamespace(sha=COMMIT))
    with pytest.raises(ModelError, match=message) as caught:
        load_model("org/new", revision="v9")
    assert "hf_abcdefgh" not in str(caught.value)


def test_a_lost_connection_in_the_middle_says_what_was_not_fetched(online, cache, monkeypatch):
    repository = hub.open_repository(NAME, None, offline=False, with_code=False)

    def refuse(*_, **__):
        raise errors.LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(ModelError, match=r"model\.safetensors of org/tiny could not be fetched"):
        hub.fetch(repository, ["model.safetensors"])
