"""GGUF files: converted once, bit-identical to what transformers reads, verified on use, refused when crafted."""

from __future__ import annotations

import json
import struct

import pytest
import torch

from residyn.errors import ModelError, ResourceError
from residyn.model.gguf_guard import check_header
from residyn.model.loading import conversion, load_model

IDS = torch.tensor([[5, 9, 40, 7]])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDYN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "converted"


def test_the_converted_model_is_bit_identical_to_the_one_read_from_gguf(gguf_file, capfd):
    loaded = load_model(gguf_file)
    assert capfd.readouterr() == ("", "")
    direct = conversion.read_gguf(gguf_file, check_header(gguf_file))
    theirs = direct.state_dict()
    assert loaded.module.state_dict().keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in loaded.module.state_dict().items())
    with torch.no_grad():
        states = loaded.module(IDS, output_hidden_states=True).hidden_states
        expected = direct(IDS, output_hidden_states=True, use_cache=False).hidden_states
    assert len(states) == 3
    assert all(torch.equal(a, b) for a, b in zip(states, expected, strict=True))
    assert (loaded.source, loaded.dtype, loaded.context) == ("gguf", torch.float32, 64)
    assert loaded.quantization == "GGUF (15 × Q4_1, 5 × F32), dequantised to float32"
    assert any("quantised" in warning for warning in loaded.warnings)
    assert list(loaded.files) == ["tiny.gguf"]


def test_conversion_happens_once_and_again_where_the_cache_is_damaged(gguf_file, cache):
    told = []
    load_model(gguf_file, progress=told.append)
    load_model(gguf_file, progress=told.append)
    assert [line for line in told if line.startswith("converting")] == [told[0]]
    (folder,) = cache.iterdir()
    weights = folder / "model.safetensors"
    sound = weights.read_bytes()
    weights.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    load_model(gguf_file, progress=told.append)
    assert len([line for line in told if line.startswith("converting")]) == 2
    assert weights.read_bytes() == sound
    assert list(cache.iterdir()) == [folder]


def test_a_failed_conversion_leaves_nothing_behind(gguf_file, cache, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(conversion.AutoTokenizer, "from_pretrained", fail)
    with pytest.raises(ModelError):
        load_model(gguf_file)
    monkeypatch.undo()
    monkeypatch.setenv("RESIDYN_CACHE", str(cache.parent))
    monkeypatch.setattr(conversion, "_sync", fail)
    with pytest.raises(ResourceError, match="No space left"):
        load_model(gguf_file)
    assert list(cache.iterdir()) == []


def test_too_little_memory_is_told_before_anything_is_read(gguf_file, monkeypatch):
    monkeypatch.setattr(conversion, "available_memory", lambda: 1000)
    with pytest.raises(ResourceError, match="of memory are free"):
        load_model(gguf_file)


def test_another_process_that_was_first_is_believed(gguf_file, cache):
    converted = conversion.convert(gguf_file)
    made = cache / "made"
    made.mkdir()
    conversion._put_in_place(made, converted.folder, cache / "aside")
    assert json.loads((converted.folder / "residyn.json").read_text())["architecture"] == "llama"


def test_a_crafted_file_never_reaches_a_parser(gguf_file, monkeypatch):
    reached = []
    monkeypatch.setattr(conversion, "read_gguf", lambda path, _: reached.append(path))
    content = gguf_file.read_bytes()
    gguf_file.write_bytes(content[:16] + struct.pack("<Q", 2**62) + content[24:])
    with pytest.raises(ModelError, match="not a GGUF file that can be read safely"):
        load_model(gguf_file)
    assert reached == []


def test_an_architecture_transformers_cannot_read_is_refused(gguf_file):
    content = gguf_file.read_bytes()
    gguf_file.write_bytes(content.replace(b"llama", b"xlama"))
    with pytest.raises(ModelError, match=r"transformers .* cannot read .* Take the model's safetensors release"):
        load_model(gguf_file)
