"""The reference that capture is compared with: one text at a time, plain hooks, written as simply as can be."""

from __future__ import annotations

import numpy as np
import torch


def naive_state(model, text: str) -> np.ndarray:
    """Last-token states (sublayer, unit) of a Llama-like model, at the norms that Llama's source names."""
    ids = torch.tensor([model.tokenizer(text).input_ids])
    found = []
    handles = [
        norm.register_forward_pre_hook(lambda _, args: found.append(args[0][0, -1].clone()))
        for layer in model.module.layers
        for norm in (layer.input_layernorm, layer.post_attention_layernorm)
    ]
    with torch.no_grad():
        model.module(input_ids=ids)
    for handle in handles:
        handle.remove()
    return torch.stack(found).numpy()


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest ‖ours − theirs‖ / ‖theirs‖ over state vectors."""
    return float((np.linalg.norm(ours - theirs, axis=-1) / np.linalg.norm(theirs, axis=-1)).max())


def throughout(r: np.ndarray) -> float:
    """Median over units of the largest r, (T, D), that nine of ten of a unit's transitions reach."""
    told = [np.sort(column[~np.isnan(column)])[::-1] for column in r.T]
    reached = [column[int(np.ceil(0.9 * len(column) - 1e-12)) - 1] for column in told if len(column)]
    return float(np.median(reached)) if reached else np.nan
