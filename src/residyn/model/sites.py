"""Where the residual stream is read and written: one table by family, checked on the model's own weights.

A layout says, in names relative to a block, which modules add to the stream and where the state before the
MLP can be read. The state before attention is the block's own input, but where that is normalised first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from residyn.errors import ModelError
from residyn.model.hooks import Tap, find_module
from residyn.model.layout import Layout, Sum, mixer_of, module_in, only_site, sum_in
from residyn.sitemap import Site, SiteMap

BLOCK = Tap("", "input")
"""A block's own input, as what is inside it is named."""


@dataclass(frozen=True)
class Addition:
    """One addition that a block makes: the site of the state before it, where in the block that is, and the sum.

    `norm` is the norm that the sum then passes through; `norm_of_next` is that norm where it is the next block's.
    """

    site: str
    tap: Tap
    sum: Sum
    norm: str | None = None
    norm_of_next: str | None = None


_LLAMA = Layout("layers", attn="self_attn", mlp="mlp", mid="post_attention_layernorm")
_GRANITE = Layout("layers", "self_attn", "mlp", mid="post_attention_layernorm", scale="residual_multiplier")
_LLAMA_PARALLEL = Layout("layers", attn="self_attn", mlp="mlp")
_GEMMA2 = Layout(
    "layers",
    attn="post_attention_layernorm",
    mlp="post_feedforward_layernorm",
    mid="pre_feedforward_layernorm",
)
_OLMO2 = Layout("layers", attn="post_attention_layernorm", mlp="post_feedforward_layernorm", mid="mlp")
_GPT2 = Layout("h", attn="attn", mlp="mlp", mid="ln_2")
_GPTJ = Layout("h", attn="attn", mlp="mlp")
_OPT = Layout("decoder.layers", attn="self_attn", mlp="fc2", mid="final_layer_norm")
_OPT_POST = Layout("decoder.layers", "self_attn", "fc2", post_norm=("self_attn_layer_norm", "final_layer_norm"))
# BLOOM's and MPT's modules add the skip path themselves: what they add is one level further down.
_BLOOM = Layout("h", attn="self_attention.dense", mlp="mlp.dense_4h_to_h", mid="post_attention_layernorm")
_MPT = Layout("blocks", attn="attn", mlp="ffn.down_proj", mid="norm_2")
_FALCON = Layout("h", attn="self_attention", mlp="mlp", mid="post_attention_layernorm")
_FALCON_PARALLEL = Layout("h", attn="self_attention", mlp="mlp")
_NEOX = Layout("layers", attn="attention", mlp="mlp", mid="post_attention_layernorm")
_NEOX_PARALLEL = Layout("layers", attn="attention", mlp="mlp")
# Layers with attention, and layers with another mixer in its place.
_JAMBA = Layout("layers", attn="self_attn | mamba", mlp="feed_forward", mid="pre_ff_layernorm")
_LFM2 = Layout("layers", attn="self_attn | conv", mlp="feed_forward", mid="ffn_norm")
_QWEN_NEXT = Layout("layers", attn="self_attn | linear_attn", mlp="mlp", mid="post_attention_layernorm")
_RECURRENT_GEMMA = Layout("layers", attn="temporal_block", mlp="mlp_block", mid="channel_pre_norm")
_MINIMAX = Layout(
    "layers",
    attn="stream * attn_alpha_factor + self_attn * attn_beta_factor",
    mlp="stream * mlp_alpha_factor + mlp * mlp_beta_factor",
    pre_norm=("input_layernorm", "post_attention_layernorm"),
)
# Several modules that make one write.
_FALCON_H1 = Layout(
    "layers",
    attn="mamba * ssm_out_multiplier + self_attn * attn_out_multiplier",
    mlp="feed_forward",
    mid="pre_ff_layernorm",
)
_GRANITE_MOE = Layout(
    "layers", "self_attn", "block_sparse_moe", "post_attention_layernorm", scale="residual_multiplier"
)
_GRANITE_SHARED = replace(_GRANITE_MOE, mlp="block_sparse_moe + shared_mlp")
_GRANITE_HYBRID = replace(_GRANITE_SHARED, attn="self_attn | mamba")
_GRANITE_HYBRID_DENSE = replace(_GRANITE_HYBRID, mlp="shared_mlp")
# One write a block. Zamba's shared attention writes nothing itself: it is part of what its Mamba reads.
_MAMBA = Layout("layers", attn="mixer")
_ZAMBA = Layout("layers", attn="mamba | mamba_decoder.mamba")


def _opt(config: Any) -> Layout:
    return _OPT if config.do_layer_norm_before else _OPT_POST


def _stablelm(config: Any) -> Layout:
    return _LLAMA_PARALLEL if config.use_parallel_residual else _LLAMA


def _falcon(config: Any) -> Layout:
    return _FALCON_PARALLEL if config.new_decoder_architecture or config.parallel_attn else _FALCON


def _neox(config: Any) -> Layout:
    return _NEOX_PARALLEL if config.use_parallel_residual else _NEOX


def _granite_shared(config: Any) -> Layout:
    return _GRANITE_SHARED if config.shared_intermediate_size else _GRANITE_MOE


def _granite_hybrid(config: Any) -> Layout:
    return _GRANITE_HYBRID if config.num_local_experts else _GRANITE_HYBRID_DENSE


FAMILIES: dict[str, Layout | Callable[[Any], Layout]] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "smollm3": _LLAMA,
    "granite": _GRANITE,
    "gemma": _LLAMA,
    "gemma2": _GEMMA2,
    "gemma3_text": _GEMMA2,
    "phi3": _LLAMA,
    "olmo": _LLAMA,
    "olmo2": _OLMO2,
    "gpt2": _GPT2,
    "gpt_neo": _GPT2,
    "opt": _opt,
    "bloom": _BLOOM,
    "mpt": _MPT,
    "stablelm": _stablelm,
    "falcon": _falcon,
    "gptj": _GPTJ,
    "codegen": _GPTJ,
    "gpt_neox": _neox,
    "phi": _LLAMA_PARALLEL,
    "cohere": _LLAMA_PARALLEL,
    "mixtral": _LLAMA,
    "qwen3_moe": _LLAMA,
    "gpt_oss": _LLAMA,
    "jamba": _JAMBA,
    "bamba": _JAMBA,
    "lfm2": _LFM2,
    "lfm2_moe": _LFM2,
    "qwen3_next": _QWEN_NEXT,
    "qwen3_5_text": _QWEN_NEXT,
    "qwen3_5_moe_text": _QWEN_NEXT,
    "kimi_linear": _LLAMA,
    "recurrent_gemma": _RECURRENT_GEMMA,
    "minimax": _MINIMAX,
    "falcon_h1": _FALCON_H1,
    "granitemoe": _GRANITE_MOE,
    "granitemoeshared": _granite_shared,
    "granitemoehybrid": _granite_hybrid,
    "mamba": _MAMBA,
    "mamba2": _MAMBA,
    "falcon_mamba": _MAMBA,
    "nemotron_h": _MAMBA,
    "zamba": _ZAMBA,
    "zamba2": _ZAMBA,
}
"""Model type → layout, or a function of the config where a flag decides it."""


def layout_of(config: Any) -> Layout | None:
    """The table's layout for a model's config; None for a family the table does not know."""
    entry = FAMILIES.get(config.model_type)
    return entry(config) if callable(entry) else entry


def map_sites(root: nn.Module, layout: Layout, family: str) -> SiteMap:
    """The sites of every layer of a base model that is laid out as `layout` says.

    Two states a layer, one before what mixes tokens (see `residyn.schema.MIXERS`) and "mlp"; or one, "block" where
    the two add at once, and the name of what writes where a block makes one write. Nothing is run: names that the
    model lacks raise ModelError, and whether the states are what they are said to be is the check's business.
    """
    blocks = find_module(root, layout.blocks)
    if not isinstance(blocks, nn.ModuleList) or not len(blocks):
        raise ModelError(
            f"{layout.blocks!r} of {type(root).__name__} was expected to be its list of layers, "
            f"and is a {type(blocks).__name__}. Name the list of layers in the map."
        )
    check_places(root, layout.blocks, blocks)
    steps = [_steps(block, layout) for block in blocks]
    return SiteMap(family, layout.blocks, sites_of_steps(layout.blocks, steps))


def check_places(root: nn.Module, path: str, blocks: nn.ModuleList) -> None:
    """Raise ModelError where one module is several layers: states are told apart by the module they enter."""
    first: dict[int, int] = {}
    for layer, block in enumerate(blocks):
        earlier = first.setdefault(id(block), layer)
        if earlier != layer:
            raise ModelError(
                f"{path}.{earlier} and {path}.{layer} of {type(root).__name__} are one and the same module, which "
                "runs twice: a state is named by the module that it enters. Give each layer a module of its own, "
                f"{path}[{layer}] = copy.deepcopy({path}[{earlier}]), which computes the same."
            )


def sites_of_steps(blocks: str, steps: Sequence[Sequence[Addition]]) -> tuple[Site, ...]:
    """The sites of blocks, each of which adds to the stream in the steps that are given for it."""
    sites: list[Site] = []
    for layer, own in enumerate(steps):
        block = f"{blocks}.{layer}"
        for step in own:
            module = f"{block}.{step.tap.module}" if step.tap.module else block
            paths = tuple(f"{block}.{name}" for name, _ in step.sum.writes)
            factors = tuple(factor for _, factor in step.sum.writes)
            plain = all(factor == 1.0 for factor in factors)
            norm = f"{block}.{step.norm}" if step.norm else None
            if step.norm_of_next:
                norm = f"{blocks}.{layer + 1}.{step.norm_of_next}" if layer + 1 < len(steps) else None
            sites.append(
                Site(
                    layer, step.site, module, step.tap.where, paths, norm, () if plain else factors, step.sum.kept
                )
            )
    return tuple(sites)


def _steps(block: nn.Module, layout: Layout) -> tuple[Addition, ...]:
    first = sum_in(block, layout.attn, layout.scale)
    if layout.mlp is None:
        return (Addition(only_site(block), BLOCK, first),)
    second = sum_in(block, layout.mlp, layout.scale)
    mixer = mixer_of(block) or "mixer"
    if layout.pre_norm:
        before_mixer, before_mlp = (module_in(block, norm) for norm in layout.pre_norm)
        return (
            Addition(mixer, Tap(before_mixer, "output"), first, norm=before_mlp),
            Addition("mlp", Tap(before_mlp, "output"), second, norm_of_next=before_mixer),
        )
    if layout.post_norm:
        after_mixer, after_mlp = (module_in(block, norm) for norm in layout.post_norm)
        return (
            Addition(mixer, BLOCK, first, norm=after_mixer),
            Addition("mlp", Tap(after_mixer, "output"), second, norm=after_mlp),
        )
    if layout.mid:
        return Addition(mixer, BLOCK, first), Addition("mlp", Tap(module_in(block, layout.mid), "input"), second)
    return (Addition("block", BLOCK, Sum(first.writes + second.writes, first.kept)),)
