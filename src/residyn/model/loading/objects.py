"""A model that is already in memory: looked at, hashed, and left exactly as it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from residyn.errors import ModelError, UsageError
from residyn.model.loading.architecture import check_causal, context_of, quantization_of, text_decoder
from residyn.model.loading.placement import FLOAT16_WARNING
from residyn.model.loading.pretrained import check_finite
from residyn.model.loading.record import HeadSource, LoadedModel


def wrap(
    model: object, tokenizer: PreTrainedTokenizerBase | None, progress: Callable[[str], None] | None
) -> LoadedModel:
    """A record of the user's own model, whose base model is read in place.

    Nothing about the model is changed: neither its mode, its device and dtype, nor its config. A model in
    training mode is therefore refused, because dropout would make its states random; `model.eval()` before and
    `model.train()` after are the user's to call. Weights are hashed, so that two states of one model in
    training are told apart.

    Raises UsageError for what is no transformers model, a missing tokenizer or training mode, ModelError for
    encoders and encoder–decoders, DataError for weights that are not finite.
    """
    if not isinstance(model, PreTrainedModel):
        raise UsageError(
            f"load_model takes a name, a path or a transformers model (PreTrainedModel); got a "
            f"{type(model).__name__}. Of a wrapped model, give what it wraps."
        )
    name = str(model.config.name_or_path or type(model).__name__)
    if tokenizer is None:
        raise UsageError(f"A model in memory ({name}) needs its tokenizer: load_model(model, tokenizer).")
    check_causal(name, model.config, own_code=True)
    module = text_decoder(model.base_model)
    training = next((path for path, part in module.named_modules() if part.training), None)
    if training is not None:
        raise UsageError(
            f"{name} is in training mode ({training or 'the whole model'}), in which dropout may make its states "
            "random. Call model.eval() first, and model.train() afterwards; residyn does not change your model."
        )
    first = next(module.parameters())
    if first.is_meta:
        raise ModelError(f"{name} has no weights in memory (they are on the meta device). Load them first.")
    if progress:
        progress(f"checking the weights of {name}")
    check_finite(name, module, first.dtype)
    config = module.config
    quantization = quantization_of(model.config)
    warnings = []
    if first.dtype is torch.float16:
        warnings.append(FLOAT16_WARNING)
    if quantization:
        warnings.append(f"the weights are quantised ({quantization}): the states are those of the quantised model")
    devices = sorted({str(parameter.device) for parameter in module.parameters()})
    if len(devices) > 1:
        warnings.append(f"the weights are spread over {', '.join(devices)}")
    return LoadedModel(
        module=module,
        tokenizer=tokenizer,
        name=name,
        source="object",
        revision=None,
        files={"parameters": hash_parameters(module), "tokenizer": hash_tokenizer(tokenizer)},
        dtype=first.dtype,
        dtype_reason="as the model was given",
        device=first.device,
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


def hash_parameters(module: nn.Module) -> str:
    """sha256 over the names, formats, shapes and bytes of all parameters, in the order of their names."""
    digest = hashlib.sha256()
    for name, parameter in sorted(module.named_parameters()):
        values = parameter.detach().to("cpu").contiguous()
        digest.update(json.dumps([name, str(values.dtype), list(values.shape)]).encode())
        digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


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
