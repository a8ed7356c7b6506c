"""What a GGUF header says of the computation, put into the model's config; what has no place there is refused.

transformers maps the keys and tensors it knows and drops the others without a word. Here every entry of the file's
architecture is one of these: it is put into the config, it has the value that changes nothing, or the file is
refused by the entry's name. The model that was built is then held against the file: its rotations against those
that llama.cpp computes from the header, and the weights it took against those that the file holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedConfig, PreTrainedModel

from residyn.errors import ModelError
from residyn.model.gguf_guard import GgufHeader, Value
from residyn.model.loading.gguf_file import GgufFile
from residyn.model.loading.gguf_rotation import (
    LONG_FACTORS,
    ROPE_FACTORS,
    SHORT_FACTORS,
    check_rotation,
    put_rotation,
)

# Beside the base model's own tensors: its head, and rotations, which are read from here.
_ASIDE = frozenset({"output.weight", "output.bias", ROPE_FACTORS, LONG_FACTORS, SHORT_FACTORS})


@dataclass(frozen=True)
class _Rule:
    """Where an entry's value goes, the first of these fields that a config has, and values of no effect."""

    fields: tuple[str, ...] = ()
    neutral: tuple[Value, ...] = ()


_EPSILONS = ("rms_norm_eps", "layer_norm_epsilon", "layer_norm_eps", "norm_epsilon", "norm_eps")
_RULES: Mapping[str, _Rule] = {
    "embedding_length": _Rule(("hidden_size",)),
    "attention.head_count": _Rule(("num_attention_heads",)),
    "attention.layer_norm_rms_epsilon": _Rule(_EPSILONS),
    "attention.layer_norm_epsilon": _Rule(_EPSILONS),
    "attention.causal": _Rule((), (True,)),
    "attention.clamp_kqv": _Rule((), (0.0,)),
    "attention.max_alibi_bias": _Rule((), (0.0,)),
    "attention.scale": _Rule((), (0.0,)),
    "attention.output_scale": _Rule((), (0.0, 1.0)),
    "attention.shared_kv_layers": _Rule(("num_kv_shared_layers",), (0,)),
    "embedding_length_per_layer_input": _Rule(("hidden_size_per_layer_input",), (0,)),
    "attn_logit_softcapping": _Rule(("attn_logit_softcapping",), (0.0,)),
    "final_logit_softcapping": _Rule(("final_logit_softcapping",), (0.0,)),
    "router_logit_softcapping": _Rule((), (0.0,)),
    "residual_scale": _Rule((), (0.0, 1.0)),
    "embedding_scale": _Rule((), (0.0, 1.0)),
    "logit_scale": _Rule((), (0.0, 1.0)),
    "use_parallel_residual": _Rule(("use_parallel_residual", "parallel_attn"), (False,)),
    "full_attention_interval": _Rule(("full_attention_interval",)),
    "expert_count": _Rule(("num_experts", "num_local_experts"), (0,)),
    "expert_used_count": _Rule(("num_experts_per_tok",), (0,)),
    "expert_feed_forward_length": _Rule(("moe_intermediate_size", "intermediate_size")),
    "expert_shared_feed_forward_length": _Rule(("shared_expert_intermediate_size",), (0,)),
    "expert_shared_count": _Rule((), (0,)),
    "expert_group_count": _Rule((), (0, 1)),
    "expert_group_used_count": _Rule((), (0, 1)),
    "expert_weights_norm": _Rule(("norm_topk_prob",), (False,)),
    "expert_weights_scale": _Rule(("routed_scaling_factor",), (0.0, 1.0)),
    "leading_dense_block_count": _Rule((), (0,)),
    "moe_every_n_layers": _Rule((), (0,)),
    "interleave_moe_layer_step": _Rule((), (0, 1)),
    "shortconv.l_cache": _Rule(("conv_L_cache",)),
    "ssm.conv_kernel": _Rule(("conv_kernel", "linear_conv_kernel_dim")),
    "ssm.state_size": _Rule(("state_size", "linear_key_head_dim")),
    "ssm.time_step_rank": _Rule(("time_step_rank", "linear_num_value_heads")),
    "ssm.group_count": _Rule(("linear_num_key_heads",)),
    "ssm.dt_b_c_rms": _Rule((), (False,)),
}
# Decided by the tensors' shapes, which are compared, or of no weight for states.
_NO_MATTER = frozenset(
    {
        "context_length", "vocab_size", "feed_forward_length", "tensor_data_layout", "pooling_type", "block_count",
        "nextn_predict_layers", "ssm.inner_size", "rope.scaling.finetuned",
    }
)  # fmt: skip
# Read together, by the functions below.
_TOGETHER = frozenset(
    {
        "attention.head_count_kv", "attention.key_length", "attention.value_length", "attention.sliding_window",
        "attention.sliding_window_pattern", "expert_gating_func", "rope.dimension_count",
        "rope.dimension_sections", "rope.freq_base", "rope.freq_base_swa", "rope.scale_linear",
        "rope.scaling.type", "rope.scaling.factor", "rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor",
        "rope.scaling.original_context_length", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
        "rope.scaling.yarn_ext_factor", "rope.scaling.yarn_log_multiplier", "rope.scaling.alpha",
    }
)  # fmt: skip
# Of these, llama.cpp scales attention by the width of a head in one size alone, told by its number of layers.
_SCALED_BY_WIDTH = {"gemma2": 46, "gemma3_text": 62}
# Families whose configs assume a window where the file, and so llama.cpp, has none.
_ASSUMED_WINDOW = frozenset({"mistral", "starcoder2"})


def complete_config(path: Path, header: GgufHeader, config: PreTrainedConfig) -> None:
    """Put what the header says into the config that transformers made of it.

    Raises ModelError, naming the key, where it says what the config has no field for, or the key is unknown.
    """
    file = GgufFile(path, header, header.computing(), str(config.model_type))
    for key in file.stated:
        if key in _RULES:
            _put(file, config, key, _RULES[key])
        elif key not in _NO_MATTER | _TOGETHER:
            raise file.refusal(key)
    _put_depth(file, config)
    _put_heads(file, config)
    _put_window(file, config)
    _put_gates(file, config)
    put_rotation(file, config)


def check_model(path: Path, header: GgufHeader, model: PreTrainedModel) -> None:
    """Raise ModelError where the model that was built is not the one that the file describes.

    Every weight of the file, but its head's and rotations', must have gone into the model, and the model's
    rotations must be those that llama.cpp makes of the header.
    """
    file = GgufFile(path, header, header.computing(), str(model.config.model_type))
    _check_weights(file, model)
    check_rotation(file, model)


def _put(file: GgufFile, config: Any, key: str, rule: _Rule) -> None:
    value = file.stated[key]
    if isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    field = next((name for name in rule.fields if hasattr(config, name)), None)
    if field is None:
        if value not in rule.neutral:
            raise file.refusal(key)
        return
    if value is None or isinstance(value, tuple):
        raise file.refusal(key, "one value for each layer")
    if not _same(getattr(config, field), value):
        file.put(config, key, field, value)


def _same(now: Any, value: Any) -> bool:
    numbers = isinstance(now, int | float) and isinstance(value, int | float)
    return math.isclose(now, value, rel_tol=1e-6) if numbers else now == value


def _put_depth(file: GgufFile, config: Any) -> None:
    depth, extra = file.stated.get("block_count"), file.number("nextn_predict_layers", 0)
    if depth is not None and config.num_hidden_layers not in (depth, int(file.number("block_count", 0) - extra)):
        raise file.refusal("block_count")


def _put_heads(file: GgufFile, config: Any) -> None:
    """The width of a head, and how many heads share keys and values."""
    heads = int(config.num_attention_heads)
    by_default = config.hidden_size // heads if heads else 0
    width = int(file.number("attention.key_length", by_default))
    if file.number("attention.value_length", width) != width:
        raise file.refusal("attention.value_length", "keys have another length")
    # Gemma-4 keeps two widths, of which the header's is the wide one.
    field = "global_head_dim" if hasattr(config, "global_head_dim") else "head_dim"
    if getattr(config, field, None) is not None:
        if getattr(config, field) != width:
            file.put(config, "attention.key_length", field, width)
    elif width != by_default:
        raise file.refusal("attention.key_length")
    shared = file.stated.get("attention.head_count_kv", heads)
    if isinstance(shared, tuple) and len(set(shared)) == 1:
        shared = shared[0]
    if isinstance(shared, tuple):
        # A layer without keys has no attention; LFM2's other layers are convolutions.
        kinds = getattr(config, "layer_types", None) or ()
        if len({*shared} - {0}) != 1 or [kind == "full_attention" for kind in kinds] != [n > 0 for n in shared]:
            raise file.refusal("attention.head_count_kv", "another number for each layer")
        return
    now = getattr(config, "num_key_value_heads", None)
    if hasattr(config, "multi_query") and not getattr(config, "new_decoder_architecture", False):
        now = 1 if config.multi_query else heads
        if shared in (1, heads) and now != shared:
            file.put(config, "attention.head_count_kv", "multi_query", shared == 1)
    elif now is None and shared != heads:
        raise file.refusal("attention.head_count_kv")
    elif now is not None and now != shared:
        file.put(config, "attention.head_count_kv", "num_key_value_heads", shared)


def _put_window(file: GgufFile, config: Any) -> None:
    """How far attention sees, where it does not see everything."""
    key = "attention.sliding_window"
    window = int(file.number(key, 0))
    kinds = getattr(config, "layer_types", None)
    if file.family in _ASSUMED_WINDOW and not window:
        config.sliding_window = None
    if window and window < file.number("context_length", math.inf):
        if not hasattr(config, "sliding_window") or (kinds and "sliding_attention" not in kinds):
            raise file.refusal(key)
        if config.sliding_window != window:
            file.put(config, key, "sliding_window", window)
    pattern = file.stated.get("attention.sliding_window_pattern")
    if isinstance(pattern, tuple):
        if [kind == "sliding_attention" for kind in kinds or ()] != [bool(local) for local in pattern]:
            raise file.refusal("attention.sliding_window_pattern")
    elif pattern is not None and pattern != getattr(config, "_sliding_window_pattern", None):
        raise file.refusal("attention.sliding_window_pattern")


def _put_gates(file: GgufFile, config: Any) -> None:
    """By what experts are chosen, and queries scaled."""
    softmax = 1
    if file.number("expert_gating_func", softmax) not in (0, softmax) and not hasattr(config, "scoring_func"):
        raise file.refusal("expert_gating_func")
    if file.family in _SCALED_BY_WIDTH:
        wide = config.num_hidden_layers == _SCALED_BY_WIDTH[file.family]
        by_width = config.hidden_size // config.num_attention_heads
        config.query_pre_attn_scalar = by_width if wide else config.head_dim


def _check_weights(file: GgufFile, model: PreTrainedModel) -> None:
    """Raise ModelError where weights of the file, but those aside, are not in the model: they were dropped."""
    depth = model.config.num_hidden_layers
    aside = _ASIDE
    if file.number("nextn_predict_layers", 0):
        # Blocks that guess further tokens write to no stream of the model's own.
        aside = aside | {name for name in file.header.tensors if name.startswith(f"blk.{depth}.")}
    held = sum(tensor.n_elements for name, tensor in file.header.tensors.items() if name not in aside)
    parameters = {id(values): values.numel() for values in model.parameters()}
    names = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    buffers = sum(values.numel() for name, values in model.state_dict().items() if name not in names)
    taken = sum(parameters.values()) + buffers
    if taken != held:
        unread = _unread(file, model)
        told = f": {', '.join(unread[:3])}{' …' if len(unread) > 3 else ''}" if unread else ""
        raise ModelError(
            f"{file.path.name} holds {held:,} weights, and transformers {transformers.__version__} has places for "
            f"{taken:,} in its {file.family}{told}. Its states would be another model's. Take the model's "
            "safetensors release instead."
        )


def _unread(file: GgufFile, model: PreTrainedModel) -> list[str]:
    """Names of tensors that transformers has no place for, where its own table can be asked."""
    try:
        from transformers import modeling_gguf_pytorch_utils as tables

        kind: Any = tables.TENSOR_PROCESSORS.get(file.header.architecture, tables.TensorProcessor)
        known = tables.get_gguf_hf_weights_map(model, kind(config=model.config.to_dict()))
    except Exception:  # the table is transformers' own affair, and differs by version
        return []
    names = [name for name in file.header.tensors if name not in _ASIDE]
    return [name for name in names if name not in known and name.removesuffix(".weight") not in known]
