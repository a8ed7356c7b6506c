"""The untrained twin: the same network before training, seeded, and nobody else's numbers disturbed."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaModel

import residyn as rd
from families import build, spelling_tokenizer
from residyn.errors import ModelError, ResourceError, StoreError, UsageError
from residyn.model.assets import asset_path
from residyn.model.check import check_model, find_sites
from residyn.model.loading import language_model, load_model, permuted, placement, untrained
from residyn.model.loading.placement import FLOAT16_WARNING

IDS = torch.tensor([[5, 17, 8, 40]])
TEXTS = ["one two three", "four", "five six"]


def loaded(family: str = "llama"):
    return load_model(build(family), spelling_tokenizer())


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.named_parameters()}


def same(first: nn.Module, second: nn.Module) -> bool:
    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def model():
    return loaded()


def test_every_family_has_a_twin_whose_stream_can_be_read(family):
    model = loaded(family)
    twin = untrained(model)
    assert find_sites(twin) == find_sites(model)
    assert [probe for probe in check_model(twin).probes if probe.status != "pass"] == []
    assert type(twin.module) is type(model.module)
    assert not same(twin.module, model.module)
    # What is computed and not learned, such as rotary frequencies, masks and slopes, is the same.
    computed = dict(model.module.named_buffers())
    found = dict(twin.module.named_buffers())
    assert found.keys() == computed.keys()
    assert all(torch.equal(found[name], computed[name]) for name in computed)
    assert not any(parameter.requires_grad for parameter in twin.module.parameters())
    assert not any(part.training for part in twin.module.modules())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", ["llama", "gpt2", "gptj", "cohere", "gemma2", "gpt-neox", "opt", "bloom"])
def test_decoder_and_head_are_what_transformers_draws_from_the_config(name, tied):
    base = build(name)
    base.config.tie_word_embeddings = tied
    twin = untrained(load_model(base, spelling_tokenizer()), seed=7)
    torch.manual_seed(7)
    reference = AutoModelForCausalLM.from_config(copy.deepcopy(base.config)).eval()
    whole, reason = language_model(twin)
    assert reason == ""
    assert whole is not None
    assert whole.base_model is twin.module
    assert same(whole, reference)
    shared = whole.get_output_embeddings().weight is twin.module.get_input_embeddings().weight
    assert shared == tied
    with torch.inference_mode():
        assert torch.equal(whole(IDS).logits, reference(IDS).logits)


def test_weights_of_llama_have_the_spread_the_config_states(tiny_llama, tokenizer):
    model = tiny_llama(initializer_range=0.05, hidden_size=128, intermediate_size=256, num_hidden_layers=4)
    twin = untrained(load_model(model, tokenizer))
    drawn = weights(twin.module)
    for name, tensor in drawn.items():
        if tensor.dim() == 1:
            assert torch.equal(tensor, torch.ones_like(tensor)), name
    matrices = {name: tensor.double() for name, tensor in drawn.items() if tensor.dim() == 2}
    assert len(matrices) == 1 + 7 * 4
    for name, tensor in matrices.items():
        # Five standard errors of a standard deviation and of a mean.
        assert abs(tensor.std() / 0.05 - 1) < 5 / (2 * tensor.numel()) ** 0.5, name
        assert abs(tensor.mean()) < 5 * 0.05 / tensor.numel() ** 0.5, name
    every = torch.cat([tensor.flatten() for tensor in matrices.values()])
    assert abs((every / 0.05).pow(4).mean() - 3) < 5 * (96 / every.numel()) ** 0.5
    assert twin.warnings[-1] == "the weights are random, as LlamaForCausalLM draws them (initializer_range 0.05)"


def test_gpt2_keeps_its_own_law_of_smaller_residual_writes():
    model = build("gpt2")
    model.config.initializer_range = 0.1
    drawn = weights(untrained(load_model(model, spelling_tokenizer())).module)
    written = torch.cat([tensor.flatten() for name, tensor in drawn.items() if name.endswith("c_proj.weight")])
    read = torch.cat([tensor.flatten() for name, tensor in drawn.items() if name.endswith("c_attn.weight")])
    for tensor, spread in ((written, 0.1 / 6**0.5), (read, 0.1)):
        assert abs(tensor.double().std() / spread - 1) < 5 / (2 * tensor.numel()) ** 0.5
    biases = [tensor for name, tensor in drawn.items() if name.endswith("bias")]
    assert biases
    assert not any(tensor.any() for tensor in biases)


def test_a_seed_is_a_network_and_its_fingerprint(model):
    first, again, other = untrained(model, 3), untrained(model, np.int64(3)), untrained(model, 4)
    assert same(first.module, again.module)
    assert not same(first.module, other.module)
    assert first.fingerprint() == again.fingerprint()
    assert len({json.dumps(m.fingerprint()) for m in (model, first, other)}) == 3
    wider = LlamaModel(LlamaConfig(**{**model.module.config.to_dict(), "intermediate_size": 64})).eval()
    assert untrained(load_model(wider, model.tokenizer), 3).fingerprint() != first.fingerprint()
    larger = spelling_tokenizer()
    larger.add_tokens(["word"])
    assert untrained(replace(model, tokenizer=larger), 3).fingerprint() != first.fingerprint()


def test_a_folder_and_the_same_model_in_memory_have_one_twin(folder, tiny_llama, tokenizer):
    stored, in_memory = untrained(load_model(folder)), untrained(load_model(tiny_llama(), tokenizer))
    assert stored.files["config"] == in_memory.files["config"]
    assert same(stored.module, in_memory.module)


def test_the_record_says_what_it_is(model):
    twin = untrained(model, 3)
    said = json.loads(json.dumps(twin.describe()))
    assert said["name"] == f"{model.name} (untrained, seed 3)"
    assert (said["source"], said["revision"], said["quantization"]) == ("untrained", None, None)
    assert said["files"]["seed"] == "3"
    assert set(said["files"]) == {"config", "seed", "transformers", "torch", "tokenizer"}
    assert said["dtype_reason"] == said["device_reason"] == "it is the trained model's"
    kept = ("dtype", "device", "attention", "context", "n_layers", "n_units", "n_parameters", "model_type")
    assert {key: said[key] for key in kept} == {key: model.describe()[key] for key in kept}
    assert twin.tokenizer is model.tokenizer
    assert twin.module.config.name_or_path == twin.name


def test_generators_switches_and_the_trained_model_stay_as_they_were(model, monkeypatch):
    torch.manual_seed(5)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda _: pytest.fail("seeded the generators of CUDA"))
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    config, trained = copy.deepcopy(model.module.config.to_dict()), weights(model.module)
    first = untrained(model, 1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]
    assert model.module.config.to_dict() == config
    assert all(torch.equal(tensor, trained[name]) for name, tensor in model.module.named_parameters())
    assert torch.get_default_dtype() is torch.float32
    assert not torch.are_deterministic_algorithms_enabled()
    # The caller's own generator and default device decide nothing.
    torch.default_generator.manual_seed(6)
    with torch.device("meta"):
        assert same(untrained(model, 1).module, first.module)


def test_deterministic_algorithms_stay_switched_on_where_they_were(model):
    torch.use_deterministic_algorithms(True)
    try:
        untrained(model)
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(("dtype", "tied"), [(torch.bfloat16, True), (torch.float16, False)])
def test_number_formats_are_the_trained_ones_tensor_by_tensor(dtype, tied):
    base = build("llama").to(dtype)
    base.config.tie_word_embeddings = tied
    base.layers[1].input_layernorm.float()
    twin = untrained(load_model(base, spelling_tokenizer()))
    assert twin.dtype is dtype
    formats = {name: tensor.dtype for name, tensor in base.named_parameters()}
    assert formats["layers.1.input_layernorm.weight"] is torch.float32
    assert {name: tensor.dtype for name, tensor in twin.module.named_parameters()} == formats
    # Drawn at full resolution and rounded: coarse uniform numbers would thin the tails and change the spread.
    drawn = torch.cat([tensor.flatten() for tensor in weights(twin.module).values() if tensor.dim() == 2]).double()
    assert abs(drawn.std() / 0.02 - 1) < 5 / (2 * drawn.numel()) ** 0.5
    assert drawn.abs().max() > 3.6 * 0.02
    whole, _ = language_model(twin)
    assert whole is not None
    logits = whole.get_output_embeddings()
    assert logits.weight.dtype is dtype
    assert (logits.weight is twin.module.get_input_embeddings().weight) == tied
    assert whole.config.dtype is dtype


def test_the_attention_implementation_is_the_trained_one(folder):
    for name in ("eager", "sdpa"):
        twin = untrained(load_model(folder, attn=name))
        assert twin.attention == twin.module.config._attn_implementation == name


def test_only_warnings_that_still_hold_are_kept(folder):
    stored = load_file(folder / "model.safetensors")
    save_file({**stored, "spare.weight": torch.ones(2)}, folder / "model.safetensors", metadata={"format": "pt"})
    larger = spelling_tokenizer()
    larger.add_tokens([f"word{i}" for i in range(20)])
    model = load_model(folder, larger, dtype="float16")
    assert sum("stored tensors" in warning for warning in model.warnings) == 1
    tokens = next(warning for warning in model.warnings if warning.startswith("the tokenizer has"))
    assert untrained(model).warnings == (
        FLOAT16_WARNING,
        tokens,
        "the weights are random, as LlamaForCausalLM draws them (initializer_range 0.02)",
    )


def test_quantised_weights_have_a_twin_that_is_not(model):
    plain = untrained(model)
    packed = build("llama")
    packed.config.quantization_config = {"quant_method": "gptq", "bits": 4}
    twin = untrained(load_model(packed, spelling_tokenizer()))
    assert (twin.quantization, hasattr(twin.module.config, "quantization_config")) == (None, False)
    assert packed.config.quantization_config["bits"] == 4
    assert twin.warnings == (
        "the weights are random, as LlamaForCausalLM draws them (initializer_range 0.02)",
        "the trained weights are quantised (gptq, 4 bits), and these are not",
    )
    assert twin.fingerprint() == plain.fingerprint()


def test_a_gguf_file_has_a_twin_drawn_by_the_default_law(gguf_file):
    model = load_model(gguf_file)
    gguf_file.unlink()
    twin = untrained(model)
    assert twin.source == "untrained"
    drawn, packed = twin.warnings[-2:]
    assert drawn.endswith("; a GGUF file does not state their spread, so this is transformers' default")
    assert packed.startswith("the trained weights are quantised (GGUF")
    find_sites(twin)


@pytest.mark.assets
@pytest.mark.slow
def test_the_built_in_model_has_a_twin():
    asset_path("smollm2-135m")
    model = load_model()
    twin = untrained(model)
    assert twin.name == "smollm2-135m (untrained, seed 0)"
    assert float(twin.module.get_input_embeddings().weight.std()) == pytest.approx(0.02, rel=1e-3)
    assert sum(parameter.numel() for parameter in twin.module.parameters()) == 134_515_008
    find_sites(twin)


@pytest.mark.parametrize("make", [untrained, permuted])
def test_capture_reads_it_and_does_not_take_it_for_the_trained_one(model, tmp_path, make):
    trained = rd.capture(model, TEXTS, tmp_path / "run")
    twin = make(model)
    states = rd.capture(twin, TEXTS)
    assert states.shape == trained.shape
    assert np.isfinite(states.values).all()
    assert states.attrs["model"] != trained.attrs["model"]
    assert not np.allclose(states.values, trained.values)
    with pytest.raises(StoreError):
        rd.capture(twin, TEXTS, tmp_path / "run")


class Forgetful(LlamaModel):
    """A decoder whose law leaves one of its weights as memory happened to be."""

    def __init__(self, config):
        super().__init__(config)
        self.gain = nn.Parameter(torch.empty(4))


def test_a_law_that_leaves_weights_unset_is_refused(model):
    module = Forgetful(copy.deepcopy(model.module.config)).eval()
    with torch.no_grad():
        module.gain.fill_(1.0)
    with pytest.raises(ModelError, match=r"leaves 1 tensors unset \(gain\)"):
        untrained(load_model(module, model.tokenizer))


class Own(LlamaModel):
    """A decoder of the user's own, around which transformers has no head."""


def test_a_decoder_without_a_known_head_has_a_twin_without(model):
    module = Own(copy.deepcopy(model.module.config)).eval()
    twin = untrained(load_model(module, model.tokenizer))
    assert type(twin.module) is Own
    assert language_model(twin) == (None, "it is not known where the model's head lies")


class Fussy(LlamaModel):
    """A decoder that can be built once."""

    def __init__(self, config, allowed=False):
        if not allowed:
            raise RuntimeError("a key is needed")
        super().__init__(config)


def test_what_cannot_be_made_is_said(model, monkeypatch):
    for seed in (-1, 2**63, 1.5, "1", True, None):
        with pytest.raises(UsageError, match="whole number from 0"):
            untrained(model, seed)
    with pytest.raises(UsageError, match="untrained already"):
        untrained(untrained(model))
    fussy = load_model(Fussy(copy.deepcopy(model.module.config), allowed=True).eval(), model.tokenizer)
    with pytest.raises(ModelError, match=r"No untrained twin of .* \(RuntimeError: a key is needed\)"):
        untrained(fussy)
    monkeypatch.setattr(placement, "available_memory", lambda: 1000)
    with pytest.raises(ResourceError, match="are free on cpu"):
        untrained(model)
