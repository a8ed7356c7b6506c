"""A model that is already in memory: looked at, hashed, and left exactly as it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from residyn.errors import UsageError
from residyn.model.attached import device_of, own_hooks
from residyn.model.loading.architecture import check_causal, context_of, quantization_of, text_decoder
from residyn.model.loading.identity import identity_of
from residyn.model.loading.offloaded import is_offloaded, packing_of, weights_of
from residyn.model.loading.placement import FLOAT16_WARNING
from residyn.model.loading.pretrained import check_finite
from residyn.model.loading.record import HeadSource, LoadedModel


def wrap(
    model: object, tokenizer: PreTrainedTokenizerBase | None, progress: Callable[[str], None] | None
) -> LoadedModel:
    """A record of the user's own model, whose base model is read in place.

    Nothing about the model is changed: neither its mode, its device and dtype, nor its config. A model in
    training mode is therefore refused, because dropout would make its states random; `model.eval()` before and
    `model.train()` after are the user's to call. What decides the states is hashed (`identity_of`), so that two
    states of one model in training, or two adapters on it, are told apart. Weights that accelerate offloads are
    read where they are kept.

    Raises UsageError for what is no transformers model, a missing tokenizer or training mode, ModelError for
    encoders and encoder–decoders and for weights that are nowhere, DataError for weights that are not finite.
    """
    if not isinstance(model, PreTrainedModel):
        raise UsageError(
            f"load_model takes a name, a path or a transformers model (PreTrainedModel); got a "
            f"{type(model).__name__}. {_within(model)}"
        )
    name = str(model.config.name_or_path or type(model).__name__)
    if tokenizer is None:
        raise UsageError(f"A model in memory ({name}) needs its tokenizer: load_model(model, tokenizer).")
    check_tokenizer(tokenizer)
    check_causal(name, model.config, own_code=True)
    module = text_decoder(model.base_model)
    training = next((path for path, part in module.named_modules() if part.training), None)
    if training is not None:
        raise UsageError(
            f"{name} is in training mode ({training or 'the whole model'}), in which dropout may make its states "
            "random. Call model.eval() first, and model.train() afterwards; residyn does not change your model."
        )
    first = next((one for one in module.parameters() if not one.is_meta), next(module.parameters()))
    if progress:
        progress(f"checking the weights of {name}")
    check_finite(name, weights_of(name, module), first.dtype)
    config = module.config
    quantization = quantization_of(model.config) or packing_of(module)
    warnings = []
    if first.dtype is torch.float16:
        warnings.append(FLOAT16_WARNING)
    if quantization:
        warnings.append(f"the weights are quantised ({quantization}): the states are those of the quantised model")
    devices = sorted({str(parameter.device) for parameter in module.parameters() if not parameter.is_meta})
    if len(devices) > 1:
        warnings.append(f"the weights are spread over {', '.join(devices)}")
    if is_offloaded(module):
        warnings.append("a part of the weights is offloaded, and fetched for each pass: that is slow")
    if hooked := own_hooks(module):
        shown = ", ".join(path or "the model" for path in list(hooked)[:3])
        warnings.append(f"hooks of your own are on {shown}: the states are those of the model with them")
    return LoadedModel(
        module=module,
        tokenizer=tokenizer,
        name=name,
        title=name,
        source="object",
        revision=None,
        files={**identity_of(name, module), "tokenizer": hash_tokenizer(tokenizer)},
        dtype=first.dtype,
        dtype_reason="as the model was given",
        device=device_of(module),
        device_reason="as the model was given",
        attention=str(config._attn_implementation),
        context=context_of(config),
        n_layers=int(config.num_hidden_layers),
        n_units=int(config.hidden_size),
        model_type=str(config.model_type),
        quantization=quantization,
        warnings=tuple(warnings),
        head=HeadSource(owner=model),
    )


def _within(model: Any) -> str:
    """What to give in the place of something that wraps a model."""
    if hasattr(model, "get_base_model"):
        active: Any = getattr(model, "active_peft_config", None)
        if getattr(active, "is_prompt_learning", False):
            return (
                "Its virtual tokens and prefixes are no tokens of a text, and residyn cannot put them in front: "
                "the states would be another model's. Adapters that change weights (LoRA, IA3) can be read."
            )
        return "Give its get_base_model(): adapters that are active on it stay so."
    parts = getattr(model, "_modules", {})
    within = next((name for name, part in parts.items() if isinstance(part, PreTrainedModel)), None)
    return f"Give the model inside it, its .{within}." if within else "Of a wrapped model, give what it wraps."


def check_tokenizer(tokenizer: object) -> None:
    """Raise UsageError for what is no tokenizer of transformers, such as a processor or a name."""
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        own = isinstance(getattr(tokenizer, "tokenizer", None), PreTrainedTokenizerBase)
        raise UsageError(
            f"tokenizer is a transformers tokenizer; got a {type(tokenizer).__name__}. "
            f"{'Give its .tokenizer.' if own else 'Load it by AutoTokenizer.from_pretrained(…).'}"
        )


def hash_tokenizer(tokenizer: Any) -> str:
    """sha256 of what a tokenizer does: of its whole description where it is a fast one, else of its vocabulary."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = None if backend is not None else sorted(tokenizer.get_vocab().items())
    known = {
        "class": type(tokenizer).__name__,
        "backend": backend.to_str() if backend is not None else vocabulary,
        "special": {name: str(token) for name, token in tokenizer.special_tokens_map.items()},
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
