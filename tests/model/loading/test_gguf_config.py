"""What a GGUF header says of the computation is in the model, or the file is refused by the key's name."""

from __future__ import annotations

import json
import math
import time
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import torch
from tokenizers import Regex, pre_tokenizers
from transformers import AutoModel, Gemma3TextConfig, LlamaConfig, LlamaTokenizer, Phi3Config, Qwen3Config

from residyn.errors import ModelError
from residyn.model.check import check_model
from residyn.model.gguf_guard import check_header
from residyn.model.loading import load_model
from residyn.model.loading.conversion import read_gguf
from residyn.model.loading.gguf_tokenizer import complete_tokenizer

IDS = torch.randint(3, 96, (1, 40), generator=torch.Generator().manual_seed(1))
HEADS, SHARED, WIDTH = 4, 2, 8
SMALL = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": SHARED,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
PHI = {
    **{name: NAMES[name] for name in ("attn_norm", "ffn_norm", "attn_output", "ffn_down")},
    "attn_qkv": "self_attn.qkv_proj",
    "ffn_up": "mlp.gate_up_proj",
}
QWEN = {**NAMES, "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
GEMMA = {
    **QWEN,
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDYN_CACHE", str(tmp_path / "cache"))


def made(config):
    torch.manual_seed(0)
    model = AutoModel.from_config(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """The order in which llama.cpp keeps the rows of Llama's queries and keys."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weight.shape))


def write(path, architecture, model, names, *, entries=(), tensors=(), base=10_000.0, depth=2, pre=None):
    """A GGUF file as llama.cpp's converter writes it; `entries` are (key, how it is added, value)."""
    config, writer = model.config, gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(depth)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(SHARED)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(base)
    for key, kind, value in entries:
        getattr(writer, f"add_{kind}")(f"{architecture}.{key}", value)
    writer.add_tokenizer_model("gpt2")
    if pre:
        writer.add_tokenizer_pre(pre)
    letters = [chr(ord("!") + i) for i in range(90)]
    writer.add_token_list(["<unk>", "<s>", "</s>", *letters, "ab", "bc", "cd"])
    writer.add_token_merges(["a b", "b c", "c d"])
    writer.add_token_types([3, 3, 3, *[1] * 93])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    stored = {name: values.numpy() for name, values in model.state_dict().items()}
    raised = 1.0 if architecture.startswith("gemma") else 0.0
    writer.add_tensor("token_embd.weight", stored["embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", stored["norm.weight"] + np.float32(raised))
    for layer in range(config.num_hidden_layers):
        for theirs, ours in names.items():
            values = stored[f"layers.{layer}.{ours}.weight"]
            if architecture == "llama" and theirs in ("attn_q", "attn_k"):
                values = interleaved(values, HEADS if theirs == "attn_q" else SHARED)
            writer.add_tensor(f"blk.{layer}.{theirs}.weight", values + np.float32(raised * (values.ndim == 1)))
    for name, values in tensors:
        writer.add_tensor(name, np.asarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def states(module):
    with torch.no_grad():
        return torch.stack(module(IDS, output_hidden_states=True, use_cache=False).hidden_states)


def llama(rope=None, **options):
    return made(
        LlamaConfig(
            **{**SMALL, **options}, rope_parameters={"rope_theta": 10_000.0, **(rope or {"rope_type": "default"})}
        )
    )


def llama3_factors(factor=8.0, low=1.0, high=4.0, original=8192, base=10_000.0):
    turns = base ** (-np.arange(0, WIDTH, 2) / WIDTH) / (2 * math.pi)
    line = np.clip((original * turns - low) / (high - low), 0, 1)
    return 1 / ((1 - line) / factor + line)


LINEAR = (("rope.scaling.type", "string", "linear"), ("rope.scaling.factor", "float32", 8.0))
YARN = (
    ("rope.scaling.type", "string", "yarn"),
    ("rope.scaling.factor", "float32", 4.0),
    ("rope.scaling.original_context_length", "uint32", 16),
)
SCALED = {
    "none": ({"rope_type": "default"}, (), ()),
    "said to be none": ({"rope_type": "default"}, (("rope.scaling.type", "string", "none"),), ()),
    "linear": ({"rope_type": "linear", "factor": 8.0}, LINEAR, ()),
    "linear, older": ({"rope_type": "linear", "factor": 8.0}, (("rope.scale_linear", "float32", 8.0),), ()),
    "yarn": ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}, YARN, ()),
    "yarn, with its own factor": (
        {
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 16,
            "attention_factor": 0.5 * (1 + 0.1 * math.log(4.0)),
            "beta_fast": 16.0,
        },
        (
            *YARN,
            ("rope.scaling.attn_factor", "float32", 0.5),
            ("rope.scaling.yarn_beta_fast", "float32", 16.0),
        ),
        (),
    ),
    "llama 3.1": (
        {
            "rope_type": "llama3",
            "rope_theta": 500_000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        (),
        (("rope_freqs.weight", llama3_factors(base=500_000.0)),),
    ),
    "llama 3.1, another law": (
        {
            "rope_type": "llama3",
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 400.0,
            "original_max_position_embeddings": 2000,
        },
        (),
        (("rope_freqs.weight", llama3_factors(32.0, 1.0, 400.0, 2000)),),
    ),
}


@pytest.mark.parametrize("name", SCALED)
def test_rotations_are_scaled_as_the_header_says(name, tmp_path):
    rope, entries, tensors = SCALED[name]
    model = llama(rope)
    base = rope.get("rope_theta", 10_000.0)
    path = write(tmp_path / "tiny.gguf", "llama", model, NAMES, entries=entries, tensors=tensors, base=base)
    loaded = load_model(path)
    assert torch.allclose(states(loaded.module), states(model), atol=1e-5)
    assert check_model(loaded).passed
    if rope["rope_type"] in ("linear", "yarn") or "another" in name:
        # Read without its scaling, as a file that states none, the model is another one.
        plain = write(tmp_path / "plain.gguf", "llama", model, NAMES)
        assert not torch.allclose(states(load_model(plain).module), states(model), atol=1e-3)


def test_phi_3_takes_long_and_short_factors_and_rotates_a_part(tmp_path):
    short, long = [1.0, 1.5, 2.0], [2.0, 3.0, 9.0]
    rope = {
        "rope_type": "longrope",
        "rope_theta": 10_000.0,
        "short_factor": short,
        "long_factor": long,
        "partial_rotary_factor": 0.75,
        "original_max_position_embeddings": 32,
        "attention_factor": 1.25,
    }
    model = made(Phi3Config(**SMALL, rope_parameters=rope, original_max_position_embeddings=32))
    path = write(
        tmp_path / "phi.gguf",
        "phi3",
        model,
        PHI,
        entries=(
            ("rope.dimension_count", "uint32", 6),
            ("rope.scaling.type", "string", "longrope"),
            ("rope.scaling.original_context_length", "uint32", 32),
            ("rope.scaling.attn_factor", "float32", 1.25),
            ("attention.sliding_window", "uint32", 64),
        ),
        tensors=(("rope_factors_short.weight", short), ("rope_factors_long.weight", long)),
    )
    loaded = load_model(path)
    assert torch.allclose(states(loaded.module), states(model), atol=1e-5)


def test_gemma_3_scales_the_layers_that_see_everything_and_keeps_its_window(tmp_path):
    options = {**SMALL, "num_hidden_layers": 6, "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 5}
    rope = {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }
    model = made(Gemma3TextConfig(**options, rope_parameters=rope))
    path = write(
        tmp_path / "gemma.gguf",
        "gemma3",
        model,
        GEMMA,
        entries=(
            *LINEAR,
            ("attention.key_length", "uint32", 16),
            ("attention.value_length", "uint32", 16),
            ("attention.sliding_window", "uint32", 5),
        ),
        base=1e6,
        depth=6,
    )
    assert torch.allclose(states(load_model(path).module), states(model), atol=1e-4)


def test_qwen_3_takes_the_width_of_its_heads(tmp_path):
    model = made(Qwen3Config(**SMALL, head_dim=16))
    entries = (("attention.key_length", "uint32", 16), ("attention.value_length", "uint32", 16))
    path = write(tmp_path / "qwen.gguf", "qwen3", model, QWEN, entries=entries)
    assert torch.allclose(states(load_model(path).module), states(model), atol=1e-5)


REFUSED = {
    "a key nobody knows": ((("brand_new_gate", "float32", 2.0),), (), r"llama\.brand_new_gate = 2\.0"),
    "a scale on the embedding": ((("embedding_scale", "float32", 12.0),), (), r"embedding_scale = 12"),
    "a scale on writes": ((("residual_scale", "float32", 0.22),), (), r"residual_scale"),
    "capped logits of attention": ((("attn_logit_softcapping", "float32", 50.0),), (), r"attn_logit_softcapping"),
    "a window Llama lacks": ((("attention.sliding_window", "uint32", 8),), (), r"sliding_window = 8"),
    "parallel blocks": ((("use_parallel_residual", "bool", True),), (), r"use_parallel_residual = True"),
    "attention in both directions": ((("attention.causal", "bool", False),), (), r"attention\.causal = False"),
    "a part of each head rotated": ((("rope.dimension_count", "uint32", 4),), (), r"rope\.dimension_count = 4"),
    "sections of rotations": (
        (("rope.dimension_sections", "array", [2, 1, 1, 0]),), (), r"rope\.dimension_sections"
    ),
    "a scaling of another kind": ((("rope.scaling.type", "string", "wave"),), (), r"rope\.scaling\.type = wave"),
    "a factor on attention": ((("rope.scaling.attn_factor", "float32", 2.0),), (), r"rope\.scaling\.attn_factor"),
    "other values than keys": ((("attention.value_length", "uint32", 4),), (), r"attention\.value_length = 4"),
    "a law no config can state": ((), (("rope_freqs.weight", [1, 3, 2, 8]),), r"rope_freqs\.weight"),
    "a bias Llama lacks": ((), (("blk.0.attn_q.bias", np.ones(32)),), r"blk\.0\.attn_q\.bias"),
    "a tensor nobody knows": ((), (("blk.1.gate_of_time.weight", np.ones(32)),), r"blk\.1\.gate_of_time"),
    "a layer beyond the last": ((), (("blk.5.attn_norm.weight", np.ones(32)),), r"layers beyond its 2"),
    "a scale that is no number": ((("attention.scale", "float32", math.nan),), (), r"attention\.scale.* is nan"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_model_has_no_place_for_is_refused_by_name(name, tmp_path):
    entries, tensors, told = REFUSED[name]
    path = write(tmp_path / "tiny.gguf", "llama", llama(), NAMES, entries=entries, tensors=tensors)
    with pytest.raises(ModelError, match=told):
        load_model(path)


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
OTHERS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,%d}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = {"gpt-2": [GPT2], "smollm": [r"\p{N}", GPT2], "llama-bpe": [OTHERS % 3], "stablelm2": [OTHERS % 1]}
"""llama.cpp's rules by their names, the matches of each isolated in what the one before has left."""
HARD = "In 1899,  1234 km² of\n\n7 it's\r\n 'Tis  x2y"


@pytest.mark.parametrize("pre", SPLITS)
def test_texts_are_split_as_the_header_says(pre, tmp_path):
    loaded = load_model(write(tmp_path / "tiny.gguf", "llama", llama(), NAMES, pre=pre))
    pieces = [HARD]
    for rule in SPLITS[pre]:
        split = pre_tokenizers.Split(Regex(rule), behavior="isolated")
        pieces = [part for piece in pieces for part, _ in split.pre_tokenize_str(piece)]
    found = loaded.tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(HARD)
    assert [HARD[start:end] for _, (start, end) in found] == pieces


def test_a_rule_that_is_not_known_is_refused_by_name(tmp_path):
    path = write(tmp_path / "tiny.gguf", "llama", llama(), NAMES, pre="deepseek-llm")
    with pytest.raises(ModelError, match=r"tokenizer\.ggml\.pre = deepseek-llm, which decides the tokens"):
        load_model(path)


@pytest.mark.parametrize("stated", [True, False])
def test_a_space_is_put_in_front_where_the_header_says_so(stated):
    tokenizer = LlamaTokenizer(
        vocab={"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3, "a": 4, "▁a": 5}, merges=[("▁", "a")]
    )
    values = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.add_space_prefix": stated}
    complete_tokenizer("tiny.gguf", SimpleNamespace(values=values), tokenizer)
    assert tokenizer("a a", add_special_tokens=False)["input_ids"] == [5 if stated else 4, 5]


def test_what_changes_nothing_is_no_reason_to_refuse(tmp_path):
    entries = (
        ("rope.dimension_count", "uint32", WIDTH),
        ("attention.key_length", "uint32", WIDTH),
        ("attention.value_length", "uint32", WIDTH),
        ("embedding_scale", "float32", 1.0),
        ("expert_count", "uint32", 0),
        ("attention.sliding_window", "uint32", 4096),
        ("rope.scaling.finetuned", "bool", True),
        ("vocab_size", "uint32", 96),
    )
    model = llama()
    tensors = (("output.weight", np.ones((96, 32))),)
    path = write(tmp_path / "tiny.gguf", "llama", model, NAMES, entries=entries, tensors=tensors)
    assert torch.allclose(states(load_model(path).module), states(model), atol=1e-5)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("feed_forward_length", 2**24, "holds|describes a model of"),
        ("vocab_size", 2**24, "describes a model of"),
        ("expert_count", 2**24, "expert_count"),
    ],
)
def test_a_small_file_asks_for_no_large_memory(key, value, told, tmp_path):
    path = tmp_path / "tiny.gguf"
    model = llama()
    if key == "feed_forward_length":
        model.config.intermediate_size = value
        write(path, "llama", model, NAMES)
    else:
        write(path, "llama", model, NAMES, entries=((key, "uint32", value),))
    begun = time.monotonic()
    with pytest.raises(ModelError, match=told):
        load_model(path)
    assert time.monotonic() - begun < 20


def test_thousands_of_small_keys_are_refused_at_once(tmp_path):
    entries = tuple((f"k{i}", "uint8", 0) for i in range(2000))
    path = write(tmp_path / "tiny.gguf", "llama", llama(), NAMES, entries=entries)
    with pytest.raises(ModelError, match="count of metadata entries"):
        load_model(path)


@pytest.mark.parametrize(
    ("key", "kind", "value", "told"),
    [("general.type", "string", "adapter", "not a model"), ("split.count", "uint16", 3, "one of 3 parts")],
)
def test_a_part_of_a_model_is_none(key, kind, value, told, tmp_path):
    path, writer = tmp_path / "part.gguf", gguf.GGUFWriter(tmp_path / "part.gguf", "llama")
    getattr(writer, f"add_{kind}")(key, value)
    writer.add_tensor("token_embd.weight", np.ones((96, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match=told):
        load_model(path)


def test_a_model_built_otherwise_than_the_header_says_is_refused(tmp_path, monkeypatch):
    """What is put into the config is not believed: the rotations that were built are compared."""
    model = llama({"rope_type": "linear", "factor": 8.0})
    path = write(tmp_path / "tiny.gguf", "llama", model, NAMES, entries=LINEAR)
    monkeypatch.setattr("residyn.model.loading.gguf_config.put_rotation", lambda *_: None)
    with pytest.raises(ModelError, match=r"rope\.scaling\.type = linear.*rotates otherwise"):
        read_gguf(path, check_header(path))


def test_the_law_stands_in_the_converted_config(tmp_path):
    path = write(tmp_path / "tiny.gguf", "llama", llama(), NAMES, entries=LINEAR)
    load_model(path)
    (config,) = (tmp_path / "cache" / "converted").glob("*/config.json")
    assert json.loads(config.read_text())["rope_parameters"]["rope_type"] == "linear"
