"""Which models are read: causal decoders. The rest is refused from the config, before any weight is touched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from residyn.errors import ModelError
from residyn.model.loading.checkpoint import Contents, read_json
from residyn.model.loading.quiet import message_of, quiet

# Encoders that transformers lists as causal models but not as masked ones.
_FURTHER_ENCODERS = frozenset({"bert-generation"})
_LONGEST_CONTEXT = 2**31


def read_config(
    name: str, folder: Path, listing: Mapping[str, int], *, trust_remote_code: bool
) -> PreTrainedConfig:
    """The model's config, if it is one of a causal decoder that can be loaded without code of its own.

    Raises ModelError for adapters, for code that was not allowed, for model types transformers does not know,
    and for encoders, encoder–decoders and everything else that is no causal language model.
    """
    if "adapter_config.json" in listing:
        raise ModelError(
            f"{name} holds a PEFT adapter, which changes the weights of another model. Merge the two "
            "(merge_and_unload), save the result, and give its folder."
        )
    raw = read_json(folder / "config.json")
    model_type = raw.get("model_type")
    code = raw.get("auto_map") or {}
    known = isinstance(model_type, str) and model_type in CONFIG_MAPPING
    if "transformers_weights" in raw:
        raise ModelError(
            f"config.json of {name} redirects the loader to {raw['transformers_weights']!r}. Rename that file "
            "to model.safetensors and take 'transformers_weights' out."
        )
    if not isinstance(code, dict):
        raise ModelError(f"'auto_map' in config.json of {name} is a {type(code).__name__}, not an object.")
    if not known and code and not trust_remote_code:
        raise ModelError(
            f"{name} ({model_type!r}) needs Python code that lies in its repository, and that code was not run. "
            "Look at it first; then say trust_remote_code=True with the revision you looked at "
            "(40 hexadecimal digits)."
        )
    if not known and not code:
        raise ModelError(
            f"transformers {transformers.__version__} does not know the model type {model_type!r} of {name}. "
            "Update transformers, or look at config.json."
        )
    if trust_remote_code and (away := [str(place) for place in code.values() if "--" in str(place)]):
        raise ModelError(
            f"{name} takes its code from another repository ({away[0]}), which its revision does not pin. "
            "It is not loaded."
        )
    with quiet():
        try:
            config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code, local_files_only=True)
        except Exception as error:
            raise ModelError(f"config.json of {name} describes no model ({message_of(error)}).") from error
    check_causal(name, config, own_code=not known or (trust_remote_code and bool(code)))
    # A checkpoint's own choice here can name code on the hub ("kernels"); the caller's choice replaces it.
    config._attn_implementation = None
    config._experts_implementation = None
    return config


def check_causal(name: str, config: PreTrainedConfig, *, own_code: bool = False) -> None:
    """Refuse what is no causal decoder. `own_code`: the model's class is its repository's, not transformers'.

    Encoders load as causal models without a word and let later tokens move earlier states; the residual
    stream of an encoder–decoder is two.
    """
    model_type = config.model_type
    wanted = "A causal (decoder-only) language model was wanted, such as Llama, GPT-2, Qwen or Gemma."
    if config.is_encoder_decoder:
        raise ModelError(f"{name} ({model_type}) is an encoder–decoder. {wanted}")
    encoder = model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES or model_type in _FURTHER_ENCODERS
    if encoder and not getattr(config, "is_decoder", False):
        raise ModelError(
            f"{name} ({model_type}) is an encoder: each of its states depends on later tokens. {wanted}"
        )
    causal = model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    with_images = model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES and _text_config(config) is not config
    if not causal and not with_images and not own_code:
        raise ModelError(f"{name} ({model_type}) has no causal language model in transformers. {wanted}")


def check_size(
    name: str,
    config: PreTrainedConfig,
    contents: Contents,
    *,
    trust_remote_code: bool,
    stated_in: str = "config.json",
) -> None:
    """Refuse a config that describes a model far larger than its weights, before memory is asked for.

    Tensors that a checkpoint lacks are filled at random, at the size the config states, which stands in
    `stated_in` of the model.
    """
    depth = getattr(_text_config(config), "num_hidden_layers", 0)
    if contents.n_tensors is not None and depth > contents.n_tensors:
        raise ModelError(
            f"The {stated_in} of {name} describes {depth:,} layers, and its weights hold {contents.n_tensors:,} "
            "tensors in all. It belongs to another model."
        )
    with quiet(), torch.device("meta"):
        try:
            empty = AutoModel.from_config(config, trust_remote_code=trust_remote_code)
        except Exception as error:
            raise ModelError(
                f"No model can be built from the {stated_in} of {name} ({message_of(error)})."
            ) from error
    described = sum(tensor.numel() for tensor in (*empty.parameters(), *empty.buffers()))
    # Packed weights hold up to eight to an element; buffers, such as masks and rotation tables, are not stored.
    packing = 16 if getattr(config, "quantization_config", None) else 2
    if described > packing * contents.n_elements + 2**24:
        raise ModelError(
            f"The {stated_in} of {name} describes a model of {described:,} weights, and its files hold "
            f"{contents.n_elements:,}. It belongs to another model, or weight files are missing."
        )


def text_decoder(model: Any) -> PreTrainedModel:
    """The part that reads text: of a model that also reads images, its language model; else the model itself."""
    return model.get_decoder() if _text_config(model.config) is not model.config else model


def _text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    return config.get_text_config(decoder=True)


def context_of(config: Any) -> int | None:
    """The most positions a model was built for; None where its config does not bound them (BLOOM's ALiBi)."""
    for field in ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length"):
        value = getattr(config, field, None)
        if isinstance(value, int) and 0 < value < _LONGEST_CONTEXT:
            return value
    return None


def quantization_of(config: Any) -> str | None:
    """How a checkpoint says its weights are quantised, in words; None where it does not."""
    settings = getattr(config, "quantization_config", None)
    if settings is None:
        return None
    known = settings if isinstance(settings, dict) else settings.to_dict()
    method = getattr(known.get("quant_method"), "value", known.get("quant_method")) or "unknown method"
    bits = known.get("bits") or (4 if known.get("load_in_4bit") else 8 if known.get("load_in_8bit") else None)
    return f"{method}, {bits} bits" if bits else str(method)
