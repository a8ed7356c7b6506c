"""A model that is spread over devices, or partly offloaded: right to rounding, or refused by name."""

from __future__ import annotations

import pytest
import torch
from accelerate import dispatch_model

import residyn as rd
from families import build, spelling_tokenizer
from naive import relative_error
from residyn.errors import ModelError, ResourceError, UsageError
from residyn.model.kind import kind_of
from residyn.model.loading import placement
from residyn.model.loading.placement import Need, Placement, Wish, place, read_wish

TEXTS = [f"{'abc def ' * (1 + i % 3)}{i}" for i in range(20)]
GB = 10**9


def partly_on_disk(tmp_path):
    """Embedding and first blocks on the CPU, the last one on the disk, as accelerate places them."""
    model = build("llama")
    places = {"embed_tokens": "cpu", "layers.0": "cpu", "layers.1": "cpu", "layers.2": "disk", "norm": "disk"}
    places |= {"rotary_emb": "cpu"}
    dispatch_model(model, places, main_device="cpu", offload_dir=str(tmp_path / "kept"))
    return rd.load_model(model, spelling_tokenizer())


def test_states_of_a_partly_offloaded_model_are_right_to_rounding(tmp_path):
    spread = partly_on_disk(tmp_path)
    assert any(parameter.is_meta for parameter in spread.module.parameters())
    whole = rd.load_model(build("llama"), spelling_tokenizer())
    assert relative_error(rd.capture(spread, TEXTS).values, rd.capture(whole, TEXTS).values) <= 1e-6
    assert rd.check_model(spread).passed
    assert kind_of(spread)["devices"] != kind_of(whole).get("devices")


def test_what_writes_to_a_spread_model_or_copies_it_is_refused_by_name(tmp_path):
    spread = partly_on_disk(tmp_path)
    with pytest.raises(ModelError, match="is spread over several, or offloaded"):
        rd.teleport(spread, "abc", torch.zeros(2, 32).numpy(), at=1)
    with pytest.raises(ModelError, match="cannot be permuted"):
        rd.permuted(spread)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10 * GB, 12 * GB))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_the_memory_of_all_gpus_counts(two_gpus):
    need = Need(n_elements=7 * GB, stored=torch.bfloat16)
    wish = read_wish("auto", "auto", 2)
    found = place(wish, need)
    assert (found.dtype, found.device) == (torch.bfloat16, torch.device("cuda", 0))
    assert found.spread == {0: 10 * GB, 1: 10 * GB}
    assert place(read_wish("auto", "cpu"), Need(10, torch.float32)).spread == {}
    with pytest.raises(ResourceError, match=r"30.8 GB in float32, and 20.0 GB are free on 2 GPUs"):
        place(read_wish("float32", "cuda", 2), need)


def test_gpus_that_are_not_there_and_other_devices_are_refused(two_gpus, monkeypatch):
    with pytest.raises(ResourceError, match="3 GPUs were asked for, and 2 are present"):
        read_wish("auto", "auto", 3)
    with pytest.raises(UsageError, match="devices of CUDA, and cpu was asked for"):
        read_wish("auto", "cpu", 2)
    with pytest.raises(UsageError, match="whole number of GPUs"):
        read_wish("auto", "auto", 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 7")
    assert placement.visible_gpus() == ["5", "7"]


def test_layers_go_where_the_placement_says(tmp_path, monkeypatch):
    """What is handed to transformers for two GPUs, which this machine need not have."""
    from residyn.model.loading import load

    build("llama").save_pretrained(tmp_path / "m")
    spelling_tokenizer().save_pretrained(tmp_path / "m")
    spread = Placement(torch.float32, "", torch.device("cpu"), "", (), {0: 10 * GB, 1: 10 * GB})
    monkeypatch.setattr(load, "read_wish", lambda *given: Wish(None, None, given[2]))
    monkeypatch.setattr(load, "place", lambda wish, need: spread)
    asked = {}

    def from_pretrained(folder, **options):
        asked.update(options)
        raise RuntimeError("asked")

    from residyn.model.loading import pretrained

    monkeypatch.setattr(pretrained.AutoModel, "from_pretrained", from_pretrained)
    with pytest.raises(ModelError, match="asked"):
        rd.load_model(tmp_path / "m", gpus=2)
    assert asked["device_map"] == "auto"
    assert asked["max_memory"] == {0: 9 * GB, 1: 9 * GB}
