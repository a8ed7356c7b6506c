"""Tiny random models: one entry per family and block form of the table of sites."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from residyn.model.loading import LoadedModel

VOCABULARY = 96
LAYERS = 3
UNITS = 32


@dataclass(frozen=True)
class Family:
    """A model type, the options that make it tiny, and the sites of a layer, or of each where they differ."""

    model_type: str
    parallel: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    sites: tuple[tuple[str, ...], ...] = ()

    @property
    def labels(self) -> list[tuple[int, str]]:
        """The layer and the site of every state, in order of depth."""
        each = self.sites or ((("block",) if self.parallel else ("attn", "mlp")),)
        each = each * LAYERS if len(each) == 1 else each
        return [(layer, site) for layer, own in enumerate(each) for site in own]


_LLAMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": UNITS,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_HEADS = {**_LLAMA, "head_dim": 8}
_FULL = {**_LLAMA, "num_key_value_heads": 4}
_GPT2 = {"vocab_size": VOCABULARY, "n_embd": UNITS, "n_layer": LAYERS, "n_head": 4, "n_positions": 64}
_SPECIALS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_GPTJ = {**_GPT2, **_SPECIALS, "rotary_dim": 4}
_NEO = {
    "vocab_size": VOCABULARY,
    "hidden_size": UNITS,
    "num_layers": LAYERS,
    "num_heads": 4,
    "attention_types": [[["global", "local", "global"], 1]],
    "window_size": 4,
    "max_position_embeddings": 64,
    **_SPECIALS,
}
_OPT = {
    "vocab_size": VOCABULARY,
    "hidden_size": UNITS,
    "ffn_dim": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "word_embed_proj_dim": UNITS,
}
_BLOOM = {"vocab_size": VOCABULARY, "hidden_size": UNITS, "n_layer": LAYERS, "n_head": 4, **_SPECIALS}
_MPT = {"vocab_size": VOCABULARY, "d_model": UNITS, "n_layers": LAYERS, "n_heads": 4, "max_seq_len": 64}
_FALCON = {
    "vocab_size": VOCABULARY,
    "hidden_size": UNITS,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    **_SPECIALS,
}
_EXPERTS = {"num_experts_per_tok": 2}

FAMILIES: dict[str, Family] = {
    "llama": Family("llama", options=_LLAMA),
    "mistral": Family("mistral", options={**_LLAMA, "sliding_window": 6}),
    "qwen2": Family("qwen2", options=_LLAMA),
    "qwen3": Family("qwen3", options=_HEADS),
    "smollm3": Family("smollm3", options=_LLAMA),
    "granite": Family("granite", options={**_LLAMA, "residual_multiplier": 0.22, "embedding_multiplier": 12.0}),
    "gemma": Family("gemma", options=_HEADS),
    "gemma2": Family("gemma2", options={**_HEADS, "sliding_window": 6}),
    "gemma3": Family("gemma3_text", options={**_HEADS, "sliding_window": 6}),
    "phi3": Family("phi3", options=_LLAMA),
    "olmo": Family("olmo", options=_LLAMA),
    "olmo2": Family("olmo2", options=_LLAMA),
    "gpt2": Family("gpt2", options=_GPT2),
    "gpt-neo": Family("gpt_neo", options=_NEO),
    "opt": Family("opt", options=_OPT),
    "opt-post-norm": Family("opt", options={**_OPT, "do_layer_norm_before": False}),
    "bloom": Family("bloom", options=_BLOOM),
    "mpt": Family("mpt", options=_MPT),
    "stablelm": Family("stablelm", options=_FULL),
    "stablelm-parallel": Family("stablelm", True, {**_FULL, "use_parallel_residual": True}),
    "falcon": Family("falcon", options={**_FALCON, "parallel_attn": False}),
    "falcon-parallel": Family("falcon", True, {**_FALCON, "parallel_attn": True}),
    "falcon-new": Family("falcon", True, {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "gptj": Family("gptj", True, _GPTJ),
    "codegen": Family("codegen", True, _GPTJ),
    "gpt-neox": Family("gpt_neox", True, {**_FULL, "use_parallel_residual": True}),
    "gpt-neox-sequential": Family("gpt_neox", options={**_FULL, "use_parallel_residual": False}),
    "phi": Family("phi", True, _FULL),
    "cohere": Family("cohere", True, _LLAMA),
    "mixtral": Family("mixtral", options={**_LLAMA, **_EXPERTS, "num_local_experts": 4}),
    "qwen3-moe": Family(
        "qwen3_moe", options={**_HEADS, **_EXPERTS, "num_experts": 4, "moe_intermediate_size": 16}
    ),
    "gpt-oss": Family("gpt_oss", options={**_HEADS, **_EXPERTS, "num_local_experts": 4, "sliding_window": 6}),
}

_MAMBA = {
    "vocab_size": VOCABULARY,
    "hidden_size": UNITS,
    "num_hidden_layers": LAYERS,
    "state_size": 8,
    **_SPECIALS,
}
_SSM = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_chunk_size": 8}
_LAYER_TYPES = {"layer_types": ["linear_attention", "full_attention", "linear_attention"]}
_GRANITE = {
    **_LLAMA,
    **_EXPERTS,
    "num_local_experts": 4,
    "shared_intermediate_size": 24,
    "residual_multiplier": 0.22,
}
_ZAMBA = {
    **_LLAMA,
    "mamba_d_state": 8,
    "n_mamba_heads": 2,
}
_LINEAR = {
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}


def _mixed(name: str) -> tuple[tuple[str, ...], ...]:
    """The sites of layers of which the second has attention, and the others what is named."""
    return (name, "mlp"), ("attn", "mlp"), (name, "mlp")


HYBRIDS: dict[str, Family] = {
    "jamba": Family(
        "jamba",
        options={
            **_LLAMA,
            **_EXPERTS,
            "num_experts": 4,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "mamba_d_state": 8,
        },
        sites=_mixed("mamba"),
    ),
    "bamba": Family("bamba", options={**_LLAMA, **_SSM, "attn_layer_indices": [1]}, sites=_mixed("mamba")),
    "falcon-h1": Family(
        "falcon_h1",
        options={
            **_LLAMA,
            **_SSM,
            "mamba_d_ssm": 64,
            "ssm_out_multiplier": 0.6,
            "attention_out_multiplier": 1.7,
            "attention_in_multiplier": 0.8,
        },
        sites=(("mixer", "mlp"),),
    ),
    "granite-moe": Family(
        "granitemoe", options={key: value for key, value in _GRANITE.items() if not key.startswith("shared")}
    ),
    "granite-moe-shared": Family("granitemoeshared", options=_GRANITE),
    "granite-moe-hybrid": Family(
        "granitemoehybrid", options={**_GRANITE, **_SSM, **_LAYER_TYPES}, sites=_mixed("mamba")
    ),
    "granite-hybrid-dense": Family(
        "granitemoehybrid",
        options={**_GRANITE, **_SSM, **_LAYER_TYPES, "num_local_experts": 0},
        sites=_mixed("mamba"),
    ),
    "lfm2": Family(
        "lfm2", options={**_LLAMA, "layer_types": ["conv", "full_attention", "conv"]}, sites=_mixed("conv")
    ),
    "qwen3-next": Family(
        "qwen3_next",
        options={
            **_HEADS,
            **_EXPERTS,
            **_LINEAR,
            **_LAYER_TYPES,
            "num_experts": 4,
            "moe_intermediate_size": 16,
            "shared_expert_intermediate_size": 16,
        },
        sites=_mixed("linear_attn"),
    ),
    "qwen3.5": Family("qwen3_5_text", options={**_HEADS, **_LINEAR, **_LAYER_TYPES}, sites=_mixed("linear_attn")),
    "kimi-linear": Family(
        "kimi_linear",
        options={
            **_FULL,
            **_EXPERTS,
            **_LAYER_TYPES,
            "num_local_experts": 4,
            "moe_intermediate_size": 16,
            "kv_lora_rank": 16,
            "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 4,
            "v_head_dim": 8,
            "linear_head_dim": 8,
            "linear_num_heads": 4,
        },
        sites=_mixed("linear_attn"),
    ),
    "minimax": Family(
        "minimax",
        options={
            **_HEADS,
            **_EXPERTS,
            **_LAYER_TYPES,
            "num_local_experts": 4,
            "full_attn_alpha_factor": 1.5,
            "full_attn_beta_factor": 0.7,
            "linear_attn_alpha_factor": 2.5,
            "linear_attn_beta_factor": 0.9,
            "mlp_alpha_factor": 1.25,
            "mlp_beta_factor": 0.8,
        },
        sites=_mixed("linear_attn"),
    ),
    "recurrent-gemma": Family(
        "recurrent_gemma",
        options={**_HEADS, "attention_window_size": 64, "block_types": ["recurrent", "attention", "recurrent"]},
        sites=_mixed("mixer"),
    ),
    "mamba": Family("mamba", options=_MAMBA, sites=(("mamba",),)),
    "mamba2": Family(
        "mamba2",
        options={**_MAMBA, "num_heads": 4, "head_dim": 16, "n_groups": 1, "chunk_size": 8},
        sites=(("mamba",),),
    ),
    "falcon-mamba": Family("falcon_mamba", options=_MAMBA, sites=(("mamba",),)),
    "nemotron-h": Family(
        "nemotron_h",
        options={
            **_HEADS,
            **_EXPERTS,
            "layers_block_type": ["linear_attention", "moe", "full_attention"],
            "ssm_state_size": 8,
            "mamba_num_heads": 4,
            "mamba_head_dim": 16,
            "n_groups": 1,
            "chunk_size": 8,
            "n_routed_experts": 4,
            "moe_intermediate_size": 16,
            "moe_shared_expert_intermediate_size": 16,
        },
        sites=(("mamba",), ("mlp",), ("attn",)),
    ),
    "zamba": Family(
        "zamba",
        options={
            **_ZAMBA,
            "num_key_value_heads": 4,
            "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
        },
        sites=(("mamba",), ("mixer",), ("mixer",)),
    ),
    "zamba2": Family(
        "zamba2",
        options={
            **_ZAMBA,
            "num_key_value_heads": 4,
            "chunk_size": 8,
            "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
        },
        sites=(("mamba",), ("mixer",), ("mixer",)),
    ),
}
"""Families whose layers have other mixers than attention, several modules that make one write, or one write."""

_SPARSE = {**_EXPERTS, "n_routed_experts": 4, "moe_intermediate_size": 16, "n_group": 1, "topk_group": 1}

BY_STRUCTURE: dict[str, Family] = {
    name: Family(name, parallel, {**_HEADS, **options})
    for name, parallel, options in (
        ("apertus", False, {}),
        ("arcee", False, {}),
        ("beam", False, {}),
        ("biogpt", False, {"num_key_value_heads": 4}),
        ("cohere2", True, {}),
        ("dots1", False, {**_SPARSE, "n_shared_experts": 1}),
        ("ernie4_5", False, {}),
        ("exaone4", False, {}),
        ("glm", False, {}),
        ("glm4", False, {}),
        ("glm4_moe", False, _SPARSE),
        ("helium", False, {}),
        ("hunyuan_v1_dense", False, {}),
        ("ministral", False, {}),
        ("minimax_m2", False, {"num_local_experts": 4, "num_experts_per_tok": 2}),
        ("nemotron", False, {}),
        ("olmo3", False, {}),
        ("seed_oss", False, {}),
        ("starcoder2", False, {}),
        ("vaultgemma", False, {}),
        ("xglm", False, {"d_model": UNITS, "attention_heads": 4, "num_layers": LAYERS, "ffn_dim": 48}),
    )
} | {
    "openai-gpt": Family("openai-gpt", options=_GPT2),
    "olmo-hybrid": Family(
        "olmo_hybrid", options={**_FULL, **_LINEAR, **_LAYER_TYPES}, sites=_mixed("linear_attn")
    ),
}
"""Families that the table does not name, whose sites are found by structure."""

REFUSED: dict[str, tuple[Family, str]] = {
    "deepseek_v4": (Family("deepseek_v4", options={**_HEADS, **_SPARSE}), "several streams beside each other"),
    "hy_v4": (Family("hy_v4", options={**_HEADS, **_SPARSE}), "several streams beside each other"),
    "doge": (Family("doge", options=_HEADS), "Each unit of its stream is multiplied by a number of its own"),
    "gpt_neox_japanese": (Family("gpt_neox_japanese", options=_FULL), "that is no module's output"),
    "rwkv": (Family("rwkv", options=_MAMBA), "that is no module's output"),
    "hrm_text": (Family("hrm_text", options=_HEADS), "No list of"),
}
"""Families that cannot be read, and what the message says of why."""


def known(entry: Family) -> bool:
    """Whether the transformers that is installed has the family."""
    return entry.model_type in CONFIG_MAPPING


def build(name: str, seed: int = 0) -> torch.nn.Module:
    """A base model of the family with random weights, in float32 and ready to read."""
    refused = {refused: entry for refused, (entry, _) in REFUSED.items()}
    entry = (FAMILIES | HYBRIDS | BY_STRUCTURE | refused)[name]
    config = AutoConfig.for_model(entry.model_type, **entry.options)
    torch.manual_seed(seed)
    model = AutoModel.from_config(config).float().eval()
    # Zero biases and unit norms would hide a wrong site: every parameter is moved off its initial value.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.requires_grad_(False)


def like_loaded(module: torch.nn.Module, name: str) -> LoadedModel:
    """A record of a base model as if it had been loaded, of any kind: what `load_model` refuses, too."""
    parameters = next(module.parameters())
    return LoadedModel(
        module=module,
        tokenizer=spelling_tokenizer(),
        name=name,
        title=name,
        source="object",
        revision=None,
        files={},
        dtype=parameters.dtype,
        dtype_reason="",
        device=parameters.device,
        device_reason="",
        attention="",
        context=64,
        n_layers=LAYERS,
        n_units=UNITS,
        model_type=module.config.model_type,
        quantization=None,
        warnings=(),
    )


def spelling_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer with one token a character, its ids inside every tiny model's vocabulary; it adds no BOS."""
    characters = "".join(chr(code) for code in range(32, 32 + VOCABULARY - 4))
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3} | {c: 4 + i for i, c in enumerate(characters)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
