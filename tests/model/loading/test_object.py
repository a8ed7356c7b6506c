"""A model in memory: read in place, hashed, and left exactly as it was."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from residyn.errors import DataError, ModelError, UsageError
from residyn.model.loading import load_model

IDS = torch.tensor([[5, 9, 40, 7]])


@pytest.fixture
def model(tiny_llama):
    return tiny_llama()


def test_the_base_model_is_the_user_s_own_and_unchanged(model, tokenizer):
    config = copy.deepcopy(model.config.to_dict())
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gradients = [parameter.requires_grad for parameter in model.parameters()]
    loaded = load_model(model, tokenizer)
    assert loaded.module is model.model
    assert loaded.tokenizer is tokenizer
    assert model.config.to_dict() == config
    assert [parameter.requires_grad for parameter in model.parameters()] == gradients == [True] * len(gradients)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert (loaded.source, loaded.revision, loaded.n_layers, loaded.n_units) == ("object", None, 2, 32)
    assert loaded.dtype_reason == loaded.device_reason == "as the model was given"


@pytest.mark.parametrize("part", ["", "model.layers.1.self_attn"])
def test_training_mode_is_refused_and_kept(model, tokenizer, part):
    model.get_submodule(part).train()
    before = {name: module.training for name, module in model.named_modules()}
    with pytest.raises(UsageError, match=r"Call model\.eval\(\) first"):
        load_model(model, tokenizer)
    assert {name: module.training for name, module in model.named_modules()} == before


def test_what_is_no_tokenizer_is_told_what_to_give(model, tokenizer, folder):
    processor = SimpleNamespace(tokenizer=tokenizer)
    for given, advice in ((processor, r"got a SimpleNamespace\. Give its \.tokenizer"), ("gpt2", "AutoTokenizer")):
        for named in (model, folder):
            with pytest.raises(UsageError, match=advice):
                load_model(named, given)


def test_the_fingerprint_tells_two_states_of_training_apart(model, tokenizer):
    first = load_model(model, tokenizer).fingerprint()
    assert load_model(copy.deepcopy(model), tokenizer).fingerprint() == first
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] += 1e-3
    assert load_model(model, tokenizer).fingerprint() != first
    assert load_model(model.to(torch.bfloat16), tokenizer).dtype is torch.bfloat16


def test_what_cannot_be_read_is_refused(model, tokenizer):
    with pytest.raises(UsageError, match="needs its tokenizer"):
        load_model(model)
    with pytest.raises(UsageError, match="got a Linear"):
        load_model(nn.Linear(2, 2), tokenizer)
    with pytest.raises(UsageError, match="dtype cannot be set here"):
        load_model(model, tokenizer, dtype="bfloat16")
    encoder = BertModel(BertConfig(vocab_size=96, hidden_size=32, num_hidden_layers=1, num_attention_heads=2))
    with pytest.raises(ModelError, match="is an encoder"):
        load_model(encoder.eval(), tokenizer)
    with torch.no_grad():
        model.model.norm.weight[3] = float("nan")
    with pytest.raises(DataError, match=r"norm\.weight holds 1 NaN"):
        load_model(model, tokenizer)
