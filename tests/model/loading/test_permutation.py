"""Permuted weights: each tensor's own values in another order, seeded, and the trained model left as it was."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from transformers import LlamaModel

from families import build, spelling_tokenizer
from residyn.errors import ModelError, ResourceError, UsageError
from residyn.model.check import find_sites
from residyn.model.loading import language_model, load_model, permutation, permuted, placement, untrained

TEXTS = ["one two three", "four", "five six"]


def loaded(family: str = "llama", dtype: torch.dtype = torch.float32):
    return load_model(build(family).to(dtype), spelling_tokenizer())


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.named_parameters()}


def places(module: nn.Module) -> set[int]:
    return {tensor.data_ptr() for tensor in (*module.parameters(), *module.buffers()) if tensor.numel()}


def same(first: nn.Module, second: nn.Module) -> bool:
    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def model():
    return loaded()


def test_every_family_keeps_each_tensors_values_in_another_order(family):
    model = loaded(family)
    trained, buffers = weights(model.module), dict(model.module.named_buffers())
    made = permuted(model)
    assert type(made.module) is type(model.module)
    found = weights(made.module)
    assert found.keys() == trained.keys()
    for name, values in trained.items():
        assert found[name].shape == values.shape
        assert torch.equal(found[name].flatten().sort().values, values.flatten().sort().values), name
        assert not torch.equal(found[name], values), name
    # What is computed and not learned, such as rotary frequencies, masks and slopes, is the same.
    computed = dict(made.module.named_buffers())
    assert computed.keys() == buffers.keys()
    assert all(torch.equal(computed[name], values) for name, values in buffers.items())
    # Nothing is shared with the trained model, in which nothing has changed.
    assert not places(model.module) & places(made.module)
    assert all(torch.equal(values, trained[name]) for name, values in model.module.named_parameters())
    assert find_sites(made) == find_sites(model)
    assert not any(parameter.requires_grad for parameter in made.module.parameters())
    assert not any(part.training for part in made.module.modules())


def test_the_order_is_that_of_the_seed_the_name_and_the_number_of_entries(model):
    """As docs/run-directory.md says it, so that another program can make the same network."""
    name = "layers.1.mlp.up_proj.weight"
    values = weights(model.module)[name].numpy().ravel()
    digest = hashlib.sha256(f"7:{name}".encode()).digest()
    np.random.default_rng(int.from_bytes(digest[:8], "big")).shuffle(values)
    assert np.array_equal(weights(permuted(model, 7).module)[name].numpy().ravel(), values)


def test_entries_move_anywhere_and_every_tensor_in_an_order_of_its_own(model):
    """Rows do not stay together: each is made of entries of nearly all rows."""
    first = model.module.layers[0].self_attn
    with torch.no_grad():
        for projection in (first.q_proj, first.o_proj):
            projection.weight.copy_(torch.arange(32.0)[:, None].expand(32, 32))
    made = permuted(model).module.layers[0].self_attn
    one, other = made.q_proj.weight, made.o_proj.weight
    assert min(len(row.unique()) for row in one) > 12
    assert float((one == other).float().mean()) < 0.1
    assert abs(float(torch.corrcoef(torch.stack([one.flatten(), torch.arange(1024.0)]))[0, 1])) < 5 / 32


def test_a_seed_is_a_network_and_its_fingerprint(model):
    first, again, other = permuted(model, 3), permuted(model, np.int64(3)), permuted(model, 4)
    assert same(first.module, again.module)
    assert not same(first.module, other.module)
    assert first.fingerprint() == again.fingerprint()
    assert len({json.dumps(m.fingerprint()) for m in (model, first, other, untrained(model, 3))}) == 4
    further = load_model(build("llama", seed=1), model.tokenizer)
    assert permuted(further, 3).fingerprint() != first.fingerprint()
    larger = spelling_tokenizer()
    larger.add_tokens(["word"])
    assert permuted(load_model(build("llama"), larger), 3).fingerprint() != first.fingerprint()


def test_the_weights_of_a_hub_model_are_known_by_repository_and_commit(model):
    hub = replace(model, source="hub", revision="a" * 40, files={"model.safetensors": "b" * 64})
    files = permuted(hub, 3).fingerprint()["files"]
    known = {"repository": hub.name, "revision": "a" * 40}
    assert files == {**known, "permutation seed": "3", "numpy": np.__version__}
    given = replace(hub, files={**hub.files, "tokenizer": "c" * 64})
    assert permuted(given, 3).fingerprint()["files"] == {**files, "tokenizer": "c" * 64}


def test_the_order_depends_on_nothing_else(model, monkeypatch):
    state = torch.get_rng_state(), np.random.get_state()[1].tolist()
    plain = permuted(model, 1)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert np.random.get_state()[1].tolist() == state[1]
    torch.manual_seed(9)
    np.random.seed(9)
    with torch.device("meta"):
        assert same(permuted(model, 1).module, plain.module)
    backwards = permutation._reordered

    def turned(parameters, seed):
        return backwards(parameters[::-1], seed)

    monkeypatch.setattr(permutation, "_reordered", turned)
    assert same(permuted(model, 1).module, plain.module)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_number_formats_stay_tensor_by_tensor_and_have_one_order(model, dtype):
    coarse = build("llama").to(dtype)
    coarse.layers[1].input_layernorm.float()
    formats = {name: values.dtype for name, values in coarse.named_parameters()}
    made = permuted(load_model(coarse, spelling_tokenizer()), 2)
    assert made.dtype is dtype
    assert {name: values.dtype for name, values in made.module.named_parameters()} == formats
    fine = weights(permuted(model, 2).module)
    assert all(
        torch.equal(values, fine[name].to(values.dtype))
        for name, values in weights(made.module).items()
        if formats[name] is dtype
    )


def test_what_is_shared_is_permuted_once_and_stays_shared(model):
    module = copy.deepcopy(model.module)
    module.layers[2].mlp = module.layers[0].mlp
    module.layers[1].input_layernorm.weight = module.norm.weight
    made = permuted(load_model(module, model.tokenizer)).module
    assert made.layers[2].mlp is made.layers[0].mlp
    assert made.layers[1].input_layernorm.weight is made.norm.weight
    assert not torch.equal(made.norm.weight, module.norm.weight)


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "in a folder"])
def test_a_head_that_is_tied_stays_tied_and_another_is_permuted_too(stored, tiny_llama, tokenizer, tmp_path):
    for tied in (True, False):
        given = tiny_llama(tie_word_embeddings=tied)
        trained = given.get_output_embeddings().weight.detach().clone()
        if stored:
            given.save_pretrained(tmp_path / str(tied))
            tokenizer.save_pretrained(tmp_path / str(tied))
        model = load_model(str(tmp_path / str(tied))) if stored else load_model(given, tokenizer)
        made = permuted(model, 3)
        whole, reason = language_model(made)
        assert not reason
        assert whole.base_model is made.module
        head = whole.get_output_embeddings().weight
        assert not torch.equal(head, trained)
        assert torch.equal(head.flatten().sort().values, trained.flatten().sort().values)
        if tied:
            assert head is made.module.get_input_embeddings().weight
        again, _ = language_model(permuted(model, 3))
        assert torch.equal(again.get_output_embeddings().weight, head)
        own, _ = language_model(model)
        assert torch.equal(own.get_output_embeddings().weight, trained)


def test_the_record_says_what_it_is(model):
    made = permuted(model, 3)
    said = json.loads(json.dumps(made.describe()))
    assert said["name"] == f"{model.name} (weights permuted, seed 3)"
    assert (said["source"], said["revision"]) == ("permuted", None)
    assert said["files"] == {**model.files, "permutation seed": "3", "numpy": np.__version__}
    assert said["dtype_reason"] == said["device_reason"] == "it is the trained model's"
    assert said["warnings"] == [*model.warnings, "the entries of each weight tensor are in random order"]
    kept = ("dtype", "device", "attention", "context", "n_layers", "n_units", "n_parameters", "model_type")
    assert {key: said[key] for key in kept} == {key: model.describe()[key] for key in kept}
    assert made.tokenizer is model.tokenizer
    assert made.module.config.name_or_path == made.name
    assert model.module.config.name_or_path != made.name


def test_weights_that_were_dequantised_are_weights(gguf_file):
    model = load_model(gguf_file)
    made = permuted(model)
    assert made.quantization == model.quantization
    assert not same(made.module, model.module)
    find_sites(made)


class Closed(LlamaModel):
    """A decoder that cannot be copied."""

    def __deepcopy__(self, memo):
        raise RuntimeError("a licence is needed")


def test_quantised_weights_are_refused_with_the_reason(model):
    packed = build("llama")
    packed.config.quantization_config = {"quant_method": "gptq", "bits": 4}
    with pytest.raises(ModelError, match=r"cannot be permuted: they are quantised \(gptq, 4 bits\)"):
        permuted(load_model(packed, spelling_tokenizer()))
    for format, said in ((torch.float8_e4m3fn, "float8_e4m3fn"), (torch.int8, "int8")):
        stored = copy.deepcopy(model.module)
        gate = stored.layers[0].mlp.gate_proj
        gate.weight = nn.Parameter(gate.weight.detach().to(format), requires_grad=False)
        with pytest.raises(ModelError, match=rf"layers.0.mlp.gate_proj.weight is quantised \({said}\)"):
            permuted(replace(model, module=stored))


def test_what_cannot_be_made_is_said(model, monkeypatch):
    for seed in (-1, 2**63, 1.5, "1", True, None):
        with pytest.raises(UsageError, match="whole number from 0"):
            permuted(model, seed)
    with pytest.raises(UsageError, match="permuted already"):
        permuted(permuted(model))
    with pytest.raises(UsageError, match="permuted already"):
        untrained(permuted(model))
    with pytest.raises(UsageError, match="untrained already"):
        permuted(untrained(model))
    away = copy.deepcopy(model.module)
    away.layers[1].mlp.to("meta")
    with pytest.raises(ModelError, match=r"layers\.1\.mlp\.gate_proj\.weight is not in memory"):
        permuted(replace(model, module=away))
    closed = load_model(Closed(copy.deepcopy(model.module.config)).eval(), model.tokenizer)
    with pytest.raises(ModelError, match=r"it cannot be copied \(RuntimeError: a licence is needed\)"):
        permuted(closed)

    def full(*_):
        raise MemoryError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(permutation, "shuffled", full)
        with pytest.raises(ResourceError, match="Memory ran out while the weights of"):
            permuted(model)
    monkeypatch.setattr(placement, "available_memory", lambda: 1000)
    with pytest.raises(ResourceError, match="are free on cpu"):
        permuted(model)
