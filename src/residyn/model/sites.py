"""Where the residual stream is read and written: one table by family, checked on the model's own weights.

A layout says, in names relative to a block, which modules add to the stream and where the state before the
MLP can be read. The state before attention is always the block's own input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from residyn.errors import ModelError
from residyn.model.hooks import find_module
from residyn.schema import Site, SiteMap


@dataclass(frozen=True)
class Layout:
    """How one block reads and writes the stream, in module names relative to the block.

    blocks     path of the list of blocks from the base model
    attn, mlp  the modules whose outputs are added to the stream (where a norm follows a branch, that norm)
    mid        the module whose input is the state before the MLP; None where attention and MLP run in parallel
    post_norm  (after attention, after MLP): the norms on the stream itself, in models that have them;
               the state before the MLP is then the first norm's output
    scale      the block's attribute that both writes are multiplied by, if there is one
    """

    blocks: str
    attn: str
    mlp: str
    mid: str | None = None
    post_norm: tuple[str, str] | None = None
    scale: str | None = None

    @property
    def arrangement(self) -> Literal["sequential", "post-norm", "parallel"]:
        if self.post_norm:
            return "post-norm"
        return "sequential" if self.mid else "parallel"


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


def _opt(config: Any) -> Layout:
    return _OPT if config.do_layer_norm_before else _OPT_POST


def _stablelm(config: Any) -> Layout:
    return _LLAMA_PARALLEL if config.use_parallel_residual else _LLAMA


def _falcon(config: Any) -> Layout:
    return _FALCON_PARALLEL if config.new_decoder_architecture or config.parallel_attn else _FALCON


def _neox(config: Any) -> Layout:
    return _NEOX_PARALLEL if config.use_parallel_residual else _NEOX


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
}
"""Model type → layout, or a function of the config where a flag decides it."""


def layout_of(config: Any) -> Layout | None:
    """The table's layout for a model's config; None for a family the table does not know."""
    entry = FAMILIES.get(config.model_type)
    return entry(config) if callable(entry) else entry


def map_sites(root: nn.Module, layout: Layout, family: str) -> SiteMap:
    """The sites of every layer of a base model that is laid out as `layout` says.

    Two states a layer, "attn" and "mlp", or one, "block", where the arrangement is parallel. Nothing is run:
    names that the model lacks raise ModelError, and whether the states are what they are said to be is the
    check's business.
    """
    blocks = find_module(root, layout.blocks)
    if not isinstance(blocks, nn.ModuleList) or not len(blocks):
        raise ModelError(
            f"{layout.blocks!r} of {type(root).__name__} was expected to be its list of layers, "
            f"and is a {type(blocks).__name__}. Name the list of layers in the map."
        )
    for name in (layout.attn, layout.mlp, layout.mid, *(layout.post_norm or ())):
        if name is not None:
            find_module(root, f"{layout.blocks}.0.{name}")
    scale = float(getattr(blocks[0], layout.scale)) if layout.scale else 1.0
    sites: list[Site] = []
    for layer in range(len(blocks)):
        block = f"{layout.blocks}.{layer}"
        attn, mlp = f"{block}.{layout.attn}", f"{block}.{layout.mlp}"
        if layout.post_norm:
            after_attn, after_mlp = (f"{block}.{norm}" for norm in layout.post_norm)
            sites.append(Site(layer, "attn", block, "input", (attn,), norm=after_attn))
            sites.append(Site(layer, "mlp", after_attn, "output", (mlp,), norm=after_mlp))
        elif layout.mid:
            sites.append(Site(layer, "attn", block, "input", (attn,)))
            sites.append(Site(layer, "mlp", f"{block}.{layout.mid}", "input", (mlp,)))
        else:
            sites.append(Site(layer, "block", block, "input", (attn, mlp)))
    return SiteMap(
        family=family,
        arrangement=layout.arrangement,
        blocks=layout.blocks,
        sites=tuple(sites),
        attn_write=layout.attn,
        mlp_write=layout.mlp,
        scale=scale,
    )
