"""A folder of safetensors: the right base model comes back, and every kind of damage is refused in words."""

from __future__ import annotations

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertConfig, BertModel, Gemma3Config, Gemma3ForConditionalGeneration, T5Config
from transformers.utils import logging as transformers_logging

from families import FAMILIES, build
from residyn.errors import DataError, ModelError, ResourceError, UsageError
from residyn.model.loading import load_model

IDS = torch.tensor([[5, 9, 40, 7]])


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_the_base_model_comes_back_with_the_checkpoint_s_weights(folder, tiny_llama):
    loaded = load_model(folder)
    expected = tiny_llama().model
    assert type(loaded.module).__name__ == "LlamaModel"
    with torch.no_grad():
        assert torch.equal(loaded.module(IDS).last_hidden_state, expected(IDS, use_cache=False).last_hidden_state)
    assert not loaded.module.training
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())
    assert loaded.module.config.use_cache is False
    assert (loaded.source, loaded.revision, loaded.name) == ("folder", None, str(folder))
    assert (loaded.n_layers, loaded.n_units, loaded.context, loaded.model_type) == (2, 32, 64, "llama")
    assert (loaded.attention, loaded.quantization, loaded.warnings) == ("sdpa", None, ())
    assert loaded.tokenizer("w5 w9")["input_ids"] == [5, 9]


def test_describe_is_plain_json_and_the_fingerprint_follows_the_weights(folder, tmp_path):
    loaded = load_model(folder)
    described = json.loads(json.dumps(loaded.describe()))
    assert (
        described["files"]["model.safetensors"]
        == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    )
    assert {"config.json", "tokenizer.json"} <= set(described["files"])
    assert (described["dtype"], described["device"]) == ("float32", "cpu")
    moved = folder.rename(tmp_path / "elsewhere, überall")
    assert load_model(moved).fingerprint() == loaded.fingerprint()
    edit_weights(moved, lambda tensors: tensors["model.norm.weight"].mul_(1.001))
    assert load_model(moved).fingerprint() != loaded.fingerprint()


def test_a_given_tokenizer_is_used_and_told_apart(folder, tokenizer):
    loaded = load_model(folder, tokenizer)
    assert loaded.tokenizer is tokenizer
    assert loaded.fingerprint() != load_model(folder).fingerprint()


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_loads_with_its_own_weights(family, tmp_path, tokenizer):
    original = build(family)
    original.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, tokenizer)
    expected = dict(original.named_parameters())
    found = dict(loaded.module.named_parameters())
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (loaded.n_layers, loaded.n_units) == (3, 32)
    # BLOOM's ALiBi has no bound; Falcon's tiny config leaves it at its default.
    assert loaded.context == {"bloom": None}.get(family, 2048 if family.startswith("falcon") else 64)


def test_of_a_model_that_sees_the_text_decoder_is_taken(tmp_path, tokenizer):
    text = {
        "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, image_token_index=95)
    whole = Gemma3ForConditionalGeneration(config)
    whole.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, tokenizer)
    assert (loaded.model_type, loaded.n_layers, loaded.n_units) == ("gemma3_text", 2, 32)
    expected = whole.model.language_model.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.module.state_dict().items())


def test_sharded_weights_load_and_a_missing_shard_is_named(folder, tiny_llama):
    (folder / "model.safetensors").unlink()
    tiny_llama().save_pretrained(folder, max_shard_size="20KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert load_model(folder).n_layers == 2
    shards[1].unlink()
    with pytest.raises(ModelError, match=shards[1].name):
        load_model(folder)


def test_bert_and_t5_are_refused(tmp_path, tokenizer):
    bert = tmp_path / "bert"
    BertModel(
        BertConfig(vocab_size=96, hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    ).save_pretrained(bert)
    # It would load, and run: that is what makes it dangerous.
    assert AutoModel.from_pretrained(bert)(IDS).last_hidden_state.shape == (1, 4, 32)
    with pytest.raises(ModelError, match="is an encoder: each of its states depends on later tokens"):
        load_model(bert, tokenizer)
    t5 = tmp_path / "t5"
    t5.mkdir()
    (t5 / "config.json").write_text(T5Config(d_model=32, num_layers=1).to_json_string())
    with pytest.raises(ModelError, match="encoder–decoder"):
        load_model(t5, tokenizer)


@pytest.mark.parametrize("model_type", ["roberta", "modernbert", "clip", "vit", "whisper", "bart"])
def test_what_is_no_causal_decoder_is_refused_from_its_config(model_type, tmp_path):
    config = transformers.AutoConfig.for_model(model_type)
    (tmp_path / "config.json").write_text(config.to_json_string())
    with pytest.raises(ModelError, match="A causal \\(decoder-only\\) language model was wanted"):
        load_model(tmp_path)


def test_missing_tensors_are_refused_by_name(folder):
    edit_weights(folder, lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight"))
    with pytest.raises(ModelError, match=r"lacks 1 of its tensors \(layers\.1\.mlp\.up_proj\.weight\)"):
        load_model(folder)


def test_another_shape_is_refused_with_both_shapes(folder):
    edit_config(folder, intermediate_size=96)
    with pytest.raises(ModelError, match=r"6 tensors .* \(\d+, \d+\) came, \(\d+, \d+\) was wanted"):
        load_model(folder)


def test_a_config_of_fewer_layers_is_refused(folder):
    # transformers would leave the second layer out without a word.
    edit_config(folder, num_hidden_layers=1)
    with pytest.raises(ModelError, match="layers beyond the 1 that"):
        load_model(folder)


@pytest.mark.parametrize("changes", [{"num_hidden_layers": 4_000_000_000}, {"intermediate_size": 2**36}])
def test_a_config_far_larger_than_its_weights_is_refused_before_memory_is_asked_for(folder, changes):
    edit_config(folder, **changes)
    with pytest.raises(ModelError, match="belongs to another model"):
        load_model(folder)


def test_a_truncated_file_is_refused(folder):
    path = folder / "model.safetensors"
    for length in (path.stat().st_size - 1, 100, 0):
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(ModelError, match=r"model\.safetensors .* is truncated or damaged"):
            load_model(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_named(folder, value):
    def spoil(tensors):
        tensors["model.layers.1.self_attn.k_proj.weight"][3, 5] = value

    edit_weights(folder, spoil)
    with pytest.raises(DataError, match=r"layers\.1\.self_attn\.k_proj\.weight holds 1 NaN or infinite") as caught:
        load_model(folder)
    assert caught.value.exit_code == 4


def test_large_finite_weights_pass(folder):
    # Their sum is infinite in float32; each of them is not.
    edit_weights(folder, lambda tensors: tensors["model.norm.weight"].fill_(3e38))
    assert load_model(folder).n_layers == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "JSON"),
        ("[]", "object was wanted"),
        ('{"model_type": "nosuch"}', "does not know"),
        ("{}", "does not know"),
    ],
)
def test_a_broken_config_is_refused(folder, content, reason):
    (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=reason):
        load_model(folder)


def test_each_missing_part_is_told(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        load_model(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights"):
        load_model(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        load_model(folder)
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="PEFT adapter"):
        load_model(folder)


@pytest.mark.parametrize("name", ["", "./nosuch", "/nosuch/model", "a/b/c", "nosuch.gguf", "org/../x", "a\0b"])
def test_a_name_that_is_nothing_is_refused(name):
    with pytest.raises(ModelError):
        load_model(name)


def test_a_weight_file_is_no_model(folder):
    with pytest.raises(ModelError, match="Give the folder"):
        load_model(folder / "model.safetensors")


@pytest.mark.parametrize(
    "options",
    [{"dtype": "int8"}, {"dtype": "fp32"}, {"device": "tpu"}, {"device": "cpu:x"}, {"attn": "org/kernel"},
     {"revision": "main"}, {"tokenizer": "name"}],
)  # fmt: skip
def test_arguments_out_of_range_are_usage_errors(folder, options):
    with pytest.raises(UsageError):
        load_model(folder, **options)


def test_cuda_asked_for_and_absent(folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ResourceError, match="no CUDA device is present") as caught:
        load_model(folder, device="cuda")
    assert caught.value.exit_code == 6


def test_dtype_and_attention_are_as_asked_for(folder):
    loaded = load_model(folder, dtype="bfloat16", attn="eager")
    assert {parameter.dtype for parameter in loaded.module.parameters()} == {torch.bfloat16}
    assert (loaded.dtype, loaded.dtype_reason, loaded.attention) == (torch.bfloat16, "it was asked for", "eager")
    assert any("float16 overflows" in warning for warning in load_model(folder, dtype="float16").warnings)


def test_a_checkpoint_cannot_choose_its_attention_kernel(folder):
    edit_config(folder, attn_implementation="some-org/some-kernel")
    assert load_model(folder).attention == "sdpa"


def test_loading_is_silent_and_leaves_every_switch_as_it_was(folder, capfd):
    edit_config(folder, unknown_field=1)
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.INFO)
    try:
        load_model(folder)
        assert transformers_logging.get_verbosity() == logging.INFO
        assert transformers_logging.is_progress_bar_enabled()
    finally:
        transformers_logging.set_verbosity(before)
    assert capfd.readouterr() == ("", "")


def test_progress_names_the_stages(folder):
    told = []
    load_model(folder, progress=told.append)
    assert told == [f"loading {folder}"]


def test_models_are_made_by_one_thread_at_a_time(folder):
    """transformers does not tie weights while it loads some, and says so to the whole process."""
    tied = transformers.PreTrainedModel.tie_weights
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: load_model(folder), range(16)))
        assert transformers.PreTrainedModel.tie_weights is tied
    finally:
        transformers.PreTrainedModel.tie_weights = tied
