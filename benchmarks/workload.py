"""What every contestant of `capture.py` is given: a model in memory and the token ids of its texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from residyn.model.capture_plan import BATCH_TOKENS, BATCH_TOKENS_ELSEWHERE
from residyn.model.loading import LoadedModel, load_model
from residyn.model.texts import Sample, Samples, read_texts, tokenize_texts

RANDOM_LLAMA = "Llama-3.1-8B, random weights"
_BOS = 128_000


@dataclass(frozen=True)
class Workload:
    """A loaded model, its samples, and the most tokens of a batch."""

    model: LoadedModel
    samples: Samples
    batch_tokens: int


def real(name: str, n: int, batch_tokens: int | None, dtype: str, device: str) -> Workload:
    """A model by name, and `n` of the built-in texts."""
    model = load_model(name, dtype=dtype, device=device)
    samples = tokenize_texts(read_texts(n=n), model.tokenizer, context=model.context)
    return Workload(model, samples, batch_tokens or _default_batch_tokens(model.device))


def random_llama(n: int, batch_tokens: int | None, dtype: str, device: str) -> Workload:
    """The shape of Llama-3.1-8B with random weights, and `n` texts of random tokens, 40 to 120 of them.

    Nothing is downloaded: neither weights nor a tokenizer. What capture costs depends on neither.
    """
    from transformers import AutoModel, LlamaConfig

    place = torch.device("cuda" if device == "auto" else device)
    number_format = torch.bfloat16 if dtype == "auto" else getattr(torch, dtype)
    config = LlamaConfig(
        vocab_size=128_256,
        hidden_size=4096,
        intermediate_size=14_336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        rms_norm_eps=1e-5,
        max_position_embeddings=131_072,
        bos_token_id=_BOS,
        eos_token_id=128_001,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500_000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    )
    torch.manual_seed(0)
    with place:
        module = AutoModel.from_config(config, dtype=number_format)
    model = LoadedModel(
        module=module.eval(),
        tokenizer=cast(Any, None),  # the samples are token ids already
        name=RANDOM_LLAMA,
        source="object",
        revision=None,
        files={},
        dtype=number_format,
        dtype_reason="the format of the released weights",
        device=next(module.parameters()).device,
        device_reason="it was asked for",
        attention=str(module.config._attn_implementation),
        context=config.max_position_embeddings,
        n_layers=config.num_hidden_layers,
        n_units=config.hidden_size,
        model_type=config.model_type,
        quantization=None,
        warnings=("the weights are random",),
    )
    rng = np.random.default_rng(0)
    rows = (rng.integers(0, _BOS, size=length - 1).tolist() for length in rng.integers(40, 121, size=n))
    samples = tuple(Sample((_BOS, *row), index, f"{index:064x}") for index, row in enumerate(rows))
    settings = {"position": "end", "seed": 0, "limit": None, "bos": "always", "tokenizer": "random tokens"}
    return Workload(
        model,
        Samples(samples, settings, {"texts": n, "samples": n}, ()),
        batch_tokens or _default_batch_tokens(model.device),
    )


def _default_batch_tokens(device: torch.device) -> int:
    return BATCH_TOKENS.get(device.type, BATCH_TOKENS_ELSEWHERE)
