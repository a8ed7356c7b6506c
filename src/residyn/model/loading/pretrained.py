"""Weights and tokenizer out of a folder, through transformers, with every way this can go wrong put in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from residyn.errors import DataError, ModelError, ResourceError
from residyn.model.loading.architecture import text_decoder
from residyn.model.loading.checkpoint import Weights
from residyn.model.loading.offloaded import parts_of
from residyn.model.loading.placement import Placement
from residyn.model.loading.quiet import message_of, quiet

ATTENTION = ("auto", "sdpa", "eager", "flash_attention_2", "flash_attention_3", "flex_attention")
# Parts of a checkpoint that a base model rightly leaves aside: what comes after the last block, and towers for
# other inputs.
_ASIDE = re.compile(
    r"(^|\.)(lm_head|embed_out|output_layer|score|classifier|cls|v_head|mtp|vision\w*|visual|audio\w*|"
    r"multi_modal_projector|mm_projector)(\.|$)|rotary_emb|\.attn\.(masked_)?bias$|masked_bias$"
)
_IN_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|block)\.(\d+)\.")


def read_module(
    name: str,
    folder: Path,
    config: PreTrainedConfig,
    weights: Weights,
    placement: Placement,
    *,
    attn: str,
    trust_remote_code: bool,
) -> tuple[PreTrainedModel, list[str]]:
    """The base model with its weights, ready to read, and what a reader should know of it.

    Raises ModelError where tensors are missing, of another shape or beyond the config's depth, or the files
    cannot be read; DataError where a weight is not finite; ResourceError where memory runs out.
    """
    options: dict[str, Any] = {} if placement.device.type == "cpu" else {"device_map": {"": placement.device}}
    if placement.spread:
        # Beside the weights there must be room for what passes through them.
        most = {number: int(0.9 * free) for number, free in placement.spread.items()}
        options = {"device_map": "auto", "max_memory": most}
    if attn != "auto":
        options["attn_implementation"] = attn
    with quiet():
        try:
            model, report = AutoModel.from_pretrained(
                folder,
                config=config,
                dtype=placement.dtype,
                use_safetensors=not weights.pickled,
                weights_only=True,
                trust_remote_code=trust_remote_code,
                local_files_only=True,
                # Mismatched shapes come back in the report, by name, and are refused below.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **options,
            )
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise ResourceError(
                f"Memory ran out while {name} was loaded to {placement.device} ({message_of(error)}). "
                "Take --dtype bfloat16, a smaller model, or a device with more memory."
            ) from error
        except Exception as error:
            raise ModelError(f"{name} cannot be loaded ({message_of(error)}).") from error
    warnings = check_report(name, model.config, report)
    module = text_decoder(model)
    check_finite(name, module.named_parameters(), placement.dtype)
    module.config.use_cache = False
    module.eval().requires_grad_(False)
    return module, warnings


def check_report(name: str, config: PreTrainedConfig, report: dict[str, Any]) -> list[str]:
    """What transformers says did not fit: refuse what would falsify the stream, return the rest as warnings."""
    if mismatched := sorted(report["mismatched_keys"]):
        key, came, wanted = mismatched[0]
        raise ModelError(
            f"{len(mismatched)} tensors of {name} have another shape than its config.json describes, among them "
            f"{key}: {tuple(came)} came, {tuple(wanted)} was wanted. The config belongs to another model."
        )
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{name} lacks {len(missing)} of its tensors ({_some(missing)}), which would be filled with random "
            "numbers. Fetch the weights again, or look whether config.json belongs to them."
        )
    unexpected = sorted(key for key in report["unexpected_keys"] if not _ASIDE.search(key))
    text = config.get_text_config(decoder=True)
    extra = getattr(text, "num_nextn_predict_layers", 0) or 0
    depth = (getattr(text, "num_hidden_layers", 0) or 0) + extra
    layers = [(int(found[1]), key) for key in unexpected if (found := _IN_LAYER.search(key))]
    beyond = [key for layer, key in layers if layer >= depth]
    if beyond:
        raise ModelError(
            f"The weights of {name} hold {len(beyond)} tensors of layers beyond the {depth} that its config.json "
            f"describes ({_some(beyond)}): the last layers would be left out. Correct num_hidden_layers."
        )
    if unexpected:
        return [f"{len(unexpected)} stored tensors have no place in the model and are unused: {_some(unexpected)}"]
    return []


def check_finite(name: str, weights: Iterable[tuple[str, torch.Tensor]], dtype: torch.dtype) -> None:
    """Raise DataError, naming the first tensor, where a weight is NaN or infinite."""
    plain = ((key, part) for key, tensor in weights for part in parts_of(tensor.detach()))
    for key, part in plain:
        if not part.is_floating_point() or part.numel() == 0 or part.is_meta:
            continue
        # Eight-bit floats have no minimum of their own in torch.
        values = part.float() if part.element_size() == 1 else part
        # One pass and no copy: NaN is passed on, and an infinity is an extreme.
        extremes = torch.stack(torch.aminmax(values))
        if not bool(torch.isfinite(extremes).all()):
            bad = int((~torch.isfinite(values)).sum())
            advice = "Fetch the weights again; if they are as published, the training run diverged."
            if dtype is torch.float16:
                advice = "float16 ends at 65,504: take --dtype bfloat16 or float32."
            raise DataError(
                f"The weights of {name} are not finite: {key} holds {bad:,} NaN or infinite values of "
                f"{values.numel():,}. {advice}"
            )


def read_tokenizer(name: str, folder: Path, *, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    """The tokenizer that lies in the folder. Raises ModelError where there is none that can be read."""
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
            size = len(tokenizer)
        except Exception as error:
            raise ModelError(
                f"No tokenizer can be read from {name} ({message_of(error)}). "
                "Lay tokenizer.json and tokenizer_config.json into its folder, or give tokenizer=."
            ) from error
    if size == 0:
        raise ModelError(f"The tokenizer of {name} has no tokens: tokenizer.json is missing. Give tokenizer=.")
    return tokenizer


def _some(names: Iterable[str], most: int = 3) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return f"{', '.join(every[:most])}{more}"
